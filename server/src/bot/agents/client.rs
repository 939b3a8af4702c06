//! One POST a turn to an agent, and the events of its answer.
//!
//! Invariants: a turn may be given again only as long as the agent has said nothing at all; then it carries the same ids.
//! Whoever drops the future hangs up.

use std::time::Duration;

use http::HeaderValue;
use http::header::ACCEPT;
use serde_json::Value;

use crate::bot::asked::{BotEndpoint, let_end, refused};
use crate::bot::{BotError, Class, Patience};
use crate::config;
use crate::outbound::{Answer, AnswerEvents, Outbound};

/// One event: agents tell what their tools have found, too.
const EVENT_BYTES: usize = 2 * 1024 * 1024;

/// How long more is waited for behind an end that may not be the last one.
const AFTER_END: Duration = Duration::from_secs(2);

/// An agent at one address.
pub(in crate::bot) struct AgentClient(BotEndpoint);

/// Its answer.
pub(in crate::bot) struct Events {
    authority: String,
    stream: AnswerEvents,
    heard: bool,
}

/// Why an agent gave no answer.
#[derive(Debug)]
pub(in crate::bot) enum Wrong {
    /// The agent takes back what it had asked, or says no to what it was told, before it did anything.
    Refused(BotError),
    /// Everything else.
    Failed(BotError),
}

impl From<BotError> for Wrong {
    fn from(error: BotError) -> Self {
        // A status that means this request, and will mean it again.
        match error.status() {
            Some(400 | 404 | 409 | 410 | 422) => Self::Refused(error),
            _ => Self::Failed(error),
        }
    }
}

impl From<Wrong> for BotError {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Refused(error) | Wrong::Failed(error) => error,
        }
    }
}

impl AgentClient {
    /// `table` is the connector's, for what is wrong with its settings.
    ///
    /// # Errors
    /// [`BotError::Setting`].
    pub(in crate::bot) fn open(
        table: &str,
        settings: &config::AgentStream,
        outbound: &Outbound,
    ) -> Result<Self, BotError> {
        let (url, waiting) = (settings.url.url().clone(), settings.waiting());
        BotEndpoint::open(table, url, &settings.headers, waiting, outbound).map(Self)
    }

    /// Asks, and gives the answer once it says yes.
    ///
    /// # Errors
    /// It says no, does not come, or is no stream.
    pub(in crate::bot) async fn ask(&self, body: &Value) -> Result<Events, BotError> {
        let accept = (ACCEPT, HeaderValue::from_static("text/event-stream"));
        let answer: Answer = self.0.post(body.to_string().into_bytes(), [accept]).await?;
        if !answer.status().is_success() {
            return Err(refused(&answer));
        }
        let kind = answer.content_type();
        if matches!(kind.as_str(), "text/html" | "application/json") {
            return Err(answer
                .unreadable("an event stream; is the address right?")
                .into());
        }
        Ok(Events {
            authority: answer.authority().to_owned(),
            stream: answer.events(EVENT_BYTES),
            heard: false,
        })
    }

    /// How long the runner waits.
    pub(in crate::bot) fn patience(&self) -> Patience {
        self.0.patience()
    }

    /// Asks whether somebody is there, with an empty GET.
    ///
    /// # Errors
    /// What stands in the way.
    pub(in crate::bot) async fn check(&self) -> Result<(), BotError> {
        self.0.look(self.0.address().clone()).await
    }
}

impl Events {
    /// The data of the next event, without empty ones; none at the end.
    ///
    /// # Errors
    /// It does not come in time, or the stream breaks off.
    pub(in crate::bot) async fn next(&mut self) -> Result<Option<String>, BotError> {
        loop {
            let event = self.stream.next().await;
            let event = event.map_err(|error| self.once_heard(error.into()))?;
            match event {
                Some(event) if event.data.trim().is_empty() => {}
                Some(event) => {
                    self.heard = true;
                    return Ok(Some(event.data));
                }
                None => return Ok(None),
            }
        }
    }

    /// The same behind an end, for a moment.
    pub(in crate::bot) async fn more(&mut self) -> Option<String> {
        let next = tokio::time::timeout(AFTER_END, self.next()).await;
        next.ok()?.ok()?
    }

    /// Waits a moment for the end of the connection's answer, so that the connection serves the next turn.
    pub(in crate::bot) async fn let_end(mut self) {
        let_end(self.stream.next()).await;
    }

    /// It ended too early.
    pub(in crate::bot) fn broken(&self, what: &str) -> BotError {
        let reason = format!("{}: its stream broke off: {what}", self.authority);
        self.once_heard(BotError::unavailable(Class::Unreadable, reason))
    }

    /// Who has begun to work does so twice if it is asked again.
    fn once_heard(&self, error: BotError) -> BotError {
        match error {
            BotError::Unavailable { fault, .. } if self.heard => BotError::Failed(fault),
            error => error,
        }
    }
}
