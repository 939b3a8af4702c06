//! Readers that do not read, beside visitors that do.
//!
//! Each slow reader is a second socket of a visitor who writes long messages, so that the server has something to tell it. It
//! must be cut off without costing the others their time or the server its memory.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::Context;
use futures_util::StreamExt as _;
use protocol::start::{ConnectionMode, socket_url};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::chat::every;
use super::crowd::Crowd;
use super::figures::{Figures, exact};
use super::http::{Http, address_of};
use super::server::Server;
use super::steps;
use super::visitor::Habits;
use super::{HOME_WITHIN, ONLINE_WITHIN, Plan};

/// As the scenario names them.
const SLOW: usize = 20;
/// A long message: the kernel's own buffers (4 MiB and more on loopback) fill in seconds.
const LONG: usize = 8_000;
/// The server gives a writer 10 s; the kernel's buffers come before that.
const CUT_OFF_WITHIN: Duration = Duration::from_secs(90);
/// Everything that a slow socket still holds is read by then.
const DRAINED_WITHIN: Duration = Duration::from_secs(10);
const RATE: u32 = 500;

pub(super) async fn slow(server: &Server, plan: &Plan) -> anyhow::Result<Figures> {
    let mut figures = Figures::default();
    let mut fast = Crowd::new(server.address);
    let every = every(plan.users, Some(plan.rate.unwrap_or(RATE)));
    let habits = Habits {
        every,
        outstanding: 20,
        padding: 0,
    };
    fast.come(SLOW + plan.users, habits);
    fast.all_online(ONLINE_WITHIN).await?;
    fast.order(|orders| {
        orders.talk = true;
        orders.measure = true;
    });
    sleep(plan.time()).await;
    let before = server.resident_bytes()?;
    let alone = fast.leave(HOME_WITHIN).await?;
    let times = alone.into_iter().flat_map(|visitor| visitor.diary.acks);
    figures.times("ack without slow readers", times.collect(), "");

    // The first visitors of a crowd have the numbers of the slow readers: they are the same people.
    let mut talkers = Crowd::new(server.address);
    let long = Habits {
        every: super::chat::every(SLOW, None),
        padding: LONG,
        ..habits
    };
    talkers.come(SLOW, long);
    talkers.come(plan.users, habits);
    talkers.all_online(ONLINE_WITHIN).await?;
    let mut readers = Vec::new();
    for user in 0..SLOW {
        readers.push(reader(server, user).await?);
    }
    let sockets = server.descriptors()?;
    talkers.order(|orders| {
        orders.talk = true;
        orders.measure = true;
    });
    let started = Instant::now();
    let mut highest = before;
    while server.descriptors()? + SLOW > sockets && started.elapsed() < CUT_OFF_WITHIN {
        sleep(Duration::from_millis(100)).await;
        highest = highest.max(server.resident_bytes()?);
    }
    figures.add(
        "last one cut off after",
        started.elapsed().as_secs_f64(),
        "s",
        "",
    );
    talkers.order(|orders| orders.talk = false);
    let mut cut_off = 0;
    for reader in &mut readers {
        cut_off += u64::from(timeout(DRAINED_WITHIN, end(reader)).await.is_ok());
    }
    figures.count("slow readers", SLOW as u64, "");
    figures.count("cut off", cut_off, "all");
    let mib = exact(highest.saturating_sub(before) >> 10) / 1024.0;
    figures.add("more memory at the most", mib, "MiB", "20 or less");
    figures.count("refused", talkers.tally.refused.load(Relaxed), "0");
    let home = talkers.leave(HOME_WITHIN).await?;
    let times = home.into_iter().skip(SLOW);
    let times = times.flat_map(|visitor| visitor.diary.acks).collect();
    figures.times("ack beside them", times, "twice as long at most");
    Ok(figures)
}

/// A second socket of a visitor, which has had its first frames' worth of opening and is then left alone.
async fn reader(server: &Server, user: usize) -> anyhow::Result<WebSocketStream<TcpStream>> {
    let mut http = Http::new(server.address, address_of(user));
    let token = steps::token(&mut http, user).await;
    let token = token.ok().context("a slow reader got no token")?;
    let url = steps::socket_address(&mut http, &token).await;
    let url = url.ok().context("a slow reader got no socket address")?;
    let url = socket_url(&url, ConnectionMode::Reconnect, None);
    let opened = steps::open(address_of(user), server.address, &url).await;
    let (socket, _) = opened.context("a slow reader's socket was refused")?;
    Ok(socket)
}

/// Reads until the socket ends.
async fn end(socket: &mut WebSocketStream<TcpStream>) {
    while let Some(Ok(message)) = socket.next().await {
        if matches!(message, Message::Close(_)) {
            return;
        }
    }
}
