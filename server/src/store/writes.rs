//! What both stores count of their writes: how long a batch took, how much was in it, what was not stored.
//!
//! In the path: the one writer of a store notes each batch; `http::metrics` shows the counts.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

/// Upper bounds: from a commit that a disk with a battery takes to one that hangs.
const SECONDS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 8.0];

/// The writes since the start. Clones share the counts.
#[derive(Clone, Debug)]
pub struct Writes {
    /// From the first statement of a batch to the end of its commit.
    pub seconds: Histogram,
    /// The writes of a batch.
    pub batch: Histogram,
    /// The writes of batches that were not committed.
    pub failed: Counter,
}

impl Default for Writes {
    fn default() -> Self {
        Self {
            seconds: Histogram::new(SECONDS),
            batch: Histogram::new(exponential_buckets(1.0, 4.0, 6)),
            failed: Counter::default(),
        }
    }
}

impl Writes {
    /// Notes a batch before its callers are answered.
    pub(super) fn note(&self, took: Duration, writes: usize, is_committed: bool) {
        self.seconds.observe(took.as_secs_f64());
        let writes = u32::try_from(writes).unwrap_or(u32::MAX);
        self.batch.observe(f64::from(writes));
        if !is_committed {
            self.failed.inc_by(writes.into());
        }
    }
}
