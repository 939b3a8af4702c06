//! One row of the visible list, made from a frame, from the history, or from what the visitor typed.

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
        /// Milliseconds since the epoch. It is only displayed; no order depends on it.
        pub at_ms: u64,
        /// What it shows.
        pub content: Content,
        /// How far the message got.
        pub delivery: Delivery,
        /// The position in the conversation, if the server counts.
        pub seq: Option<u64>,
        /// The sequence behind which an answer stands that was shown while it streamed.
        pub behind: Option<u64>,
        /// The server's id, where it has one.
        pub message_id: Option<String>,
        /// The person who wrote it instead of the bot.
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
    /// How far a message got: the visitor's on its way to the server, the bot's on its way to its end.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Delivery {
        /// On the screen of the person behind the bot.
        Delivered,
        /// The session gave up, or the message was refused. The text is kept, with Retry and Delete.
        Failed,
        /// The bot is still saying it.
        Streaming,
        /// Seen by the person behind the bot.
        Read,
        /// On its way.
        Sending,
        /// The server has stored the visitor's message. Messages of others are always in this state.
        Sent,
        /// The bot was stopped, or broke off. The row shows what it had said.
        Stopped,
    }
}

impl Delivery {
    /// Whether the server has stored the message.
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

/// The key of a row of the visitor, made of the client's own id.
#[must_use]
pub fn own_key(client_message_id: &MessageRef) -> String {
    match client_message_id {
        MessageRef::Number(id) => ["own-", id.as_str()].concat(),
        MessageRef::Text(id) => ["own-", id].concat(),
    }
}

impl Entry {
    /// The key by which the list is sorted, if the server counts. A streamed answer stands behind what was there when
    /// it began, and before everything that was said later.
    pub(super) fn sort_key(&self) -> Option<(u64, u64)> {
        let behind = self
            .behind
            .filter(|behind| Some(*behind) < self.seq.or(Some(u64::MAX)));
        match (self.seq, behind) {
            (Some(seq), behind) => Some((behind.unwrap_or(seq), seq)),
            // It will be stored after everything that is there now.
            (None, Some(behind)) => Some((behind, u64::MAX)),
            (None, None) => None,
        }
    }

    /// Whether both are rows of the same message. The client's id decides only if the server has not named both,
    /// because the same id may come again with other words.
    pub(super) fn is(&self, other: &Self) -> bool {
        let named = self.message_id.as_ref().zip(other.message_id.as_ref());
        let counted = self.seq.zip(other.seq);
        named.is_some_and(|(one, two)| one == two)
            || counted.is_some_and(|(one, two)| one == two)
            || (named.is_none() && counted.is_none() && self.key == other.key)
    }

    /// A row for a text or a choice that the visitor has just made.
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

    /// A row for a frame of the bot. `now_ms` is the time of a lean frame, which has none.
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

    /// A row for an answer that begins to stream, before its first piece.
    #[must_use]
    pub fn streaming(frame: &BotResponse, now_ms: u64) -> Self {
        Self {
            author: Author::Bot,
            content: Content::text(""),
            delivery: Delivery::Streaming,
            ..Self::of_bot_response(frame, now_ms)
        }
    }

    /// A row for a message that the same visitor sent on another session.
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
