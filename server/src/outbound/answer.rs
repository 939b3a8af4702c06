//! The answer to a call: the head at once, the body whole or piece by piece, within the limits of the call.

use std::fmt;
use std::time::Duration;

use http::header::CONTENT_ENCODING;
use http::{HeaderMap, StatusCode};
use hyper::body::Bytes;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use super::call::Waits;
use super::error::{CallFault, OutboundError, Wait};
use super::events::{SseEvent, SseReader};
use super::lines::Lines;
use super::retry_after::retry_after;
use crate::clock::Millis;

/// An answer whose body is still to be read. Dropping it closes the connection.
pub struct Answer {
    authority: String,
    status: StatusCode,
    headers: HeaderMap,
    retry_after: Option<Duration>,
    /// `None` once the body has ended or failed. Then the connection is free or closed.
    response: Option<reqwest::Response>,
    bounds: Bounds,
}

/// How long to wait for the next piece, and how much may come.
pub(super) struct Bounds {
    begun: Instant,
    waits: Waits,
    max_bytes: usize,
    received: usize,
}

/// The next moment at which the wait ends.
pub(super) struct Patience {
    pub(super) until: Instant,
    wait: Wait,
    limit: Duration,
}

impl Bounds {
    pub(super) fn new(begun: Instant, waits: Waits, max_bytes: usize) -> Self {
        Self {
            begun,
            waits,
            max_bytes,
            received: 0,
        }
    }

    pub(super) fn next(&self) -> Patience {
        let (from, wait, limit) = if self.received == 0 {
            (self.begun, Wait::FirstByte, self.waits.first_byte)
        } else {
            (Instant::now(), Wait::Idle, self.waits.idle)
        };
        let piece = Patience::new(from, wait, limit);
        let whole = Patience::new(self.begun, Wait::Total, self.waits.total);
        if whole.until < piece.until {
            whole
        } else {
            piece
        }
    }

    fn take(&mut self, bytes: usize) -> Result<(), CallFault> {
        self.received = self.received.saturating_add(bytes);
        if self.received > self.max_bytes {
            return Err(CallFault::TooBig(self.max_bytes));
        }
        Ok(())
    }
}

impl Patience {
    fn new(from: Instant, wait: Wait, limit: Duration) -> Self {
        /// Practically for ever, without an overflow.
        const LONGEST: Duration = Duration::from_hours(24 * 365);
        let until = from + limit.min(LONGEST);
        Self { until, wait, limit }
    }

    pub(super) fn fault(&self) -> CallFault {
        CallFault::TooSlow {
            wait: self.wait,
            limit: self.limit,
        }
    }
}

impl Answer {
    pub(super) fn new(
        authority: String,
        mut response: reqwest::Response,
        bounds: Bounds,
        now: Millis,
    ) -> Self {
        let headers = std::mem::take(response.headers_mut());
        Self {
            authority,
            status: response.status(),
            retry_after: retry_after(&headers, now),
            headers,
            response: Some(response),
            bounds,
        }
    }

    /// The status. Redirects are not followed.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The media type without parameters, in lower case: `text/event-stream`. Empty without one.
    pub fn content_type(&self) -> String {
        let value = self.headers.get(http::header::CONTENT_TYPE);
        let text = value.and_then(|it| it.to_str().ok()).unwrap_or_default();
        let (media_type, _) = text.split_once(';').unwrap_or((text, ""));
        media_type.trim().to_ascii_lowercase()
    }

