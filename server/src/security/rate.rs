//! How often somebody may ask, on this node and on those that tell it of what they let through.
//!
//! In the path: [`super::rates`] holds a [`Limiter`] for each limit. On nodes with a bus it also collects what this node
//! lets through for the others, and charges what they told.
//!
//! A key is known by one number: when it will have its full allowance again (GCRA, a leaky bucket). What another node let
//! through moves that moment on, also beyond the limit: the key then owes, and is let through when it has made up for it.
//! So a key that asks at all nodes gets its rate once in the long run, and not once from each of them.
//!
//! Invariants: a key is kept as a tag, a keyed hash: neither memory nor the bus holds an address or an identity. A key
//! that has its full allowance again is removed, at the latest after so many new ones ([`RATE_KEYS_BETWEEN_SWEEPS`]).
//! What waits for the bus is bounded ([`RATE_KEYS_TO_TELL`]). Only intervals count, so the time is that of the machine
//! since its start, and nodes may have other clocks.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use siphasher::sip::SipHasher24;

use crate::limits::{
    RATE_KEYS_BETWEEN_SWEEPS, RATE_KEYS_TO_TELL, RATE_MOST_OWED, RATE_STANDING_TOLD,
    RATE_TOLD_AT_ONCE, RATE_TOLD_PARTS,
};
use crate::records::Uses;

const DAY: Duration = Duration::from_hours(24);

/// Locks are held for one map operation only, or for one part of a sweep.
const SHARDS: usize = 16;

/// How long to wait before the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);

impl RetryAfter {
    /// In whole seconds, rounded up, as the header needs it.
    pub fn seconds(self) -> u64 {
        self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0)
    }
}

/// What a key may use.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// So much at once.
    burst: u32,
    /// One more after so many nanoseconds.
    step: u64,
}

impl Quota {
    /// `burst` at once, then `per_minute` a minute. 0 a minute: no limit.
    pub fn a_minute(burst: u32, per_minute: u32) -> Option<Self> {
        Self::of(burst.max(1), Duration::from_mins(1), per_minute)
    }

    /// `many` a day: all of them at once, and the allowance fills up evenly over the day. 0: no limit.
    pub fn a_day(many: u32) -> Option<Self> {
        Self::of(many, DAY, many)
    }

    fn of(burst: u32, within: Duration, many: u32) -> Option<Self> {
        let within = u64::try_from(within.as_nanos()).unwrap_or(u64::MAX);
        let step = within.checked_div(u64::from(many))?.max(1);
        Some(Self { burst, step })
    }

    /// The time in which so many come back.
    fn time_of(self, many: u32) -> u64 {
        self.step.saturating_mul(u64::from(many))
    }

    /// The use of a key that is worth a word to other nodes.
    fn share(self) -> u32 {
        (self.burst / RATE_TOLD_PARTS).max(1)
    }
}

/// One key.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    /// When it has its full allowance again, in nanoseconds since the limiter's start.
    full_at: u64,
    /// What was let through here and not noted for other nodes yet.
    untold: u32,
}

impl Cell {
    fn take(&mut self, quota: Quota, now: u64, many: u32) -> Result<(), RetryAfter> {
        let full_at = self.after(quota, now, many);
        let latest = now.saturating_add(quota.time_of(quota.burst));
        if full_at > latest {
            return Err(RetryAfter(Duration::from_nanos(full_at - latest)));
        }
        self.full_at = full_at;
        Ok(())
    }

    /// Takes what cannot be refused any more.
    fn charge(&mut self, quota: Quota, now: u64, many: u32) {
        let most = quota.time_of(quota.burst).saturating_mul(RATE_MOST_OWED);
        let full_at = self.after(quota, now, many);
        self.full_at = full_at.min(now.saturating_add(most)).max(self.full_at);
    }

    fn after(self, quota: Quota, now: u64, many: u32) -> u64 {
        let from = self.full_at.max(now);
        from.saturating_add(quota.time_of(many))
    }

    /// How much of the allowance is used up.
    fn used(self, quota: Quota, now: u64) -> u32 {
        let used = self.full_at.saturating_sub(now).div_ceil(quota.step);
        u32::try_from(used).unwrap_or(u32::MAX)
    }
}

/// A limit for each key.
pub struct Limiter {
    /// What other nodes know it by.
    pub name: &'static str,
    /// `None`: no limit.
    quota: Option<Quota>,
    hasher: SipHasher24,
    begun: Instant,
    cells: [Mutex<HashMap<u64, Cell>>; SHARDS],
    /// New keys since the last sweep.
    added: AtomicU32,
    /// What other nodes have to be told, by tag. `None`: there are no others.
    to_tell: Option<Mutex<HashMap<u64, u32>>>,
}

