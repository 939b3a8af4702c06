//! The limits of a bot with a connector: turns by visitor, address and bot, and tokens of a day.
//!
//! In the path: `answers` asks [`spend`] before the first try of a turn, and reports to [`used`] how many tokens the
//! turn took.
//!
//! Invariants: a turn is counted in the store before the bot is asked, so neither a restart nor another node gives
//! anybody more. A counter's name is a hash. A turn that is tried again is counted once.

use std::time::Duration;

use app::text::Language;
use serde::Deserialize;

use super::Rtm;
use crate::clock::Millis;
use crate::config::BotLimits;
use crate::store::{Job, SecretHash, Spending, StoreError};

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// A limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Wait a moment.
    Minute,
    /// Come back tomorrow.
    Day,
}

impl Over {
    /// The message for the visitor in place of the bot's answer.
    pub(super) fn sentence(self, language: Language) -> &'static str {
        match self {
            Self::Minute => language.too_fast(),
            Self::Day => language.day_is_over(),
        }
    }
}

/// The part of a job's context that says from which address and in which language it came.
#[derive(Default, Deserialize)]
struct From {
    from: Option<String>,
    language: Option<String>,
}

/// The language in which the job's visitor reads.
pub(super) fn language_of(job: &Job) -> Language {
    let context: From = serde_json::from_str(&job.context).unwrap_or_default();
    Language::for_tag(context.language.as_deref())
}

/// Counts a turn. `Some`: the turn is beyond the limit, and the bot must not be asked.
pub(super) async fn spend(
    rtm: &Rtm,
    job: &Job,
    limits: &BotLimits,
) -> Result<Option<Over>, StoreError> {
    let (spendings, means) = spendings_of(job, limits, rtm.clock.now());
    if spendings.is_empty() {
        return Ok(None);
    }
    let over = rtm.store.spend(spendings).await?;
    Ok(over.and_then(|index| means.get(index).copied()))
}

/// Counts the tokens that a turn took, also those beyond the limit, because they are spent.
pub(super) async fn used(rtm: &Rtm, job: &Job, tokens: u64) -> Result<(), StoreError> {
    if tokens == 0 {
        return Ok(());
    }
    let spending = Counted::tokens(job, rtm.clock.now()).spending(tokens, u64::MAX);
    rtm.store.spend(vec![spending]).await.map(drop)
}

/// The counters of a turn, each with the limit that is reached when it is full.
fn spendings_of(job: &Job, limits: &BotLimits, now: Millis) -> (Vec<Spending>, Vec<Over>) {
    let from: From = serde_json::from_str(&job.context).unwrap_or_default();
    let from = from.from.unwrap_or_default();
    let of = |what, within, now| Counted::new(job, what, within, now);
    let visitor = ["visitor", &job.user];
    let address = ["address", &from];
    let everybody = ["everybody", ""];
    let limited = [
        (of(visitor, MINUTE, now), limits.visitor_turns_per_minute),
        (of(visitor, DAY, now), limits.visitor_turns_per_day),
        (of(address, MINUTE, now), limits.address_turns_per_minute),
        (of(address, DAY, now), limits.address_turns_per_day),
        (of(everybody, MINUTE, now), limits.turns_per_minute),
        (of(everybody, DAY, now), limits.turns_per_day),
    ];
    let turns = limited.into_iter().filter(|(_, most)| *most > 0);
    let turns = turns.map(|(counted, most)| (counted.over, counted.spending(1, u64::from(most))));
    let tokens = (limits.tokens_per_day > 0).then(|| {
        let counted = Counted::tokens(job, now);
        (counted.over, counted.spending(0, limits.tokens_per_day))
    });
    turns.chain(tokens).map(|(over, one)| (one, over)).unzip()
}

/// One counter, for one stretch of time.
struct Counted {
    counter: SecretHash,
    until: Millis,
    over: Over,
}

impl Counted {
    fn new(job: &Job, [kind, who]: [&str; 2], within: Duration, now: Millis) -> Self {
        let length = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let number = now.0 / length;
        let name = format!("{}\0{kind}\0{who}\0{length}\0{number}", job.bot);
        Self {
            counter: SecretHash::of(name),
            until: Millis((number + 1) * length),
            over: if within == DAY {
                Over::Day
            } else {
                Over::Minute
            },
        }
    }

    fn tokens(job: &Job, now: Millis) -> Self {
        Self::new(job, ["tokens", ""], DAY, now)
    }

    fn spending(&self, add: u64, most: u64) -> Spending {
        Spending {
            counter: self.counter,
            until: self.until,
            add,
            most,
        }
    }
}
