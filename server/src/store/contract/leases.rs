//! Which node works on a conversation.

use super::messages::all;
use super::{Database, NOW, answer, append, conversation, new_message, said};
use crate::clock::Millis;
use crate::limits::LEASE;
use crate::store::{ConversationId, Job, NextJob, Store, StoreError, TurnEnd};

/// A moment after every lease of [`NOW`] has ended.
fn later() -> Millis {
    NOW.plus(LEASE).plus(std::time::Duration::from_millis(1))
}

async fn taken(store: &dyn Store, conversation: ConversationId, now: Millis) -> Job {
    match store.take_job(conversation, now).await {
        Ok(Some(NextJob::Ready(job))) => *job,
        other => panic!("no job but {other:?}"),
    }
}

pub(crate) async fn one_node_at_a_time_works_on_a_conversation(database: &dyn Database) {
    let (left, right) = (
        database.open_as("left").await,
        database.open_as("right").await,
    );
    let here = conversation(left.as_ref(), "ann").await;
    // Who stores the first message has the lease.
    let first = append(left.as_ref(), here, "1").await;
    assert!(first.ready.is_some());
    assert_eq!(append(right.as_ref(), here, "2").await.ready, None);
    assert_eq!(right.take_job(here, NOW).await, Ok(None));
    let job = taken(left.as_ref(), here, NOW).await;
    assert_eq!(Some(job.id), first.job);
    // What the other node stored comes with the end of the first job.
    let ended = left
        .complete_job(job.id, said(vec![answer("a")]), NOW)
        .await;
    let Some(NextJob::Ready(second)) = ended.expect("completes").next else {
        panic!("the second job");
    };
    assert_eq!(right.take_job(here, NOW).await, Ok(None));
    let ended = left
        .complete_job(second.id, said(vec![answer("b")]), NOW)
        .await;
    assert_eq!(ended.expect("completes").next, Some(NextJob::Empty));
    // Without work it is anybody's.
    assert!(append(right.as_ref(), here, "3").await.ready.is_some());
    assert_eq!(left.take_job(here, NOW).await, Ok(None));
    // An end that changes nothing gives it back as well, and so does a store that is closed.
    let third = taken(right.as_ref(), here, NOW).await;
    right
        .complete_job(third.id, TurnEnd::default(), NOW)
        .await
        .expect("completes");
    append(left.as_ref(), here, "4").await;
    left.close().await.expect("closes");
    taken(right.as_ref(), here, NOW).await;
}

pub(crate) async fn a_lease_that_is_not_renewed_is_taken_over_and_the_loser_stores_nothing(
    database: &dyn Database,
) {
    let (dead, alive) = (
        database.open_as("dead").await,
        database.open_as("alive").await,
    );
    let here = conversation(dead.as_ref(), "ann").await;
    append(dead.as_ref(), here, "1").await;
    let job = taken(dead.as_ref(), here, NOW).await;
    let renewed = NOW.plus(LEASE / 2);
    dead.renew_leases(vec![here], renewed)
        .await
        .expect("renews");
    database.pass(LEASE / 2).await;
    assert_eq!(alive.take_job(here, later()).await, Ok(None));
    database.pass(LEASE).await;
    let after = later().plus(LEASE);
    assert_eq!(taken(alive.as_ref(), here, after).await, job);
    // The first was not dead but slow.
    assert_eq!(
        dead.complete_job(job.id, said(vec![answer("late")]), after)
            .await,
        Err(StoreError::LeaseLost)
    );
    assert_eq!(
        dead.complete_job(job.id, TurnEnd::default(), after).await,
        Err(StoreError::LeaseLost)
    );
    dead.postpone_job(job.id, 7, after.plus(LEASE))
        .await
        .expect("is no error");
    dead.renew_leases(vec![here], after)
        .await
        .expect("is no error");
    assert_eq!(taken(alive.as_ref(), here, after).await, job);
    alive
        .complete_job(job.id, said(vec![answer("a")]), after)
        .await
        .expect("completes");
    let ids: Vec<_> = all(alive.as_ref(), here)
        .await
        .into_iter()
        .map(|it| it.message_id)
        .collect();
    assert_eq!(ids, ["ms-1", "ms-a"]);
}

pub(crate) async fn a_node_that_starts_again_goes_on_with_its_own(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    append(store.as_ref(), here, "1").await;
    let job = taken(store.as_ref(), here, NOW).await;
    drop(store);
    let store = database.open().await;
    assert_eq!(
        store.open_conversations_with_jobs(NOW).await,
        Ok(vec![here])
    );
    assert_eq!(taken(store.as_ref(), here, NOW).await, job);
}

pub(crate) async fn work_without_a_living_node_is_found(database: &dyn Database) {
    let (left, right) = (
        database.open_as("left").await,
        database.open_as("right").await,
    );
    let here = conversation(left.as_ref(), "ann").await;
    let there = conversation(right.as_ref(), "bob").await;
    append(left.as_ref(), here, "1").await;
    append(right.as_ref(), there, "1").await;
    assert_eq!(left.open_conversations_with_jobs(NOW).await, Ok(vec![here]));
    assert_eq!(
        right.open_conversations_with_jobs(NOW).await,
        Ok(vec![there])
    );
    database.pass(LEASE).await;
    assert_eq!(
        right.open_conversations_with_jobs(later()).await,
        Ok(vec![here, there])
    );
}

pub(crate) async fn racing_nodes_take_one_lease(database: &dyn Database) {
    let mut nodes = Vec::new();
    for number in 0..4 {
        nodes.push(database.open_as(&format!("node-{number}")).await);
    }
    let here = conversation(nodes[0].as_ref(), "ann").await;
    append(nodes[0].as_ref(), here, "1").await;
    nodes[0].close().await.expect("closes");
    let asked = nodes[1..].iter().map(|node| node.take_job(here, NOW));
    let got = futures_util::future::join_all(asked).await;
    let ready = |it: &Result<Option<NextJob>, _>| matches!(it, Ok(Some(NextJob::Ready(_))));
    assert_eq!(got.iter().filter(|it| ready(it)).count(), 1, "{got:?}");
    // So it is with a message at once on each.
    let appends = nodes[1..].iter().enumerate().map(|(number, node)| {
        let id = format!("{number}");
        let message = new_message(here, Some(&id), &format!("at-once-{number}"));
        async move { node.append_message(message).await }
    });
    for appended in futures_util::future::join_all(appends).await {
        assert_eq!(appended.expect("appends").ready, None);
    }
}
