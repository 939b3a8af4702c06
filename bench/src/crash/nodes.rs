//! What three nodes survive that are one Parlour: each of them killed or ended, and the loss of the store, of the broker, or of
//! the way to one of them.
//!
//! Every request and every socket of a visitor may be on another node. After each trial all that was said must be acknowledged;
//! at the end every message is accounted for. Whoever is on a node that lives notices nothing when another one dies.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{bail, ensure};
use tokio::time::{Instant, sleep, sleep_until};

use super::story::{HOME_WITHIN, ONLINE_WITHIN, POLITE, calm, talking, volley};
use super::{Options, Story, compared, seconds};
use crate::built::Built;
use crate::cluster::{self, Cable, Cluster};
use crate::load::crowd::{Crowd, Losses};
use crate::load::server::{LIMITS, SCRIPTED, sections};

/// Those that one cluster goes through, in this order.
pub(super) const TRIALS: [Story; 6] = [
    Story::Nodes,
    Story::Rolling,
    Story::Store,
    Story::Bus,
    Story::CutBus,
    Story::CutStore,
];

const NODES: usize = 3;
/// Between two kills; the node is away for half of it.
const KILL_EVERY: Duration = Duration::from_secs(4);
/// What nodes with wrong clocks differ by.
const SECONDS_APART: u32 = 30;
/// How long the store, the broker or a cable is away; in the short form a part of it.
const AWAY: Duration = Duration::from_secs(10);
const SHORT_AWAY: Duration = Duration::from_secs(3);
/// Visitors of a dead node have another one by then, 99 of 100.
const BACK_WITHIN: Duration = Duration::from_secs(5);
/// A lease of a dead node runs out, and what waited for it is done.
const SETTLED_WITHIN: Duration = Duration::from_mins(1);

/// A cluster under load.
struct Run<'a> {
    cluster: Cluster,
    crowd: Crowd,
    options: &'a Options,
}

/// Goes through the trials with one cluster and one crowd.
pub(super) async fn survive(
    built: &Built,
    options: &Options,
    trials: &[Story],
) -> anyhow::Result<String> {
    let mut run = Run::start(built, options, "crash-nodes", 0).await?;
    for trial in trials {
        match trial {
            Story::Nodes => run.nodes_are_killed().await?,
            Story::Rolling => run.nodes_are_ended().await?,
            Story::Store => run.the_store_is_killed().await?,
            Story::Bus => run.the_broker_is_away().await?,
            Story::CutBus => run.a_node_is_cut_off(Cable::Bus).await?,
            Story::CutStore => run.a_node_is_cut_off(Cable::Store).await?,
            _ => bail!("that is no trial of a cluster"),
        }
    }
    let acked = run.accounted().await?;
    Ok(format!(
        "three nodes: {acked} messages over {} trial(s), all accounted for",
        trials.len()
    ))
}

/// The nodes are killed while each takes the time for another.
pub(super) async fn with_clocks_apart(built: &Built, options: &Options) -> anyhow::Result<String> {
    println!("==> the clocks of the next nodes are {SECONDS_APART} s apart");
    let mut run = Run::start(built, options, "crash-clocks", SECONDS_APART).await?;
    run.nodes_are_killed().await?;
    let acked = run.accounted().await?;
    Ok(format!(
        "clocks {SECONDS_APART} s apart: {acked} messages, all accounted for"
    ))
}

impl<'a> Run<'a> {
    async fn start(
        built: &Built,
        options: &'a Options,
        name: &str,
        seconds_apart: u32,
    ) -> anyhow::Result<Self> {
        println!(
            "==> {NODES} nodes, {} visitors with {} messages in flight each",
            options.users, options.outstanding
        );
        let wanted = cluster::Options {
            nodes: NODES,
            server: LIMITS,
            sections: sections(SCRIPTED),
            seconds_apart,
            ..cluster::Options::default()
        };
        let cluster = Cluster::start(built, name, &wanted).await?;
        let crowd = talking(cluster.address, options).await?;
        Ok(Self {
            cluster,
            crowd,
            options,
        })
    }

    async fn nodes_are_killed(&mut self) -> anyhow::Result<()> {
        let mut away = Vec::new();
        let rounds = self.options.kills as usize * NODES;
        for round in 0..rounds {
            let number = 1 + round % NODES;
            let next = Instant::now() + KILL_EVERY;
            self.disturb().await?;
            self.cluster.node(number)?.server.kill().await?;
            let lost = self.all_moved(number).await?;
            away.extend(only_of(number, lost, &[1006])?.away);
            if !self.options.short {
                sleep_until(next - KILL_EVERY / 2).await;
            }
            self.cluster.node(number)?.server.restart().await?;
            if !self.options.short {
                sleep_until(next).await;
            }
        }
        self.settled().await?;
        away.sort_unstable();
        let p99 = away.get((away.len() * 99).div_ceil(100).saturating_sub(1));
        let p99 = p99.copied().unwrap_or_default();
        println!(
            "    kill -9 of a node, {rounds} times: {} sockets moved to another; back after {} (p99), {} (last)",
            away.len(),
            seconds(p99),
            seconds(away.last().copied().unwrap_or_default())
        );
        // What the tests find in the time of a busy machine says nothing.
        ensure!(
            self.options.short || p99 <= BACK_WITHIN,
            "visitors of a dead node were away for {}",
            seconds(p99)
        );
        Ok(())
    }

