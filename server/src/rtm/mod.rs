//! The platform side of the Kore RTM protocol: from an assertion to a conversation.
//!
//! # In the order of a conversation
//! - [`bearer`]: who calls, and from which page; [`access`]: whether what they were granted still stands.
//! - [`token`]: an assertion becomes an access token.
//! - [`start`]: an access token becomes a socket's address, good for one socket.
//! - [`socket`]: a ticket becomes a socket, or is refused before there is one; [`upgrade`]: the handshake,
//!   `strict`: what a frame must be to be read at all; `handshake`: what it brings along.
//! - [`live`]: the socket's task; [`conversation`]: what a frame asks for, [`cursor`]: what the
//!   socket has been told, `pace`: how fast it may send; all three without I/O. `end`: how it ends.
//! - `delivered`: what the socket has been told of an answer that grows.
//! - `presence`: what the socket has been told of who answers; `who`: how frames name them.
//! - [`answers`]: stored jobs become the bot's answers; `turn`: what the bot is told, `recent`: what was said before,
//!   `budget`: how much it may be asked; `busy`: which conversations are worked on here; `stream`: what is shown of its answers while they grow. `retry`: when a turn that
//!   failed is given again, `breaker`: when a bot that fails is left alone, `apology`: what the visitor is told then.
//! - [`history`], [`theme`]: what clients ask besides.
//! - [`registry`]: who is here; [`limits`]: every number that bounds this.
//!
//! # Invariants
//! - Acknowledged is stored. Stored is answered, also after a crash.
//! - Nothing about a session lives in this process only: any instance with the same store and keys
//!   serves any request. What is in memory here (open sockets, who is being answered) is about this
//!   process' own sockets and tasks.
//! - Tokens, tickets, assertions and texts are neither logged nor part of an error.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::Semaphore;

use crate::bot::Bot;
use crate::bus::{Bus, Event, Wake};
use crate::clock::Clock;
use crate::config::Config;
use crate::ids::Ids;
use crate::records::{ConversationId, StoredMessage};
use crate::security::rates::Rates;
use crate::security::refusals::Refusals;
use crate::shutdown::Shutdown;
use crate::signing::{Keys, Policy};
use crate::store::Store;
use crate::store::room::Room;
use crate::swap::Swap;

pub mod access;
pub mod answers;
mod apology;
pub mod bearer;
mod breaker;
mod budget;
mod busy;
pub mod conversation;
pub mod cursor;
mod delivered;
mod end;
mod handshake;
pub mod history;
pub mod limits;
pub mod live;
pub mod outside;
mod pace;
mod presence;
mod profile;
mod recent;
pub mod registry;
mod retry;
pub mod socket;
pub mod start;
pub mod stream;
mod strict;
pub mod theme;
pub mod token;
mod turn;
pub mod upgrade;
mod who;

use breaker::Breaker;
use busy::Busy;
use limits::BOT_TURNS_AT_ONCE;
use registry::Registry;

/// What the platform side is built from.
pub struct Dependencies {
    /// Apps, bots, lives of tokens.
    pub config: Arc<Swap<Config>>,
    /// The apps' keys.
    pub keys: Arc<Keys>,
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Wakes the sockets of a conversation.
    pub bus: Arc<dyn Bus>,
    /// By id, `st-…`.
    pub bots: HashMap<String, Arc<dyn Bot>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Names and secrets.
    pub ids: Arc<dyn Ids>,
    /// Spawns, and ends.
    pub shutdown: Shutdown,
    /// Counts in the log what is refused.
    pub refusals: Arc<Refusals>,
    /// How often somebody may ask.
    pub rates: Arc<Rates>,
    /// Whether the disk has room.
    pub room: Arc<Room>,
}

