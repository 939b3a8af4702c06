//! An agent that speaks AG-UI (the Agent User Interaction Protocol, 1.0 and the versions before it).
//!
//! In the path: `bot::open` makes an [`AgUi`] of `[bots.….ag_ui]`, and `rtm::answers` gives it turns. `input` makes the
//! request, [`run`] reads the events, [`interrupt`] asks the visitor what the agent wants to know, and [`memory`] is
//! kept in between.
//!
//! Invariants: a run that ends without `RUN_FINISHED` or `RUN_ERROR` broke off. The agent's thoughts are not shown.

mod call;
mod input;
mod interrupt;
mod memory;
mod run;
#[cfg(test)]
mod tests;

use async_trait::async_trait;

use self::input::input;
use self::memory::{Memory, Next, Resume};
use self::run::Run;
use super::agents::{AgentClient, Words, Wrong};
use super::fault::once_shown;
use super::{Answers, Bot, BotError, Patience, Recent, Turn, TurnKind};
use crate::config;
use crate::outbound::Outbound;

/// The most bytes of the messages that are sent along.
const HISTORY_BYTES: usize = 128 * 1024;

/// The bot.
pub struct AgUi {
    client: AgentClient,
    settings: config::AgentStream,
}

impl AgUi {
    /// Opens the bot with these settings.
    ///
    /// # Errors
    /// [`BotError::Setting`]: what is wrong, and where.
    pub fn open(settings: &config::AgentStream, outbound: &Outbound) -> Result<Self, BotError> {
        Ok(Self {
            client: AgentClient::open("ag_ui", settings, outbound)?,
            settings: settings.clone(),
        })
    }

    async fn converse(&self, turn: &Turn, answers: &mut Answers) -> Result<(), BotError> {
        let words = Words::of(turn, &self.settings.titles);
        let mut memory = Memory::read(turn.state.as_deref());
        let resume = match memory.hear(&turn.kind, words) {
            Next::Ask => {
                memory.ask(words, answers)?;
                return memory.keep(answers);
            }
            Next::Run(resume) => resume,
        };
        let resumes = resume.is_some();
        let run = match self.run(turn, &memory, resume, words, answers).await {
            // The agent no longer knows what it asked: it was restarted, or the question is too old.
            Err(Wrong::Refused(_)) if resumes => {
                memory.forget_questions();
                self.run(turn, &memory, None, words, answers).await?
            }
            outcome => outcome?,
        };
        memory.learn(run);
        memory.ask(words, answers)?;
        memory.keep(answers)
    }

    async fn run<'a>(
        &self,
        turn: &Turn,
        memory: &Memory,
        resume: Option<Resume>,
        words: Words<'a>,
        answers: &mut Answers,
    ) -> Result<Run<'a>, Wrong> {
        let mut events = self.client.ask(&input(turn, memory, resume)).await?;
        let mut run = Run::new(words);
        while let Some(data) = events.next().await? {
            if run.hear(&data, answers)? {
                events.let_end().await;
                return Ok(run);
            }
        }
        Err(events.broken("it has no RUN_FINISHED").into())
    }
}

#[async_trait]
impl Bot for AgUi {
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError> {
        match turn.kind {
            TurnKind::Close => Ok(()),
            TurnKind::Connect => answers.greet(&self.settings.greeting),
            TurnKind::Message { .. } => {
                let outcome = self.converse(&turn, answers).await;
                outcome.map_err(|error| once_shown(error, answers))
            }
        }
    }

    fn recent(&self) -> Recent {
        Recent {
            messages: self.settings.history,
            bytes: HISTORY_BYTES,
        }
    }

    fn patience(&self) -> Patience {
        self.client.patience()
    }

    async fn check(&self) -> Result<(), BotError> {
        self.client.check().await
    }
}
