//! What is kept of an agent between two turns: the message in which it asks to be allowed something.

use serde::{Deserialize, Serialize};

use super::message::Message;
use super::tool::Tool;
use crate::bot::agents::{Words, decided, details, yes_and_no};
use crate::bot::reply::with_buttons;
use crate::bot::{Answers, BotError, MAX_STATE_BYTES, TurnKind};

/// Of one conversation.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    /// The message's id.
    pub(super) id: String,
    /// Its tool calls; none: nothing was asked.
    pub(super) tools: Vec<Tool>,
    /// How many questions the visitor has been shown.
    pub(super) asked: usize,
}

/// What is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// There is one question more before the agent goes on.
    Ask,
    /// The agent goes on.
    Go,
}

impl Memory {
    /// As it was kept. What is none of ours is forgotten.
    pub(super) fn read(kept: Option<&str>) -> Self {
        let read = kept.and_then(|kept| serde_json::from_str(kept).ok());
        read.unwrap_or_default()
    }

    /// What a message leaves behind.
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

    /// Was the visitor asked?
    pub(super) fn goes_on(&self) -> bool {
        !self.tools.is_empty()
    }

    /// Was the visitor asked and has said something else?
    pub(super) fn is_passed_over(&self) -> bool {
        self.tools.iter().any(Tool::is_open)
    }

    /// Asks the next question, if there is one.
    ///
    /// # Errors
    /// It cannot be shown.
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

    /// Keeps itself.
    ///
    /// # Errors
    /// The questions alone are too much.
    pub(super) fn keep(mut self, answers: &mut Answers) -> Result<(), BotError> {
        if self == Self::default() {
            return answers.keep("");
        }
        let written = |it: &Self| serde_json::to_string(it).unwrap_or_default();
        let mut kept = written(&self);
        if kept.len() > MAX_STATE_BYTES {
            // What is done already is told no more.
            self.tools.retain(|tool| tool.approval.is_some());
            kept = written(&self);
        }
        answers.keep(kept)
    }

    fn open(&mut self) -> Option<&mut Tool> {
        self.tools.iter_mut().find(|tool| tool.is_open())
    }
}
