//! Three nodes, PostgreSQL, NATS and HAProxy: what each of them uses for a socket and for a message.
//!
//! First the visitors are there and say nothing, then they talk; each message is answered. The counters are those of the kernel,
//! of PostgreSQL and of NATS, over all nodes together.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;
use tokio::time::sleep;

use super::crowd::Crowd;
use super::figures::{Figures, exact};
use super::http::{Http, address_of};
use super::server::{LIMITS, SCRIPTED, sections};
use super::visitor::Habits;
use super::{HOME_WITHIN, ONLINE_WITHIN, Plan, chat};
use crate::built::Built;
use crate::cluster::{self, Cluster, Part};

const NODES: usize = 3;
/// Messages a second, all visitors together: what leaves room for the clients.
const RATE: u32 = 600;
/// One of so many is there before it is measured.
const WARM_UP_SHARE: usize = 5;
/// Until the nodes have let go of the connections of the requests, which take 10 s at most.
const SETTLED: Duration = Duration::from_secs(12);
/// Connections of the nodes are opened, statements are prepared.
const WARM_UP: Duration = Duration::from_secs(3);
/// PostgreSQL's processes tell their counts once a second.
const COUNTED: Duration = Duration::from_secs(2);

pub(super) async fn nodes(built: &Built, plan: &Plan) -> anyhow::Result<Figures> {
    let wanted = cluster::Options {
        nodes: NODES,
        server: LIMITS,
        sections: sections(SCRIPTED),
        ..cluster::Options::default()
    };
    let cluster = Cluster::start(built, "load", &wanted).await?;
    let mut figures = Figures::default();
    let mut crowd = Crowd::new(cluster.address);
    let habits = Habits {
        every: chat::every(plan.users, Some(plan.rate.unwrap_or(RATE))),
        outstanding: 20,
        padding: 0,
    };
    // The first ones fill caches and pools and do not count.
    let warm = plan.users / WARM_UP_SHARE;
    crowd.come(warm, habits);
    crowd.all_online(ONLINE_WITHIN).await?;
    sleep(SETTLED).await;
    let few = cluster.resident_bytes()?;
    let counted = plan.users - warm;
    crowd.come(counted, habits);
    let came = crowd.all_online(ONLINE_WITHIN).await?;
    sleep(SETTLED).await;
    figures.count("sockets over three nodes", plan.users as u64, "");
    let setups = exact(counted as u64) / came.as_secs_f64();
    figures.add("of them set up a second", setups, "/s", "");
    let memory = cluster.resident_bytes()?.saturating_sub(few);
    let kb = exact(memory / 1000) / exact(counted as u64);
    figures.add("nodes' memory a socket", kb, "kB", "");

    let before = Used::of(&cluster, &crowd).await?;
    sleep(plan.time()).await;
    let quiet = Used::of(&cluster, &crowd).await?.since(&before);
    for (part, cpu) in Part::ALL.into_iter().zip(quiet.cpu) {
        let name = format!("{} CPU, nobody talks", part.name());
        figures.add(&name, 100.0 * cpu / quiet.seconds, "%", "");
    }

    crowd.order(|orders| orders.talk = true);
    sleep(WARM_UP).await;
    let before = Used::of(&cluster, &crowd).await?;
    sleep(plan.time()).await;
    let talk = Used::of(&cluster, &crowd).await?.since(&before);
    let messages = talk.messages;
    figures.add("messages a second", messages / talk.seconds, "/s", "");
    for (part, cpu) in Part::ALL.into_iter().zip(talk.cpu) {
        let micros = 1e6 * cpu / messages;
        figures.add(&format!("{} CPU a message", part.name()), micros, "us", "");
    }
    figures.add("commits a message", talk.commits / messages, "", "");
    figures.add("rows a message", talk.rows / messages, "", "");
    figures.add("log a message", talk.log_bytes / messages, "B", "");
    figures.add(
        "bus messages a message",
        talk.bus_messages / messages,
        "",
        "",
    );
    figures.add("bus bytes a message", talk.bus_bytes / messages, "B", "");
    let home = crowd.leave(HOME_WITHIN).await?;
    let open = |it: &super::visitor::Visitor| it.diary.open + it.diary.unanswered;
    let open: usize = home.iter().map(open).sum();
    figures.count("never acknowledged or answered", open as u64, "0");
    cluster.end().await?;
    Ok(figures)
}

/// What a cluster has used: so far, or between two moments.
struct Used {
    at: Instant,
    seconds: f64,
    messages: f64,
    cpu: [f64; Part::ALL.len()],
    commits: f64,
    rows: f64,
    log_bytes: f64,
    bus_messages: f64,
    bus_bytes: f64,
}

impl Used {
    async fn of(cluster: &Cluster, crowd: &Crowd) -> anyhow::Result<Self> {
        sleep(COUNTED).await;
        let at = Instant::now();
        let messages = exact(crowd.tally.acked.load(Relaxed));
        let mut cpu = [0.0; Part::ALL.len()];
        for (slot, part) in cpu.iter_mut().zip(Part::ALL) {
            *slot = cluster.cpu_seconds(part)?;
        }
        let counts = "SELECT xact_commit, tup_inserted + tup_updated + tup_deleted,
            pg_current_wal_lsn() - '0/0'::pg_lsn FROM pg_stat_database WHERE datname = 'parlour'";
        let row = cluster.store.query(counts).await?;
        let mut columns = row.split('|').map(str::parse::<f64>);
        let mut column = || columns.next()?.ok();
        let (commits, rows, log_bytes) = (column(), column(), column());
        let bus = Http::new(cluster.bus.counts(), address_of(0))
            .get("/varz", None)
            .await?;
        let bus: Value = serde_json::from_str(&bus.body)?;
        let number = |name: &str| bus[name].as_f64().context("NATS counts nothing");
        Ok(Self {
            at,
            seconds: 0.0,
            messages,
            cpu,
            commits: commits.context("PostgreSQL counts nothing")?,
            rows: rows.context("PostgreSQL counts no rows")?,
            log_bytes: log_bytes.context("PostgreSQL does not say where its log is")?,
            bus_messages: number("in_msgs")?,
            bus_bytes: number("in_bytes")?,
        })
    }

    fn since(mut self, before: &Self) -> Self {
        self.seconds = self.at.duration_since(before.at).as_secs_f64();
        self.messages -= before.messages;
        for (after, before) in self.cpu.iter_mut().zip(before.cpu) {
            *after -= before;
        }
        self.commits -= before.commits;
        self.rows -= before.rows;
        self.log_bytes -= before.log_bytes;
        self.bus_messages -= before.bus_messages;
        self.bus_bytes -= before.bus_bytes;
        self
    }
}
