//! What a client's frame asks for, and what a stored message looks like on a socket. Without I/O.
//!
//! In the path: `live` reads a frame, asks [`Step::of`], and does what the step says. Messages from the bus become
//! frames by [`Listener::frame`].
//!
//! Invariants: the same text gives the same step. A frame is stored only after it has passed every limit here. A
//! listener's frames depend on what is stored and on nothing else, so a replayed message is equal to the live one.

use protocol::Extra;
use protocol::json;
use protocol::message::{BotInfo, ClientFrame, Envelope, FrameError, UserBody, UserMessage};
use protocol::message_ref::{MAX_ID_BYTES, MessageRef};
use protocol::reply::{Ack, BotMessage, DAY_IS_FULL, ErrorFrame, Pong, Resync, ServerFrame};
use protocol::timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::limits::{MAX_ATTACHMENTS, MAX_EXTRA_BYTES, MAX_STORED_BYTES, MAX_TEXT_CHARS};
use super::turn::custom_data_beside;
use super::who::Who;
use crate::bus::Streaming;
use crate::clock::Millis;
use crate::records::{Sender, StoredMessage};
use crate::store::Fingerprint;

/// What to do about a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Acknowledge; nothing else.
    Ack(MessageRef),
    /// End the session, then acknowledge.
    CloseSession(Option<MessageRef>),
    /// Do nothing: receipts, and events without an id.
    Ignore,
    /// Answer with a pong.
    Pong(Option<MessageRef>),
    /// Stop the answer with this id, if it is streaming.
    Stop(String),
    /// Count it, and answer with an error if it has an id.
    Refuse(Offence, Option<MessageRef>),
    /// Store, then acknowledge.
    Store(Box<VisitorMessage>),
}

/// A visitor's message that passed the limits.
#[derive(Clone, Debug, PartialEq)]
pub struct VisitorMessage {
    /// The id to acknowledge, in its own JSON type.
    pub reply_to: Option<MessageRef>,
    /// The idempotence key.
    pub client_message_id: Option<String>,
    /// A fingerprint of the words: another message may come under the same id.
    pub words: Fingerprint,
    /// The text alone.
    pub text: String,
    /// JSON of the `UserBody`.
    pub body: String,
    /// What the page said beside the message, for the bot's turn.
    pub custom_data: Option<serde_json::Value>,
}

/// Why a frame was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// It is not JSON, or not an object.
    Unreadable,
    /// A field has a wrong type.
    WrongType,
    /// It has neither text nor a file.
    Empty,
    /// Longer than [`MAX_TEXT_CHARS`] or [`MAX_ID_BYTES`], more than [`MAX_ATTACHMENTS`], or too much besides.
    TooLong,
    /// It came faster than the limits allow.
    TooFast,
    /// A binary frame.
    Binary,
}

impl Offence {
    /// The code and the sentence of the error frame. 503 means: send it again later, as our widget does. Any other code
    /// means: do not send it again.
    pub fn reason(self) -> (u64, &'static str) {
        match self {
            Self::Unreadable => (400, "the frame is not a JSON object"),
            Self::WrongType => (400, "a field of the frame has a wrong type"),
            Self::Empty => (400, "the message has neither text nor a file"),
            Self::TooLong => (413, "the message is too long"),
            Self::TooFast => (503, "too many messages; try again in a moment"),
            Self::Binary => (415, "only text frames are read"),
        }
    }

    /// The close code when there are too many of them.
    pub fn close_code(self) -> u16 {
        match self {
            Self::Binary => 1003,
            Self::Unreadable => 1007,
            Self::WrongType | Self::Empty | Self::TooFast => 1008,
            Self::TooLong => 1009,
        }
    }

    /// The error frame for the frame with this id.
    pub fn frame(self, reply_to: Option<MessageRef>) -> ServerFrame {
        let (code, msg) = self.reason();
        ServerFrame::Error(ErrorFrame::new(reply_to, msg, code))
    }
}

impl Step {
    /// What a frame asks for.
    pub fn of(text: &str) -> Self {
        match ClientFrame::parse(text) {
            Ok(ClientFrame::Message(message)) => Self::of_message(message),
            Ok(ClientFrame::Ping(ping)) => Self::Pong(ping.reference().cloned()),
            Ok(ClientFrame::Stop(stop)) if stop.message_id.len() > MAX_ID_BYTES => {
                Self::Refuse(Offence::TooLong, None)
            }
            Ok(ClientFrame::Stop(stop)) => Self::Stop(stop.message_id),
            Ok(ClientFrame::CloseSession(close)) => Self::CloseSession(close.reference().cloned()),
            Ok(ClientFrame::Event(event) | ClientFrame::Unknown(event)) => Self::of_other(&event),
            Ok(ClientFrame::Ack(_)) => Self::Ignore,
            Err(FrameError::Field { replyto, .. }) => Self::Refuse(Offence::WrongType, replyto),
            Err(_) => Self::Refuse(Offence::Unreadable, None),
        }
    }

