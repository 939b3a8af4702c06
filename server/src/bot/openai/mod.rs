//! A language model behind an API in the shape of OpenAI's chat completions: OpenAI, Azure, Ollama, vLLM, llama.cpp,
//! OpenRouter, Mistral and many more.
//!
//! In the path: `bot::open` makes an [`OpenAi`] of `[bots.….openai]`, and `rtm::answers` gives it turns. [`prompt`]
//! makes the messages, `ask` sends them, [`completion`] reads the stream, [`refusal`] the errors, and [`tools`] runs
//! what the model calls.
//!
//! Invariants: what the model says is text, and never a template. Its thoughts are not shown. Nothing is kept between
//! two turns, because the history comes from the store.

mod ask;
mod chunk;
mod completion;
mod pending;
mod prompt;
mod refusal;
mod settings;
#[cfg(test)]
mod tests;
mod thinking;
mod tools;
#[cfg(test)]
mod tools_tests;
mod words;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use self::ask::{Generated, Given, ask};
use self::pending::{Pending, Reply};
use self::prompt::{Prompt, tokens_of};
use self::refusal::Refusal;
use self::settings::Settings;
use self::tools::{Offered, Tools};
use super::fault::{of_status, once_shown};
use super::{Answers, Bot, BotError, Class, Patience, Recent, Turn, TurnKind};
use crate::config;
use crate::outbound::{Call, Outbound, Waits};

/// The most messages of the history. The budget of tokens cuts more.
const RECENT_MESSAGES: u32 = 100;

/// The most bytes of the history that are read, whatever the budget.
const RECENT_BYTES: usize = 512 * 1024;

/// The most rounds of tool calls in one turn. After them the model has to answer.
const MAX_ROUNDS: usize = 5;

/// How much longer the runner waits than the client, because the client's error says better what took long.
const SLACK: Duration = Duration::from_secs(5);

/// How long [`Bot::check`] waits.
const CHECK: Duration = Duration::from_secs(10);

/// The most bytes of a list of models. Some gateways have thousands.
const CHECK_BYTES: usize = 16 * 1024 * 1024;

/// The bot.
pub struct OpenAi {
    settings: Settings,
    tools: Tools,
    outbound: Outbound,
}

impl OpenAi {
    /// Opens the bot and reads its files. Nothing is called.
    ///
    /// # Errors
    /// [`BotError::Setting`]: what is wrong, and where.
    pub fn open(config: &config::OpenAi, outbound: &Outbound) -> Result<Self, BotError> {
        Ok(Self {
            settings: Settings::of(config)?,
            tools: Tools::open(config, outbound)?,
            outbound: outbound.clone(),
        })
    }

