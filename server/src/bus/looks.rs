//! Lets sockets look at the store while no bus tells them of other nodes.
//!
//! In the path: [`Looks::run`] is a task of the process. It puts [`Event::Look`](super::Event::Look) into the
//! backlogs of all conversations, a slice at a time; each socket then reads from the store what it missed.
//!
//! Invariants: each conversation is looked at once in a round at most, and a round is spread evenly over
//! [`LOOK_EVERY`], so that neither a bus that goes away nor one that comes back makes a storm. Without a reason nobody
//! looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use super::memory::LOOK_SLICES;
use super::{Bus, MemoryBus};
use crate::shutdown::Shutdown;

/// How late messages of other nodes come without a bus, at most. Half of that on average: short enough to read as a
/// pause in a talk, long enough that ten thousand sockets ask a store for less than seven thousand reads a second.
pub const LOOK_EVERY: Duration = Duration::from_secs(3);

/// Why sockets look at the store again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Other nodes have the same store, and there is no bus.
    NoBus = 1,
    /// The broker cannot be reached from here.
    Away = 2,
    /// Another node is not heard of, and did not say goodbye: it may be the one that cannot reach the broker.
    Silent = 4,
}

/// When this process' sockets look at the store. Clones share it.
#[derive(Clone, Debug)]
pub struct Looks(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    memory: MemoryBus,
    every: Duration,
    /// The [`Reason`]s that hold.
    reasons: AtomicU8,
    /// Slices until everybody has looked once more.
    owed: AtomicUsize,
    changed: Notify,
    count: AtomicU64,
}

impl Looks {
    /// Nobody looks yet. `every` is [`LOOK_EVERY`], and shorter in tests.
    pub fn new(memory: MemoryBus, every: Duration) -> Self {
        Self(Arc::new(Shared {
            memory,
            every,
            reasons: AtomicU8::new(0),
            owed: AtomicUsize::new(0),
            changed: Notify::new(),
            count: AtomicU64::new(0),
        }))
    }

    /// From now on there is this reason to look again and again.
    pub fn begin(&self, reason: Reason) {
        self.0.reasons.fetch_or(reason as u8, Ordering::SeqCst);
        self.0.changed.notify_one();
    }

    /// This reason is over. Everybody looks once more, for what came last.
    pub fn end(&self, reason: Reason) {
        let before = self.0.reasons.fetch_and(!(reason as u8), Ordering::SeqCst);
        if before & reason as u8 != 0 {
            self.once();
        }
    }

    /// Does it hold now?
    pub fn has(&self, reason: Reason) -> bool {
        self.0.reasons.load(Ordering::SeqCst) & reason as u8 != 0
    }

    /// Everybody looks once from now on: something may have been lost.
    pub fn once(&self) {
        self.0.owed.store(LOOK_SLICES, Ordering::SeqCst);
        self.0.changed.notify_one();
    }

    /// How often a subscriber was told to look.
    pub fn count(&self) -> u64 {
        self.0.count.load(Ordering::Relaxed)
    }

    /// Goes around until the server ends.
    pub async fn run(self, ending: Shutdown) {
        let shared = &self.0;
        let slices = u32::try_from(LOOK_SLICES).unwrap_or(u32::MAX);
        let mut step = interval(shared.every / slices);
        // Late steps are not made up for at once: that would be a storm.
        step.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut slice = 0;
        loop {
            if self.is_quiet() {
                tokio::select! {
                    () = shared.changed.notified() => continue,
                    () = ending.cancelled() => return,
                }
            }
            tokio::select! {
                _ = step.tick() => {}
                () = ending.cancelled() => return,
            }
            let told = shared.memory.look(slice) as u64;
            shared.count.fetch_add(told, Ordering::Relaxed);
            slice = (slice + 1) % LOOK_SLICES;
        }
    }