    /// What a frame asks for that came too fast. Only its id is read.
    pub fn of_too_fast(text: &str) -> Self {
        #[derive(Default, serde::Deserialize)]
        struct Id {
            #[serde(rename = "clientMessageId")]
            client_message_id: Option<MessageRef>,
            id: Option<MessageRef>,
        }
        let id: Id = json::from_text(text).unwrap_or_default();
        Self::Refuse(Offence::TooFast, id.client_message_id.or(id.id))
    }

    fn of_other(envelope: &Envelope) -> Self {
        envelope
            .reference()
            .cloned()
            .map_or(Self::Ignore, Self::Ack)
    }

    fn of_message(message: UserMessage) -> Self {
        let reply_to = message.reference().cloned();
        let said = &message.message;
        let texts = [said.body.as_deref(), said.render_msg.as_deref()];
        if texts
            .iter()
            .flatten()
            .any(|text| text.chars().count() > MAX_TEXT_CHARS)
        {
            return Self::Refuse(Offence::TooLong, reply_to);
        }
        let files = said.attachments.as_ref().map_or(0, Vec::len);
        if files > MAX_ATTACHMENTS {
            return Self::Refuse(Offence::TooLong, reply_to);
        }
        if files == 0 && said.body.as_deref().is_none_or(protocol::visible::is_blank) {
            return Self::Refuse(Offence::Empty, reply_to);
        }
        // A host page may merge other data into the frame when it is sent again. The words stay the same.
        let words = serde_json::to_string(&(&said.body, said.shown(), &said.attachments));
        let (Ok(words), Ok(body)) = (words, serde_json::to_string(said)) else {
            return Self::Refuse(Offence::WrongType, reply_to);
        };
        if body.len() > MAX_STORED_BYTES || extra_bytes(said, &body) > MAX_EXTRA_BYTES {
            return Self::Refuse(Offence::TooLong, reply_to);
        }
        Self::Store(Box::new(VisitorMessage {
            client_message_id: reply_to.as_ref().map(MessageRef::json_text),
            custom_data: custom_data_beside(&message),
            reply_to,
            words: Fingerprint::of(words),
            body,
            text: message.message.body.unwrap_or_default(),
        }))
    }
}

/// The size of what a message holds besides its texts. It is counted only for frames that could hold too much.
fn extra_bytes(said: &UserBody, body: &str) -> usize {
    if body.len() <= MAX_EXTRA_BYTES {
        return body.len();
    }
    let rest = UserBody {
        body: None,
        render_msg: None,
        ..said.clone()
    };
    serde_json::to_string(&rest).map_or(usize::MAX, |rest| rest.len())
}

/// What is needed to write the frames of one socket.
#[derive(Clone, Debug, Default)]
pub struct Listener {
    /// The bot as the client named it.
    pub bot: BotInfo,
    /// The bot's avatar.
    pub icon: Option<Box<str>>,
}

/// A `bot_response`. The entry of a complete answer is the stored JSON, which is not parsed and written again.
#[derive(Serialize)]
struct LiveAnswer<'a, Entry> {
    #[serde(rename = "type")]
    kind: &'a str,
    from: &'a str,
    message: [Entry; 1],
    #[serde(rename = "messageId")]
    message_id: &'a str,
    #[serde(rename = "botInfo")]
    bot_info: &'a BotInfo,
    #[serde(rename = "createdOn")]
    created_on: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<&'a str>,
    timestamp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<Who<'a>>,
    #[serde(rename = "fromAgent", skip_serializing_if = "Option::is_none")]
    from_agent: Option<bool>,
    #[serde(rename = "sM", skip_serializing_if = "Option::is_none")]
    streaming: Option<bool>,
    #[serde(rename = "endChunk", skip_serializing_if = "Option::is_none")]
    end_chunk: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(rename = "sessionId")]
    session_id: &'a str,
}

/// A `user_message` whose body is the stored JSON.
#[derive(Serialize)]
struct LiveEcho<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    from: &'a str,
    message: &'a RawValue,
    id: u64,
    #[serde(rename = "botInfo")]
    bot_info: &'a BotInfo,
    #[serde(rename = "clientMessageId", skip_serializing_if = "Option::is_none")]
    client_message_id: Option<&'a RawValue>,
    #[serde(rename = "messageId")]
    message_id: &'a str,
    seq: u64,
}

