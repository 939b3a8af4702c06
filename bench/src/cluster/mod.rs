//! A cluster on this machine: nodes on one PostgreSQL and one broker, behind HAProxy.
//!
//! In the path: a person calls `cargo xtask cluster`, and the browser tests do the same; `crash` accounts for every message
//! over one. A `console` takes orders, line by line.
//!
//! **Invariants.** Everything is our own child on loopback, in one folder that goes away. Each node reaches the store and the
//! broker by links of its own, so that one can be cut off. Addresses stay the same over restarts.

pub(crate) mod backends;
mod balancer;
pub(crate) mod broker;
mod console;
mod link;
mod postgres;
mod programs;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use futures_util::future::try_join_all;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

use crate::built::Built;
use crate::load::runtime;
use crate::load::server::{Folder, Server};
use crate::port::free_port;
pub(crate) use balancer::NODE_HEADER;
use broker::{Broker, Kind};
use link::Link;
use postgres::Postgres;
use programs::Program;

/// How many nodes there are, unless somebody says otherwise.
const NODES: usize = 3;
/// More than this machine has processors for, and all that anybody has asked about.
const MOST_NODES: usize = 9;
/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(50);

/// What the nodes share besides what is made for the cluster.
const SERVER: &str = "\
[server]
public_url = \"http://127.0.0.1:PROXY/\"
trusted_proxies = [\"127.0.0.1\"]
";
const STORE_AND_BUS: &str = "
[store]
kind = \"postgres\"
url = \"postgres://parlour@127.0.0.1:STORE/parlour\"
tls = \"off\"
[bus]
kind = \"KIND\"
url = \"KIND://127.0.0.1:BUS\"
";

/// What a cluster is made for: some of it chosen on the command line, the rest by a measurement.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// How many nodes.
    #[arg(long, default_value_t = NODES)]
    pub(crate) nodes: usize,
    /// The broker between them.
    #[arg(long, value_enum, default_value_t = Kind::Nats)]
    pub(crate) bus: Kind,
    /// Where the proxy listens on 127.0.0.1. Default: any free port.
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Grant, start and socket of a session go to three different nodes.
    #[arg(long)]
    pub(crate) apart: bool,
    /// More lines of `[server]` of each node.
    #[arg(skip)]
    pub(crate) server: &'static str,
    /// More sections of each node.
    #[arg(skip)]
    pub(crate) sections: String,
    /// So many seconds the clocks of two neighbours are apart; needs `faketime`.
    #[arg(skip)]
    pub(crate) seconds_apart: u32,
}

/// A node with its links.
pub(crate) struct Node {
    /// Its process.
    pub(crate) server: Server,
    store: Link,
    bus: Link,
}

/// What a node can be cut off from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cable {
    /// PostgreSQL.
    Store,
    /// The broker.
    Bus,
}

/// What runs in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All nodes together.
    Nodes,
    /// PostgreSQL with all its processes.
    Store,
    /// NATS or Redis.
    Bus,
    /// HAProxy.
    Balancer,
}

impl Part {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Nodes, Self::Store, Self::Bus, Self::Balancer];

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Store => "PostgreSQL",
            Self::Bus => "broker",
            Self::Balancer => "HAProxy",
        }
    }
}

/// See the [module](self).
pub(crate) struct Cluster {
    /// Node 1 is at 0.
    pub(crate) nodes: Vec<Node>,
    /// What they share.
    pub(crate) store: Postgres,
    /// What wakes them.
    pub(crate) bus: Broker,
    /// Where visitors come in.
    pub(crate) address: SocketAddr,
    balancer: Program,
    /// Removed at the end, after all that use it.
    _folder: Folder,
}

impl Cluster {
    /// Starts everything; the name is of its folder and logs.
    pub(crate) async fn start(
        built: &Built,
        name: &str,
        options: &Options,
    ) -> anyhow::Result<Self> {
        if options.nodes == 0 || options.nodes > MOST_NODES {
            bail!("a cluster has 1 to {MOST_NODES} nodes");
        }
        // PostgreSQL's user may not look into the target folder.
        let folder = Folder::make(&std::env::temp_dir(), name)?;
        let store = Postgres::start(folder.file("postgres")).await?;
        let bus = Broker::start(options.bus, folder.file("")).await?;
        let port = options.port.map_or_else(free_port, Ok)?;
        let mut nodes = Vec::new();
        let mut secrets = Vec::new();
        for number in 1..=options.nodes {
            let store = Link::to(store.port()).await?;
            let bus = Link::to(bus.port()).await?;
            let mut setup = built.setup(&format!("{name}-{number}"))?;
            setup.before = clock(options.seconds_apart, number)?;
            let server = SERVER.replace("PROXY", &port.to_string()) + options.server;
            let shared = STORE_AND_BUS
                .replace("KIND", options.bus.word())
                .replace("STORE", &store.port.to_string())
                .replace("BUS", &bus.port.to_string());
            setup
                .folder
                .configure(&format!("{server}{shared}{}", options.sections))?;
            // The first start makes the secrets; in production, an operator gives them to all nodes.
            for (file, secret) in &secrets {
                fs::write(setup.folder.data().join(file), secret)?;
            }
            let server = Server::start(setup).await?;
            if number == 1 {
                secrets = secrets_of(&server)?;
            }
            nodes.push(Node { server, store, bus });
        }
        let addresses: Vec<SocketAddr> = nodes.iter().map(|node| node.server.address).collect();
        let balancer = balancer::start(&folder.file(""), port, &addresses, options.apart).await?;
        Ok(Self {
            nodes,
            store,
            bus,
            address: ([127, 0, 0, 1], port).into(),
            balancer,
            _folder: folder,
        })
    }

