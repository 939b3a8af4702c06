//! One row of the visible list, and where rows come from.

use crate::content::Content;
use crate::history::{Direction, HistoryMessage};
use crate::message::UserBody;
use crate::message_ref::MessageRef;
use crate::reply::{BotResponse, EchoedMessage, person};
use crate::timestamp;
use crate::wire;

wire! {
    /// One row.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Entry {
        /// Unique in the list and stable over the row's life.
        pub key: String,
        /// Who said it.
        pub author: Author,
        /// Milliseconds since the epoch: for display, never for order.
        pub at_ms: u64,
        /// What it shows.
        pub content: Content,
        /// How far it got.
        pub delivery: Delivery,
        /// Its place in the conversation, where the server counts.
        pub seq: Option<u64>,
        /// It was told while it grew, and began behind this sequence: there it stands.
        pub behind: Option<u64>,
        /// The server's id, where it has one.
        pub message_id: Option<String>,
        /// The person who wrote it in the bot's place.
        pub agent: Option<String>,
    }
}

wire! {
    /// Who said it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Author {
        /// The bot, or an agent behind it.
        Bot,
        /// Nobody: a notice in the list.
        System,
        /// The person at this widget.
        Visitor,
    }
}

wire! {
    /// How far a message got: one of the visitor's to the server, one of the bot's to its end.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Delivery {
        /// On the screen of the person behind the bot.
        Delivered,
        /// Given up or refused; the text is kept, with Retry and Delete.
        Failed,
        /// The bot is still saying it.
        Streaming,
        /// Seen by the person behind the bot.
        Read,
        /// On its way.
        Sending,
        /// Acknowledged: stored by the server. What others said is that when it comes.
        Sent,
        /// The bot was stopped, or broke off: this is what it had said.
        Stopped,
    }
}

impl Delivery {
    /// Whether the server has it as it stands here.
    #[must_use]
    pub fn is_stored(self) -> bool {
        matches!(self, Self::Delivered | Self::Read | Self::Sent)
    }

    /// How far a stored message of the bot got.
    fn of_bot(stopped: Option<bool>) -> Self {
        match stopped {
            Some(true) => Self::Stopped,
            _ => Self::Sent,
        }
    }
}

/// The key of a row of the visitor's own: by the id that the client gave it.
#[must_use]
pub fn own_key(client_message_id: &MessageRef) -> String {
    match client_message_id {
        MessageRef::Number(id) => ["own-", id.as_str()].concat(),
        MessageRef::Text(id) => ["own-", id].concat(),
    }
}

impl Entry {
    /// What the list is sorted by, where the server counts: an answer that grew stands behind what was there when it
    /// began, and before everything that was said meanwhile.
    pub(super) fn sort_key(&self) -> Option<(u64, u64)> {
        let behind = self
            .behind
            .filter(|behind| Some(*behind) < self.seq.or(Some(u64::MAX)));
        match (self.seq, behind) {
            (Some(seq), behind) => Some((behind.unwrap_or(seq), seq)),
            // It is stored after everything that there is.
            (None, Some(behind)) => Some((behind, u64::MAX)),
            (None, None) => None,
        }
    }

    /// Whether both are rows of the same message. The client's id decides only where the server has not named both: it may
    /// come again with other words.
    pub(super) fn is(&self, other: &Self) -> bool {
        let named = self.message_id.as_ref().zip(other.message_id.as_ref());
        let counted = self.seq.zip(other.seq);
        named.is_some_and(|(one, two)| one == two)
            || counted.is_some_and(|(one, two)| one == two)
            || (named.is_none() && counted.is_none() && self.key == other.key)
    }

    /// A row for what the visitor has just typed or chosen.
    #[must_use]
    pub fn own(client_message_id: u64, said: &UserBody, at_ms: u64) -> Self {
        Self {
            key: own_key(&client_message_id.into()),
            author: Author::Visitor,
            at_ms,
            content: Content::of_user_body(said),
            delivery: Delivery::Sending,
            seq: None,
            behind: None,
            message_id: None,
            agent: None,
        }
    }

    /// A row for a frame of the bot. `now_ms` dates a lean frame that has no time.
    #[must_use]
    pub fn of_bot_response(frame: &BotResponse, now_ms: u64) -> Self {
        let at = frame
            .created_on
            .as_deref()
            .and_then(timestamp::from_iso)
            .or(frame.timestamp);
        let content = frame
            .message
            .first()
            .map_or_else(|| Content::text(""), Content::of_bot_message);
        let author = if matches!(content, Content::System { .. }) {
            Author::System
        } else {
            Author::Bot
        };
        Self {
            key: frame
                .message_id
                .clone()
                .unwrap_or_else(|| format!("live-{now_ms}")),
            author,
            at_ms: at.unwrap_or(now_ms),
            content,
            delivery: Delivery::of_bot(frame.message.first().and_then(|first| first.stopped)),
            seq: frame.seq,
            behind: frame.message.first().and_then(|first| first.behind),
            message_id: frame.message_id.clone(),
            agent: frame.author.as_ref().and_then(person),
        }
    }

    /// A row for a streamed answer of this frame's message, before its first piece.
    #[must_use]
    pub fn streaming(frame: &BotResponse, now_ms: u64) -> Self {
        Self {
            author: Author::Bot,
            content: Content::text(""),
            delivery: Delivery::Streaming,
            ..Self::of_bot_response(frame, now_ms)
        }
    }

    /// A row for what the same visitor said on another session.
    #[must_use]
    pub fn of_echo(frame: &EchoedMessage, now_ms: u64) -> Self {
        let id = frame.client_message_id.as_ref().unwrap_or(&frame.id);
        Self {
            key: own_key(id),
            author: Author::Visitor,
            at_ms: frame.id.as_millis().unwrap_or(now_ms),
            content: Content::of_user_body(&frame.message),
            delivery: Delivery::Sent,
            seq: frame.seq,
            behind: None,
            message_id: frame.message_id.clone(),
            agent: None,
        }
    }

    /// A row of the history.
    #[must_use]
    pub fn of_history(message: &HistoryMessage) -> Self {
        let (author, content) = match message.direction {
            Direction::Incoming => (Author::Visitor, Content::of_user_body(&message.said())),
            Direction::Outgoing => match Content::of_history_text(message.text()) {
                content @ Content::System { .. } => (Author::System, content),
                content => (Author::Bot, content),
            },
        };
        Self {
            key: match (&message.user_msg_id, message.direction) {
                (Some(id), Direction::Incoming) => own_key(id),
                _ => message.id.clone(),
            },
            author,
            at_ms: timestamp::from_iso(&message.created_on).unwrap_or(0),
            content,
            delivery: Delivery::of_bot(message.stopped),
            seq: message.seq,
            behind: message.behind,
            message_id: Some(message.id.clone()),
            agent: match message.direction {
                Direction::Incoming => None,
                Direction::Outgoing => message.author.as_ref().and_then(person),
            },
        }
    }
}