/// What handlers, sockets and the answerer share.
pub struct Rtm {
    config: Arc<Swap<Config>>,
    /// The apps' keys.
    pub keys: Arc<Keys>,
    /// Rules for assertions.
    pub policy: Policy,
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Wakes the sockets of a conversation.
    pub bus: Arc<dyn Bus>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Names and secrets.
    pub ids: Arc<dyn Ids>,
    /// Spawns, and ends.
    pub shutdown: Shutdown,
    /// Counts in the log what is refused.
    pub refusals: Arc<Refusals>,
    /// How often somebody may ask.
    pub rates: Arc<Rates>,
    /// Whether the disk has room.
    pub room: Arc<Room>,
    /// Who is here.
    pub registry: Arc<Registry>,
    bots: Swap<Bots>,
    busy: Busy,
}

/// By id, `st-…`.
type Bots = HashMap<String, Staffed>;

/// A bot and how many of its turns may run at once: one that hangs holds up no other bot.
#[derive(Clone)]
struct Staffed {
    bot: Arc<dyn Bot>,
    turns: Arc<Semaphore>,
    breaker: Arc<Breaker>,
}

impl Rtm {
    /// Puts the parts together. Starts nothing: see [`Rtm::resume`].
    pub fn new(parts: Dependencies) -> Arc<Self> {
        let config = parts.config.get();
        Arc::new(Self {
            policy: Policy::from(&config.tokens),
            registry: Arc::new(Registry::new(config.server.max_sockets_per_address)),
            config: parts.config,
            keys: parts.keys,
            store: parts.store,
            bus: parts.bus,
            clock: parts.clock,
            ids: parts.ids,
            shutdown: parts.shutdown,
            refusals: parts.refusals,
            rates: parts.rates,
            room: parts.room,
            bots: Swap::new(staffed(parts.bots, &Bots::new())),
            busy: Busy::default(),
        })
    }

    /// Apps, bots, lives of tokens at this moment.
    pub fn config(&self) -> Arc<Config> {
        self.config.get()
    }

    /// Goes on with other bots. Turns that run end with the bot that they began with.
    pub fn replace_bots(&self, bots: HashMap<String, Arc<dyn Bot>>) {
        let present = self.bots.get();
        self.bots.replace(staffed(bots, &present));
    }

    /// Goes on with the jobs that were open when the last process ended.
    pub fn resume(self: &Arc<Self>) {
        answers::resume(self);
    }

    /// Do this bot's answers come outside of its turns?
    pub fn answers_late(&self, bot: &str) -> bool {
        let bots = self.bots.get();
        bots.get(bot)
            .is_some_and(|staffed| staffed.bot.answers_late())
    }

    /// A bot of this moment.
    pub fn bot(&self, id: &str) -> Option<Arc<dyn Bot>> {
        self.bots
            .get()
            .get(id)
            .map(|staffed| Arc::clone(&staffed.bot))
    }

    /// A new secret as text for a header or an address: 256 bits, 43 characters.
    fn secret(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.ids.secret())
    }

    /// Tells everybody in the conversation. A bus that fails is no reason to fail here: the
    /// message is stored, and sockets see the gap.
    pub async fn publish(&self, message: StoredMessage) {
        let conversation = message.conversation;
        self.publish_event(conversation, Event::Stored(Arc::new(message)))
            .await;
    }

    async fn publish_event(&self, conversation: ConversationId, event: Event) {
        let wake = Wake {
            conversation,
            event,
        };
        if let Err(error) = self.bus.publish(wake).await {
            tracing::warn!(error = %error, "the bus did not take a wake");
        }
    }
}

/// The bots with their places; one of before keeps its places, so that those which are taken stay counted. Whether it is
/// to be left alone is found out anew: what was wrong with it may be what was changed.
fn staffed(bots: HashMap<String, Arc<dyn Bot>>, present: &Bots) -> Bots {
    let staffed = bots.into_iter().map(|(id, bot)| {
        let turns = present.get(&id).map_or_else(
            || Arc::new(Semaphore::new(BOT_TURNS_AT_ONCE)),
            |known| Arc::clone(&known.turns),
        );
        let breaker = Arc::new(Breaker::new(&id));
        let staffed = Staffed {
            bot,
            turns,
            breaker,
        };
        (id, staffed)
    });
    staffed.collect()
}
