//! Visitors are there and say nothing: what a session costs.
//!
//! The first ones fill caches and pools and do not count; memory is what the others added. CPU is what pings cost.

use tokio::time::sleep;

use super::crowd::Crowd;
use super::figures::{Figures, exact};
use super::server::Server;
use super::visitor::Habits;
use super::{HOME_WITHIN, Meter, ONLINE_WITHIN, Plan};
use std::time::Duration;

/// One of so many is there before it is measured.
const WARM_UP_SHARE: usize = 5;
/// Until the server has let go of the connections of the requests, which take 10 s at most.
const SETTLED: Duration = Duration::from_secs(12);

pub(super) async fn idle(server: &Server, plan: &Plan) -> anyhow::Result<Figures> {
    let habits = Habits {
        every: Duration::from_secs(1),
        outstanding: 1,
        padding: 0,
    };
    let mut crowd = Crowd::new(server.address);
    let warm = plan.users / WARM_UP_SHARE;
    crowd.come(warm, habits);
    crowd.all_online(ONLINE_WITHIN).await?;
    sleep(SETTLED).await;
    let before = server.resident_bytes()?;
    let counted = plan.users - warm;
    crowd.come(counted, habits);
    crowd.all_online(ONLINE_WITHIN).await?;
    sleep(SETTLED).await;
    let meter = Meter::start(server)?;
    sleep(plan.time()).await;
    let (cpu, seconds) = meter.read()?;
    let after = server.resident_bytes()?;
    let mut figures = Figures::default();
    figures.count("sessions", plan.users as u64, "");
    let kb = exact(after.saturating_sub(before)) / 1000.0 / exact(counted as u64);
    figures.add("memory a session", kb, "kB", "12 or less, aim 8");
    let mib = exact(after >> 10) / 1024.0;
    figures.add("server memory", mib, "MiB", "");
    figures.add("server CPU", 100.0 * cpu / seconds, "%", "2 or less");
    crowd.leave(HOME_WITHIN).await?;
    Ok(figures)
}
