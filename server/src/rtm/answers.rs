//! The answerer: stored jobs become the bot's answers.
//!
//! In the path: whoever stores a job calls [`wake`], or `claim` before and `begin` after. One task then works through
//! the jobs of the conversation. It stores each answer together with the end of the job, and publishes the answer.
//! The store gives the next job with the result of each step; the task asks for it only when it did not come along.
//!
//! Invariants: each conversation has one task, so answers keep the order of their messages. A bot that hangs, fails
//! or panics costs time in its own conversation only. When the server ends, a turn that has not finished stays a
//! stored job, and `resume` takes it up. A bot that has answered is not asked again because the store was away. When
//! an answer breaks off, the part that was shown is stored and marked.

use std::collections::hash_map::Entry;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use protocol::reply::BotMessage;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::apology::apology;
use super::breaker::{Admission, Pass};
use super::budget::{self, Over};
use super::busy::Unseen;
use super::limits::{BREAKER_PATIENCE, LOOK_AGAIN, STORE_RETRY_AFTER};
use super::recent::recent;
use super::retry::again;
use super::stream::{
    Interrupted, PublishedAnswer, answer_id, positions, publish_progress, turn_id,
};
use super::turn::{language_of, turn_of};
use super::{Rtm, Staffed};
use crate::bot::{Answers, BotError, Class, PastMessage, Recent, Turn};
use crate::config::Bot;
use crate::records::{ConversationId, Effects, Owner};
use crate::store::{Job, JobId, JobKind, NewAnswer, NextJob, StoreError, TurnEnd};

/// A claim on a conversation: no other task works on its jobs. The drop gives it back, also after a panic.
pub struct Claim {
    rtm: Arc<Rtm>,
    conversation: ConversationId,
    /// The claim was given back; another task may have the conversation by now.
    left: bool,
}

/// Makes sure that somebody looks for jobs of the conversation from now on.
pub fn wake(rtm: &Arc<Rtm>, conversation: ConversationId) {
    let mut busy = rtm.busy.lock();
    if let Entry::Occupied(mut busy) = busy.entry(conversation) {
        busy.insert(Unseen::Something);
        return;
    }
    drop(busy);
    begin(rtm, conversation, claim(rtm, conversation), None);
}

/// Claims a conversation before a message is stored. Then no other task can begin the message's job, and [`begin`]
/// goes on with it without asking the store. `None`: another task works on the conversation.
pub fn claim(rtm: &Arc<Rtm>, conversation: ConversationId) -> Option<Claim> {
    let mut busy = rtm.busy.lock();
    let Entry::Vacant(free) = busy.entry(conversation) else {
        return None;
    };
    free.insert(Unseen::Nothing);
    Some(Claim {
        rtm: Arc::clone(rtm),
        conversation,
        left: false,
    })
}

/// A job was stored. `ready` is the job when no other stood before it.
pub fn begin(
    rtm: &Arc<Rtm>,
    conversation: ConversationId,
    claim: Option<Claim>,
    ready: Option<Box<Job>>,
) {
    if let Some(claim) = claim {
        rtm.shutdown.spawn("answers", work(claim, ready));
        return;
    }
    // Another task works on the conversation. It gets the job from here and need not read it from the store.
    if let Some(unseen) = rtm.busy.lock().get_mut(&conversation) {
        *unseen = match (std::mem::take(unseen), ready) {
            (Unseen::Nothing, Some(job)) => Unseen::Job(job),
            // There are two new jobs: the store knows which comes first.
            _ => Unseen::Something,
        };
        return;
    }
    wake(rtm, conversation);
}

impl Claim {
    /// Notes that the task asks the store, which knows everything that was stored until now.
    fn looks(&self) {
        if let Some(unseen) = self.rtm.busy.lock().get_mut(&self.conversation) {
            *unseen = Unseen::Nothing;
        }
    }

