//! Visitors write, the bot answers.
//!
//! Without a rate each visitor writes as fast as a socket may (a bit less: a refusal would be measured as slowness), as long
//! as few enough messages are outstanding: then the server, not the clock, sets the pace.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::sleep;

use super::crowd::Crowd;
use super::figures::Figures;
use super::server::Server;
use super::visitor::Habits;
use super::{HOME_WITHIN, Meter, ONLINE_WITHIN, Plan};

/// The server allows 20 frames a second, and with each message goes a ping.
const FASTEST: Duration = Duration::from_millis(110);
/// A visitor with so many open messages waits.
const OUTSTANDING: usize = 20;
/// Caches, the prepared statements and the database's log fill.
const WARM_UP: Duration = Duration::from_secs(2);

/// How often a visitor of so many speaks to make `rate` a second together; never faster than allowed.
pub(super) fn every(users: usize, rate: Option<u32>) -> Duration {
    let users = u32::try_from(users).unwrap_or(u32::MAX);
    let every = rate.map(|rate| Duration::from_secs(1) * users / rate.max(1));
    every.unwrap_or(FASTEST).max(FASTEST)
}

pub(super) async fn chat(server: &Server, plan: &Plan) -> anyhow::Result<Figures> {
    let mut crowd = Crowd::new(server.address);
    let every = every(plan.users, plan.rate);
    crowd.come(
        plan.users,
        Habits {
            every,
            outstanding: OUTSTANDING,
            padding: 0,
        },
    );
    crowd.all_online(ONLINE_WITHIN).await?;
    crowd.order(|orders| orders.talk = true);
    sleep(WARM_UP).await;
    crowd.order(|orders| orders.measure = true);
    let before = crowd.tally.acked.load(Relaxed);
    let (answered, held) = (
        crowd.tally.answered.load(Relaxed),
        crowd.tally.held_back.load(Relaxed),
    );
    let meter = Meter::start(server)?;
    sleep(plan.time()).await;
    let acked = crowd.tally.acked.load(Relaxed) - before;
    let answered = crowd.tally.answered.load(Relaxed) - answered;
    let held = crowd.tally.held_back.load(Relaxed) - held;
    let mut figures = Figures::default();
    figures.count("visitors", plan.users as u64, "");
    let wanted = "15000 or more, aim 30000";
    meter.all(
        &mut figures,
        "messages",
        super::figures::exact(acked),
        wanted,
    )?;
    crowd.order(|orders| orders.measure = false);
    figures.count("answers", answered, "as many as messages");
    figures.count("not said: too many open", held, "");
    figures.count("refused", crowd.tally.refused.load(Relaxed), "0");
    let resident = super::figures::exact(server.resident_bytes()? >> 10) / 1024.0;
    figures.add("server memory", resident, "MiB", "");
    let home = crowd.leave(HOME_WITHIN).await?;
    let mut times = Vec::new();
    let (mut open, mut unanswered) = (0, 0);
    for mut visitor in home {
        times.append(&mut visitor.diary.acks);
        open += visitor.diary.open;
        unanswered += visitor.diary.unanswered;
    }
    figures.times("ack", times, "4 to 5 at 500/s, aim 0.5");
    figures.count("never acknowledged", open as u64, "0");
    figures.count("never answered", unanswered as u64, "0");
    Ok(figures)
}
