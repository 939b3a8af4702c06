//! How often somebody may ask.
//!
//! In the path: the signing handler, and the form for pages without JavaScript, ask one limiter by address and one by
//! identity. A caller who proves an app's secret is counted by app instead of by address. `rates` holds the limiters of
//! everything else.
//!
//! Invariants: memory is bounded by [`RATE_KEYS_BETWEEN_SWEEPS`], and a key that has its full allowance again is
//! removed. The time is governor's own monotonic clock, because only intervals count.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::limits::{RATE_KEYS_BETWEEN_SWEEPS, RATE_SWEEP};
use crate::shutdown::Shutdown;

const DAY: Duration = Duration::from_hours(24);

/// A limit for each key.
pub struct Limiter<K: Hash + Eq + Clone> {
    /// `None`: no limit.
    cells: Option<RateLimiter<K, DashMapStateStore<K>, DefaultClock>>,
    /// An upper bound of the keys that are new since the last sweep.
    asked: AtomicU32,
}

/// How long to wait before the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);

impl RetryAfter {
    /// In whole seconds, rounded up, as the header needs it.
    pub fn seconds(self) -> u64 {
        self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0)
    }
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// Allows `burst` at once, then `per_minute` a minute. 0 a minute: no limit.
    pub fn new(burst: u32, per_minute: u32) -> Self {
        Self::of(NonZeroU32::new(per_minute).map(|rate| {
            let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
            Quota::per_minute(rate).allow_burst(burst)
        }))
    }

    /// Allows `many` a day: all of them at once, and the allowance fills up evenly over the day. 0: no limit.
    pub fn a_day(many: u32) -> Self {
        Self::of(NonZeroU32::new(many).and_then(|many| {
            Quota::with_period(DAY / many.get()).map(|quota| quota.allow_burst(many))
        }))
    }

    fn of(quota: Option<Quota>) -> Self {
        Self {
            cells: quota.map(RateLimiter::dashmap),
            asked: AtomicU32::new(0),
        }
    }

    /// Takes one from the key's allowance.
    ///
    /// # Errors
    /// If nothing is left: how long until there is one again.
    pub fn check(&self, key: &K) -> Result<(), RetryAfter> {
        self.check_many(key, 1)
    }

    /// Takes `many` from the key's allowance, or none.
    ///
    /// # Errors
    /// If not enough are left: how long until there are.
    pub fn check_many(&self, key: &K, many: u32) -> Result<(), RetryAfter> {
        let (Some(cells), Some(many)) = (&self.cells, NonZeroU32::new(many)) else {
            return Ok(());
        };
        if self.asked.fetch_add(1, Ordering::Relaxed) >= RATE_KEYS_BETWEEN_SWEEPS {
            self.sweep();
        }
        match cells.check_key_n(key, many) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => Err(RetryAfter(until.wait_time_from(cells.clock().now()))),
            // It is more than a full allowance. Waiting until tomorrow does not help either, but the sender learns that
            // it is too much.
            Err(_) => Err(RetryAfter(DAY)),
        }
    }

    /// Removes keys that have their full allowance again.
    pub fn sweep(&self) {
        if let Some(cells) = &self.cells {
            self.asked.store(0, Ordering::Relaxed);
            cells.retain_recent();
        }
    }
}

/// Counts failures for each key. Unlike a [`Limiter`] it is asked before the attempt, and a success costs nothing.
#[derive(Debug)]
pub struct Failures<K> {
    most: u32,
    within: Duration,
    seen: Mutex<HashMap<K, (Instant, u32)>>,
}

impl<K: Hash + Eq> Failures<K> {
    /// Allows `most` failures within this time. After that the key must wait until the time is over.
    pub fn new(most: u32, within: Duration) -> Self {
        Self {
            most,
            within,
            seen: Mutex::default(),
        }
    }

    /// Whether this key may try.
    ///
    /// # Errors
    /// If it has failed too often: how long until it may try again.
    pub fn check(&self, key: &K) -> Result<(), RetryAfter> {
        let seen = self.lock();
        let Some((began, count)) = seen.get(key) else {
            return Ok(());
        };
        let left = self.within.saturating_sub(began.elapsed());
        if *count < self.most || left.is_zero() {
            return Ok(());
        }
        Err(RetryAfter(left))
    }

    /// Notes a failure.
    pub fn add(&self, key: K) {
        let mut seen = self.lock();
        if seen.len() >= RATE_KEYS_BETWEEN_SWEEPS as usize {
            seen.retain(|_, (began, _)| began.elapsed() < self.within);
        }
        // With this many keys this is not one attacker. Storing more keys would not help and would cost memory.
        if seen.len() >= RATE_KEYS_BETWEEN_SWEEPS as usize {
            seen.clear();
        }
        let (began, count) = seen.entry(key).or_insert((Instant::now(), 0));
        if began.elapsed() >= self.within {
            (*began, *count) = (Instant::now(), 0);
        }
        *count = count.saturating_add(1);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, (Instant, u32)>> {
        // Nothing in the critical sections can panic.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sweeps until the server shuts down. Without this, a limiter keeps every visitor for ever.
pub fn keep_swept<K>(shutdown: &Shutdown, limiter: Arc<Limiter<K>>)
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
{
    let ending = shutdown.clone();
    shutdown.spawn("rate limiter sweep", async move {
        let mut minute = tokio::time::interval(RATE_SWEEP);
        loop {
            tokio::select! {
                _ = minute.tick() => limiter.sweep(),
                () = ending.cancelled() => return,
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_allowance() {
        let limiter = Limiter::new(3, 1);
        for _ in 0..3 {
            assert_eq!(limiter.check(&"ann"), Ok(()));
        }
        let refused = limiter.check(&"ann").unwrap_err();
        assert!((1..=60).contains(&refused.seconds()), "{refused:?}");
        assert_eq!(limiter.check(&"bob"), Ok(()));
    }

    #[test]
    fn zero_a_minute_is_no_limit() {
        let limiter = Limiter::new(1, 0);
        assert!((0..1000).all(|_| limiter.check(&1).is_ok()));
    }

    #[test]
    fn who_failed_too_often_must_wait_and_who_succeeds_is_not_counted() {
        let failures = Failures::new(2, Duration::from_mins(1));
        for _ in 0..100 {
            assert_eq!(failures.check(&"ann"), Ok(()));
        }
        failures.add("ann");
        assert_eq!(failures.check(&"ann"), Ok(()));
        failures.add("ann");
        let refused = failures.check(&"ann").unwrap_err();
        assert!((1..=60).contains(&refused.seconds()), "{refused:?}");
        assert_eq!(failures.check(&"bob"), Ok(()));
        // Nothing is left of a time that is over.
        let short = Failures::new(1, Duration::ZERO);
        short.add("ann");
        assert_eq!(short.check(&"ann"), Ok(()));
    }

    #[test]
    fn keys_with_their_full_allowance_are_forgotten_before_memory_grows() {
        // 60 000 a minute is one a millisecond, so a key that asked once has its full allowance again soon.
        let limiter = Limiter::new(1, 60_000);
        for key in 0..=2 * RATE_KEYS_BETWEEN_SWEEPS {
            let _ = limiter.check(&key);
        }
        let kept = limiter.cells.as_ref().unwrap().len();
        assert!(kept <= 2 * RATE_KEYS_BETWEEN_SWEEPS as usize, "{kept}");
    }
}
