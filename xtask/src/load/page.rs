//! A bot's page for visitors who come back: rendered with the newest messages of their transcript.
//!
//! Each connection is a visitor's, who has said so much without JavaScript that the page is full; then the page is asked for
//! again and again, one after the other.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::ensure;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::figures::{Figures, exact};
use super::http::{Http, address_of};
use super::server::{PAGE, Server};
use super::{HOME_WITHIN, Meter, Plan};

/// The page shows twenty messages, and a welcome and ten turns are more than that.
const TURNS: usize = 10;
const WARM_UP: Duration = Duration::from_secs(1);

pub(super) async fn page(server: &Server, plan: &Plan) -> anyhow::Result<Figures> {
    let (drawn, failed) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let bytes = Arc::<AtomicU64>::default();
    let end = watch::Sender::new(false);
    let mut connections = JoinSet::new();
    for user in 0..plan.users {
        let mut http = Http::new(server.address, address_of(user));
        let cookie = talk(&mut http).await?;
        let (drawn, failed, bytes) = (Arc::clone(&drawn), Arc::clone(&failed), Arc::clone(&bytes));
        let ended = end.subscribe();
        connections.spawn(async move {
            while !*ended.borrow() {
                match http.page(PAGE, &cookie).await {
                    Ok(answer) if full(&answer.body) => {
                        bytes.store(answer.body.len() as u64, Relaxed);
                        drawn.fetch_add(1, Relaxed)
                    }
                    _ => failed.fetch_add(1, Relaxed),
                };
            }
        });
    }
    sleep(WARM_UP).await;
    let before = drawn.load(Relaxed);
    let meter = Meter::start(server)?;
    sleep(plan.time()).await;
    let count = drawn.load(Relaxed) - before;
    let mut figures = Figures::default();
    figures.count("connections", plan.users as u64, "");
    meter.all(&mut figures, "pages", exact(count), "22000 or more")?;
    figures.count("bytes of a page", bytes.load(Relaxed), "");
    figures.count("failed", failed.load(Relaxed), "0");
    end.send_replace(true);
    timeout(HOME_WITHIN, connections.join_all()).await?;
    ensure!(count > 0, "no page was drawn");
    Ok(figures)
}

/// What a visitor says without JavaScript, and the cookie that this gives.
async fn talk(http: &mut Http) -> anyhow::Result<String> {
    let mut cookie = String::new();
    for turn in 1..=TURNS {
        let answer = http
            .form(PAGE, &cookie, &format!("text=turn+{turn}"))
            .await?;
        ensure!(answer.status == 303, "a posted message was refused");
        cookie = answer.cookie.unwrap_or(cookie);
    }
    ensure!(!cookie.is_empty(), "the visitor got no cookie");
    let page = http.page(PAGE, &cookie).await?;
    ensure!(full(&page.body), "the transcript is not on the page");
    Ok(cookie)
}

/// Is the last answer on the page?
fn full(page: &str) -> bool {
    page.contains(&format!("echo turn {TURNS}"))
}
