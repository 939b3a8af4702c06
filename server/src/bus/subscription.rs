//! A subscription to a conversation: the events that were published and not taken yet.
//!
//! In the path: a bus puts wakes into the [`Backlog`]s of a conversation, and each socket takes them out of its own
//! with [`Subscription::recv`].
//!
//! Invariants: putting never waits. A backlog holds at most [`BACKLOG`] events and [`BACKLOG_BYTES`]. When it is full,
//! all of it is dropped and the subscriber gets [`Received::Lagged`]. An empty backlog owns no memory besides itself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{BACKLOG, BACKLOG_BYTES, Event, Received, Wake};
use crate::records::ConversationId;

/// The room that an empty queue keeps, in events: enough for a turn.
const KEPT_ROOM: usize = 8;

/// The events that wait for one subscriber. The bus puts them in.
#[derive(Debug, Default)]
pub struct Backlog {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    wakes: VecDeque<Wake>,
    bytes: usize,
    lagged: bool,
    /// Set by [`Event::Look`], which takes no room: it waits once, behind everything else.
    look: Option<ConversationId>,
}

impl Backlog {
    /// Adds a wake. Never waits.
    pub fn put(&self, wake: Wake) {
        let size = wake.bytes();
        let mut waiting = self.lock();
        if wake.event == Event::Look {
            waiting.look = Some(wake.conversation);
            drop(waiting);
            return self.arrived.notify_one();
        }
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
        self.arrived.notify_one();
    }

