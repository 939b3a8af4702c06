//! One request to the model, and its answer as it comes.
//!
//! In the path: [`super::OpenAi`] asks once, and once more for each round of tools.
//!
//! Invariants: what the model says is shown as it arrives, and never more than fits. Stopping the turn drops the
//! future, which closes the connection; the tokens used so far are counted.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};

use super::completion::{Completion, Finish, ToolCall, Wrong};
use super::prompt::tokens_of;
use super::refusal::{Refusal, refusal};
use super::settings::Settings;
use crate::bot::{Answers, BotError, Class};
use crate::outbound::{Answer, AnswerEvents, Call, Outbound};

/// The most bytes of one event: at worst a whole answer with its calls.
const EVENT_BYTES: usize = 512 * 1024;

/// The most bytes of a stream. Each token has some hundred bytes around it, and a model may think for thousands of
/// tokens.
const STREAM_BYTES: usize = 32 * 1024 * 1024;

/// The most bytes of an error's body.
const ERROR_BYTES: usize = 64 * 1024;

/// How long to wait for a count of tokens after the answer has ended.
const AFTER_END: Duration = Duration::from_secs(2);

/// How long to wait for the end of the response after `[DONE]`, so that the connection can be used again.
const AFTER_DONE: Duration = Duration::from_millis(100);

/// The result of a request.
#[derive(Debug, Default)]
pub(super) struct Generated {
    /// Everything that was said.
    pub(super) text: String,
    /// The tool calls of the model.
    pub(super) calls: Vec<ToolCall>,
}

/// The tools of a request.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    /// The definitions. They stay in every request of a turn, because servers want to know what was called.
    pub(super) definitions: &'a [Value],
    /// False: the model has to answer now.
    pub(super) may_call: bool,
}

/// Sends these messages and tools, and writes what the model says. If the answer ended by itself, it is still open.
pub(super) async fn ask(
    outbound: &Outbound,
    settings: &Settings,
    messages: Vec<Value>,
    tools: Given<'_>,
    answers: &mut Answers,
) -> Result<Generated, Refusal> {
    let body = body(settings, messages, tools);
    let call = Call::post(settings.completions.clone())
        .header("accept", "text/event-stream, application/json")
        .headers(settings.headers.clone())
        .body("application/json", body.clone())
        .waits(settings.waits)
        .max_bytes(STREAM_BYTES);
    let mut tally = Tally::begin(answers, &body);
    let answer = match outbound.send(call).await {
        Ok(answer) => answer,
        Err(error) => {
            tally.forget();
            return Err(Refusal::Other(error.into()));
        }
    };
    if !answer.status().is_success() {
        tally.forget();
        return Err(refused(answer).await);
    }
    let mut completion = Completion::default();
    let full = match answer.content_type().as_str() {
        "application/json" => whole(answer, &mut completion, &mut tally).await?,
        "text/html" => {
            let unreadable = answer.unreadable("an event stream; is the address right?");
            return Err(Refusal::Other(unreadable.into()));
        }
        _ => stream(answer, &mut completion, &mut tally).await?,
    };
    tally.counted = completion.tokens();
    if full {
        tally.answers.cut().map_err(Refusal::Other)?;
        return Ok(tally.generated(Vec::new()));
    }
    let authority = settings.completions.authority();
    ended(&mut completion, &mut tally, &authority).map_err(Refusal::Other)
}

fn body(settings: &Settings, messages: Vec<Value>, tools: Given<'_>) -> Vec<u8> {
    let mut body: Map<String, Value> = settings.body.clone();
    body.insert("messages".to_owned(), messages.into());
    if !tools.definitions.is_empty() {
        body.insert("tools".to_owned(), tools.definitions.into());
        if !tools.may_call {
            body.insert("tool_choice".to_owned(), "none".into());
        }
    }
    Value::Object(body).to_string().into_bytes()
}

/// Reads a stream to its end. True: not all of it fits.
async fn stream(
    answer: Answer,
    completion: &mut Completion,
    tally: &mut Tally<'_>,
) -> Result<bool, Refusal> {
    let authority = answer.authority().to_owned();
    let mut events = answer.events(EVENT_BYTES);
    let mut patience = None;
    loop {
        let next = next(&mut events, patience).await;
        let event = match next {
            Some(Ok(Some(event))) => event,
            Some(Err(error)) if !completion.has_ended() => {
                return Err(Refusal::Other(error.into()));
            }
            _ => break,
        };
        let piece = match completion.take(&event.data) {
            Ok(piece) => piece,
            Err(_) if completion.has_ended() => break,
            Err(wrong) => return Err(wrong_answer(&authority, wrong)),
        };
        if !tally.say(&piece).map_err(Refusal::Other)? {
            return Ok(true);
        }
        if completion.is_done() {
            patience = Some(Instant::now() + AFTER_DONE);
        } else if completion.has_ended() && patience.is_none() {
            patience = Some(Instant::now() + AFTER_END);
        }
    }
    if completion.has_ended() {
        return Ok(false);
    }
    let reason = format!("{authority}: its answer broke off before its end");
    Err(Refusal::Other(BotError::unavailable(
        Class::Unreadable,
        reason,
    )))
}

