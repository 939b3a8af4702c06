//! A reply that comes in pieces: what each event of a stream, or each line of it, says.
//!
//! ```json
//! {"doing": "Looking up orders …"}
//! {"delta": "Your parcel "}
//! {"delta": "is on its way."}
//! {"message": {"text": "Anything else?", "buttons": [{"title": "No", "payload": "no"}]}}
//! {"done": true}
//! ```
//!
//! Deltas grow one answer; a message ends it and stands behind it. The last piece says `done` (or is `[DONE]`), and may
//! carry `handover` and `close`. A stream that ends without it broke off.

use serde_json::Value;

use super::{Halves, Reply, ReplyError, field, flag, message, object, text, type_of};
use crate::bot::{Answers, BotError, Class};

/// The end of a stream, as language models write it.
const DONE: &str = "[DONE]";

/// The longest note of what a bot does.
const MAX_DOING_CHARS: usize = 200;

/// One piece.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplyPiece {
    /// What the bot does at the moment.
    pub doing: Option<String>,
    /// What the answer grows by.
    pub delta: Option<String>,
    /// Whole messages behind it, and what the bot does besides.
    pub reply: Reply,
    /// The stream has come to its end.
    pub done: bool,
}

/// Reads the pieces of one stream, in order.
#[derive(Debug, Default)]
pub struct ReplyPieces {
    halves: Halves,
}

impl ReplyPieces {
    /// Reads the next piece.
    ///
    /// # Errors
    /// What is wrong with it, or the bot's own word that it failed.
    pub fn read(&mut self, said: &str) -> Result<ReplyPiece, BotError> {
        if said.trim() == DONE {
            return Ok(ReplyPiece {
                done: true,
                ..ReplyPiece::default()
            });
        }
        let value: Value = protocol::json::from_text(said).map_err(|_| ReplyError::NoJson)?;
        let fields = object(&value, "a piece")?;
        match field(fields, "error") {
            None | Some(Value::Bool(false)) => {}
            Some(_) => return Err(BotError::failed(Class::Error, "it says that it failed")),
        }
        let doing = field(fields, "doing")
            .map(|doing| text(doing, "doing"))
            .transpose()?
            .map(|doing| doing.chars().take(MAX_DOING_CHARS).collect());
        let delta = field(fields, "delta")
            .map(|delta| text(delta, "delta"))
            .transpose()?
            .map(|delta| self.halves.mended(delta, said));
        let mut reply = Reply::read(&value)?;
        if let Some(whole) = field(fields, "message") {
            reply.messages.extend(message(whole, "message")?);
        }
        let done = flag(fields, "done")?.unwrap_or_default();
        let piece = ReplyPiece {
            doing,
            delta,
            reply,
            done,
        };
        // A piece of another format is not passed over: all that it says would be lost without a word.
        if piece == ReplyPiece::default() && !fields.is_empty() && !is_known(fields) {
            let what = "an object with `delta`, `message`, `doing` or `done`";
            return Err(type_of("a piece", what).into());
        }
        Ok(piece)
    }

    /// What is left when the stream has ended.
    pub fn finish(&mut self) -> Option<String> {
        self.halves.finish()
    }
}

/// Does it hold a field of ours, and only says nothing by it (`{"delta": ""}`, `{"done": false}`)?
fn is_known(fields: &serde_json::Map<String, Value>) -> bool {
    let ours = [
        "close", "delta", "doing", "done", "error", "handover", "message", "messages", "text",
        "typing",
    ];
    ours.iter().any(|name| fields.contains_key(*name))
}

impl ReplyPiece {
    /// Says and does it all.
    ///
    /// # Errors
    /// Those of [`Answers::write`] and [`Answers::push`].
    pub fn give(self, answers: &mut Answers) -> Result<(), BotError> {
        if let Some(doing) = &self.doing {
            answers.doing(doing);
        }
        if let Some(delta) = &self.delta {
            answers.write(delta)?;
        }
        self.reply.give(answers)
    }
}
