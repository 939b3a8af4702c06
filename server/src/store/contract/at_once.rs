//! Answers that are stored with their message.

use super::messages::all;
use super::{Database, NOW, answer, append, conversation, new_message, opening, user};
use crate::limits::LEASE;
use crate::store::{
    Appended, ConversationId, NewMessage, NextJob, OpenMode, OpenSession, Owner, Sender, Store,
    StoredMessage, TurnEnd,
};

/// A message with two answers that the bot gives at once.
fn message(conversation: ConversationId, id: &str) -> NewMessage {
    let answers = ["a", "b"].map(|which| answer(&format!("{id}{which}")));
    NewMessage {
        at_once: Some(answers.into()),
        ..new_message(conversation, Some(id), id)
    }
}

async fn say(store: &dyn Store, conversation: ConversationId, id: &str) -> Appended {
    let appended = store.append_message(message(conversation, id)).await;
    appended.expect("appends")
}

fn ids(messages: &[StoredMessage]) -> Vec<(u64, &str)> {
    let ids = messages.iter().map(|it| (it.seq, it.message_id.as_str()));
    ids.collect()
}

pub(crate) async fn answers_given_at_once_stand_behind_their_message(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let first = say(store.as_ref(), here, "1").await;
    assert_eq!((first.duplicate, first.job), (false, None));
    assert_eq!(ids(&first.answers), [(2, "ms-1a"), (3, "ms-1b")]);
    assert_eq!(first.answers[0].sender, Sender::Bot);
    let next = store.next_job(here, NOW).await;
    assert_eq!(next, Ok(NextJob::Empty));
    let silent = NewMessage {
        at_once: Some(Vec::new()),
        ..new_message(here, Some("2"), "2")
    };
    let silent = store.append_message(silent).await.expect("appends");
    assert_eq!((silent.message.seq, silent.job), (4, None));
    say(store.as_ref(), here, "3").await;
    // Also after a crash.
    let store = database.open().await;
    let again = say(store.as_ref(), here, "1").await;
    assert!(again.duplicate && again.answers.is_empty());
    assert_eq!(again.message, first.message);
    let stored = all(store.as_ref(), here).await;
    let expected = ["ms-1", "ms-1a", "ms-1b", "ms-2", "ms-3", "ms-3a", "ms-3b"];
    let expected: Vec<_> = (1..).zip(expected).collect();
    assert_eq!(ids(&stored), expected);
    assert_eq!(stored[1..3], first.answers);
}

pub(crate) async fn who_must_wait_is_answered_by_a_job(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    // Another job stands before.
    let before = append(store.as_ref(), here, "1").await.job;
    let waits = say(store.as_ref(), here, "2").await;
    assert!(waits.answers.is_empty() && waits.ready.is_none());
    for job in [before, waits.job] {
        let ended = store.complete_job(job.expect("a job"), TurnEnd::default(), NOW);
        ended.await.expect("completes");
    }
    assert_eq!(say(store.as_ref(), here, "3").await.answers.len(), 2);
    // A person has the conversation.
    let agent = Owner::Agent("Kim".to_owned());
    let set = store.set_owner(here, None, agent.clone(), NOW).await;
    set.expect("is set");
    let carried = say(store.as_ref(), here, "4").await;
    assert!(carried.answers.is_empty());
    let ready = carried.ready.expect("is the first");
    assert_eq!(ready.owner, agent);
    assert_eq!(Some(ready.id), carried.job);
}

pub(crate) async fn an_answer_at_once_takes_no_lease_and_respects_another_nodes(
    database: &dyn Database,
) {
    let (left, right) = (
        database.open_as("left").await,
        database.open_as("right").await,
    );
    let here = conversation(left.as_ref(), "ann").await;
    say(left.as_ref(), here, "1").await;
    let job = append(right.as_ref(), here, "2").await.ready;
    let job = job.expect("the lease was free").id;
    assert!(say(left.as_ref(), here, "3").await.answers.is_empty());
    // The dead node's job stands before, whoever may take it.
    database.pass(LEASE * 2).await;
    let late = NewMessage {
        now: NOW.plus(LEASE * 2),
        ..message(here, "4")
    };
    let late = left.append_message(late).await.expect("appends");
    assert!(late.answers.is_empty() && late.ready.is_none());
    let ended = right.complete_job(job, TurnEnd::default(), NOW).await;
    ended.expect_err("the lease is lost");
}

pub(crate) async fn a_greeting_given_at_once_comes_with_its_session(database: &dyn Database) {
    let store = database.open().await;
    let user = user(store.as_ref(), "ann").await;
    let open = |session: &str| OpenSession {
        at_once: Some(vec![answer("hi")]),
        ..opening(&user, OpenMode::Default, session, NOW)
    };
    let opened = store.open_session(open("ss-1")).await.expect("opens");
    let here = opened.conversation;
    assert_eq!((opened.job, opened.last_seq), (None, 0));
    let greeting = opened.greeting.expect("is stored");
    assert_eq!(ids(&greeting), [(1, "ms-hi")]);
    assert_eq!(all(store.as_ref(), here).await, greeting);
    let next = store.next_job(here, NOW).await;
    assert_eq!(next, Ok(NextJob::Empty));
    let again = store.open_session(open("ss-2")).await.expect("opens");
    assert_eq!(again.session_id, "ss-1");
    assert_eq!((again.job, again.greeting), (None, None));
    let silent = OpenSession {
        mode: OpenMode::StartNew,
        at_once: Some(Vec::new()),
        ..open("ss-3")
    };
    let silent = store.open_session(silent).await.expect("opens");
    assert_eq!((silent.job, silent.greeting), (None, Some(Vec::new())));
    // A job that stands before it asks for the greeting, too.
    append(store.as_ref(), here, "1").await;
    let new = OpenSession {
        mode: OpenMode::StartNew,
        ..open("ss-4")
    };
    let new = store.open_session(new).await.expect("opens");
    assert!(new.job.is_some() && new.greeting.is_none());
}
