//! One request after the other on each connection, counted: what `page` and `sign` measure.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use anyhow::ensure;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::figures::{Figures, exact};
use super::server::Server;
use super::{HOME_WITHIN, Meter, Plan};

const WARM_UP: Duration = Duration::from_secs(1);

/// What all connections have had so far.
#[derive(Default)]
pub(super) struct Tally {
    done: AtomicU64,
    failed: AtomicU64,
    ended: AtomicBool,
}

impl Tally {
    /// Is another request wanted?
    pub(super) fn goes_on(&self) -> bool {
        !self.ended.load(Relaxed)
    }

    /// One was answered as it should be, or not.
    pub(super) fn count(&self, good: bool) {
        let counter = if good { &self.done } else { &self.failed };
        counter.fetch_add(1, Relaxed);
    }

    /// Counts for the time of the plan what `connections` do, and ends them. `what` they get, in the plural, and how much of
    /// it for a CPU second is wanted.
    pub(super) async fn measure(
        self: Arc<Self>,
        connections: JoinSet<()>,
        (server, plan): (&Server, &Plan),
        what: &str,
        wanted: &'static str,
    ) -> anyhow::Result<Figures> {
        sleep(WARM_UP).await;
        let before = self.done.load(Relaxed);
        let meter = Meter::start(server)?;
        sleep(plan.time()).await;
        let count = self.done.load(Relaxed) - before;
        let mut figures = Figures::default();
        figures.count("connections", plan.users as u64, "");
        meter.all(&mut figures, what, exact(count), wanted)?;
        figures.count("failed", self.failed.load(Relaxed), "0");
        self.ended.store(true, Relaxed);
        timeout(HOME_WITHIN, connections.join_all()).await?;
        ensure!(count > 0, "no {what} came");
        Ok(figures)
    }
}