    /// Node 1 is the first.
    pub(crate) fn node(&mut self, number: usize) -> anyhow::Result<&mut Node> {
        let at = number.checked_sub(1);
        let node = at.and_then(|at| self.nodes.get_mut(at));
        node.with_context(|| format!("there is no node {number}"))
    }

    /// Seconds of CPU that a part has used.
    pub(crate) fn cpu_seconds(&self, part: Part) -> anyhow::Result<f64> {
        match part {
            Part::Nodes => self
                .nodes
                .iter()
                .map(|node| node.server.cpu_seconds())
                .sum(),
            Part::Store => self.store.program().cpu_seconds(),
            Part::Bus => self.bus.program().cpu_seconds(),
            Part::Balancer => self.balancer.cpu_seconds(),
        }
    }

    /// Bytes of the nodes' memory that are in RAM.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        let nodes = self.nodes.iter();
        nodes.map(|node| node.server.resident_bytes()).sum()
    }

    /// Ends all of it politely: the nodes, then what they use.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        for node in &self.nodes {
            node.mend(Cable::Store);
            node.mend(Cable::Bus);
        }
        self.balancer.kill().await?;
        let running = self.nodes.iter_mut().filter_map(|node| {
            let server = &mut node.server;
            server.lives().then(|| server.terminate())
        });
        try_join_all(running).await?;
        self.bus.kill().await?;
        self.store.end().await
    }
}

impl Node {
    /// Pulls a cable of it.
    pub(crate) fn cut(&self, cable: Cable) {
        self.link(cable).cut();
    }

    /// Plugs it in again.
    pub(crate) fn mend(&self, cable: Cable) {
        self.link(cable).mend();
    }

    fn link(&self, cable: Cable) -> &Link {
        match cable {
            Cable::Store => &self.store,
            Cable::Bus => &self.bus,
        }
    }
}

/// The command in front of a node whose clock is wrong. The library does it in the node's own process; the program `faketime`
/// would stay between, and die in its place.
fn clock(seconds_apart: u32, number: usize) -> anyhow::Result<Vec<String>> {
    if seconds_apart == 0 {
        return Ok(Vec::new());
    }
    let libraries = fs::read_dir("/usr/lib")?.flatten();
    let library = libraries
        .map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists())
        .context("libfaketime is not installed; Debian has it in `faketime`")?;
    let ahead = u64::from(seconds_apart) * (number as u64 - 1);
    Ok(vec![
        "env".to_owned(),
        format!("LD_PRELOAD={}", library.display()),
        format!("FAKETIME=+{ahead}s"),
        // Time that has passed is true everywhere; only what time it is differs.
        "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
    ])
}

/// The files in a node's data folder that all nodes must have: names and contents.
fn secrets_of(node: &Server) -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut secrets = Vec::new();
    for entry in fs::read_dir(node.setup().folder.data())? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "secret") {
            let name = path.file_name().context("a file has a name")?;
            secrets.push((name.into(), fs::read(&path)?));
        }
    }
    Ok(secrets)
}

/// Starts a cluster, prints its pages, and does what the console says until Ctrl-C, SIGTERM or the end of the input.
pub(crate) fn cluster(built: &Built, options: &Options) -> anyhow::Result<()> {
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let starting = Cluster::start(built, "cluster", options);
        let mut cluster = tokio::select! {
            cluster = starting => cluster?,
            ended = told_to_end() => return ended,
        };
        tokio::select! {
            ended = console::talk(&mut cluster) => ended?,
            ended = told_to_end() => ended?,
        }
        cluster.end().await
    });
    // A thread may still wait for a line.
    runtime.shutdown_background();
    ended
}

/// Ctrl-C, or SIGTERM.
async fn told_to_end() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = ctrl_c() => ended?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
