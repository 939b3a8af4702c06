//! What is used up: turns and tokens in a stretch of time.

use tokio::task::JoinSet;

use super::{Database, NOW, minutes};
use crate::store::{SecretHash, Spending, Store};

fn spending(what: &str, add: u64, most: u64) -> Spending {
    Spending {
        counter: SecretHash::of(what),
        until: NOW.plus(minutes(1)),
        add,
        most,
    }
}

async fn spend(store: &dyn Store, spendings: &[Spending]) -> Option<usize> {
    store.spend(spendings.to_vec()).await.expect("counts")
}

pub(crate) async fn a_counter_stops_at_its_limit_and_outlives_a_restart(database: &dyn Database) {
    let store = database.open().await;
    let two = [spending("ann", 2, 3)];
    assert_eq!(spend(&*store, &two).await, None);
    assert_eq!(spend(&*store, &two).await, Some(0), "four of three");
    drop(store);
    let store = database.open().await;
    assert_eq!(spend(&*store, &two).await, Some(0));
    let ask = [spending("ann", 0, 3)];
    assert_eq!(spend(&*store, &ask).await, None, "one is left");
    assert_eq!(spend(&*store, &ask).await, None, "asking takes nothing");
    assert_eq!(spend(&*store, &[spending("ann", 1, 3)]).await, None);
    assert_eq!(spend(&*store, &ask).await, Some(0));
    assert_eq!(spend(&*store, &[spending("bob", 3, 3)]).await, None);
    // At its end it is forgotten, and the same counter begins anew.
    let early = store.sweep(NOW).await.expect("sweeps");
    assert_eq!(early.counters, 0);
    let swept = store.sweep(NOW.plus(minutes(1))).await.expect("sweeps");
    assert_eq!(swept.counters, 2);
    assert_eq!(spend(&*store, &two).await, None);
}

pub(crate) async fn spendings_are_counted_all_or_none(database: &dyn Database) {
    let store = database.open().await;
    let both = [spending("visitor", 1, 10), spending("bot", 1, 1)];
    assert_eq!(spend(&*store, &both).await, None);
    for _ in 0..3 {
        assert_eq!(spend(&*store, &both).await, Some(1));
    }
    assert_eq!(spend(&*store, &[spending("visitor", 9, 10)]).await, None);
    assert_eq!(spend(&*store, &[]).await, None);
}

pub(crate) async fn racing_spendings_share_one_limit(database: &dyn Database) {
    let store = database.open().await;
    let mut racing = JoinSet::new();
    for _ in 0..50 {
        let store = std::sync::Arc::clone(&store);
        racing.spawn(async move { spend(&*store, &[spending("bot", 1, 20)]).await });
    }
    let outcomes = racing.join_all().await;
    let let_in = outcomes.iter().filter(|over| over.is_none()).count();
    assert_eq!(let_in, 20);
}
