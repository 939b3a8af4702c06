//! Who should look: wakes the sockets of a conversation, here and on other nodes.
//!
//! In the path: after a commit the writer of a message publishes a [`Wake`]; every socket of the
//! conversation holds a [`Subscription`].
//!
//! Invariants: the store is the truth, the bus only wakes. A bus may lose: whoever sees a gap in the
//! sequences reads the store. A slow subscriber is told [`BusEvent::Lagged`], and costs the others
//! nothing: publishing never waits for a subscriber.

use std::sync::Arc;

use async_trait::async_trait;

use crate::records::{ConversationId, StoredMessage};

#[cfg(test)]
mod contract;
mod memory;
mod subscription;

pub use memory::MemoryBus;
pub use subscription::{Backlog, Subscription};

/// Events that one subscriber may be behind. A turn has a message and a few answers, and a socket that
/// reads takes each at once; more than this means a peer that does not read.
pub const BACKLOG: usize = 256;

/// Bytes of bodies that one subscriber may be behind: four of the largest answers.
pub const BACKLOG_BYTES: usize = 256 * 1024;

/// A message was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wake {
    /// In which conversation.
    pub conversation: ConversationId,
    /// The message itself, so that the usual case needs no read.
    pub message: Arc<StoredMessage>,
}

impl Wake {
    /// What it costs to keep it.
    fn bytes(&self) -> usize {
        self.message.body.len()
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
    /// You did not take them in time and some are gone: the store has them.
    Lagged,
    /// The bus is gone; the server is ending.
    Closed,
}