    /// When the other side wants to be asked again (`retry-after-ms`, `Retry-After`), at most
    /// [`crate::limits::RETRY_AFTER_MOST`].
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The host and port that answered.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The answer itself, if its status is 2xx.
    ///
    /// # Errors
    /// [`CallFault::Status`] for every other status, including redirects.
    pub fn successful(self) -> Result<Self, OutboundError> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(self.refused())
    }

    /// This answer as an error, for a caller that has found no better error in its body.
    pub fn refused(&self) -> OutboundError {
        let fault = CallFault::Status {
            status: self.status,
            retry_after: self.retry_after,
        };
        OutboundError::new(self.authority.clone(), fault)
    }

    /// The next piece of the body as it arrives; `None` at the end. Cancel safe.
    ///
    /// # Errors
    /// If nothing comes in time, too much comes, or the body breaks off. Then the connection is closed.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, OutboundError> {
        let chunk = self.read().await;
        if !matches!(chunk, Ok(Some(_))) {
            self.response = None;
        }
        chunk.map_err(|fault| OutboundError::new(self.authority.clone(), fault))
    }

    async fn read(&mut self) -> Result<Option<Bytes>, CallFault> {
        let Some(response) = &mut self.response else {
            return Ok(None);
        };
        // The announced length is too large: not one byte is read.
        let announced = response.content_length().unwrap_or_default();
        if self.bounds.received == 0 && announced > self.bounds.max_bytes as u64 {
            return Err(CallFault::TooBig(self.bounds.max_bytes));
        }
        if let Some(encoding) = self.headers.get(CONTENT_ENCODING)
            && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
        {
            return Err(CallFault::Unreadable(
                "as we asked for it: it is compressed",
            ));
        }
        let next = self.bounds.next();
        match timeout_at(next.until, response.chunk()).await {
            Err(_late) => Err(next.fault()),
            Ok(Err(_)) => Err(CallFault::Broken),
            Ok(Ok(None)) => Ok(None),
            Ok(Ok(Some(bytes))) => {
                self.bounds.take(bytes.len())?;
                Ok(Some(bytes))
            }
        }
    }

    /// The whole body.
    ///
    /// # Errors
    /// As [`Answer::chunk`].
    pub async fn bytes(&mut self) -> Result<Bytes, OutboundError> {
        let Some(first) = self.chunk().await? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.chunk().await? else {
            return Ok(first);
        };
        let mut whole = Vec::with_capacity(first.len() + second.len());
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&second);
        while let Some(next) = self.chunk().await? {
            whole.extend_from_slice(&next);
        }
        Ok(whole.into())
    }

    /// The whole body as JSON, whatever its media type.
    ///
    /// # Errors
    /// As [`Answer::chunk`]; [`CallFault::Unreadable`] if it is other JSON, or not JSON.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, OutboundError> {
        let bytes = self.bytes().await?;
        // The parser's message is dropped, because it repeats what was read.
        serde_json::from_slice(&bytes).map_err(|error| {
            self.unreadable(if error.is_data() {
                "JSON of the shape that we expect"
            } else {
                "JSON"
            })
        })
    }

    /// An error that says that this answer is not what it should be. `expected` completes "its answer is not …".
    pub fn unreadable(&self, expected: &'static str) -> OutboundError {
        OutboundError::new(self.authority.clone(), CallFault::Unreadable(expected))
    }

    /// The body as server-sent events, each with at most this many bytes.
    pub fn events(self, max_event_bytes: usize) -> AnswerEvents {
        AnswerEvents {
            answer: self,
            events: SseReader::new(max_event_bytes),
        }
    }

    /// The body as lines (NDJSON), each with at most this many bytes.
    pub fn lines(self, max_line_bytes: usize) -> AnswerLines {
        AnswerLines {
            answer: self,
            lines: Lines::new(max_line_bytes),
        }
    }
}

/// Shows neither headers nor body.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("authority", &self.authority)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The events of an answer. Dropping it closes the connection.
#[derive(Debug)]
pub struct AnswerEvents {
    answer: Answer,
    events: SseReader,
}

impl AnswerEvents {
    /// The next event; `None` at the end. An event that is cut off by the end is dropped, as the standard demands.
    /// Cancel safe.
    ///
    /// # Errors
    /// As [`Answer::chunk`]; [`CallFault::TooBig`] when one event is too large.
    pub async fn next(&mut self) -> Result<Option<SseEvent>, OutboundError> {
        loop {
            match self.events.event() {
                Ok(Some(event)) => return Ok(Some(event)),
                Ok(None) => {}
                Err(too_long) => {
                    return Err(self.answer.hung_up(CallFault::TooBig(too_long.limit)));
                }
            }
            match self.answer.chunk().await? {
                Some(bytes) => self.events.push(&bytes),
                None => return Ok(None),
            }
        }
    }
}

/// The lines of an answer. Dropping it closes the connection.
#[derive(Debug)]
pub struct AnswerLines {
    answer: Answer,
    lines: Lines,
}

impl AnswerLines {
    /// The next line that is not empty; `None` at the end. The last line need not have a line end. Cancel safe.
    ///
    /// # Errors
    /// As [`Answer::chunk`]; [`CallFault::TooBig`] when one line is too long.
    pub async fn next(&mut self) -> Result<Option<String>, OutboundError> {
        loop {
            match self.lines.line() {
                Ok(Some(line)) => return Ok(Some(line)),
                Ok(None) => {}
                Err(too_long) => {
                    return Err(self.answer.hung_up(CallFault::TooBig(too_long.limit)));
                }
            }
            match self.answer.chunk().await? {
                Some(bytes) => self.lines.push(&bytes),
                None => return Ok(self.lines.finish()),
            }
        }
    }
}

impl Answer {
    fn hung_up(&mut self, fault: CallFault) -> OutboundError {
        self.response = None;
        OutboundError::new(self.authority.clone(), fault)
    }
}