    async fn nodes_are_ended(&mut self) -> anyhow::Result<()> {
        for number in 1..=NODES {
            self.disturb().await?;
            let (status, took) = self.cluster.node(number)?.server.terminate().await?;
            ensure!(
                status.success(),
                "SIGTERM ended node {number} with {status}"
            );
            let lost = self.all_moved(number).await?;
            let moved = only_of(number, lost, &POLITE)?.away.len();
            println!(
                "    SIGTERM: node {number} ended after {}; {moved} sockets moved to another",
                seconds(took)
            );
            self.cluster.node(number)?.server.restart().await?;
        }
        self.settled().await
    }

    async fn the_store_is_killed(&mut self) -> anyhow::Result<()> {
        self.disturb().await?;
        self.cluster.store.kill().await?;
        sleep(self.away()).await;
        self.cluster.store.restart().await?;
        self.settled().await?;
        println!(
            "    kill -9 of PostgreSQL, away for {}",
            seconds(self.away())
        );
        Ok(())
    }

    async fn the_broker_is_away(&mut self) -> anyhow::Result<()> {
        self.disturb().await?;
        let back = Instant::now() + self.away();
        self.cluster.bus.kill().await?;
        calm(&self.crowd, self.options).await?;
        sleep_until(back).await;
        self.cluster.bus.restart().await?;
        self.nobody_lost("the broker was away")?;
        self.settled().await?;
        println!("    the broker was away for {}", seconds(self.away()));
        Ok(())
    }

    async fn a_node_is_cut_off(&mut self, cable: Cable) -> anyhow::Result<()> {
        let number = 2;
        self.disturb().await?;
        let mended = Instant::now() + self.away();
        self.cluster.node(number)?.cut(cable);
        calm(&self.crowd, self.options).await?;
        sleep_until(mended).await;
        self.cluster.node(number)?.mend(cable);
        match cable {
            Cable::Bus => self.nobody_lost("a node was cut off from the broker")?,
            // Its own visitors may give up and go to another.
            Cable::Store => drop(only_of(number, self.crowd.tally.take_losses(), &[])?),
        }
        self.settled().await?;
        println!(
            "    node {number} was cut off ({cable:?}) for {}",
            seconds(self.away())
        );
        Ok(())
    }

    fn away(&self) -> Duration {
        if self.options.short { SHORT_AWAY } else { AWAY }
    }

    /// Forgets what was lost, and makes everybody talk at once.
    async fn disturb(&self) -> anyhow::Result<()> {
        calm(&self.crowd, self.options).await?;
        drop(self.crowd.tally.take_losses());
        volley(&self.crowd, self.options).await?;
        Ok(())
    }

    /// The node's visitors have noticed, if it had any, and all have a socket. What was lost.
    async fn all_moved(&self, number: usize) -> anyhow::Result<Losses> {
        let node = name_of(number);
        let moved = self.crowd.until(
            "a dead node's visitors are elsewhere",
            ONLINE_WITHIN,
            |tally| {
                tally.online_on(&node) == 0
                    && tally.online.load(Relaxed) >= self.options.users as u64
            },
        );
        moved.await?;
        Ok(self.crowd.tally.take_losses())
    }

    fn nobody_lost(&self, when: &str) -> anyhow::Result<()> {
        let lost = self.crowd.tally.take_losses().codes;
        ensure!(lost.is_empty(), "sockets were lost when {when}: {lost:?}");
        Ok(())
    }

    /// Everybody is online, everything that was said is acknowledged; then they talk again.
    async fn settled(&self) -> anyhow::Result<()> {
        self.crowd.order(|orders| orders.talk = false);
        let users = self.options.users as u64;
        let settled = self
            .crowd
            .until("all is acknowledged", SETTLED_WITHIN, |tally| {
                tally.online.load(Relaxed) >= users
                    && tally.acked.load(Relaxed) == tally.said.load(Relaxed)
            });
        settled.await?;
        self.crowd.order(|orders| orders.talk = true);
        Ok(())
    }

    /// Sends all home and reads every history. How many messages were acknowledged.
    async fn accounted(self) -> anyhow::Result<u64> {
        let home = self.crowd.leave(HOME_WITHIN).await?;
        let logs: Vec<_> = self
            .cluster
            .nodes
            .iter()
            .map(|node| node.server.setup().log.clone())
            .collect();
        let account = compared(home, &logs[0]).await?;
        for log in logs {
            let text = std::fs::read_to_string(&log)?;
            ensure!(!text.contains("panicked"), "a panic, see {}", log.display());
        }
        self.cluster.end().await?;
        Ok(account.acked)
    }
}

/// As the proxy calls it.
fn name_of(number: usize) -> String {
    format!("node{number}")
}

/// Only this node's sockets were lost, with one of these codes. None named: any.
fn only_of(number: usize, lost: Losses, codes: &[u16]) -> anyhow::Result<Losses> {
    let own = name_of(number);
    let others: Vec<_> = lost
        .nodes
        .iter()
        .filter(|(node, _)| **node != own)
        .collect();
    ensure!(
        others.is_empty(),
        "visitors of other nodes lost sockets: {others:?}"
    );
    let wrong = lost.codes.keys().any(|code| !codes.contains(code));
    ensure!(codes.is_empty() || !wrong, "close codes: {:?}", lost.codes);
    Ok(lost)
}