impl Limiter {
    /// `secret` makes tags of keys; it is the same on nodes that tell each other. `shared`: there are other nodes.
    pub fn new(name: &'static str, quota: Option<Quota>, secret: &[u8; 16], shared: bool) -> Self {
        Self {
            name,
            quota,
            hasher: SipHasher24::new_with_key(secret),
            begun: Instant::now(),
            cells: Default::default(),
            added: AtomicU32::new(0),
            to_tell: shared.then(Mutex::default),
        }
    }

    /// Takes one from the key's allowance.
    ///
    /// # Errors
    /// If nothing is left: how long until there is one again.
    pub fn check(&self, key: &[u8]) -> Result<(), RetryAfter> {
        self.check_many(key, 1)
    }

    /// Takes `many` from the key's allowance, or none.
    ///
    /// # Errors
    /// If not enough are left: how long until there are.
    pub fn check_many(&self, key: &[u8], many: u32) -> Result<(), RetryAfter> {
        self.take(key, many, self.now())
    }

    /// Whether one is left of the key's allowance. Nothing is taken.
    ///
    /// # Errors
    /// If nothing is left: how long until there is one again.
    pub fn allows(&self, key: &[u8]) -> Result<(), RetryAfter> {
        let Some(quota) = self.quota else {
            return Ok(());
        };
        let tag = self.hasher.hash(key);
        let cell = lock(self.shard(tag)).get(&tag).copied();
        cell.unwrap_or_default().take(quota, self.now(), 1)
    }

    /// Takes one from the key's allowance after it has happened.
    pub fn add(&self, key: &[u8]) {
        let Some(quota) = self.quota else {
            return;
        };
        let (tag, now) = (self.hasher.hash(key), self.now());
        self.change(tag, |cell| {
            cell.charge(quota, now, 1);
            self.note(quota, cell, tag, 1);
        });
    }

    fn take(&self, key: &[u8], many: u32, now: u64) -> Result<(), RetryAfter> {
        let Some(quota) = self.quota else {
            return Ok(());
        };
        if many > quota.burst {
            // It is more than a full allowance. Waiting until tomorrow does not help either, but the sender learns that
            // it is too much.
            return Err(RetryAfter(DAY));
        }
        let tag = self.hasher.hash(key);
        self.change(tag, |cell| {
            cell.take(quota, now, many)?;
            self.note(quota, cell, tag, many);
            Ok(())
        })
    }

    fn change<T>(&self, tag: u64, change: impl FnOnce(&mut Cell) -> T) -> T {
        let mut cells = lock(self.shard(tag));
        let before = cells.len();
        let changed = change(cells.entry(tag).or_default());
        let is_new = cells.len() > before;
        drop(cells);
        if is_new && self.added.fetch_add(1, Ordering::Relaxed) >= RATE_KEYS_BETWEEN_SWEEPS {
            self.sweep();
        }
        changed
    }

    /// Notes for other nodes what was let through, as soon as it is a share of the allowance.
    fn note(&self, quota: Quota, cell: &mut Cell, tag: u64, many: u32) {
        let Some(to_tell) = &self.to_tell else {
            return;
        };
        cell.untold = cell.untold.saturating_add(many);
        if cell.untold < quota.share() {
            return;
        }
        let mut to_tell = lock(to_tell);
        // Without room the key has its next chance when it asks again.
        if to_tell.len() < RATE_KEYS_TO_TELL || to_tell.contains_key(&tag) {
            let noted = to_tell.entry(tag).or_default();
            *noted = noted.saturating_add(std::mem::take(&mut cell.untold));
        }
    }

    /// Removes keys that have their full allowance again.
    pub fn sweep(&self) {
        self.added.store(0, Ordering::Relaxed);
        let now = self.now();
        for shard in &self.cells {
            lock(shard).retain(|_, cell| cell.full_at > now);
        }
    }

    /// What was let through here and no other node knows, those who used most first. The rest comes with the next call.
    pub fn take_used(&self) -> Uses {
        let Some(to_tell) = &self.to_tell else {
            return Uses::new();
        };
        let mut to_tell = lock(to_tell);
        let used = heaviest(to_tell.drain().collect());
        let (told, rest) = used.split_at(used.len().min(RATE_TOLD_AT_ONCE));
        to_tell.extend(rest.iter().copied());
        told.to_vec()
    }

    /// Forgets what no other node knows: it was too long ago.
    pub fn forget_used(&self) {
        if let Some(to_tell) = &self.to_tell {
            lock(to_tell).clear();
        }
    }

    /// Charges what another node let through.
    pub fn charge(&self, uses: &[(u64, u32)]) {
        self.charge_at(uses, self.now());
    }

