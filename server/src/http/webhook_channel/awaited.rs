//! Waits for the answers to one request.
//!
//! In the path: a stored request waits here, and so does a poll.
//!
//! Invariants: the store says what was answered and whether that is all. The bus only wakes the waiting request, so a
//! poll may wait on another node than the one of the bot's turn. Answers to other requests of the same user are left
//! out.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use crate::bot::MAX_ANSWERS;
use crate::bus::{Event, Received, Subscription, Wake};
use crate::records::{ConversationId, JobId, Sender, StoredMessage};
use crate::rtm::limits::{MAX_REPLAY, REPLAY_BYTES};
use crate::rtm::{Rtm, stream};
use crate::store::{NextJob, StoreError};

/// How often to ask the store in the meantime, because a turn that ends without an answer publishes nothing.
const LOOK_AGAIN: Duration = Duration::from_millis(300);
/// How long to wait for more from a bot that answers outside its turns, after it said something.
const QUIET: Duration = Duration::from_secs(1);

/// What a request waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Awaited {
    /// The sequence before the first answer.
    pub(super) after: u64,
    /// The job. `None`: the last one that is open.
    pub(super) job: Option<i64>,
    /// The origin of the ids of its answers: the message, or the session.
    pub(super) origin: String,
    /// Whether no other request was open. Then everything that the bot says before the user's next message belongs to
    /// it.
    pub(super) alone: bool,
}

/// The answers so far.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) answers: Vec<StoredMessage>,
    /// Whether the bot's turn is over.
    pub(super) done: bool,
}

impl Awaited {
    /// The answers at this moment.
    pub(super) async fn look(
        &self,
        rtm: &Rtm,
        conversation: ConversationId,
    ) -> Result<Seen, StoreError> {
        // The order matters: once a job is done, its answers can be read.
        let next = rtm.store.next_job(conversation, rtm.clock.now()).await?;
        let since = rtm
            .store
            .since(conversation, self.after, MAX_REPLAY, REPLAY_BYTES);
        let stored = since.await?.messages;
        let own = self.own_ids();
        let mut answers = Vec::new();
        let (mut others, mut answered) = (self.alone, false);
        for message in stored {
            if message.sender == Sender::User {
                // The request's own message may stand below a welcome.
                others &= message.message_id == self.origin;
                continue;
            }
            let is_own = own.contains(&message.message_id);
            answered |= is_own;
            if is_own || others {
                answers.push(message);
            }
        }
        let done = match next {
            NextJob::Empty => true,
            NextJob::Ready(job) => self.job.is_some_and(|own| job.id > JobId(own)),
            NextJob::NotBefore(_) => false,
        };
        Ok(Seen {
            answers,
            done: done || answered,
        })
    }

    fn own_ids(&self) -> Vec<String> {
        let Some(job) = self.job else {
            return Vec::new();
        };
        let id = |index| stream::answer_id_of(JobId(job), &self.origin, index);
        (0..=MAX_ANSWERS).map(id).collect()
    }

    /// Waits until the bot's turn is over, but not beyond `until`. `late`: the bot answers outside its turns.
    pub(super) async fn wait(
        &self,
        rtm: &Rtm,
        conversation: ConversationId,
        subscription: &mut Subscription,
        until: Instant,
        late: bool,
    ) -> Result<Seen, StoreError> {
        let mut quiet_at = None;
        let mut count = 0;
        loop {
            let seen = self.look(rtm, conversation).await?;
            let now = Instant::now();
            if seen.answers.len() > count {
                count = seen.answers.len();
                quiet_at = Some(now + QUIET);
            }
            let is_quiet = quiet_at.is_some_and(|quiet_at| now >= quiet_at);
            if (seen.done && (!late || is_quiet)) || now >= until {
                let done = seen.done && (!late || count > 0);
                return Ok(Seen { done, ..seen });
            }
            let next = (now + LOOK_AGAIN).min(until);
            let _ = timeout_at(next, stored(subscription)).await;
        }
    }

    #[cfg(test)]
    pub(super) fn test() -> Self {
        Self {
            after: 3,
            job: Some(7),
            origin: "ms-00000000-0000-4000-8000-000000000001".to_owned(),
            alone: true,
        }
    }
}

/// True if something was stored, or may have been. A streaming answer is not stored yet.
async fn stored(subscription: &mut Subscription) {
    while let Received::Wake(Wake {
        event: Event::Streaming(_),
        ..
    }) = subscription.recv().await
    {}
}
