//! The platform side of the Kore RTM protocol: from an assertion to a conversation.
//!
//! # In the order of a conversation
//! - [`bearer`]: who calls, and from which page; [`access`]: whether a grant is still valid; `ended`: what another process
//!   has ended.
//! - [`token`]: an assertion becomes an access token.
//! - [`start`]: an access token becomes the address of one socket.
//! - [`socket`]: a ticket becomes a socket, or is refused before there is one; [`upgrade`]: the change to a WebSocket,
//!   `strict`: which frames are read at all; `handshake`: what is known of a new socket.
//! - [`live`]: the socket's task; [`conversation`]: what a frame asks for, [`cursor`]: which messages were sent,
//!   `pace`: how fast the peer may send; all three without I/O. `end`: how a socket ends.
//! - `delivered`: which part of a streaming answer was sent.
//! - `presence`: who answers, as far as the client knows; `who`: how frames name them.
//! - [`answers`]: stored jobs become the bot's answers; `turn`: what the bot gets, `recent`: the messages before,
//!   `budget`: how many turns it may get; `busy`: which conversations are worked on here,
//!   `take_over`: jobs that no node works on; `stream`: how answers are
//!   shown while they stream. `retry`: when a failed turn is tried again, `breaker`: when a failing bot gets no turns,
//!   `apology`: what the visitor reads then.
//! - [`outside`]: what is said outside a turn; `profile`: what an assertion says of its visitor.
//! - [`history`], [`theme`]: what clients ask for besides.
//! - `counts`: what is counted for the operator.
//! - [`registry`]: which sockets are open, `seats`: how many a user has on all nodes; [`limits`]: every number that bounds all of this.
//!
//! # Invariants
//! - Acknowledged is stored. Stored is answered, also after a crash.
//! - No state of a session lives only in this process: any instance with the same store and keys can serve any request.
//!   What is in memory here (open sockets, conversations that are being answered) is about this process' own sockets
//!   and tasks.
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
mod at_once;
pub mod bearer;
mod breaker;
mod budget;
mod busy;
pub mod conversation;
mod counts;
pub mod cursor;
mod delivered;
mod end;
mod ended;
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
mod seats;
pub mod socket;
pub mod start;
pub mod stream;
mod strict;
mod take_over;
pub mod theme;
pub mod token;
mod turn;
pub mod upgrade;
mod who;

use breaker::Breaker;
use busy::Busy;
use counts::Counts;
use limits::BOT_TURNS_AT_ONCE;
use registry::Registry;

/// What the platform side is built from.
pub struct Dependencies {
    /// The configuration.
    pub config: Arc<Swap<Config>>,
    /// The apps' keys.
    pub keys: Arc<Keys>,
    /// The store.
    pub store: Arc<dyn Store>,
    /// Wakes the sockets of a conversation.
    pub bus: Arc<dyn Bus>,
    /// The bots by id, `st-…`.
    pub bots: HashMap<String, Arc<dyn Bot>>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Makes names and secrets.
    pub ids: Arc<dyn Ids>,
    /// Spawns tasks, and ends them at the shutdown.
    pub shutdown: Shutdown,
    /// Counts refusals in the log.
    pub refusals: Arc<Refusals>,
    /// Limits how often somebody may ask.
    pub rates: Arc<Rates>,
    /// Knows whether the disk has room.
    pub room: Arc<Room>,
}

/// What handlers, sockets and the answerer share.
pub struct Rtm {
    config: Arc<Swap<Config>>,
    /// The apps' keys.
    pub keys: Arc<Keys>,
    /// Rules for assertions.
    pub policy: Policy,
    /// The store.
    pub store: Arc<dyn Store>,
    /// Wakes the sockets of a conversation.
    pub bus: Arc<dyn Bus>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Makes names and secrets.
    pub ids: Arc<dyn Ids>,
    /// Spawns tasks, and ends them at the shutdown.
    pub shutdown: Shutdown,
    /// Counts refusals in the log.
    pub refusals: Arc<Refusals>,
    /// Limits how often somebody may ask.
    pub rates: Arc<Rates>,
    /// Knows whether the disk has room.
    pub room: Arc<Room>,
    /// The open sockets.
    pub registry: Arc<Registry>,
    /// What is counted for the operator.
    pub counts: Counts,
    bots: Swap<Bots>,
    busy: Busy,
}

/// The bots by id, `st-…`.
type Bots = HashMap<String, Staffed>;

/// A bot with the number of its turns that may run at once. A bot that hangs does not hold up another.
#[derive(Clone)]
struct Staffed {
    bot: Arc<dyn Bot>,
    turns: Arc<Semaphore>,
    breaker: Arc<Breaker>,
}

/// How a bot does.
pub struct BotWork {
    /// Its id.
    pub bot: String,
    /// The turns that it has now.
    pub turns: usize,
    /// Whether it gets no turns because it has failed again and again.
    pub is_left_alone: bool,
}

impl Rtm {
    /// Puts the parts together. Starts nothing: see [`Rtm::resume`].
    pub fn new(parts: Dependencies) -> Arc<Self> {
        let config = parts.config.get();
        let shared = parts.store.is_shared();
        let per_address = config.server.max_sockets_per_address;
        Arc::new(Self {
            policy: Policy::from(&config.tokens),
            registry: Arc::new(Registry::new(per_address, shared)),
            counts: Counts::default(),
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

    /// The configuration at this moment.
    pub fn config(&self) -> Arc<Config> {
        self.config.get()
    }

    /// Replaces the bots. A turn that is running ends with the bot that it began with.
    pub fn replace_bots(&self, bots: HashMap<String, Arc<dyn Bot>>) {
        let present = self.bots.get();
        self.bots.replace(staffed(bots, &present));
    }

    /// Goes on with the jobs that nobody works on: those that were open when the last process ended, and those of other
    /// nodes that die. From now on it heeds what other processes end.
    pub fn resume(self: &Arc<Self>) {
        take_over::begin(self);
        ended::begin(self);
        seats::begin(self);
    }

    /// Whether the answers of this bot come outside its turns.
    pub fn answers_late(&self, bot: &str) -> bool {
        let bots = self.bots.get();
        bots.get(bot)
            .is_some_and(|staffed| staffed.bot.answers_late())
    }

    /// The bot with this id, at this moment.
    pub fn bot(&self, id: &str) -> Option<Arc<dyn Bot>> {
        self.bots
            .get()
            .get(id)
            .map(|staffed| Arc::clone(&staffed.bot))
    }

    /// How each bot does at this moment.
    pub fn work(&self) -> Vec<BotWork> {
        let bots = self.bots.get();
        let work = bots.iter().map(|(id, staffed)| BotWork {
            bot: id.clone(),
            turns: BOT_TURNS_AT_ONCE - staffed.turns.available_permits(),
            is_left_alone: staffed.breaker.is_open(),
        });
        work.collect()
    }

    /// How many conversations are being answered here.
    pub fn answering(&self) -> usize {
        self.busy.len()
    }

    /// A new secret as text for a header or an address: 256 bits, 43 characters.
    fn secret(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.ids.secret())
    }

    /// Publishes a message that was stored now to everybody in the conversation, and counts it. If the bus fails,
    /// nothing fails here: the message is stored, and sockets see the gap.
    pub async fn publish(&self, message: StoredMessage) {
        self.counts.stored(&message);
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

/// The new bots. A bot that was there before keeps its semaphore, so that its running turns stay counted. Its breaker
/// is new, because the change may have repaired the bot.
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