    /// Gives the claim back, unless something new was stored. `last` is the newest job that this task has begun: the
    /// same job may have come both from the store and from [`begin`], and must not be begun twice.
    fn leave(&mut self, last: Option<JobId>) -> After {
        let mut busy = self.rtm.busy.lock();
        match busy.get_mut(&self.conversation).map(std::mem::take) {
            Some(Unseen::Job(job)) if last < Some(job.id) => After::Next(NextJob::Ready(job)),
            Some(Unseen::Job(_) | Unseen::Something) => After::Look,
            Some(Unseen::Nothing) | None => {
                busy.remove(&self.conversation);
                self.left = true;
                After::Stop
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        let woken = self.rtm.busy.lock().remove(&self.conversation);
        // Something was stored in the meantime, and its writer relied on this task.
        let woken = woken.is_some_and(|unseen| !matches!(unseen, Unseen::Nothing));
        if woken && !self.rtm.shutdown.is_cancelled() {
            wake(&self.rtm, self.conversation);
        }
    }
}

/// What to do after a step.
pub(super) enum After {
    /// Do this next.
    Next(NextJob),
    /// Ask the store what comes next.
    Look,
    /// End: the job stays stored.
    Stop,
}

async fn work(mut claim: Claim, ready: Option<Box<Job>>) {
    let rtm = &Arc::clone(&claim.rtm);
    // A server that shuts down begins no further turn. A backlog of turns would take the disk from the sockets, which
    // have messages to acknowledge and a goodbye to send. The jobs stay stored.
    let mut handed_over = ready.map(NextJob::Ready);
    let mut last: Option<(JobId, Instant)> = None;
    while !rtm.shutdown.is_cancelled() {
        let next = if let Some(next) = handed_over.take() {
            Ok(Some(next))
        } else {
            claim.looks();
            let now = rtm.clock.now();
            rtm.store.take_job(claim.conversation, now).await
        };
        let after = match next {
            Ok(Some(NextJob::Ready(job))) => {
                let again = last.filter(|(id, _)| *id == job.id);
                let (_, begun) = *last.insert(again.unwrap_or((job.id, Instant::now())));
                Box::pin(run(&claim, *job, begun)).await
            }
            Ok(Some(NextJob::NotBefore(due))) => {
                let wait = due.since(rtm.clock.now());
                let wait = wait.clamp(Duration::from_millis(10), LOOK_AGAIN);
                pause(rtm, wait).await
            }
            // `None`: the node that has the lease finds what was stored here when it has done what came before.
            Ok(Some(NextJob::Empty) | None) => claim.leave(last.map(|(id, _)| id)),
            Err(error) if error.is_temporary() => {
                tracing::warn!(error = %error, "the store gives no jobs; trying again");
                pause(rtm, STORE_RETRY_AFTER).await
            }
            Err(error) => {
                tracing::error!(error = %error, "the store gives no jobs");
                After::Stop
            }
        };
        match after {
            After::Next(next) => handed_over = Some(next),
            After::Look => {}
            After::Stop => return,
        }
    }
}

/// Waits, unless the server ends.
pub(super) async fn pause(rtm: &Rtm, wait: Duration) -> After {
    tokio::select! {
        () = tokio::time::sleep(wait) => After::Look,
        () = rtm.shutdown.cancelled() => After::Stop,
    }
}

/// One try of one job, whose first try began at `begun`.
async fn run(claim: &Claim, job: Job, begun: Instant) -> After {
    let rtm = &claim.rtm;
    let staffed = rtm.bots.get().get(&job.bot).cloned();
    let carries = staffed.as_ref().map(|it| it.bot.carries_to_agents());
    if job.owner != Owner::Bot && carries != Some(true) {
        // A person or the queue has the conversation.
        return finish(claim, &job, Vec::new(), Effects::default()).await;
    }
    match Box::pin(over_budget(rtm, &job)).await {
        Ok(None) => {}
        Ok(Some(over)) => return finish(claim, &job, enough(&job, over), Effects::default()).await,
        Err(error) => {
            tracing::warn!(error = %error, "the store does not count a turn; trying again");
            return pause(rtm, STORE_RETRY_AFTER).await;
        }
    }
    let mut answers = Answers::new();
    let mut published = Vec::new();
    let outcome = ask(
        rtm,
        &job,
        staffed.as_ref(),
        begun,
        &mut answers,
        &mut published,
    )
    .await;
    if let Some(outcome) = &outcome {
        rtm.counts.tried(&job.bot, word(outcome));
    }
    let effects = answers.effects().clone();
    rtm.counts.used(&job.bot, effects.tokens);
    if let Err(error) = budget::used(rtm, &job, effects.tokens).await {
        tracing::warn!(bot = job.bot, error = %error, "tokens were used and are not counted");
    }
    let (bodies, effects) = match outcome {
        Some(Ok(Ended::Finished)) => (answers.into_bodies(), effects),
        Some(Ok(Ended::Stopped)) => (answers.broken_off(), effects),
        Some(Ok(Ended::TakenOver)) => {
            log_left_out(&job);
            (Vec::new(), Effects::default())
        }
        // The server shuts down before the bot has answered. The next start asks the bot again.
        None => return After::Stop,
        Some(Err(error)) => {
            let attempts = job.attempts + 1;
            // The visitor has seen a part of the answer. It is stored, and the bot is not asked again, because it would
            // use other words.
            let again = (!answers.has_streamed())
                .then(|| again(&error, attempts, begun.elapsed(), &turn_id(&job)))
                .flatten();
            tracing::warn!(
                bot = job.bot,
                turn = turn_id(&job),
                attempts,
                class = error.class().word(),
                status = error.status(),
                again_in = ?again,
                error = %error,
                "a bot gave no answer"
            );
            if let Some(wait) = again {
                let due = rtm.clock.now().plus(wait);
                if let Err(error) = rtm.store.postpone_job(job.id, attempts, due).await {
                    tracing::warn!(error = %error, "a job could not be put off");
                    return pause(rtm, STORE_RETRY_AFTER).await;
                }
                return After::Look;
            }
            let mut bodies = if answers.has_streamed() {
                answers.broken_off()
            } else {
                Vec::new()
            };
            let (config, language) = (rtm.config(), language_of(&job));
            let bot = config.bots.get(&job.bot);
            bodies.extend(apology(job.kind, bot, language.as_deref()));
            // The bot wanted these changes together with an answer that it did not give.
            (bodies, Effects::default())
        }
    };
    finish(claim, &job, placed(bodies, &published), effects).await
}

/// Counts the first try of a turn that may cost money. `Some`: the turn is beyond the limit.
async fn over_budget(rtm: &Rtm, job: &Job) -> Result<Option<Over>, StoreError> {
    // A goodbye costs nothing. A later try of a turn was counted at its first try.
    if job.kind == JobKind::Close || job.attempts > 0 {
        return Ok(None);
    }
    let config = rtm.config();
    let Some(limits) = config.bots.get(&job.bot).and_then(Bot::limits) else {
        return Ok(None);
    };
    let over = budget::spend(rtm, job, &limits).await?;
    if let Some(over) = over {
        tracing::warn!(bot = job.bot, limit = ?over, "a turn was one too many for the bot's limits");
    }
    Ok(over)
}

/// The answer in place of a bot that must not be asked.
fn enough(job: &Job, over: Over) -> Vec<String> {
    let sentence = over.sentence(budget::language_of(job));
    let message = BotMessage::text(sentence);
    serde_json::to_string(&message).into_iter().collect()
}

fn log_left_out(job: &Job) {
    tracing::info!(
        bot = job.bot,
        turn = turn_id(job),
        "somebody else has the conversation by now: the bot's answer is left out"
    );
}

/// Writes into each answer where it stands in the transcript, unless that is the end.
fn placed(bodies: Vec<String>, published: &[PublishedAnswer]) -> Vec<String> {
    let note = |(body, behind): (String, Option<u64>)| {
        let read = behind.and_then(|_| serde_json::from_str::<BotMessage>(&body).ok());
        let noted = read.map(|message| BotMessage { behind, ..message });
        let noted = noted.and_then(|message| serde_json::to_string(&message).ok());
        noted.unwrap_or(body)
    };
    let positions = positions(published, bodies.len());
    bodies.into_iter().zip(positions).map(note).collect()
}

/// How a turn came to its end.
enum Ended {
    /// By itself.
    Finished,
    /// By the visitor.
    Stopped,
    /// By somebody else who answers from now on.
    TakenOver,
}

/// How a try ended, in the metrics.
fn word(outcome: &Result<Ended, BotError>) -> &'static str {
    match outcome {
        Ok(Ended::Finished) => "answered",
        Ok(Ended::Stopped) => "stopped",
        Ok(Ended::TakenOver) => "taken_over",
        Err(error) => error.class().word(),
    }
}

/// Gives the job to its bot. `None`: the server shuts down before the bot has answered.
async fn ask(
    rtm: &Rtm,
    job: &Job,
    staffed: Option<&Staffed>,
    begun: Instant,
    answers: &mut Answers,
    published: &mut Vec<PublishedAnswer>,
) -> Option<Result<Ended, BotError>> {
    let Some(staffed) = staffed else {
        return Some(Err(BotError::failed(
            Class::Setup,
            "there is no bot of this id any more",
        )));
    };
    let Some(turn) = turn_of(job) else {
        return Some(Err(BotError::failed(
            Class::Setup,
            "the stored message cannot be read",
        )));
    };
    let answered = async {
        let waiting = rtm.counts.waits(&job.bot);
        let (_permit, pass) = enter(staffed, begun).await?;
        drop(waiting);
        let recent = before(rtm, job, staffed.bot.recent()).await;
        let asked = Instant::now();
        let outcome = give(
            rtm,
            job,
            staffed,
            Turn { recent, ..turn },
            answers,
            published,
        )
        .await;
        rtm.counts.took(&job.bot, asked.elapsed());
        pass.report(&outcome);
        outcome
    };
    let ending = async {
        rtm.shutdown.cancelled().await;
        tokio::time::sleep(rtm.config().server.drain_bots()).await;
    };
    tokio::select! {
        biased;
        outcome = answered => Some(outcome),
        () = ending => None,
    }
}

/// Waits until the bot may get another turn. The limit depends on when the turn has `begun`.
async fn enter(
    staffed: &Staffed,
    begun: Instant,
) -> Result<(SemaphorePermit<'_>, Pass<'_>), BotError> {
    loop {
        let Ok(permit) = staffed.turns.acquire().await else {
            return Err(BotError::failed(Class::Setup, "the bot is closed"));
        };
        let wait = match staffed.breaker.enter() {
            Admission::Pass(pass) => return Ok((permit, pass)),
            Admission::Wait(wait) => wait,
        };
        drop(permit);
        if begun.elapsed() + wait > BREAKER_PATIENCE {
            let reason = "it has failed again and again, and was not asked";
            return Err(BotError::failed(Class::Unreachable, reason));
        }
        tokio::time::sleep(wait).await;
    }
}

/// The messages before this one, if the bot wants them. If they can never be read, the bot is asked without them.
async fn before(rtm: &Rtm, job: &Job, wanted: Recent) -> Vec<PastMessage> {
    loop {
        match recent(rtm.store.as_ref(), job, wanted).await {
            Ok(recent) => return recent,
            Err(error) => {
                tracing::warn!(job = job.id.0, error = %error, "what was said before cannot be read");
                if !error.is_temporary() {
                    return Vec::new();
                }
                tokio::time::sleep(STORE_RETRY_AFTER).await;
            }
        }
    }
}

/// Gives the turn to the bot, shows its answer while it streams, and listens for Stop. A turn is stopped by dropping
/// the bot's future, which also drops its calls to others.
async fn give(
    rtm: &Rtm,
    job: &Job,
    staffed: &Staffed,
    turn: Turn,
    answers: &mut Answers,
    published: &mut Vec<PublishedAnswer>,
) -> Result<Ended, BotError> {
    let patience = staffed.bot.patience();
    let telling = publish_progress(rtm, job, answers.progress(), published, patience);
    let turn = AssertUnwindSafe(staffed.bot.answer(turn, answers)).catch_unwind();
    let interrupted = tokio::select! {
        biased;
        answered = turn => {
            answered.unwrap_or_else(|_panic| {
                rtm.shutdown.count_panic();
                Err(BotError::failed(Class::Panic, "it panicked"))
            })?;
            answers.end()?;
            return Ok(Ended::Finished);
        }
        interrupted = telling => interrupted,
    };
    match interrupted {
        Interrupted::Stopped => Ok(Ended::Stopped),
        Interrupted::TakenOver => Ok(Ended::TakenOver),
        Interrupted::Endless => Err(BotError::failed(Class::TooMuch, "its answer does not end")),
        Interrupted::Late => Err(BotError::unavailable(Class::TooSlow, "it took too long")),
    }
}

/// Stores the answers together with the end of the job, and publishes both.
async fn finish(claim: &Claim, job: &Job, bodies: Vec<String>, effects: Effects) -> After {
    let rtm = &claim.rtm;
    let answers: Vec<NewAnswer> = bodies
        .into_iter()
        .enumerate()
        .map(|(index, body)| NewAnswer {
            message_id: answer_id(job, index),
            body,
        })
        .collect();
    let end = TurnEnd {
        answers,
        owner: job.owner.clone(),
        effects,
    };
    loop {
        claim.looks();
        match rtm
            .store
            .complete_job(job.id, end.clone(), rtm.clock.now())
            .await
        {
            Ok(completed) => {
                if completed.refused.is_some() {
                    log_left_out(job);
                }
                // Without a next step the job had ended before, and the changes were published then.
                let changed = completed.refused.is_none() && completed.next.is_some();
                for message in completed.answers {
                    rtm.publish(message).await;
                }
                if changed {
                    rtm.publish_effects(job.conversation, &job.session_id, &end.effects)
                        .await;
                }
                return completed.next.map_or(After::Look, After::Next);
            }
            Err(error) => {
                // With the lease lost, another node gives the answer.
                tracing::warn!(job = job.id.0, error = %error, "an answer could not be stored");
                if !error.is_temporary() {
                    return After::Stop;
                }
                if let After::Stop = pause(rtm, STORE_RETRY_AFTER).await {
                    return After::Stop;
                }
            }
        }
    }
}
