//! The server under load: how much it does with a second of CPU, and with how much memory.
//!
//! In the path: a person calls `cargo xtask load MODE`, which builds the clients for release, too. One file is one mode; `crowd`, `visitor`, `steps` and `http` are the
//! clients, `server` is the process that is measured, `figures` prints. `crash` uses the same clients and server.
//!
//! **Invariants.** The server is our own child on loopback with its own folder. Count and time are bounded by the options. The
//! clients go through the session machine of the widget, so what is measured is what visitors do.

mod chat;
pub(crate) mod crowd;
pub(crate) mod diary;
pub(crate) mod figures;
pub(crate) mod http;
mod idle;
mod nodes;
mod page;
mod repeat;
pub(crate) mod server;
mod sign;
mod slow;
pub(crate) mod steps;
mod storm;
mod streams;
pub(crate) mod visitor;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use crate::bot::Bot;
use crate::built::Built;
use figures::Figures;
use server::Server;

/// A crowd of thousands on a busy machine.
const ONLINE_WITHIN: Duration = Duration::from_mins(2);
/// After the last message: acknowledgements and answers that are still on their way.
const HOME_WITHIN: Duration = Duration::from_secs(30);
/// More than this machine has ports and descriptors for.
const MAX_USERS: usize = 15_000;
/// An hour is a soak, and enough.
const MAX_SECONDS: u64 = 3_600;

/// Chosen on the command line.
#[derive(Args)]
pub(crate) struct Options {
    /// What to measure.
    mode: Mode,
    /// Visitors (for `page` and `sign`: connections). Default: what suits the mode.
    #[arg(long)]
    users: Option<usize>,
    /// How long to measure.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Messages a second, all visitors together. Default: as many as the limits allow.
    #[arg(long)]
    rate: Option<u32>,
    /// Write the figures to this file, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// Visitors write, the bot answers each message with one.
    Chat,
    /// The same with a bot behind a webhook.
    Webhook,
    /// The same with a language model that streams 200 pieces.
    Model,
    /// A thousand of its answers stream at once, each for ten seconds.
    Streams,
    /// Visitors are there and say nothing.
    Idle,
    /// A bot's page with a transcript is drawn, again and again on each connection.
    Page,
    /// Assertions are signed, one after the other on each connection.
    Sign,
    /// Visitors come all at once, and again after all sockets dropped.
    Storm,
    /// Three nodes behind a proxy: visitors are there, then write.
    Nodes,
    /// Twenty sockets do not read what others write to them.
    Slow,
}

/// One measurement.
struct Plan {
    users: usize,
    seconds: u64,
    rate: Option<u32>,
}

impl Plan {
    fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// Measures, prints and writes.
pub(crate) fn load(built: &Built, options: &Options) -> anyhow::Result<()> {
    let usual = match options.mode {
        Mode::Chat => 1_200,
        Mode::Webhook | Mode::Nodes => 500,
        Mode::Model => 100,
        Mode::Streams => 1_000,
        Mode::Idle => 5_000,
        Mode::Page | Mode::Sign => 64,
        Mode::Storm => 2_000,
        Mode::Slow => 50,
    };
    let plan = Plan {
        users: options.users.unwrap_or(usual),
        seconds: options.seconds,
        rate: options.rate,
    };
    if plan.users == 0 || plan.users > MAX_USERS {
        bail!("--users is 1 to {MAX_USERS}");
    }
    if plan.seconds == 0 || plan.seconds > MAX_SECONDS {
        bail!("--seconds is 1 to {MAX_SECONDS}");
    }
    let figures = runtime()?.block_on(async {
        if let Mode::Nodes = options.mode {
            return nodes::nodes(built, &plan).await;
        }
        let setup = built.setup("load")?;
        // Lives as long as the measurement.
        let bot = match options.mode {
            Mode::Webhook | Mode::Model => Some(Bot::start(&[]).await?),
            Mode::Streams => Some(Bot::start(&["--pause", "50"]).await?),
            _ => None,
        };
        if let Some(bot) = &bot {
            setup.folder.set_bot(&match options.mode {
                Mode::Webhook => bot.as_webhook(),
                _ => bot.as_model(),
            })?;
        }
        let mut server = Server::start(setup).await?;
        let figures = match options.mode {
            Mode::Chat | Mode::Webhook | Mode::Model => chat::chat(&server, &plan).await,
            Mode::Streams => streams::streams(&server, &plan).await,
            Mode::Idle => idle::idle(&server, &plan).await,
            Mode::Page => page::page(&server, &plan).await,
            Mode::Sign => sign::sign(&server, &plan).await,
            Mode::Storm => storm::storm(&server, &plan).await,
            Mode::Slow => slow::slow(&server, &plan).await,
            Mode::Nodes => bail!("three nodes are not one server"),
        }?;
        server.terminate().await?;
        anyhow::Ok(figures)
    })?;
    println!("{}", figures.table());
    if let Some(file) = &options.json {
        fs::write(file, figures.json().to_string())
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// All cores: the clients must not be what is measured.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().build().context("cannot start threads")
}

/// The server's CPU and the time, from one moment on.
struct Meter<'a> {
    server: &'a Server,
    cpu: f64,
    started: std::time::Instant,
}

impl<'a> Meter<'a> {
    fn start(server: &'a Server) -> anyhow::Result<Self> {
        Ok(Self {
            cpu: server.cpu_seconds()?,
            server,
            started: std::time::Instant::now(),
        })
    }

    /// CPU seconds and seconds since then.
    fn read(&self) -> anyhow::Result<(f64, f64)> {
        let cpu = self.server.cpu_seconds()? - self.cpu;
        Ok((cpu, self.started.elapsed().as_secs_f64()))
    }

    fn all(
        &self,
        figures: &mut Figures,
        what: &str,
        count: f64,
        wanted: &'static str,
    ) -> anyhow::Result<()> {
        let (cpu, seconds) = self.read()?;
        figures.add(what, count, "", "");
        figures.add(&format!("{what} a second"), count / seconds, "/s", "");
        figures.add("server CPU", cpu / seconds, "cores", "");
        figures.add(
            &format!("{what} a CPU second"),
            count / cpu.max(0.01),
            "/s",
            wanted,
        );
        Ok(())
    }
}
