//! What is forgotten, and what never is.

use std::time::Duration;

use super::messages::all;
use super::{Database, NOW, answer, conversation, new_message, said};
use crate::clock::Millis;
use crate::store::{
    ConversationId, HistoryFrom, HistoryQuery, NextJob, RetentionLimits, Store, StoredMessage,
};

const NOTHING: RetentionLimits = RetentionLimits {
    sent_again_from: Millis(u64::MAX),
    older_than: None,
    newest: None,
};

/// So many answered turns (two messages each), a minute apart.
async fn talk(store: &dyn Store, here: ConversationId, turns: u64) {
    for turn in 0..turns {
        let now = NOW.plus(Duration::from_mins(turn));
        let mut message = new_message(here, Some(&turn.to_string()), &turn.to_string());
        message.now = now;
        let job = store.append_message(message).await.expect("appends").job;
        let answers = vec![answer(&format!("a{turn}"))];
        store
            .complete_job(job.expect("a job"), said(answers), now)
            .await
            .expect("answers");
    }
}

/// Every step; how many messages went.
async fn prune(store: &dyn Store, retention: RetentionLimits) -> u32 {
    let (mut gone, mut after) = (0, None);
    loop {
        let pruned = store.prune(retention, after).await.expect("prunes");
        gone += pruned.messages;
        after = pruned.next;
        if after.is_none() {
            return gone;
        }
    }
}

fn sequences(messages: &[StoredMessage]) -> Vec<u64> {
    messages.iter().map(|message| message.seq).collect()
}

fn newest(count: u64) -> RetentionLimits {
    RetentionLimits {
        newest: Some(count),
        ..NOTHING
    }
}

fn older_than(moment: Millis) -> RetentionLimits {
    RetentionLimits {
        older_than: Some(moment),
        ..NOTHING
    }
}

pub(crate) async fn nothing_is_forgotten_unless_asked_for(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    talk(store.as_ref(), here, 5).await;
    assert_eq!(prune(store.as_ref(), NOTHING).await, 0);
    assert_eq!(prune(store.as_ref(), newest(10)).await, 0);
    assert_eq!(prune(store.as_ref(), older_than(NOW)).await, 0);
    assert_eq!(all(store.as_ref(), here).await.len(), 10);
}

pub(crate) async fn what_may_be_sent_again_stays(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    talk(store.as_ref(), here, 5).await;
    let flood = RetentionLimits {
        sent_again_from: NOW.plus(Duration::from_mins(2)),
        ..newest(1)
    };
    assert_eq!(prune(store.as_ref(), flood).await, 4);
    assert_eq!(all(store.as_ref(), here).await.len(), 6);
}

pub(crate) async fn the_newest_are_kept_in_each_conversation_and_sequences_go_on(
    database: &dyn Database,
) {
    let store = database.open().await;
    let hers = conversation(store.as_ref(), "ann").await;
    let his = conversation(store.as_ref(), "bob").await;
    talk(store.as_ref(), hers, 10).await;
    talk(store.as_ref(), his, 2).await;
    assert_eq!(prune(store.as_ref(), newest(6)).await, 14);
    let left = all(store.as_ref(), hers).await;
    assert_eq!(sequences(&left), (15..=20).collect::<Vec<_>>());
    assert_eq!(all(store.as_ref(), his).await.len(), 4);
    let next = store
        .append_message(new_message(hers, Some("\"n\""), "n"))
        .await
        .expect("appends");
    assert_eq!(next.message.seq, 21);
}

pub(crate) async fn the_old_go_until_the_first_that_is_young(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    talk(store.as_ref(), here, 10).await;
    let edge = NOW.plus(Duration::from_mins(4));
    assert_eq!(prune(store.as_ref(), older_than(edge)).await, 8);
    let left = all(store.as_ref(), here).await;
    assert_eq!(sequences(&left), (9..=20).collect::<Vec<_>>());
    // All of it may go; the conversation still knows its database.
    let later = NOW.plus(Duration::from_hours(1));
    assert_eq!(prune(store.as_ref(), older_than(later)).await, 12);
    let missed = store.since(here, 20, 100, 1_000).await.expect("answers");
    assert_eq!((missed.truncated, missed.last_seq), (false, 20));
}

pub(crate) async fn a_cursor_before_the_edge_cannot_be_continued_one_at_it_can(
    database: &dyn Database,
) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    talk(store.as_ref(), here, 10).await;
    prune(store.as_ref(), newest(6)).await;
    for (after, truncated, count) in [(0, true, 0), (13, true, 0), (14, false, 6), (20, false, 0)] {
        let missed = store
            .since(here, after, 100, 100_000)
            .await
            .expect("answers");
        assert_eq!(
            (missed.truncated, missed.messages.len()),
            (truncated, count),
            "after {after}"
        );
    }
    let page = HistoryQuery {
        conversation: here,
        from: HistoryFrom::Newest { offset: 0 },
        limit: 6,
    };
    let page = store.history(page).await.expect("a page");
    assert_eq!(
        (page.messages.len(), page.more, page.last_seq),
        (6, false, 20)
    );
}

pub(crate) async fn an_open_job_keeps_its_message_and_all_after_it(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    talk(store.as_ref(), here, 3).await;
    let open = store
        .append_message(new_message(here, Some("\"open\""), "open"))
        .await
        .expect("appends");
    for id in ["\"x\"", "\"y\""] {
        store
            .append_message(new_message(here, Some(id), "more"))
            .await
            .expect("appends");
    }
    let later = NOW.plus(Duration::from_hours(1));
    let both = RetentionLimits {
        older_than: Some(later),
        newest: Some(1),
        ..NOTHING
    };
    assert_eq!(prune(store.as_ref(), both).await, 6);
    assert_eq!(sequences(&all(store.as_ref(), here).await), [7, 8, 9]);
    let NextJob::Ready(job) = store.next_job(here, later).await.expect("a job") else {
        panic!("the job is there");
    };
    assert_eq!(job.trigger.as_ref(), Some(&open.message));
    store
        .complete_job(job.id, said(vec![answer("late")]), later)
        .await
        .expect("answers");
    assert_eq!(prune(store.as_ref(), both).await, 1);
    assert_eq!(sequences(&all(store.as_ref(), here).await), [8, 9, 10]);
}

pub(crate) async fn one_step_is_bounded_and_others_write_between_two(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let other = conversation(store.as_ref(), "bob").await;
    let job = store
        .append_message(new_message(here, None, "much"))
        .await
        .expect("appends")
        .job;
    let answers = (0..1_200).map(|number| answer(&number.to_string()));
    store
        .complete_job(job.expect("a job"), said(answers.collect()), NOW)
        .await
        .expect("answers");
    talk(store.as_ref(), other, 5).await;
    let (mut steps, mut after) = (0, None);
    loop {
        let pruned = store.prune(newest(2), after).await.expect("prunes");
        assert!(pruned.messages <= 1_000, "{}", pruned.messages);
        steps += 1;
        store
            .append_message(new_message(other, None, "more"))
            .await
            .expect("appends");
        after = pruned.next;
        if after.is_none() {
            break;
        }
    }
    assert!(steps > 1);
    assert_eq!(all(store.as_ref(), here).await.len(), 2);
}
