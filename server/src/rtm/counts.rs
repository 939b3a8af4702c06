//! What is counted of sockets, messages and turns since the start.
//!
//! In the path: sockets, `publish` and `answers` count here where something happens; `http::metrics` shows the counts.
//!
//! Invariant: a label is a word of ours or the id of a configured bot, and nothing of a visitor. So it tells nobody
//! apart, and there are few of them.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::records::{Sender, StoredMessage};

/// Upper bounds: from a webhook next door to a language model that thinks.
const TURN_SECONDS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 30.0, 60.0];

/// By a word of ours.
pub(super) type ByWord = [(&'static str, &'static str); 1];
/// By the id of a configured bot.
pub(super) type ByBot = [(&'static str, String); 1];

/// See the [module](self).
#[derive(Debug)]
pub struct Counts {
    /// Sockets that were opened.
    pub sockets: Counter,
    /// Sessions that began with one of them.
    pub sessions: Counter,
    /// Sockets that have ended, by the code that the server gave.
    pub closed: Family<[(&'static str, String); 1], Counter>,
    /// Stored messages by sender.
    pub messages: Family<ByWord, Counter>,
    /// Messages of visitors that the store did not take.
    pub not_stored: Counter,
    /// Turns that wait until their bot may get another.
    pub waiting: Family<ByBot, Gauge>,
    /// Tries of turns, by how they ended.
    pub tries: Family<[(&'static str, String); 2], Counter>,
    /// How long bots took.
    pub seconds: Family<ByBot, Histogram>,
    /// Tokens of language models.
    pub tokens: Family<ByBot, Counter>,
    /// Conversations with jobs that nobody worked on.
    pub taken_up: Counter,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            sockets: Counter::default(),
            sessions: Counter::default(),
            closed: Family::default(),
            messages: Family::default(),
            not_stored: Counter::default(),
            waiting: Family::default(),
            tries: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(TURN_SECONDS)),
            tokens: Family::default(),
            taken_up: Counter::default(),
        }
    }
}

/// A turn that waits. Dropping it counts it off.
pub(super) struct Waiting(Gauge);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Counts {
    pub(super) fn stored(&self, message: &StoredMessage) {
        let sender = match (message.sender, &message.agent) {
            (Sender::User, _) => "visitor",
            (Sender::Bot, None) => "bot",
            (Sender::Bot, Some(_)) => "agent",
        };
        self.messages.get_or_create(&[("sender", sender)]).inc();
    }

    /// A socket has ended with this close code, or `gone`.
    pub(super) fn ended(&self, code: String) {
        self.closed.get_or_create(&[("code", code)]).inc();
    }

    /// A turn waits for its bot from now on.
    pub(super) fn waits(&self, bot: &str) -> Waiting {
        let waiting = self.waiting.get_or_create_owned(&[("bot", bot.to_owned())]);
        waiting.inc();
        Waiting(waiting)
    }

    /// A try of a turn has ended with this word.
    pub(super) fn tried(&self, bot: &str, outcome: &str) {
        let labels = [("bot", bot.to_owned()), ("outcome", outcome.to_owned())];
        self.tries.get_or_create(&labels).inc();
    }

    /// A bot has used tokens, or none.
    pub(super) fn used(&self, bot: &str, tokens: u64) {
        if tokens > 0 {
            let used = self.tokens.get_or_create(&[("bot", bot.to_owned())]);
            used.inc_by(tokens);
        }
    }

    pub(super) fn took(&self, bot: &str, time: Duration) {
        let seconds = self.seconds.get_or_create(&[("bot", bot.to_owned())]);
        seconds.observe(time.as_secs_f64());
    }
}
