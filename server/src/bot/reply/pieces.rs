//! A reply in pieces: each event of a stream, or each line, is one piece.
//!
//! ```json
//! {"doing": "Looking up orders …"}
//! {"delta": "Your parcel "}
//! {"delta": "is on its way."}
//! {"message": {"text": "Anything else?", "buttons": [{"title": "No", "payload": "no"}]}}
//! {"done": true}
//! ```
//!
//! The deltas make one answer. A message ends it and stands behind it. The last piece has `done` (or is `[DONE]`), and
//! may also have `handover` and `close`. A stream that ends without it broke off.

use serde_json::Value;

use super::{Halves, Reply, ReplyError, field, flag, message, object, text, type_of};
use crate::bot::{Answers, BotError, Class};

/// The end of a stream, as language models write it.
const DONE: &str = "[DONE]";

/// The longest text about what a bot is doing.
const MAX_DOING_CHARS: usize = 200;

/// One piece.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplyPiece {
    /// What the bot is doing.
    pub doing: Option<String>,
    /// The next piece of the answer.
    pub delta: Option<String>,
    /// Complete messages behind it, and what the bot does besides.
    pub reply: Reply,
    /// The stream has ended.
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
    /// What is wrong with it, or the bot's own message that it failed.
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
        // A piece in another format is an error, because everything that it says would be lost silently.
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

/// Whether it holds a known field without a content (`{"delta": ""}`, `{"done": false}`).
fn is_known(fields: &serde_json::Map<String, Value>) -> bool {
    let ours = [
        "close", "delta", "doing", "done", "error", "handover", "message", "messages", "text",
        "typing",
    ];
    ours.iter().any(|name| fields.contains_key(*name))
}

impl ReplyPiece {
    /// Gives everything to the answers.
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
