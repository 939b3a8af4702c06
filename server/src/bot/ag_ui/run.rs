//! The events of one run.
//!
//! In the path: [`super::AgUi`] gives each event's data to [`Run::hear`].
//!
//! Invariants: an event of an unknown type is ignored, as the protocol demands. Something that is not an event is an
//! error. No error repeats what was said.

use serde_json::Value;

use super::call::Call;
use super::interrupt::{Question, questions};
use crate::bot::agents::{Blocks, Words, Wrong};
use crate::bot::{Answers, BotError, Class};

/// The most tool calls that are remembered until the run ends.
const MAX_CALLS: usize = 16;

/// The most bytes of a call's arguments that are remembered.
const MAX_ARGUMENT_BYTES: usize = 4 * 1024;

/// The most bytes of a tool's name or of an id.
const MAX_NAME_BYTES: usize = 256;

/// The most bytes of a state that is kept for the next run.
const MAX_SNAPSHOT_BYTES: usize = 8 * 1024;

/// The most messages at a time that are not shown.
const MAX_HIDDEN: usize = 64;

/// The result of a run so far.
pub(super) struct Run<'a> {
    words: Words<'a>,
    blocks: Blocks,
    /// The message that chunks without an id belong to.
    chunk: Option<String>,
    /// Messages that are not the agent's own.
    hidden: Vec<String>,
    /// Something came besides the begin of the run.
    has_content: bool,
    /// The state for the next run.
    pub(super) state: State,
    /// The tool calls.
    pub(super) calls: Vec<Call>,
    /// What the agent wants to know.
    pub(super) questions: Vec<Question>,
}

/// What a run says about the agent's state.
#[derive(Debug, PartialEq)]
pub(super) enum State {
    /// It has not changed.
    Same,
    /// This is the new state.
    Kept(Value),
    /// It has changed in a way that is not followed (a patch), or it is too large to keep.
    Unknown,
}

impl<'a> Run<'a> {
    /// Nothing has come yet.
    pub(super) fn new(words: Words<'a>) -> Self {
        Self {
            words,
            blocks: Blocks::default(),
            chunk: None,
            hidden: Vec::new(),
            has_content: false,
            state: State::Same,
            calls: Vec::new(),
            questions: Vec::new(),
        }
    }

    /// Reads one event. True: the run has ended.
    pub(super) fn hear(&mut self, data: &str, answers: &mut Answers) -> Result<bool, Wrong> {
        let event: Value = protocol::json::from_text(data).unwrap_or_default();
        let Some(kind) = event["type"].as_str() else {
            return Err(unreadable("a piece of its stream is no event").into());
        };
        let text = |name: &str| event[name].as_str();
        let id = |name: &str| text(name).unwrap_or_default();
        match kind {
            "RUN_ERROR" => return Err(self.failed(&event, answers)),
            "RUN_FINISHED" => return self.finish(&event, answers).map(|()| true),
            "RUN_STARTED" => return Ok(false),
            _ => self.has_content = true,
        }
        match kind {
            "TEXT_MESSAGE_START" => {
                self.end_chunk(answers)?;
                self.begin(id("messageId"), text("role"), answers)?;
            }
            "TEXT_MESSAGE_CONTENT" => {
                let delta = text("delta").ok_or_else(|| unreadable("a delta is not a text"))?;
                self.append(id("messageId"), delta, data, answers)?;
            }
            "TEXT_MESSAGE_END" => self.end(id("messageId"), answers)?,
            "TEXT_MESSAGE_CHUNK" => self.chunk(&event, data, answers)?,
            "TOOL_CALL_START" => {
                self.end_chunk(answers)?;
                self.call(id("toolCallId"), id("toolCallName"), answers);
            }
            "TOOL_CALL_ARGS" => self.argument(text("toolCallId"), id("delta")),
            "TOOL_CALL_CHUNK" => {
                self.end_chunk(answers)?;
                if let Some(name) = text("toolCallName") {
                    self.call(id("toolCallId"), name, answers);
                }
                self.argument(text("toolCallId"), id("delta"));
            }
            "STATE_SNAPSHOT" => {
                let snapshot = event["snapshot"].clone();
                self.state = if snapshot.to_string().len() > MAX_SNAPSHOT_BYTES {
                    State::Unknown
                } else {
                    State::Kept(snapshot)
                };
            }
            "STATE_DELTA" => {
                let patches = event["delta"].as_array();
                if patches.is_none_or(|patches| !patches.is_empty()) {
                    self.state = State::Unknown;
                }
            }
            // TOOL_CALL_END and TOOL_CALL_RESULT: the agent goes on by itself. MESSAGES_SNAPSHOT: the store has the
            // transcript, in the order in which the visitor has read it. REASONING_* and THINKING_*: thoughts are not
            // answers. STEP_*, SUBAGENT_*, ACTIVITY_*, CUSTOM, RAW: they are for other surfaces than a chat.
            _ => {}
        }
        Ok(false)
    }

