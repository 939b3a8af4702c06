//! Wakes the sockets of a conversation, here and on other nodes.
//!
//! In the path: after a commit the writer of a message publishes a [`Wake`]; every socket of the
//! conversation holds a [`Subscription`].
//!
//! Invariants: the store is the truth, the bus only wakes. A bus may lose an event: whoever sees a gap in the sequences
//! reads the store. A slow subscriber gets [`Received::Lagged`], and does not slow down the others, because publishing
//! never waits for a subscriber.

use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Millis;
use crate::records::{ConversationId, Owner, StoredMessage};

mod broker;
#[cfg(test)]
mod contract;
mod inbox;
mod link;
mod looks;
mod memory;
mod nats;
mod peers;
mod redis;
mod relayed;
#[cfg(test)]
mod relayed_tests;
mod session;
mod shared_limits;
mod subscription;
#[cfg(test)]
mod test_broker;
mod wire;

pub use broker::{Broker, BrokerSettings, Credentials, LinkError};
pub use inbox::{READ_AT_ONCE, StoredMessages};
pub use link::{Counters, Traffic};
pub use looks::{LOOK_EVERY, Looks, Reason, in_process};
pub use memory::MemoryBus;
pub use relayed::{Around, Pace, RelayedBus};
pub use shared_limits::SharedLimits;
pub use subscription::{Backlog, Subscription};

/// The most events that one subscriber may be behind. A turn has a message and a few answers, and a socket that reads
/// takes each at once. More than this means that the peer does not read.
pub const BACKLOG: usize = 256;

/// The most bytes of bodies and ids that one subscriber may be behind: four of the largest answers.
pub const BACKLOG_BYTES: usize = 256 * 1024;

/// Something happened in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wake {
    /// The conversation.
    pub conversation: ConversationId,
    /// The event.
    pub event: Event,
}

/// What happened. A stored message is in the store, so no socket can miss it for good. Any other event may get lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A grant of the visitor has ended. Each socket asks the store whether its own token is revoked.
    Access,
    /// Something may have happened that no bus has told: each socket looks at the store.
    Look,
    /// A bot's answer has a new piece.
    Streaming(Arc<Streaming>),
    /// Somebody else answers from now on.
    Owner(Owner),
    /// The session with this id was ended, and not by the visitor.
    SessionEnded(Arc<str>),
    /// The visitor stops the answer with this id.
    Stop(Arc<str>),
    /// A message was stored. The event carries it, so that a socket usually need not read the store.
    Stored(Arc<StoredMessage>),
    /// Somebody who answers begins to type, or stops. The event counts for a few seconds; whoever goes on typing
    /// publishes it again.
    Typing(Typing),
}

/// Somebody who answers and has not spoken yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Typing {
    /// The person, by name; none for the bot.
    pub agent: Option<Arc<str>>,
    /// Whether they type, or do something that takes a while.
    pub types: bool,
    /// What the bot is doing, in the visitor's language.
    pub doing: Option<Arc<str>>,
}

/// Leaves out what the visitor sees.
impl std::fmt::Debug for Typing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Typing")
            .field("types", &self.types)
            .finish_non_exhaustive()
    }
}

/// An answer as far as the bot has said it. The event always has the whole text, so the next event makes up for a lost
/// one. A bus between nodes may carry the difference.
#[derive(Clone, PartialEq, Eq)]
pub struct Streaming {
    /// The id with which it will be stored.
    pub message_id: String,
    /// The try of the turn that it belongs to. Another try begins anew.
    pub attempt: u32,
    /// When this answer began.
    pub began: Millis,
    /// The conversation's newest sequence at that moment: the answer stands behind it.
    pub behind: Option<u64>,
    /// The length of the text in the event before; 0 at the beginning.
    pub from: usize,
    /// What was said so far.
    pub text: String,
    /// The session it belongs to.
    pub session_id: String,
}

/// Leaves out the text, which is never logged.
impl std::fmt::Debug for Streaming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streaming")
            .field("message_id", &self.message_id)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

impl Wake {
    /// The memory that it takes.
    fn bytes(&self) -> usize {
        match &self.event {
            Event::Access | Event::Look | Event::Owner(Owner::Bot | Owner::Queue) => 0,
            Event::Streaming(streaming) => streaming.text.len(),
            Event::Owner(Owner::Agent(name)) => name.len(),
            Event::SessionEnded(id) | Event::Stop(id) => id.len(),
            Event::Stored(message) => message.body.len(),
            Event::Typing(typing) => {
                let len = |text: &Option<Arc<str>>| text.as_ref().map_or(0, |text| text.len());
                len(&typing.agent) + len(&typing.doing)
            }
        }
    }

    /// Whether `newer` says all of this and more. Then a subscriber that has not taken this event needs only the newer
    /// one. The first event of an answer stays, so that everybody knows when it began.
    fn is_outgrown_by(&self, newer: &Self) -> bool {
        match (&self.event, &newer.event) {
            (Event::Streaming(old), Event::Streaming(new)) => {
                old.from > 0 && old.message_id == new.message_id && old.attempt == new.attempt
            }
            (Event::Typing(old), Event::Typing(new)) => old.agent == new.agent,
            _ => false,
        }
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
    /// Wakes every subscriber of the conversation. It is not an error if there is none.
    async fn publish(&self, wake: Wake) -> Result<(), BusError>;

    /// Subscribes to wakes from now on. Subscribe first, then read the store: then an event in between comes twice, and
    /// is recognised by its sequence, instead of never.
    async fn subscribe(&self, conversation: ConversationId) -> Result<Subscription, BusError>;

    /// It does not hear of other nodes now, so what happens there is seen a few seconds late.
    fn is_degraded(&self) -> bool {
        false
    }

    /// What went over it since the start. `None`: it is for this process alone.
    fn traffic(&self) -> Option<Traffic> {
        None
    }
}

/// What a subscriber gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Something happened.
    Wake(Wake),
    /// Some events were dropped because the subscriber was too slow: it reads the store.
    Lagged,
}
