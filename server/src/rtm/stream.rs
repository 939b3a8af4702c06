//! A bot's turn while it streams: its answers are published piece by piece, and the visitor's Stop ends the turn.
//!
//! In the path: `answers` runs `publish_progress` beside the bot's turn. It publishes on the bus, and at each socket
//! `delivered` decides which piece it lacks.
//!
//! Invariants: nothing here is stored. A message has the same id while it streams, when it is stored, and when the turn
//! has to be run again, so no client can show it twice. A streaming answer is published at most once in
//! [`STREAM_EVERY`], however fast the bot is.

use std::future::pending;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Rtm;
use super::limits::{DOING_CHARS, STREAM_EVERY, TYPING_AGAIN};
use crate::bot::{Patience, Progress};
use crate::bus::{Event, Received, Streaming, Subscription, Typing};
use crate::clock::Millis;
use crate::ids::format_uuid;
use crate::store::{Job, JobId};

/// Why the server stops waiting for a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupted {
    /// The bot does not come to an end.
    Endless,
    /// The bot is silent for too long.
    Late,
    /// The visitor stopped it.
    Stopped,
    /// Somebody else has the conversation.
    TakenOver,
}

/// A streaming answer that was published.
pub(super) struct PublishedAnswer {
    /// Which answer of the turn it is.
    index: usize,
    message_id: String,
    began: Millis,
    /// The conversation's newest sequence when the answer began.
    behind: Option<u64>,
    bytes: usize,
}

/// The sequence behind which each answer of a turn stands. An answer that was shown while it streamed stands where it
/// began. Answers before it in the turn stand above it.
pub(super) fn positions(published: &[PublishedAnswer], answers: usize) -> Vec<Option<u64>> {
    let mut positions = vec![None; answers];
    let mut behind = None;
    for (index, slot) in positions.iter_mut().enumerate().rev() {
        let begun = published.iter().find(|begun| begun.index == index);
        behind = begun.and_then(|begun| begun.behind).or(behind);
        *slot = behind;
    }
    positions
}

/// The id of the turn's answer with this index. It is the same whenever the turn is run.
pub(super) fn answer_id(job: &Job, index: usize) -> String {
    answer_id_of(job.id, origin(job), index)
}

/// The same id, for a caller that has only the job's number and its `origin`.
pub fn answer_id_of(job: JobId, origin: &str, index: usize) -> String {
    format!("ms-{}", same_for(job, origin, &index.to_string()))
}

/// What distinguishes a job from the one with the same number in another database: its message, or its session.
fn origin(job: &Job) -> &str {
    let message = job.trigger.as_ref().map(|message| &message.message_id);
    message.unwrap_or(&job.session_id)
}

/// The id of the job's turn. It is the same whenever the turn is run.
pub(super) fn turn_id(job: &Job) -> String {
    format!("tn-{}", same_for(job.id, origin(job), "turn"))
}

/// A UUID that depends only on the job and the purpose.
fn same_for(job: JobId, origin: &str, what: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{origin}/{}/{what}", job.0));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    format_uuid(bytes)
}

