//! One socket's ear: what was published and not yet taken.
//!
//! In the path: a bus puts wakes into the [`Backlog`]s of a conversation, each socket takes them out of
//! its own by [`Subscription::recv`].
//!
//! Invariants: putting never waits. A backlog holds at most [`BACKLOG`] events and [`BACKLOG_BYTES`];
//! when that is not enough, all of it is let go and the subscriber is told. An empty one owns no memory
//! besides itself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{BACKLOG, BACKLOG_BYTES, BusEvent, Wake};

/// An empty queue keeps room for so many: a turn's worth.
const KEPT_ROOM: usize = 8;

/// What waits for one subscriber. The bus' end of it.
#[derive(Debug, Default)]
pub struct Backlog {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    wakes: VecDeque<Wake>,
    bytes: usize,
    lagged: bool,
}

impl Backlog {
    /// Adds a wake. Never waits.
    pub fn put(&self, wake: Wake) {
        let size = wake.bytes();
        let mut waiting = self.lock();
        if let Some(last) = waiting.wakes.pop_back_if(|last| last.is_outgrown_by(&wake)) {
            waiting.bytes -= last.bytes();
        }
        if waiting.wakes.len() >= BACKLOG || waiting.bytes + size > BACKLOG_BYTES {
            waiting.wakes = VecDeque::new();
            waiting.bytes = 0;
            waiting.lagged = true;
        }
        waiting.bytes += size;
        waiting.wakes.push_back(wake);
        drop(waiting);
        self.news.notify_one();
    }

    fn take(&self) -> Option<BusEvent> {
        let mut waiting = self.lock();
        if std::mem::take(&mut waiting.lagged) {
            return Some(BusEvent::Lagged);
        }
        let wake = waiting.wakes.pop_front()?;
        waiting.bytes -= wake.bytes();
        if waiting.wakes.is_empty() && waiting.wakes.capacity() > KEPT_ROOM {
            waiting.wakes = VecDeque::new();
        }
        Some(BusEvent::Wake(wake))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in the critical sections can panic half-way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One socket's ear on a conversation. Dropping it unsubscribes.
pub struct Subscription {
    backlog: Arc<Backlog>,
    leave: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Subscription {
    /// For the makers of buses: `leave` runs when nobody listens any more.
    pub fn new(
        backlog: Arc<Backlog>,
        leave: impl FnOnce() + Send + Sync + 'static,
    ) -> Subscription {
        Subscription {
            backlog,
            leave: Some(Box::new(leave)),
        }
    }

    /// The next event. Cancel safe: a dropped call loses nothing.
    pub async fn recv(&mut self) -> BusEvent {
        loop {
            if let Some(event) = self.backlog.take() {
                return event;
            }
            self.backlog.news.notified().await;
        }
    }

    /// Resolves when too much waits: the next event is [`BusEvent::Lagged`]. Takes nothing.
    pub async fn lagged(&mut self) {
        while !self.backlog.lock().lagged {
            self.backlog.news.notified().await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(leave) = self.leave.take() {
            leave();
        }
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract::{wake, wake_of};
    use super::super::{Growing, News, Typing};
    use super::*;
    use crate::clock::Millis;
    use crate::records::ConversationId;

    fn ear() -> Subscription {
        Subscription::new(Arc::default(), || {})
    }

    #[tokio::test]
    async fn so_many_events_may_wait_and_then_all_of_them_are_let_go() {
        let mut ear = ear();
        let most = u64::try_from(BACKLOG).unwrap();
        (1..=most).for_each(|seq| ear.backlog.put(wake(1, seq)));
        assert_eq!(ear.recv().await, BusEvent::Wake(wake(1, 1)));
        ear.backlog.put(wake(1, most + 1));
        assert!(!ear.backlog.lock().lagged);
        ear.backlog.put(wake(1, most + 2));
        ear.lagged().await;
        assert_eq!(ear.backlog.lock().wakes.len(), 1);
        assert_eq!(ear.recv().await, BusEvent::Lagged);
        assert_eq!(ear.recv().await, BusEvent::Wake(wake(1, most + 2)));
    }

    #[tokio::test]
    async fn so_many_bytes_may_wait() {
        let mut ear = ear();
        let size = 60 * 1024;
        for seq in 1..=1_000 {
            ear.backlog.put(wake_of(1, seq, size));
            assert!(ear.backlog.lock().bytes <= BACKLOG_BYTES);
        }
        assert_eq!(ear.recv().await, BusEvent::Lagged);
        while let Some(event) = ear.backlog.take() {
            assert!(matches!(event, BusEvent::Wake(_)));
        }
        let waiting = ear.backlog.lock();
        assert_eq!(
            (waiting.bytes, waiting.wakes.capacity() <= KEPT_ROOM),
            (0, true)
        );
    }

    #[tokio::test]
    async fn the_bytes_of_every_kind_of_news_count() {
        let mut ear = ear();
        let stop = Wake {
            conversation: ConversationId(1),
            news: News::Stop("ms-1".into()),
        };
        ear.backlog.put(wake_of(1, 1, 6));
        ear.backlog.put(stop);
        assert_eq!(ear.backlog.lock().bytes, 6 + 4);
        ear.recv().await;
        ear.recv().await;
        assert_eq!(ear.backlog.lock().bytes, 0);
    }

    #[tokio::test]
    async fn an_answer_that_grows_waits_with_its_beginning_and_its_newest_state() {
        let mut ear = ear();
        let grown = |from: usize, bytes: usize| Wake {
            conversation: ConversationId(1),
            news: News::Growing(Arc::new(Growing {
                message_id: "ms-1".into(),
                attempt: 0,
                began: Millis(0),
                behind: None,
                from,
                text: "x".repeat(bytes),
                session_id: "s".into(),
            })),
        };
        for bytes in 1..=1_000 {
            ear.backlog.put(grown(bytes - 1, bytes));
        }
        assert_eq!(ear.recv().await, BusEvent::Wake(grown(0, 1)));
        assert_eq!(ear.recv().await, BusEvent::Wake(grown(999, 1_000)));
        assert_eq!(ear.backlog.lock().bytes, 0);
    }

    #[tokio::test]
    async fn of_somebody_who_types_only_the_last_word_waits() {
        let mut ear = ear();
        let typing = |agent: Option<&str>, types| Wake {
            conversation: ConversationId(1),
            news: News::Typing(Typing {
                agent: agent.map(Into::into),
                types,
                doing: None,
            }),
        };
        for types in [true, false, true, false] {
            ear.backlog.put(typing(None, types));
        }
        ear.backlog.put(typing(Some("Ann"), true));
        assert_eq!(ear.backlog.lock().bytes, 3);
        assert_eq!(ear.recv().await, BusEvent::Wake(typing(None, false)));
        let ann = typing(Some("Ann"), true);
        assert_eq!(ear.recv().await, BusEvent::Wake(ann));
        assert_eq!(ear.backlog.lock().bytes, 0);
    }

    #[tokio::test]
    async fn waiting_for_too_much_loses_nothing() {
        let mut ear = ear();
        ear.backlog.put(wake(1, 1));
        let asked = tokio::time::timeout(std::time::Duration::from_millis(1), ear.lagged());
        assert!(asked.await.is_err());
        assert_eq!(ear.recv().await, BusEvent::Wake(wake(1, 1)));
    }
}