    async fn converse(&self, turn: &Turn, answers: &mut Answers) -> Result<(), Refusal> {
        let Some(mut prompt) = Prompt::of(&self.settings.system, turn) else {
            return Ok(());
        };
        let offered = self.tools.offered().await;
        let definitions = tools::definitions(&offered);
        let mut more = self.settle(turn, &offered, &mut prompt, answers).await?;
        let bytes: usize = definitions
            .iter()
            .chain(&more)
            .map(|it| it.to_string().len())
            .sum();
        prompt.cut(self.settings.budget, tokens_of(bytes));
        for round in 0..=MAX_ROUNDS {
            let given = Given {
                definitions: &definitions,
                may_call: round < MAX_ROUNDS,
            };
            let Generated { text, mut calls } =
                self.ask(&mut prompt, &more, given, answers).await?;
            let may_call = given.may_call && !definitions.is_empty();
            if calls.is_empty() || (!may_call && !text.trim().is_empty()) {
                return Ok(());
            }
            if !may_call {
                let reason = "it calls tools instead of answering";
                return Err(Refusal::Other(BotError::failed(Class::Error, reason)));
            }
            answers.end().map_err(Refusal::Other)?;
            for (number, call) in calls.iter_mut().enumerate() {
                if call.id.is_empty() {
                    call.id = tools::call_id(round + 1, number);
                }
            }
            more.push(tools::asked(&text, &calls));
            let results = tools::run_all(&offered, &calls, turn, answers).await;
            match results.map_err(Refusal::Other)? {
                Some(results) => more.extend(results),
                // The visitor is asked, and the next turn goes on.
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Asks with the prompt and the results of tools so far. If that is too long, asks once more with half of the
    /// history.
    async fn ask(
        &self,
        prompt: &mut Prompt,
        more: &[Value],
        given: Given<'_>,
        answers: &mut Answers,
    ) -> Result<Generated, Refusal> {
        let messages = |prompt: &Prompt| {
            prompt
                .messages()
                .into_iter()
                .chain(more.iter().cloned())
                .collect()
        };
        match ask(
            &self.outbound,
            &self.settings,
            messages(prompt),
            given,
            answers,
        )
        .await
        {
            Err(Refusal::TooLong(_)) if prompt.halve() => {
                ask(
                    &self.outbound,
                    &self.settings,
                    messages(prompt),
                    given,
                    answers,
                )
                .await
            }
            outcome => outcome,
        }
    }

    /// Handles a call that waited for the visitor's yes. Gives the messages that follow the visitor's message.
    async fn settle(
        &self,
        turn: &Turn,
        offered: &[Offered<'_>],
        prompt: &mut Prompt,
        answers: &mut Answers,
    ) -> Result<Vec<Value>, Refusal> {
        let TurnKind::Message { body, .. } = &turn.kind else {
            return Ok(Vec::new());
        };
        let Some(pending) = Pending::read(turn.state.as_deref()) else {
            return Ok(Vec::new());
        };
        answers.keep("").map_err(Refusal::Other)?;
        let what = match pending.answered_by(body) {
            Reply::Yes => {
                let ran = tools::run_agreed(offered, &pending, turn, answers).await;
                return ran.map_err(Refusal::Other);
            }
            Reply::No => "The visitor has said no to it.",
            Reply::Else => "The visitor has not agreed to it, but said something else.",
        };
        let call = format!("{}({})", pending.tool, Value::Object(pending.arguments));
        prompt.note(&format!(
            "You wanted to call {call}. {what} It was not run and will not be; never claim that it was."
        ));
        Ok(Vec::new())
    }
}

#[async_trait]
impl Bot for OpenAi {
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError> {
        match turn.kind {
            TurnKind::Close => Ok(()),
            TurnKind::Connect => answers.greet(&self.settings.greeting),
            TurnKind::Message { .. } => {
                let outcome = self.converse(&turn, answers).await;
                outcome.map_err(|refusal| once_shown(refusal.into_error(), answers))
            }
        }
    }

    fn recent(&self) -> Recent {
        Recent {
            messages: RECENT_MESSAGES,
            // One token has more than three bytes in most languages. The budget decides.
            bytes: (self.settings.budget * 4).min(RECENT_BYTES),
        }
    }

    fn patience(&self) -> Patience {
        let Waits {
            first_byte,
            idle,
            total,
        } = self.settings.waits;
        Patience {
            silent: first_byte.max(idle) + SLACK,
            total: total + SLACK,
        }
    }

    /// Requests the list of models, and the list of each tool server. A server without a list of models counts as
    /// there, too.
    async fn check(&self) -> Result<(), BotError> {
        let call = Call::get(self.settings.models.clone())
            .headers(self.settings.headers.clone())
            .waits(Waits {
                first_byte: CHECK,
                idle: CHECK,
                total: CHECK,
            })
            .max_bytes(CHECK_BYTES);
        let answer = self.outbound.send(call).await?;
        match answer.status() {
            status if status.is_success() => {}
            http::StatusCode::NOT_FOUND | http::StatusCode::METHOD_NOT_ALLOWED => {}
            status => return Err(of_status(answer.authority(), status, answer.retry_after())),
        }
        self.tools.check().await
    }
}
