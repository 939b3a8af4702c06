//! What is kept of an agent between two turns: the message in which it asks for permission.

use serde::{Deserialize, Serialize};

use super::message::Message;
use super::tool::Tool;
use crate::bot::agents::{Words, decided, details, yes_and_no};
use crate::bot::reply::with_buttons;
use crate::bot::{Answers, BotError, MAX_STATE_BYTES, TurnKind};

/// The memory of one conversation.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    /// The message's id.
    pub(super) id: String,
    /// The tool calls. Empty: nothing was asked.
    pub(super) tools: Vec<Tool>,
    /// How many questions the visitor has been shown.
    pub(super) asked: usize,
}

/// What happens with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// There is another question before the agent goes on.
    Ask,
    /// The agent goes on.
    Go,
}

impl Memory {
    /// Reads what was kept. Anything else is dropped.
    pub(super) fn read(kept: Option<&str>) -> Self {
        let read = kept.and_then(|kept| serde_json::from_str(kept).ok());
        read.unwrap_or_default()
    }

    /// Takes what a message leaves behind.
    pub(super) fn of(message: Message<'_>) -> Self {
        if !message.tools.iter().any(Tool::is_open) {
            return Self::default();
        }
        Self {
            id: message.id,
            tools: message.tools,
            asked: 0,
        }
    }

    /// Hears what the visitor says.
    pub(super) fn hear(&mut self, kind: &TurnKind, words: Words<'_>) -> Next {
        let Some(approval) = self.open().and_then(|tool| tool.approval.as_mut()) else {
            return Next::Go;
        };
        approval.approved = decided(&approval.id, kind, words);
        if approval.approved.is_some() && self.open().is_some() {
            Next::Ask
        } else {
            Next::Go
        }
    }

    /// Whether the visitor was asked.
    pub(super) fn goes_on(&self) -> bool {
        !self.tools.is_empty()
    }

    /// Whether the visitor was asked and has said something else.
    pub(super) fn is_passed_over(&self) -> bool {
        self.tools.iter().any(Tool::is_open)
    }

    /// Asks the next question, if there is one.
    ///
    /// # Errors
    /// If it cannot be shown.
    pub(super) fn ask(&mut self, words: Words<'_>, answers: &mut Answers) -> Result<(), BotError> {
        let Some(tool) = self.open() else {
            return Ok(());
        };
        let id = tool.approval.as_ref().map_or("", |approval| &approval.id);
        let question = words.may_i(&tool.name, tool.title.as_deref()) + &details(&tool.input);
        let question = with_buttons(&question, &yes_and_no(id, words), "an approval")?;
        answers.push(&question)?;
        self.asked += 1;
        Ok(())
    }

    /// Stores the memory for the next turn.
    ///
    /// # Errors
    /// If the questions alone are too large.
    pub(super) fn keep(mut self, answers: &mut Answers) -> Result<(), BotError> {
        if self == Self::default() {
            return answers.keep("");
        }
        let written = |it: &Self| serde_json::to_string(it).unwrap_or_default();
        let mut kept = written(&self);
        if kept.len() > MAX_STATE_BYTES {
            // Calls that are done already are not sent again.
            self.tools.retain(|tool| tool.approval.is_some());
            kept = written(&self);
        }
        answers.keep(kept)
    }

    fn open(&mut self) -> Option<&mut Tool> {
        self.tools.iter_mut().find(|tool| tool.is_open())
    }
}