/// The next event. `None`: none came in time after the end.
async fn next(
    events: &mut AnswerEvents,
    until: Option<Instant>,
) -> Option<Result<Option<crate::outbound::SseEvent>, crate::outbound::OutboundError>> {
    match until {
        Some(until) => timeout_at(until, events.next()).await.ok(),
        None => Some(events.next().await),
    }
}

/// Reads an answer of a server that does not stream. True: not all of it fits.
async fn whole(
    mut answer: Answer,
    completion: &mut Completion,
    tally: &mut Tally<'_>,
) -> Result<bool, Refusal> {
    let bytes = answer
        .bytes()
        .await
        .map_err(|error| Refusal::Other(error.into()))?;
    let text = String::from_utf8_lossy(&bytes);
    let said = completion
        .take(&text)
        .map_err(|wrong| wrong_answer(answer.authority(), wrong))?;
    let fits = tally.say(&said).map_err(Refusal::Other)?;
    Ok(!fits)
}

/// Handles an answer that has ended.
fn ended(
    completion: &mut Completion,
    tally: &mut Tally<'_>,
    authority: &str,
) -> Result<Generated, BotError> {
    let rest = completion.rest();
    let fits = tally.say(&rest)?;
    let nothing = tally.text.trim().is_empty();
    let failed = |class, what: &str| BotError::failed(class, format!("{authority}: {what}"));
    match completion.finish() {
        Finish::Filtered => Err(failed(
            Class::Error,
            "a filter does not let its answer through",
        )),
        Finish::Error => {
            let reason = format!("{authority}: its answer ended with an error");
            Err(BotError::unavailable(Class::Error, reason))
        }
        Finish::Length if nothing => Err(failed(
            Class::TooMuch,
            "it had used up its tokens before it said anything; raise `max_tokens`",
        )),
        Finish::Length => {
            tally.answers.cut()?;
            Ok(tally.generated(Vec::new()))
        }
        Finish::Whole => {
            let calls = completion.take_calls();
            if nothing && calls.is_empty() {
                return Err(failed(Class::Unreadable, "it said nothing"));
            }
            if !fits {
                tally.answers.cut()?;
            }
            Ok(tally.generated(calls))
        }
    }
}

fn wrong_answer(authority: &str, wrong: Wrong) -> Refusal {
    let failed =
        |class, what: &str| Refusal::Other(BotError::failed(class, format!("{authority}: {what}")));
    match wrong {
        Wrong::Reported(error) => refusal(authority, None, None, &error),
        Wrong::Unreadable => failed(Class::Unreadable, "a piece of its answer is no JSON"),
        Wrong::TooManyCalls => failed(
            Class::TooMuch,
            "it calls too many tools, or with too many words",
        ),
    }
}

/// The error for an answer with an error status.
async fn refused(mut answer: Answer) -> Refusal {
    let mut body = Vec::new();
    // A body that cannot be read says as little as an empty one.
    while body.len() <= ERROR_BYTES
        && let Ok(Some(bytes)) = answer.chunk().await
    {
        body.extend_from_slice(&bytes);
    }
    let read: Value = serde_json::from_slice(&body).unwrap_or_default();
    // vLLM and others have the error as the object itself. Mistral has a `detail`.
    let error = if read["error"].is_null() {
        &read
    } else {
        &read["error"]
    };
    let status: StatusCode = answer.status();
    refusal(
        answer.authority(),
        Some(status),
        answer.retry_after(),
        error,
    )
}

/// Writes what the model says, and counts the tokens: at the end, or when the turn is stopped.
struct Tally<'a> {
    answers: &'a mut Answers,
    text: String,
    /// Our guess of the tokens of the question.
    asked: usize,
    /// The server's count.
    counted: Option<u64>,
    forgotten: bool,
}

impl<'a> Tally<'a> {
    fn begin(answers: &'a mut Answers, body: &[u8]) -> Self {
        Self {
            answers,
            text: String::new(),
            asked: tokens_of(body.len()),
            counted: None,
            forgotten: false,
        }
    }

    /// False: not all of it fits, and nothing more does.
    fn say(&mut self, piece: &str) -> Result<bool, BotError> {
        self.text.push_str(piece);
        self.answers.write_what_fits(piece)
    }

    /// No tokens were used.
    fn forget(&mut self) {
        self.forgotten = true;
    }

    fn generated(&mut self, calls: Vec<ToolCall>) -> Generated {
        Generated {
            text: self.text.clone(),
            calls,
        }
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        if self.forgotten {
            return;
        }
        let guess = self.asked + tokens_of(self.text.len());
        let used = self.counted.unwrap_or(guess as u64);
        self.answers.count_tokens(used);
    }
}
