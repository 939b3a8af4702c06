//! One POST to an agent for each turn, and the events of its answer.
//!
//! Invariants: a turn may be sent again only as long as the agent has said nothing at all, and then with the same ids.
//! Dropping the future closes the connection.

use std::time::Duration;

use http::HeaderValue;
use http::header::ACCEPT;
use serde_json::Value;

use crate::bot::endpoint::{BotEndpoint, let_end, refused};
use crate::bot::{BotError, Class, Patience};
use crate::config;
use crate::outbound::{Answer, AnswerEvents, Outbound};

/// The most bytes of one event. Agents also send what their tools have found.
const EVENT_BYTES: usize = 2 * 1024 * 1024;

/// How long to wait for more behind an end that may not be the last one.
const AFTER_END: Duration = Duration::from_secs(2);

/// An agent at one address.
pub(in crate::bot) struct AgentClient(BotEndpoint);

/// The events of its answer.
pub(in crate::bot) struct Events {
    authority: String,
    stream: AnswerEvents,
    heard: bool,
}

/// Why an agent gave no answer.
#[derive(Debug)]
pub(in crate::bot) enum Wrong {
    /// The agent refuses the answer to its question, before it did anything.
    Refused(BotError),
    /// Every other failure.
    Failed(BotError),
}

impl From<BotError> for Wrong {
    fn from(error: BotError) -> Self {
        // These statuses mean this request, and would come again for it.
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
    /// `table` is the name of the connector's table, for errors about its settings.
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

    /// Sends the request, and gives the answer if its status is a success.
    ///
    /// # Errors
    /// If the status is not a success, no answer comes, or it is not a stream.
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

    /// Checks with an empty GET that somebody answers.
    ///
    /// # Errors
    /// What prevents it.
    pub(in crate::bot) async fn check(&self) -> Result<(), BotError> {
        self.0.look(self.0.address().clone()).await
    }
}

impl Events {
    /// The data of the next event that is not empty; `None` at the end.
    ///
    /// # Errors
    /// If it does not come in time, or the stream breaks off.
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

    /// The next event behind an end. It waits only for a moment.
    pub(in crate::bot) async fn more(&mut self) -> Option<String> {
        let next = tokio::time::timeout(AFTER_END, self.next()).await;
        next.ok()?.ok()?
    }

    /// Waits a moment for the end of the response, so that the connection can serve the next turn.
    pub(in crate::bot) async fn let_end(mut self) {
        let_end(self.stream.next()).await;
    }

    /// The error of a stream that ended too early.
    pub(in crate::bot) fn broken(&self, what: &str) -> BotError {
        let reason = format!("{}: its stream broke off: {what}", self.authority);
        self.once_heard(BotError::unavailable(Class::Unreadable, reason))
    }

    /// An agent that has begun to work would do it twice if it were asked again.
    fn once_heard(&self, error: BotError) -> BotError {
        match error {
            BotError::Unavailable { fault, .. } if self.heard => BotError::Failed(fault),
            error => error,
        }
    }
}