    fn begin(
        &mut self,
        id: &str,
        role: Option<&str>,
        answers: &mut Answers,
    ) -> Result<(), BotError> {
        if role.is_none_or(|role| role == "assistant") {
            return self.blocks.begin(id, answers);
        }
        if self.hidden.len() == MAX_HIDDEN {
            return Err(BotError::TooMany);
        }
        self.hidden.push(id.to_owned());
        Ok(())
    }

    fn append(
        &mut self,
        id: &str,
        delta: &str,
        said: &str,
        answers: &mut Answers,
    ) -> Result<(), BotError> {
        if self.hidden.iter().any(|hidden| hidden == id) {
            return Ok(());
        }
        self.blocks.append(id, delta, said, answers)
    }

    fn end(&mut self, id: &str, answers: &mut Answers) -> Result<(), BotError> {
        if let Some(index) = self.hidden.iter().position(|hidden| hidden == id) {
            self.hidden.swap_remove(index);
            return Ok(());
        }
        self.blocks.finish(id, answers)
    }

    /// A chunk needs no begin and no end: the next chunk of another message ends its message.
    fn chunk(&mut self, event: &Value, said: &str, answers: &mut Answers) -> Result<(), BotError> {
        let id = event["messageId"].as_str();
        let is_next =
            self.chunk.is_none() || id.is_some_and(|id| self.chunk.as_deref() != Some(id));
        if is_next {
            self.end_chunk(answers)?;
            let id = id.unwrap_or_default();
            self.begin(id, event["role"].as_str(), answers)?;
            self.chunk = Some(id.to_owned());
        }
        let delta = match &event["delta"] {
            Value::Null => return Ok(()),
            Value::String(delta) => delta,
            _ => return Err(unreadable("a delta is not a text")),
        };
        let id = self.chunk.clone().unwrap_or_default();
        self.append(&id, delta, said, answers)
    }

    fn end_chunk(&mut self, answers: &mut Answers) -> Result<(), BotError> {
        match self.chunk.take() {
            Some(id) => self.end(&id, answers),
            None => Ok(()),
        }
    }

    fn call(&mut self, id: &str, name: &str, answers: &Answers) {
        answers.doing(&self.words.looking_up(name, None));
        let is_known = self.calls.iter().any(|call| call.id == id);
        let fits = id.len() <= MAX_NAME_BYTES && name.len() <= MAX_NAME_BYTES;
        if self.calls.len() < MAX_CALLS && fits && !is_known {
            self.calls.push(Call {
                id: id.to_owned(),
                name: name.to_owned(),
                arguments: String::new(),
            });
        }
    }

    /// A piece of the arguments of this call, or of the last call if it names none.
    fn argument(&mut self, id: Option<&str>, delta: &str) {
        let known = |call: &Call| id.is_none_or(|id| call.id == id);
        let Some(index) = self.calls.iter().rposition(known) else {
            return;
        };
        let arguments = &mut self.calls[index].arguments;
        if arguments.len() + delta.len() > MAX_ARGUMENT_BYTES {
            // A part of the arguments would be wrong arguments.
            self.calls.remove(index);
            return;
        }
        arguments.push_str(delta);
    }

    fn finish(&mut self, event: &Value, answers: &mut Answers) -> Result<(), Wrong> {
        count(event, answers);
        self.blocks.end(answers)?;
        let outcome = &event["outcome"];
        match outcome["type"].as_str() {
            Some("interrupt") => {
                self.questions = questions(&outcome["interrupts"], &self.calls, self.words)?;
                Ok(())
            }
            Some("cancelled") => {
                let reason = "the agent was stopped before its run was done";
                Err(BotError::failed(Class::Error, reason).into())
            }
            _ => Ok(()),
        }
    }

    fn failed(&self, event: &Value, answers: &mut Answers) -> Wrong {
        count(event, answers);
        // A code of the agent is shown to the operator if it is one word, because sentences may hold anything.
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "_-.:".contains(letter);
        let code = event["code"].as_str();
        let code = code.filter(|code| code.len() <= 64 && code.chars().all(is_letter));
        let code = code.map_or_else(String::new, |code| format!(", code {code}"));
        let error = BotError::failed(Class::Error, format!("its run failed (RUN_ERROR{code})"));
        if self.has_content {
            Wrong::Failed(error)
        } else {
            Wrong::Refused(error)
        }
    }
}

/// Counts the tokens that a run has used, if it says so.
fn count(event: &Value, answers: &mut Answers) {
    for usage in event["usage"].as_array().into_iter().flatten() {
        let part = |name: &str| usage[name].as_u64();
        let total = part("totalTokens").unwrap_or_else(|| {
            let (asked, said) = (part("inputTokens"), part("outputTokens"));
            asked
                .unwrap_or_default()
                .saturating_add(said.unwrap_or_default())
        });
        answers.count_tokens(total);
    }
}

fn unreadable(what: &str) -> BotError {
    BotError::failed(
        Class::Unreadable,
        format!("its answer cannot be used: {what}"),
    )
}
