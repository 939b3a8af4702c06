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

use crate::records::{ConversationId, StoredMessage};

#[cfg(test)]
mod contract;
mod memory;

pub use memory::MemoryBus;

/// Messages that one subscriber may be behind before it is told to read the store. A turn has a
/// message and a few answers; more than this means a socket that does not drain.
pub const BACKLOG: usize = 16;

/// A message was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wake {
    /// In which conversation.
    pub conversation: ConversationId,
    /// The message itself, so that the usual case needs no read.
    pub message: Arc<StoredMessage>,
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
