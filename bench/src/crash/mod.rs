//! What the server survives: killed, ended, with a full disk and with one that fails, each under load; and then every message is accounted for.
//!
//! In the path: a person calls `cargo xtask crash`; `cargo xtask test` runs its short form as the step `crash`. `story` kills
//! and ends, `bot` kills the bot as well, `disk` fills the disk, `sync` makes it fail, `nodes` does the like to a cluster, `trace` watches the system calls, `account` compares what visitors know with what is
//! stored. The visitors and the server are those of `load`.
//!
//! **Invariants.** Anything that does not add up fails the run, with the visitors and numbers. What cannot be tried on this
//! machine is said, never left out silently.

mod account;
mod bot;
mod disk;
mod nodes;
mod story;
mod sync;
mod trace;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::built::Built;
use crate::load::crowd::Crowd;
use crate::load::http::{Http, address_of};
use crate::load::runtime;
use crate::load::server::Server;
use crate::load::steps;
use crate::load::visitor::{Habits, Visitor};
use account::Account;

/// Histories that are read at the same time.
const READERS: usize = 32;

/// A small crowd that comes.
const ONLINE_WITHIN: Duration = Duration::from_secs(30);
/// From a disk that works to a server that is ready again.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(50);

/// Chosen on the command line.
#[derive(Args)]
pub(crate) struct Options {
    /// Visitors.
    #[arg(long, default_value_t = 500)]
    users: usize,
    /// Messages of each that may be on their way when the server dies.
    #[arg(long, default_value_t = 20)]
    outstanding: usize,
    /// Messages a second between the crashes, all visitors together.
    #[arg(long, default_value_t = 2_000)]
    rate: u32,
    /// How often it is killed before it is ended politely.
    #[arg(long, default_value_t = 3)]
    kills: u32,
    /// What the tests can afford, in the place of the other numbers.
    #[arg(long)]
    short: bool,
    /// Only this story; may be given several times.
    #[arg(long, value_enum)]
    only: Vec<Story>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Story {
    /// `kill -9`, then SIGTERM.
    Kill,
    /// `kill -9` of the server and of the bot behind it, in turn.
    Bot,
    /// The disk is full for a while.
    Disk,
    /// The disk does not sync for a while.
    Sync,
    /// System calls: no acknowledgement before its fsync.
    Trace,
    /// Three nodes: `kill -9` of each in turn.
    Nodes,
    /// Three nodes: each is ended politely and started again.
    Rolling,
    /// Three nodes: `kill -9` of PostgreSQL.
    Store,
    /// Three nodes: the broker is away for a while.
    Bus,
    /// Three nodes: one is cut off from the broker for a while.
    CutBus,
    /// Three nodes: one is cut off from PostgreSQL for a while.
    CutStore,
    /// Three nodes whose clocks are apart: `kill -9` of each in turn.
    Clocks,
}

impl Options {
    /// What the tests can afford.
    fn short(&self) -> Self {
        Self {
            users: 20,
            outstanding: 20,
            rate: 200,
            kills: 1,
            short: true,
            only: self.only.clone(),
        }
    }
}

/// Runs the stories and prints what each found. The last line is all of it in a sentence.
pub(crate) fn crash(built: &Built, options: &Options) -> anyhow::Result<()> {
    let short = options.short();
    let options = if options.short { &short } else { options };
    if options.users == 0 || options.users > 5_000 || options.outstanding == 0 {
        bail!("--users is 1 to 5000, --outstanding at least 1");
    }
    if options.outstanding > usize::from(story::MOST_OUTSTANDING) {
        bail!(
            "--outstanding is at most {}: a socket may send no more at once",
            story::MOST_OUTSTANDING
        );
    }
    let wanted = |story| options.only.is_empty() || options.only.contains(&story);
    let mut said = Vec::new();
    runtime()?.block_on(async {
        if wanted(Story::Kill) {
            said.push(story::killed_and_ended(built, options).await?);
        }
        if wanted(Story::Bot) {
            said.push(bot::killed_in_turn(built, options).await?);
        }
        if wanted(Story::Disk) {
            said.push(disk::full(built).await?);
        }
        if wanted(Story::Sync) {
            said.push(sync::fails(built).await?);
        }
        if wanted(Story::Trace) {
            said.push(trace::acks_after_fsync(built).await?);
        }
        let trials = nodes::TRIALS.into_iter().filter(|it| wanted(*it));
        let trials: Vec<Story> = trials.collect();
        if !trials.is_empty() {
            said.push(nodes::survive(built, options, &trials).await?);
        }
        if wanted(Story::Clocks) {
            said.push(nodes::with_clocks_apart(built, options).await?);
        }
        anyhow::Ok(())
    })?;
    println!("{}", said.join("; "));
    Ok(())
}

/// Kills the server once more, starts it, and compares as [`compared`] does.
async fn accounted(server: &mut Server, visitors: Vec<Visitor>) -> anyhow::Result<Account> {
    server.kill().await?;
    server.restart().await?;
    compared(visitors, &server.setup().log).await
}

/// Reads every history and compares. What does not add up is an error.
async fn compared(visitors: Vec<Visitor>, log: &Path) -> anyhow::Result<Account> {
    let mut account = Account::default();
    let mut reading = JoinSet::new();
    let mut waiting = visitors.into_iter();
    loop {
        while reading.len() < READERS
            && let Some(visitor) = waiting.next()
        {
            reading.spawn(read(visitor));
        }
        let Some(done) = reading.join_next().await else {
            break;
        };
        let (visitor, history) = done??;
        account.check(&visitor.diary, &visitor.shown(), &history);
    }
    for line in account.lines() {
        println!("{line}");
    }
    if !account.is_right() {
        bail!(
            "messages do not add up, see above (server log: {})",
            log.display()
        );
    }
    Ok(account)
}

async fn read(
    mut visitor: Visitor,
) -> anyhow::Result<(Visitor, Vec<protocol::history::HistoryMessage>)> {
    let token = visitor.token.clone().context("a visitor never got in")?;
    match steps::history(&mut visitor.http, &token).await {
        Ok(history) => Ok((visitor, history)),
        Err(failure) => {
            let user = visitor.diary.user;
            bail!("the history of u{user} cannot be read: {failure:?}")
        }
    }
}

/// Visitors who are online and, once told to, write as fast as a socket may.
async fn crowd(
    server: &Server,
    users: usize,
    outstanding: usize,
    padding: usize,
) -> anyhow::Result<Crowd> {
    let mut crowd = Crowd::new(server.address);
    let every = story::FASTEST;
    crowd.come(
        users,
        Habits {
            every,
            outstanding,
            padding,
        },
    );
    crowd.all_online(ONLINE_WITHIN).await?;
    Ok(crowd)
}

/// Somebody who looks from outside while the disk has trouble.
struct Witness {
    http: Http,
    token: String,
}

impl Witness {
    /// Comes while all is well: a token is stored, too.
    async fn of(server: &Server) -> anyhow::Result<Self> {
        let mut http = Http::new(server.address, address_of(0));
        let token = steps::token(&mut http, 0).await;
        let token = token.ok().context("a witness got no token")?;
        Ok(Self { http, token })
    }

    /// Reading goes on, and the server says that it is not ready.
    async fn sees_trouble(&mut self) -> anyhow::Result<()> {
        let read = steps::history(&mut self.http, &self.token).await;
        let read = read.ok().context("nothing can be read")?;
        ensure!(!read.is_empty(), "the history is empty");
        let ready = self.ready().await?;
        ensure!(ready == 503, "/readyz says {ready}");
        Ok(())
    }

    /// The server tries by itself. How long it took to be ready again.
    async fn sees_it_end(&mut self) -> anyhow::Result<Duration> {
        let started = Instant::now();
        while self.ready().await? != 200 {
            ensure!(started.elapsed() < READY_WITHIN, "not ready again");
            sleep(LOOK).await;
        }
        Ok(started.elapsed())
    }

    async fn ready(&mut self) -> anyhow::Result<u16> {
        Ok(self.http.get("/readyz", None).await?.status)
    }
}

/// The last lines of the server's log that are worth a person's time.
fn complaints(log: &Path) -> usize {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().filter(|line| line.contains("ERROR")).count()
}

/// Seconds with one digit.
fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
