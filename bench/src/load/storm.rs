//! Visitors come all at once: sign, grant, start, socket. Then every socket drops at once, and all come back.
//!
//! They come back as the widget does: with jitter, a fresh socket address each, and no new grant.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::crowd::Crowd;
use super::figures::{Figures, exact};
use super::server::Server;
use super::visitor::Habits;
use super::{HOME_WITHIN, Meter, ONLINE_WITHIN, Plan};

pub(super) async fn storm(server: &Server, plan: &Plan) -> anyhow::Result<Figures> {
    let habits = Habits {
        every: Duration::from_secs(1),
        outstanding: 1,
        padding: 0,
    };
    let mut crowd = Crowd::new(server.address);
    let count = exact(plan.users as u64);
    let mut figures = Figures::default();
    let meter = Meter::start(server)?;
    crowd.come(plan.users, habits);
    let took = crowd.all_online(ONLINE_WITHIN).await?;
    meter.all(&mut figures, "sessions", count, "3500 or more")?;
    figures.add("all there after", took.as_secs_f64(), "s", "");

    let before = crowd.tally.opened.load(Relaxed) + plan.users as u64;
    let meter = Meter::start(server)?;
    crowd.order(|orders| orders.drops += 1);
    let took = crowd
        .until("all visitors are back", ONLINE_WITHIN, |tally| {
            tally.opened.load(Relaxed) >= before
        })
        .await?;
    meter.all(&mut figures, "returns", count, "")?;
    figures.add("all back after", took.as_secs_f64(), "s", "30 or less");
    let mib = exact(server.resident_bytes()? >> 10) / 1024.0;
    figures.add("server memory", mib, "MiB", "");
    crowd.leave(HOME_WITHIN).await?;
    Ok(figures)
}
