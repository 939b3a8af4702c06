//! Once, in order.

use tokio::task::JoinSet;

use super::{Database, NOW, append, conversation, new_message, unknown};
use crate::limits::SENT_AGAIN_WITHIN;
use crate::store::{
    ConversationId, HistoryFrom, HistoryQuery, NextJob, Sender, Store, StoredMessage,
};

/// Everything, oldest first.
pub(super) async fn all(store: &dyn Store, conversation: ConversationId) -> Vec<StoredMessage> {
    let mut messages = Vec::new();
    let mut after = 0;
    loop {
        let from = HistoryFrom::After(after);
        let query = HistoryQuery {
            conversation,
            from,
            limit: 500,
        };
        let page = store.history(query).await.expect("a page");
        messages.extend(page.messages);
        if !page.more {
            return messages;
        }
        after = messages.last().map_or(0, |message| message.seq);
    }
}

/// Sequences are 1, 2, 3, …
fn assert_gapless(messages: &[StoredMessage]) {
    let sequences: Vec<u64> = messages.iter().map(|message| message.seq).collect();
    let expected: Vec<u64> = (1..).take(messages.len()).collect();
    assert_eq!(sequences, expected);
}

pub(crate) async fn messages_get_sequences_in_order_without_gaps(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    for number in 1..=20_u64 {
        let appended = append(store.as_ref(), here, &number.to_string()).await;
        assert_eq!(appended.message.seq, number);
        assert!(!appended.duplicate);
        assert!(appended.job.is_some());
    }
    let stored = all(store.as_ref(), here).await;
    assert_gapless(&stored);
    let first = &stored[0];
    assert_eq!(
        (first.message_id.as_str(), first.sender),
        ("ms-1", Sender::User)
    );
    assert_eq!(first.client_message_id.as_deref(), Some("1"));
    assert_eq!(first.body, r#"{"body":"1"}"#);
    assert_eq!((first.created, first.session_id.as_str()), (NOW, "ss-1"));
    unknown(
        store
            .append_message(new_message(ConversationId(999), Some("1"), "x"))
            .await,
    );
}

pub(crate) async fn a_message_sent_again_is_stored_once(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let first = append(store.as_ref(), here, "17").await;
    append(store.as_ref(), here, "18").await;
    // Another id of ours, other things that a host added, later: the first one stands.
    let mut again = new_message(here, Some("17"), "17");
    again.message_id = "ms-other".to_owned();
    again.body = r#"{"body":"17","nlMeta":{}}"#.to_owned();
    again.now = NOW.plus(SENT_AGAIN_WITHIN);
    let again = store.append_message(again).await.expect("appends");
    assert!(again.duplicate);
    assert_eq!(again.job, None);
    assert_eq!(again.message, first.message);
    assert_eq!(all(store.as_ref(), here).await.len(), 2);
}

pub(crate) async fn an_id_with_other_words_is_another_message(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    // A page that counts from one, twice, and one that always says the same id.
    let said = [
        ("1", "hello"),
        ("2", "parcel"),
        ("1", "help"),
        ("2", "4711"),
        ("1.5", "a"),
        ("1.5", "b"),
    ];
    for (id, text) in said {
        let mut message = new_message(here, Some(id), text);
        message.message_id = format!("ms-{id}-{text}");
        let appended = store.append_message(message).await.expect("appends");
        assert!(!appended.duplicate && appended.job.is_some(), "{id} {text}");
    }
    // Each of them may come again, also after a crash.
    let store = database.open().await;
    for (number, (id, text)) in (1..).zip(said) {
        let again = store.append_message(new_message(here, Some(id), text));
        let again = again.await.expect("appends");
        assert!(again.duplicate, "{id} {text}");
        assert_eq!(again.message.seq, number);
        assert_eq!(again.message.client_message_id.as_deref(), Some(id));
    }
    let stored = all(store.as_ref(), here).await;
    assert_eq!(stored.len(), said.len());
    assert_gapless(&stored);
}

pub(crate) async fn the_same_words_after_the_window_are_a_new_message(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let later = NOW.plus(SENT_AGAIN_WITHIN).plus(super::minutes(1));
    for (now, duplicate) in [(NOW, false), (later, false), (later, true)] {
        let mut message = new_message(here, Some("1"), "hello");
        message.now = now;
        let appended = store.append_message(message).await.expect("appends");
        assert_eq!(appended.duplicate, duplicate, "{now:?}");
    }
    assert_eq!(all(store.as_ref(), here).await.len(), 2);
}

pub(crate) async fn the_same_message_at_once_on_many_sockets_is_stored_once(
    database: &dyn Database,
) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let sends = (0..24).map(|number| {
        let mut message = new_message(here, Some("17"), "same");
        message.message_id = format!("ms-{number}");
        store.append_message(message)
    });
    let sent = futures_util::future::join_all(sends).await;
    let sent: Vec<_> = sent.into_iter().map(|one| one.expect("appends")).collect();
    assert_eq!(sent.iter().filter(|one| !one.duplicate).count(), 1);
    assert_eq!(sent.iter().filter(|one| one.job.is_some()).count(), 1);
    assert!(sent.iter().all(|one| one.message == sent[0].message));
    assert_eq!(all(store.as_ref(), here).await.len(), 1);
}