    fn charge_at(&self, uses: &[(u64, u32)], now: u64) {
        let Some(quota) = self.quota else {
            return;
        };
        for (tag, many) in uses {
            self.change(*tag, |cell| cell.charge(quota, now, *many));
        }
    }

    /// Who has used up a share of the allowance, here and elsewhere: for a node that has just started.
    pub fn standing(&self) -> Uses {
        let Some(quota) = self.quota.filter(|_| self.to_tell.is_some()) else {
            return Uses::new();
        };
        let now = self.now();
        let mut all = Uses::new();
        for shard in &self.cells {
            let cells = lock(shard);
            let used = cells
                .iter()
                .map(|(tag, cell)| (*tag, cell.used(quota, now)));
            all.extend(used.filter(|(_, used)| *used >= quota.share()));
        }
        let mut all = heaviest(all);
        all.truncate(RATE_STANDING_TOLD);
        all
    }

    /// Another node knows that so much is used up. What this node knows may be a part of that, so nothing is added up.
    pub fn raise(&self, standing: &[(u64, u32)]) {
        let Some(quota) = self.quota else {
            return;
        };
        let now = self.now();
        for (tag, used) in standing {
            self.change(*tag, |cell| {
                let mut other = Cell::default();
                other.charge(quota, now, *used);
                cell.full_at = cell.full_at.max(other.full_at);
            });
        }
    }