    fn take(&self) -> Option<Received> {
        let mut waiting = self.lock();
        if std::mem::take(&mut waiting.lagged) {
            return Some(Received::Lagged);
        }
        let Some(wake) = waiting.wakes.pop_front() else {
            let conversation = waiting.look.take()?;
            return Some(Received::Wake(Wake {
                conversation,
                event: Event::Look,
            }));
        };
        waiting.bytes -= wake.bytes();
        if waiting.wakes.is_empty() && waiting.wakes.capacity() > KEPT_ROOM {
            waiting.wakes = VecDeque::new();
        }
        Some(Received::Wake(wake))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in the critical sections can panic.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One socket's subscription to a conversation. Dropping it unsubscribes.
pub struct Subscription {
    backlog: Arc<Backlog>,
    leave: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Subscription {
    /// For implementations of a bus. `leave` runs when the subscription is dropped.
    pub fn new(
        backlog: Arc<Backlog>,
        leave: impl FnOnce() + Send + Sync + 'static,
    ) -> Subscription {
        Subscription {
            backlog,
            leave: Some(Box::new(leave)),
        }
    }

    /// `leave` runs as well, after what runs already.
    pub(super) fn and_then(mut self, leave: impl FnOnce() + Send + Sync + 'static) -> Self {
        let before = self.leave.take();
        self.leave = Some(Box::new(move || {
            if let Some(before) = before {
                before();
            }
            leave();
        }));
        self
    }

    /// The next event. Cancel safe: a dropped call loses nothing.
    pub async fn recv(&mut self) -> Received {
        loop {
            if let Some(event) = self.backlog.take() {
                return event;
            }
            self.backlog.arrived.notified().await;
        }
    }

    /// Resolves when the backlog is full and the next event is [`Received::Lagged`]. It takes nothing out.
    pub async fn lagged(&mut self) {
        while !self.backlog.lock().lagged {
            self.backlog.arrived.notified().await;
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
    use super::super::{Streaming, Typing};
    use super::*;
    use crate::clock::Millis;

    fn subscription() -> Subscription {
        Subscription::new(Arc::default(), || {})
    }

    #[tokio::test]
    async fn so_many_events_may_wait_and_then_all_of_them_are_let_go() {
        let mut subscription = subscription();
        let most = u64::try_from(BACKLOG).unwrap();
        (1..=most).for_each(|seq| subscription.backlog.put(wake(1, seq)));
        assert_eq!(subscription.recv().await, Received::Wake(wake(1, 1)));
        subscription.backlog.put(wake(1, most + 1));
        assert!(!subscription.backlog.lock().lagged);
        subscription.backlog.put(wake(1, most + 2));
        subscription.lagged().await;
        assert_eq!(subscription.backlog.lock().wakes.len(), 1);
        assert_eq!(subscription.recv().await, Received::Lagged);
        assert_eq!(subscription.recv().await, Received::Wake(wake(1, most + 2)));
    }

    #[tokio::test]
    async fn so_many_bytes_may_wait() {
        let mut subscription = subscription();
        let size = 60 * 1024;
        for seq in 1..=1_000 {
            subscription.backlog.put(wake_of(1, seq, size));
            assert!(subscription.backlog.lock().bytes <= BACKLOG_BYTES);
        }
        assert_eq!(subscription.recv().await, Received::Lagged);
        while let Some(event) = subscription.backlog.take() {
            assert!(matches!(event, Received::Wake(_)));
        }
        let waiting = subscription.backlog.lock();
        assert_eq!(
            (waiting.bytes, waiting.wakes.capacity() <= KEPT_ROOM),
            (0, true)
        );
    }

    #[tokio::test]
    async fn the_bytes_of_every_kind_of_news_count() {
        let mut subscription = subscription();
        let stop = Wake {
            conversation: ConversationId(1),
            event: Event::Stop("ms-1".into()),
        };
        subscription.backlog.put(wake_of(1, 1, 6));
        subscription.backlog.put(stop);
        assert_eq!(subscription.backlog.lock().bytes, 6 + 4);
        subscription.recv().await;
        subscription.recv().await;
        assert_eq!(subscription.backlog.lock().bytes, 0);
    }

    #[tokio::test]
    async fn an_answer_that_grows_waits_with_its_beginning_and_its_newest_state() {
        let mut subscription = subscription();
        let streamed = |from: usize, bytes: usize| Wake {
            conversation: ConversationId(1),
            event: Event::Streaming(Arc::new(Streaming {
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
            subscription.backlog.put(streamed(bytes - 1, bytes));
        }
        assert_eq!(subscription.recv().await, Received::Wake(streamed(0, 1)));
        assert_eq!(
            subscription.recv().await,
            Received::Wake(streamed(999, 1_000))
        );
        assert_eq!(subscription.backlog.lock().bytes, 0);
    }

    #[tokio::test]
    async fn of_somebody_who_types_only_the_last_word_waits() {
        let mut subscription = subscription();
        let typing = |agent: Option<&str>, types| Wake {
            conversation: ConversationId(1),
            event: Event::Typing(Typing {
                agent: agent.map(Into::into),
                types,
                doing: None,
            }),
        };
        for types in [true, false, true, false] {
            subscription.backlog.put(typing(None, types));
        }
        subscription.backlog.put(typing(Some("Ann"), true));
        assert_eq!(subscription.backlog.lock().bytes, 3);
        assert_eq!(
            subscription.recv().await,
            Received::Wake(typing(None, false))
        );
        let ann = typing(Some("Ann"), true);
        assert_eq!(subscription.recv().await, Received::Wake(ann));
        assert_eq!(subscription.backlog.lock().bytes, 0);
    }

    #[tokio::test]
    async fn a_look_waits_once_and_takes_no_room() {
        let mut subscription = subscription();
        let look = || Wake {
            conversation: ConversationId(1),
            event: Event::Look,
        };
        let most = u64::try_from(BACKLOG).unwrap();
        subscription.backlog.put(look());
        (1..=most).for_each(|seq| subscription.backlog.put(wake(1, seq)));
        subscription.backlog.put(look());
        for seq in 1..=most {
            assert_eq!(subscription.recv().await, Received::Wake(wake(1, seq)));
        }
        assert_eq!(subscription.recv().await, Received::Wake(look()));
        assert!(subscription.backlog.take().is_none());
    }

    #[tokio::test]
    async fn waiting_for_too_much_loses_nothing() {
        let mut subscription = subscription();
        subscription.backlog.put(wake(1, 1));
        let asked =
            tokio::time::timeout(std::time::Duration::from_millis(1), subscription.lagged());
        assert!(asked.await.is_err());
        assert_eq!(subscription.recv().await, Received::Wake(wake(1, 1)));
    }
}
