//! The signing endpoint with HS256, every check and limit on: one request after the other on each connection.

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
use super::server::Server;
use super::steps::{SIGN, sign_request};
use super::{HOME_WITHIN, Meter, Plan};

const WARM_UP: Duration = Duration::from_secs(1);

pub(super) async fn sign(server: &Server, plan: &Plan) -> anyhow::Result<Figures> {
    let (signed, failed) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let end = watch::Sender::new(false);
    let mut connections = JoinSet::new();
    for user in 0..plan.users {
        let mut http = Http::new(server.address, address_of(user));
        let (signed, failed) = (Arc::clone(&signed), Arc::clone(&failed));
        let ended = end.subscribe();
        let body = sign_request(user);
        connections.spawn(async move {
            while !*ended.borrow() {
                match http.post(SIGN, None, &body).await {
                    Ok(answer) if answer.status == 200 => signed.fetch_add(1, Relaxed),
                    _ => failed.fetch_add(1, Relaxed),
                };
            }
        });
    }
    sleep(WARM_UP).await;
    let before = signed.load(Relaxed);
    let meter = Meter::start(server)?;
    sleep(plan.time()).await;
    let count = signed.load(Relaxed) - before;
    let mut figures = Figures::default();
    figures.count("connections", plan.users as u64, "");
    meter.all(&mut figures, "signatures", exact(count), "35000 or more")?;
    figures.count("failed", failed.load(Relaxed), "0");
    end.send_replace(true);
    timeout(HOME_WITHIN, connections.join_all()).await?;
    ensure!(count > 0, "nothing was signed");
    Ok(figures)
}