pub(crate) async fn a_message_sent_again_after_a_crash_is_stored_once(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let first = append(store.as_ref(), here, "17").await;
    drop(store);
    let store = database.open().await;
    let again = append(store.as_ref(), here, "17").await;
    assert!(again.duplicate);
    assert_eq!(again.message, first.message);
    let NextJob::Ready(job) = store.next_job(here, NOW).await.expect("a job") else {
        panic!("the job is gone");
    };
    assert_eq!(Some(job.id), first.job);
    assert_eq!(job.trigger, Some(first.message));
}

pub(crate) async fn a_number_and_a_string_are_two_ids(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    for id in ["17", r#""17""#, "17.0", "0", "-1", r#""""#] {
        assert!(!append(store.as_ref(), here, id).await.duplicate, "{id}");
        let again = append(store.as_ref(), here, id).await;
        assert!(again.duplicate, "{id}");
        assert_eq!(again.message.client_message_id.as_deref(), Some(id));
    }
}

pub(crate) async fn two_users_may_use_the_same_ids(database: &dyn Database) {
    let store = database.open().await;
    let ann = conversation(store.as_ref(), "ann").await;
    let bob = conversation(store.as_ref(), "bob").await;
    for id in ["1", "2", "3"] {
        assert!(!append(store.as_ref(), ann, id).await.duplicate);
        assert!(!append(store.as_ref(), bob, id).await.duplicate);
    }
    for conversation in [ann, bob] {
        let stored = all(store.as_ref(), conversation).await;
        assert_eq!(stored.len(), 3);
        assert_gapless(&stored);
        assert!(
            stored
                .iter()
                .all(|message| message.conversation == conversation)
        );
    }
}

pub(crate) async fn messages_without_an_id_are_all_stored(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    for _ in 0..3 {
        let appended = store
            .append_message(new_message(here, None, "x"))
            .await
            .expect("appends");
        assert!(!appended.duplicate);
    }
    assert_gapless(&all(store.as_ref(), here).await);
}

pub(crate) async fn a_failing_message_harms_no_other_of_its_batch(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let sends = (0..200).map(|number| {
        let there = if number % 10 == 3 {
            ConversationId(999)
        } else {
            here
        };
        store.append_message(new_message(there, Some(&number.to_string()), "x"))
    });
    let sent = futures_util::future::join_all(sends).await;
    for (number, result) in sent.into_iter().enumerate() {
        if number % 10 == 3 {
            unknown(result);
        } else {
            assert!(!result.expect("appends").duplicate);
        }
    }
    let stored = all(store.as_ref(), here).await;
    assert_eq!(stored.len(), 180);
    assert_gapless(&stored);
}

pub(crate) async fn ten_thousand_messages_keep_their_order(database: &dyn Database) {
    const SENDERS: usize = 10;
    const EACH: usize = 1_000;
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    // Ten sockets of one user; each keeps 20 on the way, in order.
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let store = store.clone();
        senders.spawn(async move {
            let ids: Vec<String> = (0..EACH)
                .map(|number| (sender * EACH + number).to_string())
                .collect();
            for ids in ids.chunks(20) {
                let sends = ids.iter().map(|id| append(store.as_ref(), here, id));
                futures_util::future::join_all(sends).await;
            }
        });
    }
    senders.join_all().await;
    drop(store);
    let stored = all(database.open().await.as_ref(), here).await;
    assert_eq!(stored.len(), SENDERS * EACH);
    assert_gapless(&stored);
    for sender in 0..SENDERS {
        let sent: Vec<usize> = stored
            .iter()
            .filter_map(|message| message.client_message_id.as_deref()?.parse().ok())
            .filter(|id| id / EACH == sender)
            .collect();
        assert_eq!(sent.len(), EACH);
        assert!(sent.is_sorted(), "sender {sender} is out of order");
    }
}
