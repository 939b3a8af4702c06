//! Who should look: wakes the sockets of a conversation, here and on other nodes.
//!
//! In the path: after a commit the writer of a message publishes a [`Wake`]; every socket of the
//! conversation holds a [`Subscription`].
//!
//! Invariants: the store is the truth, the bus only wakes. A bus may lose, and a slow subscriber
//! is told [`BusEvent::Lagged`]; whoever sees a gap in the sequences, or is told so, reads the
//! store. Publishing never waits for a subscriber.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::clock::Millis;
use crate::records::{ConversationId, StoredMessage};

#[cfg(test)]
mod contract;
mod memory;

pub use memory::MemoryBus;

/// Messages that one subscriber may be behind before it is told to read the store. A turn has a
/// message and a few answers; more than this means a socket that does not drain.
pub const BACKLOG: usize = 16;

/// Something happened in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wake {
    /// In which conversation.
    pub conversation: ConversationId,
    /// What.
    pub news: News,
}

/// What happened. Only a stored message is in the store; of the others nobody is owed any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A bot's answer has grown.
    Growing(Arc<Growing>),
    /// The visitor stops the answer with this id.
    Stop(Arc<str>),
    /// A message was stored. It comes along, so that the usual case needs no read.
    Stored(Arc<StoredMessage>),
}

/// An answer as far as it has grown. Always the whole, so that one that is lost is made good by the next; a bus
/// between nodes may carry the difference.
#[derive(Clone, PartialEq, Eq)]
pub struct Growing {
    /// The id that it will be stored with.
    pub message_id: String,
    /// Which try of the turn it belongs to: another one begins anew.
    pub attempt: u32,
    /// When this answer began.
    pub began: Millis,
    /// Where the text was the last time; 0 at the beginning.
    pub from: usize,
    /// What was said so far.
    pub text: String,
    /// The session it belongs to.
    pub session_id: String,
}

/// Leaves the text out: it is never logged.
impl std::fmt::Debug for Growing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Growing")
            .field("message_id", &self.message_id)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

/// Why a bus did not take or give a wake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// Other nodes were not woken; their sockets see the gap at the next message.
    #[error("the bus is not reachable ({reason}): other nodes were not woken")]
    Unavailable {
        /// The bus' own words.
        reason: String,
    },
}

/// A bus.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Wakes every subscriber of the conversation. Nobody there is no error.
    async fn publish(&self, wake: Wake) -> Result<(), BusError>;

    /// Wakes from now on. Subscribe first, then read the store: what lies between comes twice (and
    /// is recognised by its sequence) instead of never.
    async fn subscribe(&self, conversation: ConversationId) -> Result<Subscription, BusError>;
}

/// What a subscriber is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusEvent {
    /// A message was stored.
    Wake(Wake),
    /// Wakes were lost: read the store from the last sequence you know.
    Lagged,
    /// The bus is gone; the server is ending.
    Closed,
}

/// One socket's ear on a conversation. Dropping it unsubscribes.
pub struct Subscription {
    receiver: Option<broadcast::Receiver<Wake>>,
    leave: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Subscription {
    /// For the makers of buses: `leave` runs after the receiver is gone.
    pub fn new(
        receiver: broadcast::Receiver<Wake>,
        leave: impl FnOnce() + Send + Sync + 'static,
    ) -> Subscription {
        Subscription {
            receiver: Some(receiver),
            leave: Some(Box::new(leave)),
        }
    }

    /// The next event. Cancel safe: a dropped call loses nothing.
    pub async fn recv(&mut self) -> BusEvent {
        let Some(receiver) = &mut self.receiver else {
            return BusEvent::Closed;
        };
        match receiver.recv().await {
            Ok(wake) => BusEvent::Wake(wake),
            Err(RecvError::Lagged(_)) => BusEvent::Lagged,
            Err(RecvError::Closed) => BusEvent::Closed,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // First the receiver, so that whoever leaves counts the others only.
        drop(self.receiver.take());
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