impl Listener {
    /// The frame for a stored message. `None` only if the body is not JSON, which no store gives.
    pub fn frame(&self, message: &StoredMessage, echo_id: u64) -> Option<String> {
        let body: &RawValue = serde_json::from_str(&message.body).ok()?;
        let frame = match message.sender {
            Sender::Bot => serde_json::to_string(&LiveAnswer {
                seq: Some(message.seq),
                author: message.agent.as_deref().map(Who::agent),
                from_agent: message.agent.as_ref().map(|_| true),
                ..self.answer(
                    body,
                    message.created,
                    &message.message_id,
                    &message.session_id,
                )
            }),
            Sender::User => serde_json::to_string(&LiveEcho {
                kind: "user_message",
                from: "self",
                message: body,
                id: echo_id,
                bot_info: &self.bot,
                client_message_id: message
                    .client_message_id
                    .as_deref()
                    .and_then(|id| serde_json::from_str(id).ok()),
                message_id: &message.message_id,
                seq: message.seq,
            }),
        };
        frame.ok()
    }

    /// The frame for the next piece of an answer that streams.
    pub fn piece(&self, streaming: &Streaming, at: usize, piece: &str) -> Option<String> {
        let entry = BotMessage {
            behind: streaming.behind,
            ..BotMessage::text(piece)
        };
        let frame = LiveAnswer {
            streaming: Some(true),
            end_chunk: Some(false),
            at: Some(at),
            ..self.answer(
                entry,
                streaming.began,
                &streaming.message_id,
                &streaming.session_id,
            )
        };
        serde_json::to_string(&frame).ok()
    }

    /// The frame that ends a streamed answer for a client that adds the pieces up.
    pub fn last_piece(&self, message: &StoredMessage, piece: &str) -> Option<String> {
        let entry = BotMessage::text(piece);
        let frame = LiveAnswer {
            streaming: Some(true),
            end_chunk: Some(true),
            seq: Some(message.seq),
            ..self.answer(
                entry,
                message.created,
                &message.message_id,
                &message.session_id,
            )
        };
        serde_json::to_string(&frame).ok()
    }

    fn answer<'a, Entry>(
        &'a self,
        entry: Entry,
        created: Millis,
        message_id: &'a str,
        session_id: &'a str,
    ) -> LiveAnswer<'a, Entry> {
        LiveAnswer {
            kind: "bot_response",
            from: "bot",
            message: [entry],
            message_id,
            bot_info: &self.bot,
            created_on: timestamp::to_iso(created.0),
            icon: self.icon.as_deref(),
            timestamp: created.0,
            author: None,
            from_agent: None,
            streaming: None,
            end_chunk: None,
            at: None,
            seq: None,
            session_id,
        }
    }
}

/// The acknowledgement of a stored message.
pub fn ack(reply_to: Option<MessageRef>, stored: Option<&StoredMessage>) -> ServerFrame {
    let seq = stored.map(|message| message.seq);
    let message_id = stored.map(|message| message.message_id.clone());
    ServerFrame::Ack(Ack::new(reply_to, seq, message_id))
}

/// The answer to a ping.
pub fn pong(reply_to: Option<MessageRef>) -> ServerFrame {
    ServerFrame::Pong(Pong::new(reply_to))
}

/// Asks the client to load the transcript anew.
pub fn resync() -> ServerFrame {
    ServerFrame::Resync(Resync::default())
}

/// The store cannot take the message now.
pub fn not_stored(reply_to: Option<MessageRef>) -> ServerFrame {
    let msg = "the message could not be stored; try again in a moment";
    ServerFrame::Error(ErrorFrame::new(reply_to, msg, 503))
}

/// The user, or the address, has stored as much as a day allows. The code is not 503, after which our widget would
/// send it again every two seconds until tomorrow. The widget shows the message as not sent, and the visitor decides.
pub fn day_is_full(reply_to: Option<MessageRef>) -> ServerFrame {
    let msg = "that was as much as one day holds; send it again tomorrow";
    ServerFrame::Error(ErrorFrame::new(reply_to, msg, DAY_IS_FULL))
}

/// The bot as frames name it.
pub fn bot_info(name: &str, id: &str) -> BotInfo {
    BotInfo {
        chat_bot: name.to_owned(),
        task_bot_id: id.to_owned(),
        ui_version: None,
        extra: Extra::new(),
    }
}

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