/// Publishes what streams, and notes it in `published`, until there is a reason to end the turn. The future is dropped
/// when the turn ends by itself.
pub(super) async fn publish_progress(
    rtm: &Rtm,
    job: &Job,
    mut progress: watch::Receiver<Progress>,
    published: &mut Vec<PublishedAnswer>,
    patience: Patience,
) -> Interrupted {
    let end = Instant::now() + patience.total;
    let mut silent = Instant::now() + patience.silent;
    let mut next = Instant::now();
    let mut subscription = None;
    let mut doing = Doing::default();
    loop {
        tokio::select! {
            changed = progress.changed() => {
                if changed.is_err() {
                    return pending().await;
                }
            }
            event = hear(&mut subscription) => {
                let Received::Wake(wake) = event else {
                    continue;
                };
                match wake.event {
                    Event::Stop(id) if published.iter().any(|it| it.message_id == *id) => {
                        return Interrupted::Stopped;
                    }
                    Event::Owner(owner) if owner != job.owner && is_taken(rtm, job).await => {
                        return Interrupted::TakenOver;
                    }
                    Event::Look if is_taken(rtm, job).await => return Interrupted::TakenOver,
                    _ => continue,
                }
            }
            () = sleep_until(silent) => return Interrupted::Late,
            () = sleep_until(end) => return Interrupted::Endless,
            () = doing.is_old() => {
                doing.publish(rtm, job).await;
                continue;
            }
        }
        // While this publishes, it does not listen. A Stop that comes in the meantime waits in the subscription.
        sleep_until(next).await;
        next = Instant::now() + STREAM_EVERY;
        silent = Instant::now() + patience.silent;
        if subscription.is_none() {
            subscription = rtm.bus.subscribe(job.conversation).await.ok();
        }
        let now = progress.borrow_and_update().clone();
        if doing.is_now(now.doing.as_deref()) {
            doing.publish(rtm, job).await;
        }
        for (number, answer) in now.answers.into_iter().enumerate() {
            if number == published.len() {
                // If that cannot be read, the answer stands where it ends.
                let conversation = rtm.store.conversation(&job.user, &job.bot).await;
                published.push(PublishedAnswer {
                    index: answer.index,
                    message_id: answer_id(job, answer.index),
                    began: rtm.clock.now(),
                    behind: conversation.ok().flatten().map(|found| found.last_seq),
                    bytes: 0,
                });
            }
            let begun = &mut published[number];
            let from = std::mem::replace(&mut begun.bytes, answer.text.len());
            if from == answer.text.len() {
                continue;
            }
            let streaming = Streaming {
                message_id: begun.message_id.clone(),
                attempt: job.attempts,
                began: begun.began,
                behind: begun.behind,
                from,
                text: answer.text,
                session_id: job.session_id.clone(),
            };
            rtm.publish_event(job.conversation, Event::Streaming(streaming.into()))
                .await;
        }
    }
}

/// What the bot is doing, as it was last published. Clients show it for a few seconds only, so it is published again.
#[derive(Default)]
struct Doing {
    what: Option<Arc<str>>,
    again: Option<Instant>,
}

impl Doing {
    /// Notes what the bot is doing now. True: that must be published.
    fn is_now(&mut self, what: Option<&str>) -> bool {
        let what: Option<String> = what.map(|what| what.chars().take(DOING_CHARS).collect());
        if self.what.as_deref() == what.as_deref() {
            return false;
        }
        self.what = what.map(Arc::from);
        self.again = None;
        self.what.is_some()
    }

    async fn publish(&mut self, rtm: &Rtm, job: &Job) {
        self.again = Some(Instant::now() + TYPING_AGAIN);
        let typing = Typing {
            agent: None,
            types: true,
            doing: self.what.clone(),
        };
        rtm.publish_event(job.conversation, Event::Typing(typing))
            .await;
    }

    /// Waits until it was published long ago and is still true.
    async fn is_old(&self) {
        match self.again {
            Some(again) => sleep_until(again).await,
            None => pending().await,
        }
    }
}

/// Whether somebody else has the conversation. The store knows; an event may be old.
async fn is_taken(rtm: &Rtm, job: &Job) -> bool {
    let found = rtm.store.conversation(&job.user, &job.bot).await;
    found.is_ok_and(|found| found.is_some_and(|found| found.owner != job.owner))
}

/// The next event. Without a subscription it never comes.
async fn hear(subscription: &mut Option<Subscription>) -> Received {
    match subscription {
        Some(open) => open.recv().await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_turn_says_before_an_answer_that_grew_stays_above_it() {
        let begun = |index, behind| PublishedAnswer {
            index,
            message_id: String::new(),
            began: Millis(0),
            behind,
            bytes: 0,
        };
        let published = [begun(1, Some(5)), begun(2, None), begun(3, Some(7))];
        let expected = [Some(5), Some(5), Some(7), Some(7), None];
        assert_eq!(positions(&published, 5), expected);
        assert_eq!(positions(&[], 2), [None, None]);
    }
}
