//! Answers that a bot gives at once: they are stored with the message or the session that asks for them, so nobody has to
//! be asked later.
//!
//! In the path: a socket asks before it opens a session, and before it appends a visitor's message. The store decides
//! whether the answers may stand.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Rtm;
use crate::bot::{Answers, Bot};
use crate::records::Effects;
use crate::store::NewAnswer;

/// What the bot answers to this text at once. `None`: it is asked by a job.
pub(super) fn answers(rtm: &Rtm, bot: &str, text: &str) -> Option<Vec<NewAnswer>> {
    ask(rtm, bot, |bot| bot.at_once(text))
}

/// How the bot greets at once. `None`: it is asked by a job.
pub(super) fn greeting(rtm: &Rtm, bot: &str) -> Option<Vec<NewAnswer>> {
    ask(rtm, bot, Bot::greets_at_once)
}

/// A bot with limits is asked by a job, because its turns are counted. So is a bot that panics, because then the job
/// says so.
fn ask(
    rtm: &Rtm,
    bot: &str,
    question: impl FnOnce(&dyn Bot) -> Option<Answers>,
) -> Option<Vec<NewAnswer>> {
    if rtm.config().bots.get(bot)?.limits().is_some() {
        return None;
    }
    let bots = rtm.bots.get();
    let bot = bots.get(bot)?.bot.as_ref();
    let answers = catch_unwind(AssertUnwindSafe(|| question(bot))).ok()??;
    if *answers.effects() != Effects::default() {
        return None;
    }
    let now = rtm.clock.now();
    let bodies = answers.into_bodies().into_iter();
    let answers = bodies.map(|body| NewAnswer {
        message_id: rtm.ids.message(now),
        body,
    });
    Some(answers.collect())
}
