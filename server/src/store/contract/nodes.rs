//! Which servers use a store, and whether their secrets are the same.

use std::time::Duration;

use super::{Database, NOW};
use crate::clock::Millis;
use crate::limits::LEASE;
use crate::store::{Joined, NodeRecord};

fn record(visitors: &str, keys: &str) -> NodeRecord {
    NodeRecord {
        visitors: visitors.to_owned(),
        keys: keys.to_owned(),
    }
}

/// A moment after everything that was said at [`NOW`] has ended.
fn later() -> Millis {
    NOW.plus(LEASE).plus(Duration::from_millis(1))
}

pub(crate) async fn nodes_that_live_know_of_each_other_and_the_last_one_is_remembered(
    database: &dyn Database,
) {
    let left = database.open_as("left").await;
    let right = database.open_as("right").await;
    let joined = left.join(record("v", "a"), NOW).await;
    assert_eq!(joined, Ok(Joined::Alone(None)));
    let joined = right.join(record("v", "b"), NOW).await;
    assert_eq!(joined, Ok(Joined::Beside(vec![record("v", "a")])));
    // Both are gone, without a word.
    database.pass(later().since(NOW)).await;
    let third = database.open_as("third").await;
    right
        .join(record("v", "c"), later())
        .await
        .expect("goes on");
    let joined = third.join(record("v", "d"), later()).await;
    assert_eq!(joined, Ok(Joined::Beside(vec![record("v", "c")])));
    // These say so.
    right.close().await.expect("closes");
    third.close().await.expect("closes");
    let fourth = database.open_as("fourth").await;
    let Ok(Joined::Alone(Some(last))) = fourth.join(record("w", "e"), later()).await else {
        panic!("nobody lives");
    };
    assert_eq!(last.visitors, "v");
}

pub(crate) async fn a_node_that_starts_again_sees_what_it_was(database: &dyn Database) {
    let here = database.open().await;
    here.join(record("v", "a"), NOW).await.expect("joins");
    // At once, after a crash: it is no other node.
    let joined = database.open().await.join(record("w", "b"), NOW).await;
    assert_eq!(joined, Ok(Joined::Alone(Some(record("v", "a")))));
}

pub(crate) async fn nodes_that_live_sign_visitors_with_the_same_secret(database: &dyn Database) {
    let left = database.open_as("left").await;
    left.join(record("v", "a"), NOW).await.expect("joins");
    let right = database.open_as("right").await;
    assert_eq!(right.join(record("w", "a"), NOW).await, Ok(Joined::Refused));
    // Who was refused is not there.
    let third = database.open_as("third").await;
    let joined = third.join(record("v", "a"), NOW).await;
    assert_eq!(joined, Ok(Joined::Beside(vec![record("v", "a")])));
}

pub(crate) async fn of_nodes_that_start_at_once_with_different_secrets_one_is_noted(
    database: &dyn Database,
) {
    let mut joining = tokio::task::JoinSet::new();
    for number in 0..6 {
        let store = database.open_as(&format!("node {number}")).await;
        joining.spawn(async move {
            let record = record(&number.to_string(), "");
            store.join(record, NOW).await.expect("answers")
        });
    }
    let outcomes = joining.join_all().await;
    let refused = outcomes.iter().filter(|it| **it == Joined::Refused).count();
    assert_eq!(refused, 5, "{outcomes:?}");
}
