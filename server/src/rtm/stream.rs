//! A bot's turn while it streams: what has grown is told, and the visitor's Stop is heard.
//!
//! In the path: `answers` runs [`tell`] beside the bot's turn. What it tells goes over the bus to the sockets, where
//! [`super::told`] decides what each of them lacks.
//!
//! Invariants: nothing here is stored. A message has the same id while it grows, when it is stored, and when the
//! turn has to be run again, so no client can show it twice. One telling in [`GROWTH_EVERY`], however fast the bot is.

use std::future::pending;

use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Rtm;
use super::limits::{BOT_STREAMS_WITHIN, BOT_WITHIN, GROWTH_EVERY};
use crate::bot::Growth;
use crate::bus::{BusEvent, Growing, News, Subscription};
use crate::clock::Millis;
use crate::ids::format_uuid;
use crate::store::Job;

/// Why a turn is not waited for any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupted {
    /// The bot does not come to an end.
    Endless,
    /// The bot is silent for too long.
    Late,
    /// The visitor has enough.
    Stopped,
}

/// An answer that was told.
struct Begun {
    message_id: String,
    began: Millis,
    bytes: usize,
}

/// The id of the answer at this place of the job's turn: the same whenever the turn is run.
pub(super) fn answer_id(job: &Job, place: usize) -> String {
    let trigger = job.trigger.as_ref();
    let random = trigger.map_or(&job.session_id, |message| &message.message_id);
    let mut hash = Sha256::new();
    hash.update(format!("{random}/{}/{place}", job.id.0));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    format!("ms-{}", format_uuid(bytes))
}

/// Tells what grows until there is a reason to end the turn. Dropped when the turn ends by itself.
pub(super) async fn tell(rtm: &Rtm, job: &Job, mut growth: watch::Receiver<Growth>) -> Interrupted {
    let end = Instant::now() + BOT_STREAMS_WITHIN;
    let mut silent = Instant::now() + BOT_WITHIN;
    let mut next = Instant::now();
    let mut told: Vec<Begun> = Vec::new();
    let mut ear = None;
    loop {
        tokio::select! {
            changed = growth.changed() => {
                if changed.is_err() {
                    return pending().await;
                }
            }
            event = hear(&mut ear) => {
                if let BusEvent::Wake(wake) = event
                    && let News::Stop(id) = wake.news
                    && told.iter().any(|begun| begun.message_id == *id)
                {
                    return Interrupted::Stopped;
                }
                continue;
            }
            () = sleep_until(silent) => return Interrupted::Late,
            () = sleep_until(end) => return Interrupted::Endless,
        }
        // Deaf for a moment only: a Stop that comes meanwhile waits in the ear.
        sleep_until(next).await;
        next = Instant::now() + GROWTH_EVERY;
        silent = Instant::now() + BOT_WITHIN;
        if ear.is_none() {
            ear = rtm.bus.subscribe(job.conversation).await.ok();
        }
        let grown = growth.borrow_and_update().clone();
        for (number, grown) in grown.0.into_iter().enumerate() {
            if number == told.len() {
                told.push(Begun {
                    message_id: answer_id(job, grown.place),
                    began: rtm.clock.now(),
                    bytes: 0,
                });
            }
            let begun = &mut told[number];
            let from = std::mem::replace(&mut begun.bytes, grown.text.len());
            if from == grown.text.len() {
                continue;
            }
            let growing = Growing {
                message_id: begun.message_id.clone(),
                attempt: job.attempts,
                began: begun.began,
                from,
                text: grown.text,
                session_id: job.session_id.clone(),
            };
            rtm.tell(job.conversation, News::Growing(growing.into()))
                .await;
        }
    }
}

/// The next word on the bus, for one who listens.
async fn hear(ear: &mut Option<Subscription>) -> BusEvent {
    match ear {
        Some(open) => open.recv().await,
        None => pending().await,
    }
}