    fn shard(&self, tag: u64) -> &Mutex<HashMap<u64, Cell>> {
        let count = SHARDS as u64;
        &self.cells[usize::try_from(tag % count).unwrap_or_default()]
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

fn heaviest(mut uses: Uses) -> Uses {
    uses.sort_unstable_by_key(|(_, many)| std::cmp::Reverse(*many));
    uses
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // The maps are whole after every single operation.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: [u8; 16] = *b"sixteen bytes, a";
    const SECOND: u64 = 1_000_000_000;

    fn limiter(burst: u32, per_minute: u32) -> Limiter {
        Limiter::new("test", Quota::a_minute(burst, per_minute), &SECRET, true)
    }

    #[test]
    fn each_key_has_its_own_allowance() {
        let limiter = limiter(3, 1);
        for _ in 0..3 {
            assert_eq!(limiter.check(b"ann"), Ok(()));
        }
        let refused = limiter.check(b"ann").unwrap_err();
        assert!((1..=60).contains(&refused.seconds()), "{refused:?}");
        assert_eq!(limiter.check(b"bob"), Ok(()));
    }

    #[test]
    fn an_allowance_comes_back_one_by_one() {
        let limiter = limiter(2, 60);
        let ask = |second: u64| limiter.take(b"ann", 1, second * SECOND).is_ok();
        assert_eq!([ask(1), ask(1), ask(1)], [true, true, false]);
        assert_eq!([ask(2), ask(2)], [true, false]);
        assert_eq!([ask(9), ask(9), ask(9)], [true, true, false]);
    }

    #[test]
    fn zero_a_minute_is_no_limit() {
        let limiter = limiter(1, 0);
        assert!((0..1000).all(|_| limiter.check(b"ann").is_ok()));
        limiter.add(b"ann");
        limiter.charge(&[(1, 5)]);
        limiter.raise(&[(1, 5)]);
        assert_eq!(limiter.allows(b"ann"), Ok(()));
        assert_eq!((limiter.take_used(), limiter.standing()), (vec![], vec![]));
    }

    #[test]
    fn who_failed_too_often_must_wait_and_who_succeeds_is_not_counted() {
        let failures = limiter(2, 2);
        for _ in 0..100 {
            assert_eq!(failures.allows(b"ann"), Ok(()));
        }
        failures.add(b"ann");
        assert_eq!(failures.allows(b"ann"), Ok(()));
        failures.add(b"ann");
        let refused = failures.allows(b"ann").unwrap_err();
        assert!((1..=60).contains(&refused.seconds()), "{refused:?}");
        assert_eq!(failures.allows(b"bob"), Ok(()));
    }

    #[test]
    fn keys_with_their_full_allowance_are_forgotten_before_memory_grows() {
        // 60 000 a minute is one a millisecond, so a key that asked once has its full allowance again soon.
        let limiter = limiter(1, 60_000);
        for key in 0..=2 * RATE_KEYS_BETWEEN_SWEEPS {
            let _ = limiter.check(&key.to_be_bytes());
        }
        let kept: usize = limiter.cells.iter().map(|shard| lock(shard).len()).sum();
        assert!(kept <= 2 * RATE_KEYS_BETWEEN_SWEEPS as usize, "{kept}");
    }

    #[test]
    fn a_node_without_others_notes_nothing_for_them() {
        let alone = Limiter::new("test", Quota::a_minute(8, 1), &SECRET, false);
        for _ in 0..8 {
            alone.check(b"ann").unwrap();
        }
        assert_eq!((alone.take_used(), alone.standing()), (vec![], vec![]));
    }

    #[test]
    fn other_nodes_learn_of_shares_of_the_allowance_and_of_the_heaviest_first() {
        let (here, there) = (limiter(80, 1), limiter(80, 1));
        here.check_many(b"ann", 9).unwrap();
        assert_eq!(here.take_used(), [], "less than an eighth");
        here.check_many(b"ann", 61).unwrap();
        here.check_many(b"bob", 75).unwrap();
        let used = here.take_used();
        assert_eq!(used.iter().map(|it| it.1).collect::<Vec<_>>(), [75, 70]);
        assert_eq!(here.take_used(), [], "it is told once");
        there.charge(&used);
        assert!(there.check_many(b"ann", 11).is_err());
        assert!(there.check_many(b"ann", 10).is_ok());
        // What was told by others is not told on.
        assert_eq!(there.take_used().len(), 1);
        // A key has another tag with another secret.
        let stranger = Limiter::new("test", Quota::a_minute(80, 1), b"another sixteen.", true);
        stranger.charge(&used);
        assert!(stranger.check_many(b"bob", 80).is_ok());
    }

    #[test]
    fn a_storm_of_keys_is_told_in_bounded_steps() {
        let limiter = limiter(1, 1);
        for key in 0..10_000_u32 {
            limiter.check(&key.to_be_bytes()).unwrap();
        }
        let mut told = 0;
        loop {
            let used = limiter.take_used();
            if used.is_empty() {
                break;
            }
            assert!(used.len() <= RATE_TOLD_AT_ONCE);
            told += used.len();
        }
        assert_eq!(told, RATE_KEYS_TO_TELL);
        assert_eq!(limiter.standing().len(), RATE_STANDING_TOLD);
        limiter.check(b"ann").unwrap();
        limiter.forget_used();
        assert_eq!(limiter.take_used(), []);
    }

    #[test]
    fn a_node_that_comes_learns_what_is_used_up_and_adds_nothing_up() {
        let (here, new) = (limiter(10, 1), limiter(10, 1));
        here.check_many(b"ann", 8).unwrap();
        for _ in 0..3 {
            new.raise(&here.standing());
        }
        assert!(new.check_many(b"ann", 3).is_err());
        assert!(new.check_many(b"ann", 2).is_ok());
        // Whoever knows more keeps that.
        new.raise(&here.standing());
        assert!(new.check(b"ann").is_err());
    }

    #[test]
    fn what_a_key_owes_is_bounded() {
        let limiter = limiter(10, 60);
        let tag = limiter.hasher.hash(b"ann");
        for _ in 0..5 {
            limiter.charge_at(&[(tag, u32::MAX)], 0);
        }
        let most = RATE_MOST_OWED * 10;
        assert!(limiter.take(b"ann", 1, (most - 10) * SECOND).is_err());
        assert!(limiter.take(b"ann", 1, (most - 9) * SECOND).is_ok());
    }

    proptest! {
        /// Whoever asks wherever and whenever: all nodes together let through what one would, and what they had not told
        /// each other at that moment.
        #[test]
        fn nodes_together_let_through_little_more_than_one(
            nodes in 2_usize..6,
            burst in 1_u32..40,
            per_minute in 1_u32..240,
            asked in prop::collection::vec((0_usize..6, 0_u64..400, 1_u32..6), 1..600),
        ) {
            let all: Vec<_> = (0..nodes).map(|_| limiter(burst, per_minute)).collect();
            let quota = Quota::a_minute(burst, per_minute).unwrap();
            let others = u32::try_from(nodes - 1).unwrap();
            let (mut now, mut second, mut total) = (0, 1, 0_u32);
            let mut lately = vec![0; nodes];
            for (node, millis, many) in asked {
                let node = node % nodes;
                now += millis * SECOND / 1_000;
                while now >= second * SECOND {
                    for (from, told) in all.iter().map(Limiter::take_used).enumerate() {
                        for (_, other) in all.iter().enumerate().filter(|(to, _)| *to != from) {
                            other.charge_at(&told, second * SECOND);
                        }
                    }
                    lately.fill(0);
                    second += 1;
                }
                if all[node].take(b"ann", many, now).is_err() {
                    continue;
                }
                lately[node] += many;
                total += many;
                let not_told: u32 = lately.iter().sum::<u32>() - lately[node];
                let one_alone = burst + u32::try_from(now / quota.step).unwrap();
                let most = one_alone + others * (quota.share() - 1) + not_told;
                prop_assert!(total <= most, "{total} of {most}");
            }
        }
    }
}
