//! Many visitors, their orders, and what they have done so far.
//!
//! In the path: a mode of `load` or a story of `crash` brings a crowd, tells it what to do, waits for what must come of it,
//! and sends it home.
//!
//! **Invariants.** A crowd is as large as was asked for and ends when it is told to. Every wait is for a condition and has a
//! deadline; what it waited for is in the error.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::bail;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::visitor::{Habits, Visitor};

/// Visitors that come at the same moment; the server's own limit of half-open connections is far above.
const COMING_AT_ONCE: usize = 256;
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How long a crowd may take to go home beyond what it was given.
const GRACE: Duration = Duration::from_secs(20);

/// What every visitor is told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Orders {
    /// Say something whenever it is time.
    pub(crate) talk: bool,
    /// Write the times of acknowledgements down.
    pub(crate) measure: bool,
    /// Each new number is a command to say as much at once as may be outstanding.
    pub(crate) volleys: u32,
    /// Each new number is a lost network: the socket is dropped without a word.
    pub(crate) drops: u32,
    /// Go when everything is acknowledged and answered, by then at the latest.
    pub(crate) leave_by: Option<Instant>,
}

/// What all of them did so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Sockets that are open now.
    pub(crate) online: AtomicU64,
    /// Sockets that were opened.
    pub(crate) opened: AtomicU64,
    /// Messages said.
    pub(crate) said: AtomicU64,
    /// Messages acknowledged, each once.
    pub(crate) acked: AtomicU64,
    /// Messages answered, each once.
    pub(crate) answered: AtomicU64,
    /// Error frames.
    pub(crate) refused: AtomicU64,
    /// Messages not said because too many were outstanding.
    pub(crate) held_back: AtomicU64,
    losses: Mutex<Losses>,
    /// Sockets that are open now by node, if a proxy names it.
    nodes: Mutex<BTreeMap<String, u64>>,
}

/// Sockets that were lost.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// How many with which close code. 1006 is none.
    pub(crate) codes: BTreeMap<u16, u64>,
    /// How many on which node, if a proxy names it.
    pub(crate) nodes: BTreeMap<String, u64>,
    /// How long each of their visitors was without one.
    pub(crate) away: Vec<Duration>,
}

impl Tally {
    /// A socket was closed by the server, or is gone (1006).
    pub(super) fn closed(&self, code: u16, node: Option<&str>) {
        let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        *losses.codes.entry(code).or_default() += 1;
        if let Some(node) = node {
            *losses.nodes.entry(node.to_owned()).or_default() += 1;
        }
    }

    /// A visitor has a socket again.
    pub(super) fn is_back(&self, after: Duration) {
        let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        losses.away.push(after);
    }

    /// A socket is on this node now, or is no more.
    pub(super) fn count_on(&self, node: &str, opened: bool) {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let count = nodes.entry(node.to_owned()).or_default();
        *count = if opened {
            *count + 1
        } else {
            count.saturating_sub(1)
        };
    }

    /// How many sockets are open on this node.
    pub(crate) fn online_on(&self, node: &str) -> u64 {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.get(node).copied().unwrap_or_default()
    }

    /// What was lost since this was last asked.
    pub(crate) fn take_losses(&self) -> Losses {
        let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut losses)
    }
}

/// See the [module](self).
pub(crate) struct Crowd {
    visitors: JoinSet<Visitor>,
    orders: watch::Sender<Orders>,
    /// What they did.
    pub(crate) tally: Arc<Tally>,
    server: SocketAddr,
    doors: Arc<Semaphore>,
    users: usize,
}

impl Crowd {
    /// Nobody yet.
    pub(crate) fn new(server: SocketAddr) -> Self {
        Self {
            visitors: JoinSet::new(),
            orders: watch::Sender::new(Orders::default()),
            tally: Arc::default(),
            server,
            doors: Arc::new(Semaphore::new(COMING_AT_ONCE)),
            users: 0,
        }
    }

    /// So many more come.
    pub(crate) fn come(&mut self, count: usize, habits: Habits) {
        for user in self.users..self.users + count {
            let tally = Arc::clone(&self.tally);
            let orders = self.orders.subscribe();
            let visitor = Visitor::new(user, self.server, habits, orders, tally);
            let doors = Arc::clone(&self.doors);
            self.visitors.spawn(async move {
                // The semaphore is never closed; without a permit the visitor comes all the same.
                let door = doors.acquire().await.ok();
                let visitor = visitor.come().await;
                drop(door);
                visitor.stay().await
            });
        }
        self.users += count;
    }

    /// Tells all of them something.
    pub(crate) fn order(&self, change: impl FnOnce(&mut Orders)) {
        self.orders.send_modify(change);
    }

    /// Waits until all of them are online. How long that took.
    pub(crate) async fn all_online(&self, within: Duration) -> anyhow::Result<Duration> {
        let wanted = self.users as u64;
        self.until("all visitors are online", within, |tally| {
            tally.online.load(Relaxed) >= wanted
        })
        .await
    }

    /// Waits for a condition. How long that took.
    pub(crate) async fn until(
        &self,
        what: &str,
        within: Duration,
        mut condition: impl FnMut(&Tally) -> bool,
    ) -> anyhow::Result<Duration> {
        let started = Instant::now();
        while !condition(&self.tally) {
            if started.elapsed() > within {
                bail!(
                    "waited {} s in vain until {what}: {:?}",
                    within.as_secs(),
                    self.tally
                );
            }
            sleep(LOOK).await;
        }
        Ok(started.elapsed())
    }

    /// Sends everybody home once they have heard everything, and returns them.
    pub(crate) async fn leave(mut self, within: Duration) -> anyhow::Result<Vec<Visitor>> {
        let by = Instant::now() + within;
        self.order(|orders| {
            orders.talk = false;
            orders.leave_by = Some(by);
        });
        let mut home = Vec::with_capacity(self.users);
        let all = async {
            while let Some(visitor) = self.visitors.join_next().await {
                home.push(visitor?);
            }
            anyhow::Ok(())
        };
        if tokio::time::timeout(within + GRACE, all).await.is_err() {
            bail!("some visitors did not come home");
        }
        home.sort_by_key(|visitor| visitor.diary.user);
        Ok(home)
    }
}
