//! An answer on its way out: it is cut into pieces, and watched until its reader has taken the last one.
//!
//! In the path: `listen` makes one [`ConnectionActivity`] for each connection and gives every answer's body to
//! [`Busy::answer`]; it asks [`ConnectionActivity::is_left_lying`] now and then.
//!
//! Invariants: the connection gets at most [`PIECE_BYTES`] of an answer at a time, so what a reader does not take stays
//! where it is counted. Each answer has its own clock, which other answers on the same connection do not reset.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Instant;

use crate::limits::{ANSWER_STALL, PIECE_BYTES};

/// The requests and answers of one connection.
#[derive(Debug, Default)]
pub(crate) struct ConnectionActivity {
    begun: AtomicU32,
    ended: AtomicU32,
    /// Pieces of answers that were requested, or are gone.
    pieces: AtomicU32,
    /// Answers that their readers have not taken yet, by the number of their request.
    answers: Mutex<HashMap<u32, Watched>>,
}

#[derive(Debug)]
struct Watched {
    /// Only the counter, not the answer. Whoever drops the answer last takes it out of the list.
    taken: Arc<AtomicU32>,
    seen: u32,
    since: Instant,
}

impl ConnectionActivity {
    /// A request has come.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        Busy {
            number: self.begun.fetch_add(1, Ordering::Relaxed),
            activity: Arc::clone(self),
            taken: Arc::default(),
        }
    }

    /// A number that changes with every step. It wraps, because only a difference counts.
    pub(crate) fn steps(&self) -> u32 {
        let counters = [&self.begun, &self.ended, &self.pieces];
        let counts = counters.map(|counter| counter.load(Ordering::Relaxed));
        counts.into_iter().fold(0, u32::wrapping_add)
    }

    /// Whether a request or an answer is in progress.
    pub(crate) fn in_progress(&self) -> bool {
        self.begun.load(Ordering::Relaxed) != self.ended.load(Ordering::Relaxed)
    }

    /// Whether there is an answer of which nothing was taken for [`ANSWER_STALL`]. It must be asked regularly.
    pub(crate) fn is_left_lying(&self) -> bool {
        let now = Instant::now();
        self.answers().values_mut().any(|watched| {
            let taken = watched.taken.load(Ordering::Relaxed);
            if taken != watched.seen {
                watched.seen = taken;
                watched.since = now;
            }
            now.saturating_duration_since(watched.since) >= ANSWER_STALL
        })
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Watched>> {
        // Nothing in the critical sections can panic.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request between its head and the last piece of its answer.
#[derive(Debug)]
pub(crate) struct Busy {
    activity: Arc<ConnectionActivity>,
    number: u32,
    /// Steps of its answer.
    taken: Arc<AtomicU32>,
}

impl Busy {
    /// The answer's body, watched from now on.
    pub(crate) fn answer(self, body: Body) -> Answering {
        let busy = Arc::new(self);
        let watched = Watched {
            taken: Arc::clone(&busy.taken),
            seen: 0,
            since: Instant::now(),
        };
        busy.activity.answers().insert(busy.number, watched);
        Answering {
            body,
            rest: Bytes::new(),
            busy,
        }
    }

    fn step(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
        self.activity.pieces.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.activity.answers().remove(&self.number);
        self.activity.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// The answer's body; as long as it is being written, the connection is busy.
pub(crate) struct Answering {
    body: Body,
    /// The bytes that were made and not requested yet.
    rest: Bytes,
    busy: Arc<Busy>,
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.busy.step();
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let length = self.rest.len().min(PIECE_BYTES);
        let bytes = self.rest.split_to(length);
        let piece = Piece {
            bytes,
            busy: Arc::clone(&self.busy),
        };
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        let of_body = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(of_body.lower().saturating_add(rest));
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

/// Bytes that the connection holds until they are written.
struct Piece {
    bytes: Bytes,
    busy: Arc<Busy>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.busy.step();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn an_answer_comes_in_pieces_and_whole() {
        let activity = Arc::new(ConnectionActivity::default());
        let said: Vec<u8> = (0..100_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        let mut answer = activity.begin().answer(Body::from(said.clone()));
        let mut heard = Vec::new();
        while let Some(frame) = answer.frame().await {
            let piece = frame.unwrap().into_data().unwrap();
            assert!(piece.len() <= PIECE_BYTES);
            heard.extend_from_slice(&piece);
            let left = u64::try_from(said.len() - heard.len()).unwrap();
            assert_eq!(answer.size_hint().exact(), Some(left));
        }
        assert_eq!(heard, said);
        drop(answer);
        assert!(!activity.in_progress() && activity.answers().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes_has_its_own_clock() {
        let activity = Arc::new(ConnectionActivity::default());
        let mut lying = activity
            .begin()
            .answer(Body::from(vec![0; 3 * PIECE_BYTES]));
        let last_look = ANSWER_STALL.checked_sub(Duration::from_secs(1)).unwrap();
        tokio::time::advance(last_look).await;
        // Another answer on the connection makes no difference.
        let other = activity.begin().answer(Body::from("x"));
        drop(other.collect().await);
        assert!(!activity.is_left_lying());
        let piece = lying.frame().await;
        assert!(!activity.is_left_lying());
        tokio::time::advance(last_look).await;
        // A piece that is written counts as well as one that is requested.
        drop(piece);
        assert!(!activity.is_left_lying());
        tokio::time::advance(ANSWER_STALL).await;
        assert!(activity.is_left_lying());
        drop(lying);
        assert!(!activity.is_left_lying());
    }
}
