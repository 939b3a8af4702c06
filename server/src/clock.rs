//! The time.
//!
//! In the path: everything that stores, expires or signs asks a [`Clock`] from the state. Nothing else reads the
//! system's time. Tests set a [`FixedClock`] and can assert exact output.
//!
//! Invariant: nothing is ordered by time. Messages are ordered by the sequence that the store gives. If a clock jumps,
//! the time beside a message changes, but never its position.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// Whole seconds, as JWT claims want them.
    pub fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// This moment plus a span. It stops at the largest value instead of overflowing.
    #[must_use]
    pub fn plus(self, span: Duration) -> Millis {
        Millis(self.0.saturating_add(whole_millis(span)))
    }

    /// This moment minus a span. It stops at zero.
    #[must_use]
    pub fn minus(self, span: Duration) -> Millis {
        Millis(self.0.saturating_sub(whole_millis(span)))
    }

    /// How long ago `earlier` was. Zero if it is in the future, because a clock was set back.
    pub fn since(self, earlier: Millis) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A span in milliseconds, or the largest value if it is longer.
pub fn whole_millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Millis;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        // If the machine's clock is before 1970, the time is zero, and everything stored looks new.
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Millis(whole_millis(since))
    }
}

/// A clock that is corrected by what a store says of its own: nodes that share a store then agree what time it is, and a
/// ticket or an assertion of one is as old for every other.
pub struct SharedClock<F> {
    own: Arc<dyn Clock>,
    /// By how many milliseconds the store's clock is ahead of `own`.
    ahead: F,
}

impl<F: Fn() -> i64 + Send + Sync> SharedClock<F> {
    /// `own`, corrected.
    pub fn new(own: Arc<dyn Clock>, ahead: F) -> Self {
        Self { own, ahead }
    }
}

impl<F: Fn() -> i64 + Send + Sync> Clock for SharedClock<F> {
    fn now(&self) -> Millis {
        Millis(self.own.now().0.saturating_add_signed((self.ahead)()))
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug, Default)]
pub struct FixedClock(AtomicU64);

impl FixedClock {
    /// A clock that shows `at`.
    pub fn new(at: Millis) -> FixedClock {
        FixedClock(AtomicU64::new(at.0))
    }

    /// Jumps to `at`, also backwards.
    pub fn set(&self, at: Millis) {
        self.0.store(at.0, Ordering::SeqCst);
    }

    /// Moves forward by `span`.
    pub fn advance(&self, span: Duration) {
        self.set(self.now().plus(span));
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_only_when_told() {
        let clock = FixedClock::new(Millis(1_000));
        assert_eq!(clock.now(), Millis(1_000));
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), Millis(3_000));
        clock.set(Millis(5));
        assert_eq!(clock.now(), Millis(5));
    }

    #[test]
    fn time_neither_overflows_nor_runs_below_zero() {
        assert_eq!(
            Millis(u64::MAX).plus(Duration::from_secs(1)),
            Millis(u64::MAX)
        );
        assert_eq!(Millis(1).plus(Duration::MAX), Millis(u64::MAX));
        assert_eq!(Millis(1).since(Millis(9)), Duration::ZERO);
        assert_eq!(Millis(1_999).seconds(), 1);
    }

    #[test]
    fn a_shared_clock_shows_the_time_of_the_store() {
        let own = Arc::new(FixedClock::new(Millis(60_000)));
        let behind = SharedClock::new(own.clone(), || -30_000);
        assert_eq!(behind.now(), Millis(30_000));
        assert_eq!(SharedClock::new(own, || 5).now(), Millis(60_005));
    }

    #[test]
    fn the_system_clock_shows_this_century() {
        assert!(SystemClock.now() > Millis(1_600_000_000_000));
    }
}
