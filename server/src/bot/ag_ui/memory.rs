//! What is kept of an agent between two turns: its state, and its open questions.
//!
//! Invariant: it is bounded by what a bot may keep. If not everything fits, the questions are kept the longest.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::Call;
use super::interrupt::Question;
use super::run::{Run, State};
use crate::bot::agents::Words;
use crate::bot::{Answers, BotError, MAX_STATE_BYTES, TurnKind};

/// How a run continues that had stopped to ask.
pub(super) struct Resume {
    /// The answers, one for each question.
    pub(super) answers: Vec<Value>,
    /// Whether the visitor's message is only the answer, and not a message besides.
    pub(super) is_all: bool,
}

/// The memory of one conversation.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    /// The state of the agent's last snapshot.
    #[serde(skip_serializing_if = "Value::is_null")]
    state: Value,
    /// The questions that the visitor has not answered, in the order in which they were asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    open: Vec<Question>,
    /// The answers to other questions of the same run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    given: Vec<Value>,
    /// The tool calls that the questions are about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<Call>,
}

/// What happens with a message.
pub(super) enum Next {
    /// There is another question before the agent goes on.
    Ask,
    /// The agent runs.
    Run(Option<Resume>),
}

impl Memory {
    /// Reads what was kept. Anything else is dropped.
    pub(super) fn read(kept: Option<&str>) -> Self {
        let read = kept.and_then(|kept| serde_json::from_str(kept).ok());
        read.unwrap_or_default()
    }

    /// Hears what the visitor says.
    pub(super) fn hear(&mut self, kind: &TurnKind, words: Words<'_>) -> Next {
        let Some(question) = self.open.first() else {
            return Next::Run(None);
        };
        let Some(payload) = question.answer(kind, words) else {
            // The agent needs an answer to each question before it takes anything else.
            let cancelled =
                |question: &Question| json!({"interruptId": question.id, "status": "cancelled"});
            let mut answers = self.given.clone();
            answers.extend(self.open.iter().map(cancelled));
            let is_all = false;
            return Next::Run(Some(Resume { answers, is_all }));
        };
        let id = &question.id;
        self.given
            .push(json!({"interruptId": id, "status": "resolved", "payload": payload}));
        self.open.remove(0);
        if !self.open.is_empty() {
            return Next::Ask;
        }
        let answers = self.given.clone();
        let is_all = true;
        Next::Run(Some(Resume { answers, is_all }))
    }

    /// Drops the questions, as if nothing had been asked.
    pub(super) fn forget_questions(&mut self) {
        self.open.clear();
        self.given.clear();
        self.calls.clear();
    }

    /// The state for the next run. Without one it is `{}`.
    pub(super) fn state(&self) -> Value {
        if self.state.is_null() {
            json!({})
        } else {
            self.state.clone()
        }
    }

    /// The messages of the tool calls that were asked about.
    pub(super) fn calls(&self) -> impl Iterator<Item = Value> {
        self.calls.iter().map(Call::message)
    }

    /// Takes over what a run has left behind.
    pub(super) fn learn(&mut self, run: Run<'_>) {
        self.forget_questions();
        match run.state {
            State::Same => {}
            State::Kept(state) => self.state = state,
            State::Unknown => self.state = Value::Null,
        }
        let is_asked = |call: &Call| run.questions.iter().any(|one| one.call == call.id);
        self.calls = run.calls.into_iter().filter(is_asked).collect();
        self.open = run.questions;
    }

    /// Asks the next question, if there is one.
    ///
    /// # Errors
    /// If it cannot be shown.
    pub(super) fn ask(&self, words: Words<'_>, answers: &mut Answers) -> Result<(), BotError> {
        match self.open.first() {
            Some(question) => answers.push(&question.message(words)?),
            None => Ok(()),
        }
    }

    /// Stores the memory for the next turn.
    ///
    /// # Errors
    /// If the questions alone are too large.
    pub(super) fn keep(mut self, answers: &mut Answers) -> Result<(), BotError> {
        let mut kept = self.written();
        if kept.len() > MAX_STATE_BYTES {
            self.state = Value::Null;
            kept = self.written();
        }
        if kept.len() > MAX_STATE_BYTES {
            self.calls.clear();
            kept = self.written();
        }
        answers.keep(kept)
    }

    fn written(&self) -> String {
        if *self == Self::default() {
            return String::new();
        }
        serde_json::to_string(self).unwrap_or_default()
    }
}
