//! A bot's page for visitors who come back: rendered with the newest messages of their transcript.
//!
//! Each connection is a visitor's, who has said so much without JavaScript that the page is full; then the page is asked for
//! again and again, one after the other.

use std::sync::Arc;

use anyhow::ensure;
use tokio::task::JoinSet;

use super::Plan;
use super::figures::Figures;
use super::http::{Http, address_of};
use super::repeat::Tally;
use super::server::{PAGE, Server};

/// The page shows twenty messages, and a welcome and ten turns are more than that.
const TURNS: usize = 10;

pub(super) async fn page(server: &Server, plan: &Plan) -> anyhow::Result<Figures> {
    let tally = Arc::<Tally>::default();
    let mut connections = JoinSet::new();
    let mut bytes = 0;
    for user in 0..plan.users {
        let mut http = Http::new(server.address, address_of(user));
        let (cookie, page) = talk(&mut http).await?;
        bytes = page.len();
        let tally = Arc::clone(&tally);
        connections.spawn(async move {
            while tally.goes_on() {
                let answer = http.page(PAGE, &cookie).await;
                tally.count(answer.is_ok_and(|answer| full(&answer.body)));
            }
        });
    }
    let mut figures = tally
        .measure(connections, (server, plan), "pages", "22000 or more")
        .await?;
    figures.count("bytes of a page", bytes as u64, "");
    Ok(figures)
}

/// What a visitor says without JavaScript: the cookie and the page that this gives.
async fn talk(http: &mut Http) -> anyhow::Result<(String, String)> {
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
    Ok((cookie, page.body))
}

/// Is the last answer on the page?
fn full(page: &str) -> bool {
    page.contains(&format!("echo turn {TURNS}"))
}
