//! Reads the answer of a webhook: a status, and a reply at once or in pieces.

use http::StatusCode;

use crate::bot::endpoint::{PIECE_BYTES, let_end, refused, whole};
use crate::bot::reply::{Reply, ReplyPieces};
use crate::bot::{Answers, BotError, Class, Fault};
use crate::outbound::{Answer, AnswerEvents, AnswerLines, OutboundError};

/// Reads an answer to its end.
///
/// # Errors
/// If it has an error status, breaks off, or is not a reply.
pub(super) async fn hear(answer: Answer, answers: &mut Answers) -> Result<(), BotError> {
    match answer.status() {
        // The bot's words come later through `http::way_in`, or there are none.
        StatusCode::ACCEPTED | StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT => Ok(()),
        StatusCode::GONE => Err(BotError::Failed(Fault {
            class: Class::Setup,
            status: Some(StatusCode::GONE.as_u16()),
            reason: format!("{} is switched off", answer.authority()),
        })),
        status if status.is_success() => said(answer, answers).await,
        _ => Err(refused(&answer)),
    }
}

async fn said(answer: Answer, answers: &mut Answers) -> Result<(), BotError> {
    let kind = answer.content_type();
    match kind.as_str() {
        "text/event-stream" => streamed(Stream::Events(answer.events(PIECE_BYTES)), answers).await,
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
            streamed(Stream::Lines(answer.lines(PIECE_BYTES)), answers).await
        }
        kind => {
            let is_json = kind.is_empty() || kind == "application/json" || kind.ends_with("+json");
            let kind = named(kind);
            let body = whole(answer).await?;
            if body.is_empty() {
                return Ok(());
            }
            if !is_json {
                let reason = format!("its answer is {kind}; it must be JSON, or a stream of it");
                return Err(BotError::failed(Class::Unreadable, reason));
            }
            Reply::from_bytes(&body)?.give(answers)
        }
    }
}

/// The media type in our own words.
fn named(kind: &str) -> &'static str {
    match kind {
        "text/html" => "HTML (text/html)",
        "text/plain" => "text (text/plain)",
        _ => "of another media type",
    }
}

enum Stream {
    Events(AnswerEvents),
    Lines(AnswerLines),
}

impl Stream {
    async fn next(&mut self) -> Result<Option<String>, OutboundError> {
        match self {
            Self::Events(events) => Ok(events.next().await?.map(|event| event.data)),
            Self::Lines(lines) => lines.next().await,
        }
    }
}

async fn streamed(mut stream: Stream, answers: &mut Answers) -> Result<(), BotError> {
    let mut pieces = ReplyPieces::default();
    while let Some(said) = stream.next().await? {
        let piece = pieces.read(&said)?;
        let done = piece.done;
        piece.give(answers)?;
        if done {
            if let Some(rest) = pieces.finish() {
                answers.write(&rest)?;
            }
            let_end(stream.next()).await;
            return Ok(());
        }
    }
    let reason = "its stream ended without `done`";
    Err(BotError::unavailable(Class::Unreadable, reason))
}
