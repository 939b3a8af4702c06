//! The signing endpoint with HS256, every check and limit on: one request after the other on each connection.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::Plan;
use super::figures::Figures;
use super::http::{Http, address_of};
use super::repeat::Tally;
use super::server::Server;
use super::steps::{SIGN, sign_request};

pub(super) async fn sign(server: &Server, plan: &Plan) -> anyhow::Result<Figures> {
    let tally = Arc::<Tally>::default();
    let mut connections = JoinSet::new();
    for user in 0..plan.users {
        let mut http = Http::new(server.address, address_of(user));
        let body = sign_request(user);
        let tally = Arc::clone(&tally);
        connections.spawn(async move {
            while tally.goes_on() {
                let answer = http.post(SIGN, None, &body).await;
                tally.count(answer.is_ok_and(|answer| answer.status == 200));
            }
        });
    }
    tally
        .measure(connections, (server, plan), "signatures", "35000 or more")
        .await
}
