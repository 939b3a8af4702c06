//! Killed with messages in flight, again and again; then ended politely with messages in flight.
//!
//! Before each end all visitors say as much at once as they may, and the server dies when it has acknowledged a part of it.

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{bail, ensure};

use super::{Options, accounted, complaints, seconds};
use crate::built::Built;
use crate::load::crowd::Crowd;
use crate::load::server::Server;
use crate::load::visitor::Habits;

/// After a restart a visitor sends all of them again, and a socket may send 40 frames at once.
pub(super) const MOST_OUTSTANDING: u8 = 30;
/// The server allows 20 frames a second.
pub(super) const FASTEST: Duration = Duration::from_millis(60);
/// A crowd that comes, or comes back with jitter and back-off.
pub(super) const ONLINE_WITHIN: Duration = Duration::from_mins(1);
/// A part of what is said must be acknowledged before the next crash.
const PROGRESS_WITHIN: Duration = Duration::from_mins(1);
/// Everything that is open is sent again, acknowledged and answered by then.
pub(super) const HOME_WITHIN: Duration = Duration::from_mins(1);
/// Messages of each visitor that pass between two crashes.
const CALM: u64 = 5;
/// The server dies when one in so many of a volley is acknowledged.
const SHARE: u64 = 8;
/// What a deploy waits for.
const ENDED_WITHIN: Duration = Duration::from_secs(10);
/// Going away, and a restart: what a client may be told by a server that ends.
pub(super) const POLITE: [u16; 2] = [1001, 1012];

pub(super) async fn killed_and_ended(built: &Built, options: &Options) -> anyhow::Result<String> {
    println!(
        "==> kill -9 {} time(s) and SIGTERM, {} visitors with {} messages in flight each",
        options.kills, options.users, options.outstanding
    );
    let mut server = Server::start(built.setup("crash-kill")?).await?;
    let crowd = talking(server.address, options).await?;
    for round in 1..=options.kills {
        calm(&crowd, options).await?;
        let in_flight = volley(&crowd, options).await?;
        server.kill().await?;
        all_gone(&crowd).await?;
        server.restart().await?;
        let back = crowd.all_online(ONLINE_WITHIN).await?;
        println!(
            "    kill {round}: {in_flight} messages in flight; all visitors back after {}",
            seconds(back)
        );
    }
    calm(&crowd, options).await?;
    drop(crowd.tally.take_losses());
    let in_flight = volley(&crowd, options).await?;
    let (status, took) = server.terminate().await?;
    all_gone(&crowd).await?;
    let closes = crowd.tally.take_losses().codes;
    println!(
        "    SIGTERM: {in_flight} messages in flight; ended after {}, {status}; close codes {closes:?}",
        seconds(took)
    );
    // The accounting comes first, whatever is wrong with the end: it says what that cost.
    let mut impolite = Vec::new();
    if !status.success() {
        impolite.push(format!("SIGTERM ended the server with {status}"));
    }
    if took > ENDED_WITHIN {
        impolite.push(format!("SIGTERM took {}", seconds(took)));
    }
    if closes.keys().any(|code| !POLITE.contains(code)) {
        impolite.push(format!(
            "SIGTERM cut sockets off without a word: {closes:?}"
        ));
    }
    server.restart().await?;
    let back = crowd.all_online(ONLINE_WITHIN).await?;
    println!("    all visitors back after {}", seconds(back));
    calm(&crowd, options).await?;
    let home = crowd.leave(HOME_WITHIN).await?;
    let account = accounted(&mut server, home).await?;
    if !impolite.is_empty() {
        bail!("every message is there, but {}", impolite.join("; "));
    }
    let errors = complaints(&server.setup().log);
    ensure!(
        errors == 0,
        "the server logged {errors} error(s), see {}",
        server.setup().log.display()
    );
    Ok(format!(
        "{} messages over {} kill(s) and a SIGTERM, all accounted for",
        account.acked, options.kills
    ))
}

/// Visitors who are online and talk, together as often as the options say.
pub(super) async fn talking(server: SocketAddr, options: &Options) -> anyhow::Result<Crowd> {
    let users = u32::try_from(options.users).unwrap_or(u32::MAX);
    let every = (Duration::from_secs(1) * users / options.rate.max(1)).max(FASTEST);
    let mut crowd = Crowd::new(server);
    crowd.come(
        options.users,
        Habits {
            every,
            outstanding: options.outstanding,
            padding: 0,
        },
    );
    crowd.all_online(ONLINE_WITHIN).await?;
    crowd.order(|orders| orders.talk = true);
    Ok(crowd)
}

/// Every visitor has noticed.
pub(super) async fn all_gone(crowd: &Crowd) -> anyhow::Result<()> {
    crowd
        .until("every socket has ended", ONLINE_WITHIN, |tally| {
            tally.online.load(Relaxed) == 0
        })
        .await?;
    Ok(())
}

/// The load goes on for a while.
pub(super) async fn calm(crowd: &Crowd, options: &Options) -> anyhow::Result<()> {
    let more = CALM * options.users as u64;
    let goal = crowd.tally.acked.load(Relaxed) + more;
    crowd
        .until("the load goes on", PROGRESS_WITHIN, |tally| {
            tally.acked.load(Relaxed) >= goal
        })
        .await?;
    Ok(())
}

/// All say as much as they may at once; returns when a part is acknowledged, with how many are not.
pub(super) async fn volley(crowd: &Crowd, options: &Options) -> anyhow::Result<u64> {
    let before = crowd.tally.acked.load(Relaxed);
    let share = (options.users * options.outstanding) as u64 / SHARE;
    crowd.order(|orders| orders.volleys += 1);
    crowd
        .until("a volley is on its way", PROGRESS_WITHIN, |tally| {
            tally.acked.load(Relaxed) >= before + share
        })
        .await?;
    let acked = crowd.tally.acked.load(Relaxed);
    Ok(crowd.tally.said.load(Relaxed).saturating_sub(acked))
}
