//! Many answers of a language model stream at the same time.
//!
//! Every visitor says one thing at the same moment; the model gives 200 pieces, one in 50 ms.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::crowd::Crowd;
use super::figures::{Figures, exact};
use super::server::Server;
use super::visitor::Habits;
use super::{HOME_WITHIN, Meter, ONLINE_WITHIN, Plan};

/// 200 pieces of 50 ms, and room for a busy machine.
const ANSWERED_WITHIN: Duration = Duration::from_mins(2);

pub(super) async fn streams(server: &Server, plan: &Plan) -> anyhow::Result<Figures> {
    let mut crowd = Crowd::new(server.address);
    crowd.come(
        plan.users,
        Habits {
            every: Duration::from_hours(1),
            outstanding: 1,
            padding: 0,
        },
    );
    crowd.all_online(ONLINE_WITHIN).await?;
    let idle = server.resident_bytes()?;
    let meter = Meter::start(server)?;
    crowd.order(|orders| orders.volleys += 1);
    let users = plan.users as u64;
    let mut most = idle;
    let answered = crowd.until(
        "every answer has come to its end",
        ANSWERED_WITHIN,
        |tally| {
            // Looked at a few times a second anyway: the largest is what counts.
            most = most.max(server.resident_bytes().unwrap_or(0));
            tally.answered.load(Relaxed) >= users
        },
    );
    answered.await?;
    let (cpu, seconds) = meter.read()?;
    let mut figures = Figures::default();
    figures.count("streams at once", users, "");
    figures.add("time", seconds, "s", "about 10");
    figures.add("server CPU", cpu / seconds, "cores", "");
    figures.add(
        "pieces a CPU second",
        exact(users) * 200.0 / cpu.max(0.01),
        "/s",
        "",
    );
    figures.add("server memory, idle", exact(idle >> 10) / 1024.0, "MiB", "");
    figures.add(
        "server memory, at most",
        exact(most >> 10) / 1024.0,
        "MiB",
        "",
    );
    crowd.leave(HOME_WITHIN).await?;
    Ok(figures)
}