    /// Has nobody to look now? Otherwise the next slice counts as done.
    fn is_quiet(&self) -> bool {
        if self.0.reasons.load(Ordering::SeqCst) != 0 {
            return false;
        }
        let owed = &self.0.owed;
        let one_less = |owed: usize| owed.checked_sub(1);
        owed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .is_err()
    }
}

/// The bus of a process without a broker. With `looks`, other nodes have the same store, and their messages are looked
/// for there.
pub fn in_process(looks: bool, shutdown: &Shutdown) -> Arc<dyn Bus> {
    let memory = MemoryBus::new();
    if looks {
        let looks = Looks::new(memory.clone(), LOOK_EVERY);
        looks.begin(Reason::NoBus);
        shutdown.spawn("bus looks", looks.run(shutdown.clone()));
    }
    Arc::new(memory)
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::super::{Event, Received, Subscription, Wake};
    use super::*;
    use crate::records::ConversationId;

    /// Paused time: a second passes when nobody has anything to do.
    struct Here {
        memory: MemoryBus,
        looks: Looks,
        shutdown: Shutdown,
    }

    impl Here {
        fn start() -> Self {
            let memory = MemoryBus::new();
            let looks = Looks::new(memory.clone(), LOOK_EVERY);
            let shutdown = Shutdown::new();
            shutdown.spawn("looks", looks.clone().run(shutdown.clone()));
            Self {
                memory,
                looks,
                shutdown,
            }
        }

        async fn listen(&self, conversation: i64) -> Subscription {
            let conversation = ConversationId(conversation);
            self.memory.subscribe(conversation).await.unwrap()
        }
    }

    async fn is_told(subscription: &mut Subscription, within: Duration) -> bool {
        let Ok(received) = timeout(within, subscription.recv()).await else {
            return false;
        };
        matches!(received, Received::Wake(Wake { event, .. }) if event == Event::Look)
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_looks_once_in_a_round_and_not_all_at_once() {
        let here = Here::start();
        let mut all = Vec::new();
        for conversation in 0..1_000 {
            all.push(here.listen(conversation).await);
        }
        here.looks.begin(Reason::Away);
        let mut most = 0;
        let begun = Instant::now();
        let mut before = 0;
        while begun.elapsed() < 2 * LOOK_EVERY {
            tokio::time::sleep(LOOK_EVERY / 64).await;
            let count = here.looks.count();
            most = most.max(count - before);
            before = count;
        }
        assert!((2_000..=2_016).contains(&before), "{before}");
        assert!(most <= 32, "{most} at once");
        for subscription in &mut all {
            assert!(is_told(subscription, Duration::ZERO).await);
            let second = is_told(subscription, Duration::ZERO).await;
            assert!(!second, "looks that were not taken wait as one");
        }
        here.shutdown.drain(LOOK_EVERY).await;
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_reason_is_over_everybody_looks_once_more() {
        let here = Here::start();
        let mut one = here.listen(7).await;
        let long = Duration::from_mins(10);
        assert!(!is_told(&mut one, long).await, "there is no reason");
        here.looks.begin(Reason::Away);
        here.looks.begin(Reason::Silent);
        for _ in 0..3 {
            assert!(is_told(&mut one, 2 * LOOK_EVERY).await);
        }
        here.looks.end(Reason::Away);
        for _ in 0..3 {
            assert!(is_told(&mut one, 2 * LOOK_EVERY).await);
        }
        here.looks.end(Reason::Silent);
        assert!(is_told(&mut one, 2 * LOOK_EVERY).await);
        assert!(!is_told(&mut one, long).await);
        // A reason that did not hold is no reason to look.
        here.looks.end(Reason::Away);
        assert!(!is_told(&mut one, long).await);
        here.looks.once();
        assert!(is_told(&mut one, 2 * LOOK_EVERY).await);
        assert!(!is_told(&mut one, long).await);
        here.shutdown.drain(LOOK_EVERY).await;
    }
}
