//! An answer of a flow that comes in pieces: lines `{"type": "begin" | "item" | "end" | "error", "content", "metadata":
//! {"nodeId", "runIndex"}}`. Several groups of them may come side by side. A line that is not JSON is text.
//!
//! Invariant: one group streams at a time. The others wait for their turn, bounded like answers.

use protocol::visible::is_blank;
use serde_json::Value;

use super::{unreadable, whole};
use crate::bot::reply::ReplyError;
use crate::bot::{Answers, BotError, Class, MAX_ANSWERS, MAX_STREAMED_BYTES};

/// The node of the flow that speaks, and the number of its run.
type Key = (String, u64);

/// The groups of one answer.
#[derive(Default)]
pub(super) struct Groups {
    /// The group that streams.
    grows: Option<Key>,
    /// The groups that wait, in the order in which they began.
    wait: Vec<Waiting>,
    /// The last line was text.
    after_text: bool,
}

struct Waiting {
    key: Key,
    text: String,
    ended: bool,
}

impl Groups {
    /// Reads one line.
    ///
    /// # Errors
    /// If the flow failed, or says more than a turn may.
    pub(super) fn hear(&mut self, line: &str, answers: &mut Answers) -> Result<(), BotError> {
        let after_text = std::mem::take(&mut self.after_text);
        let read: Option<Value> = protocol::json::from_text(line).ok();
        let Some(value) = read.filter(Value::is_object) else {
            self.after_text = true;
            let text = if after_text {
                format!("\n{line}")
            } else {
                line.to_owned()
            };
            return match &self.grows {
                Some(key) => self.append(&key.clone(), &text, answers),
                None => answers.write(&text),
            };
        };
        let metadata = &value["metadata"];
        let node = metadata["nodeId"].as_str().unwrap_or_default().to_owned();
        let key = (node, metadata["runIndex"].as_u64().unwrap_or_default());
        match value["type"].as_str() {
            Some("begin") => self.begin(key, answers),
            Some("item") => match &value["content"] {
                Value::Null => Ok(()),
                Value::String(text) => self.append(&key, text, answers),
                Value::Number(number) => self.append(&key, &number.to_string(), answers),
                _ => Err(unreadable("the content of an item is not a text")),
            },
            Some("end") => self.finish(&key, answers),
            Some("error") => Err(BotError::failed(
                Class::Error,
                "the flow says that it failed",
            )),
            _ => {
                answers.end()?;
                whole::of(&value)?.give(answers)
            }
        }
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// If a group has not ended.
    pub(super) fn end(self, answers: &mut Answers) -> Result<(), BotError> {
        if self.grows.is_some() {
            let reason = "its stream broke off: a node had not come to its end";
            return Err(BotError::unavailable(Class::Unreadable, reason));
        }
        answers.end()
    }

    fn begin(&mut self, key: Key, answers: &mut Answers) -> Result<(), BotError> {
        if self.grows.is_none() {
            answers.end()?;
            self.grows = Some(key);
            return Ok(());
        }
        self.wait(key).map(drop)
    }

    fn wait(&mut self, key: Key) -> Result<&mut Waiting, BotError> {
        if self.wait.len() == MAX_ANSWERS {
            return Err(ReplyError::TooManyMessages.into());
        }
        let text = String::new();
        let ended = false;
        self.wait.push(Waiting { key, text, ended });
        let last = self.wait.len() - 1;
        Ok(&mut self.wait[last])
    }

    fn append(&mut self, key: &Key, text: &str, answers: &mut Answers) -> Result<(), BotError> {
        if self.grows.as_ref() == Some(key) {
            return answers.write(text);
        }
        // An item without a begin begins its group.
        if self.grows.is_none() {
            answers.end()?;
            self.grows = Some(key.clone());
            return answers.write(text);
        }
        let known = self
            .wait
            .iter()
            .position(|waiting| waiting.key == *key && !waiting.ended);
        let waiting = match known {
            Some(index) => &mut self.wait[index],
            None => self.wait(key.clone())?,
        };
        if waiting.text.len() + text.len() > MAX_STREAMED_BYTES {
            return Err(BotError::TooBig);
        }
        waiting.text.push_str(text);
        Ok(())
    }

    fn finish(&mut self, key: &Key, answers: &mut Answers) -> Result<(), BotError> {
        if self.grows.as_ref() != Some(key) {
            let known = self
                .wait
                .iter_mut()
                .find(|waiting| waiting.key == *key && !waiting.ended);
            if let Some(waiting) = known {
                waiting.ended = true;
            }
            return Ok(());
        }
        self.grows = None;
        answers.end()?;
        while !self.wait.is_empty() {
            let Waiting { key, text, ended } = self.wait.remove(0);
            if !is_blank(&text) {
                answers.write(&text)?;
            }
            if !ended {
                self.grows = Some(key);
                return Ok(());
            }
            answers.end()?;
        }
        Ok(())
    }
}
