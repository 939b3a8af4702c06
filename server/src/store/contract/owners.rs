//! Who answers a conversation, and what comes outside a turn.

use super::messages::all;
use super::{
    APP, BOT, Database, IDLE, NOW, answer, append, conversation, minutes, opening, said, unknown,
    user,
};
use crate::limits::PEOPLE_IDLE;
use crate::records::{ConversationId, Effects, Owner};
use crate::store::{
    AnswersAppended, Conversation, Job, NewAnswers, NextJob, OpenMode, Sender, Store, TurnEnd,
};

fn ann() -> Owner {
    Owner::Agent("Ann Agent".to_owned())
}

async fn found(store: &dyn Store) -> Conversation {
    let found = store.conversation("u-ann", BOT).await.expect("reads");
    found.expect("is there")
}

async fn first_job(store: &dyn Store, conversation: ConversationId) -> Job {
    match store.next_job(conversation, NOW).await {
        Ok(NextJob::Ready(job)) => *job,
        other => panic!("no job but {other:?}"),
    }
}

/// Whose turn it was, and what it changes besides one answer.
fn turn(owner: Owner, effects: Effects) -> TurnEnd {
    TurnEnd {
        answers: vec![answer("a")],
        owner,
        effects,
    }
}

fn outside(conversation: ConversationId, texts: &[&str]) -> NewAnswers {
    NewAnswers {
        conversation,
        answers: texts.iter().map(|text| answer(text)).collect(),
        agent: None,
        only_if: None,
        effects: Effects::default(),
        now: NOW,
    }
}

fn to(owner: Owner) -> Effects {
    Effects {
        owner: Some(owner),
        ..Effects::default()
    }
}

fn keeps(state: &str) -> Effects {
    Effects {
        state: Some(state.to_owned()),
        ..Effects::default()
    }
}

pub(crate) async fn a_conversation_is_found_by_its_name_for_its_whole_life(
    database: &dyn Database,
) {
    let store = database.open().await;
    let user = user(store.as_ref(), "ann").await;
    let mut open = opening(&user, OpenMode::Default, "ss-1", NOW);
    open.new_conversation_name = "cv-1".to_owned();
    let opened = store.open_session(open).await.expect("opens");
    // Another session, and another name that is not needed.
    let again = opening(&user, OpenMode::StartNew, "ss-2", NOW);
    store.open_session(again).await.expect("opens");
    let store = database.open().await;
    let named = store.conversation_named("cv-1").await.expect("reads");
    let named = named.expect("is there");
    assert_eq!(named, found(store.as_ref()).await);
    assert_eq!(named.id, opened.conversation);
    assert_eq!((named.name.as_str(), named.app.as_str()), ("cv-1", APP));
    assert_eq!((named.owner, opened.owner), (Owner::Bot, Owner::Bot));
    assert_eq!(store.conversation_named("cv-2").await, Ok(None));
    assert_eq!(store.conversation_named("").await, Ok(None));
}

pub(crate) async fn a_job_knows_whom_and_what_its_turn_is_about(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let first = append(store.as_ref(), here, "1").await;
    let job = first.ready.expect("nothing stands before it");
    assert_eq!(job.conversation_name, found(store.as_ref()).await.name);
    assert_eq!((job.identity.as_str(), job.app.as_str()), ("ann", APP));
    assert_eq!((&job.profile, &job.state), (&None, &None));
    let end = turn(job.owner.clone(), keeps("{\"step\":2}"));
    store
        .complete_job(job.id, end, NOW)
        .await
        .expect("completes");
    let owner = store.set_owner(here, None, ann(), NOW).await;
    assert_eq!(owner, Ok(Some(Owner::Bot)));
    // By whichever way it comes.
    let next = append(store.as_ref(), here, "2").await.ready;
    let next = next.expect("nothing stands before it");
    assert_eq!(next.state.as_deref(), Some("{\"step\":2}"));
    assert_eq!(next.owner, ann());
    assert_eq!(*next, first_job(store.as_ref(), here).await);
}

pub(crate) async fn a_turn_keeps_hands_over_and_closes_with_its_answer(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let job = append(store.as_ref(), here, "1").await.job.expect("a job");
    let all_of_it = Effects {
        state: Some("kept".to_owned()),
        owner: Some(Owner::Queue),
        closes: true,
        tokens: 7,
    };
    let done = store
        .complete_job(job, turn(Owner::Bot, all_of_it), NOW)
        .await
        .expect("completes");
    assert_eq!((done.answers.len(), done.refused), (1, None));
    let store = database.open().await;
    let now = found(store.as_ref()).await;
    assert_eq!((now.owner, now.session_open), (Owner::Queue, false));
    let job = append(store.as_ref(), here, "2").await.ready;
    let job = job.expect("a job");
    assert_eq!(job.state.as_deref(), Some("kept"));
    // What is not said stays, and an empty state is none.
    let done = store.complete_job(job.id, turn(Owner::Queue, Effects::default()), NOW);
    done.await.expect("completes");
    let job = append(store.as_ref(), here, "3").await.ready;
    let job = job.expect("a job");
    assert_eq!(
        (job.owner, job.state.as_deref()),
        (Owner::Queue, Some("kept"))
    );
    let done = store.complete_job(job.id, turn(Owner::Queue, keeps("")), NOW);
    done.await.expect("completes");
    let job = append(store.as_ref(), here, "4").await.ready;
    assert_eq!(job.expect("a job").state, None);
}

pub(crate) async fn a_turn_whose_conversation_was_taken_over_changes_nothing(
    database: &dyn Database,
) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let job = append(store.as_ref(), here, "1").await.job.expect("a job");
    append(store.as_ref(), here, "2").await;
    store
        .set_owner(here, Some(Owner::Bot), ann(), NOW)
        .await
        .expect("changes");
    let all_of_it = Effects {
        state: Some("kept".to_owned()),
        owner: Some(Owner::Queue),
        closes: true,
        tokens: 0,
    };
    let done = store
        .complete_job(job, turn(Owner::Bot, all_of_it), NOW)
        .await
        .expect("completes");
    assert_eq!((done.answers.len(), done.refused), (0, Some(ann())));
    let store = database.open().await;
    let next = first_job(store.as_ref(), here).await;
    assert_eq!(done.next, Some(NextJob::Ready(Box::new(next.clone()))));
    assert!(next.id > job, "its job is done");
    assert_eq!((next.owner, next.state), (ann(), None));
    assert!(found(store.as_ref()).await.session_open);
    assert_eq!(all(store.as_ref(), here).await.len(), 2);
    // Another person is somebody else, too.
    let other = Owner::Agent("Ben Agent".to_owned());
    let done = store.complete_job(next.id, turn(other, keeps("x")), NOW);
    assert_eq!(done.await.expect("completes").refused, Some(ann()));
}

pub(crate) async fn an_owner_that_races_with_an_answer_comes_before_or_after_it(
    database: &dyn Database,
) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    for round in 0..24 {
        store
            .set_owner(here, None, Owner::Bot, NOW)
            .await
            .expect("changes");
        let before = all(store.as_ref(), here).await.len();
        let job = append(store.as_ref(), here, &round.to_string()).await.job;
        let end = said(vec![answer(&format!("a{round}"))]);
        let (done, taken) = futures_util::future::join(
            store.complete_job(job.expect("a job"), end, NOW),
            store.set_owner(here, Some(Owner::Bot), ann(), NOW),
        )
        .await;
        let done = done.expect("completes");
        assert_eq!(taken, Ok(Some(Owner::Bot)));
        let stored = all(store.as_ref(), here).await.len() - before - 1;
        assert_eq!(stored, done.answers.len());
        assert_eq!(done.refused.is_some(), stored == 0);
    }
}

pub(crate) async fn a_turn_closes_its_own_session_only(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let job = append(store.as_ref(), here, "1").await.job.expect("a job");
    let open = opening("u-ann", OpenMode::StartNew, "ss-2", NOW);
    store.open_session(open).await.expect("opens");
    let closes = Effects {
        closes: true,
        ..Effects::default()
    };
    let done = store.complete_job(job, turn(Owner::Bot, closes), NOW);
    assert_eq!(done.await.expect("completes").answers.len(), 1);
    assert!(found(store.as_ref()).await.session_open);
}

pub(crate) async fn answers_outside_a_turn_are_stored_once_in_the_current_session(
    database: &dyn Database,
) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    append(store.as_ref(), here, "1").await;
    let mut new = outside(here, &["a", "b"]);
    new.agent = Some("Ann Agent".to_owned());
    new.effects = to(ann());
    let stored = store.append_answers(new.clone()).await.expect("appends");
    let AnswersAppended::Stored {
        messages,
        duplicate: false,
        before: Owner::Bot,
    } = stored
    else {
        panic!("{stored:?}");
    };
    assert_eq!(all(store.as_ref(), here).await[1..], messages);
    for (message, seq) in messages.iter().zip([2, 3]) {
        assert_eq!((message.seq, message.sender), (seq, Sender::Bot));
        assert_eq!(message.agent.as_deref(), Some("Ann Agent"));
        assert_eq!(
            (message.session_id.as_str(), message.created),
            ("ss-1", NOW)
        );
    }
    // The visitor's message is still to be answered.
    assert_eq!(first_job(store.as_ref(), here).await.owner, ann());
    // Again, after a crash, and although it would not be let in any more: it is the same.
    let store = database.open().await;
    new.only_if = Some(Owner::Bot);
    new.effects = to(Owner::Queue);
    new.now = NOW.plus(minutes(1));
    let again = store.append_answers(new).await.expect("is known");
    let same = AnswersAppended::Stored {
        messages,
        duplicate: true,
        before: ann(),
    };
    assert_eq!(again, same);
    assert_eq!(found(store.as_ref()).await.owner, ann());
    assert_eq!(all(store.as_ref(), here).await.len(), 3);
    // The same id in another conversation is another message.
    let there = conversation(store.as_ref(), "bob").await;
    let other = store.append_answers(outside(there, &["a"])).await;
    assert!(
        matches!(
            other,
            Ok(AnswersAppended::Stored {
                duplicate: false,
                ..
            })
        ),
        "{other:?}"
    );
}

pub(crate) async fn the_same_answer_at_once_is_stored_once(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let sends = (0..24).map(|_| store.append_answers(outside(here, &["a", "b"])));
    let sent = futures_util::future::join_all(sends).await;
    let new = sent.iter().filter(|one| {
        matches!(
            one,
            Ok(AnswersAppended::Stored {
                duplicate: false,
                ..
            })
        )
    });
    assert_eq!(new.count(), 1);
    assert!(sent.iter().all(
        |one| matches!(one, Ok(AnswersAppended::Stored { messages, .. }) if messages.len() == 2)
    ));
    assert_eq!(all(store.as_ref(), here).await.len(), 2);
}

pub(crate) async fn answers_outside_a_turn_are_refused_to_who_has_not_the_conversation(
    database: &dyn Database,
) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    for wanted in [Owner::Queue, ann()] {
        let mut new = outside(here, &["a"]);
        new.only_if = Some(wanted);
        new.effects = keeps("x");
        let refused = store.append_answers(new).await;
        assert_eq!(refused, Ok(AnswersAppended::NotOwner(Owner::Bot)));
    }
    assert_eq!(all(store.as_ref(), here).await, Vec::new());
    assert_eq!(append(store.as_ref(), here, "1").await.message.seq, 1);
    assert_eq!(first_job(store.as_ref(), here).await.state, None);
    // Without words, too: who closes must have it.
    let ending = NewAnswers {
        only_if: Some(ann()),
        effects: Effects {
            closes: true,
            ..Effects::default()
        },
        ..outside(here, &[])
    };
    let refused = store.append_answers(ending.clone()).await;
    assert_eq!(refused, Ok(AnswersAppended::NotOwner(Owner::Bot)));
    assert!(found(store.as_ref()).await.session_open);
    let closed = store.append_answers(NewAnswers {
        only_if: Some(Owner::Bot),
        ..ending
    });
    closed.await.expect("closes");
    assert!(!found(store.as_ref()).await.session_open);
    unknown(
        store
            .append_answers(outside(ConversationId(999), &["a"]))
            .await,
    );
}

pub(crate) async fn an_owner_is_changed_by_whom_it_is_meant_for(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    for (only_if, next, before) in [
        (Some(Owner::Queue), ann(), None),
        (Some(Owner::Bot), Owner::Queue, Some(Owner::Bot)),
        (Some(Owner::Queue), ann(), Some(Owner::Queue)),
        (Some(Owner::Agent("Ben Agent".to_owned())), Owner::Bot, None),
        (None, ann(), Some(ann())),
        (Some(ann()), Owner::Bot, Some(ann())),
    ] {
        let changed = store.set_owner(here, only_if, next.clone(), NOW).await;
        assert_eq!(changed, Ok(before.clone()));
        if before.is_some() {
            assert_eq!(found(database.open().await.as_ref()).await.owner, next);
        }
    }
    unknown(store.set_owner(ConversationId(999), None, ann(), NOW).await);
    // Of many who take it, one has it.
    let tries = (0..24).map(|number| {
        let me = Owner::Agent(number.to_string());
        store.set_owner(here, Some(Owner::Bot), me, NOW)
    });
    let taken = futures_util::future::join_all(tries).await;
    assert_eq!(
        taken
            .iter()
            .filter(|it| **it == Ok(Some(Owner::Bot)))
            .count(),
        1
    );
}

pub(crate) async fn a_reload_leaves_a_person_in_place_and_a_new_session_is_the_bots(
    database: &dyn Database,
) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    append(store.as_ref(), here, "1").await;
    // Longer than the bot is waited for.
    let mut now = NOW.plus(IDLE).plus(minutes(1));
    for owner in [Owner::Queue, ann()] {
        for mode in [
            OpenMode::Default,
            OpenMode::Reconnect,
            OpenMode::StartNewUnlessUnused,
            OpenMode::StartNewResumeAgent,
        ] {
            store
                .set_owner(here, None, owner.clone(), now)
                .await
                .expect("changes");
            now = now.plus(IDLE).plus(minutes(1));
            let open = opening("u-ann", mode, "ss-2", now);
            let opened = store.open_session(open).await.expect("opens");
            assert_eq!((opened.job, &opened.owner), (None, &owner), "{mode:?}");
        }
    }
    // Whoever asks for a new one in so many words, closes it, or stays away for a day.
    for way in 0..3 {
        store
            .set_owner(here, None, ann(), now)
            .await
            .expect("changes");
        let mode = match way {
            0 => OpenMode::StartNew,
            1 => {
                store.close_session(here, now).await.expect("closes");
                OpenMode::Default
            }
            _ => {
                now = now.plus(PEOPLE_IDLE).plus(minutes(1));
                OpenMode::Default
            }
        };
        let open = opening("u-ann", mode, &format!("ss-new-{way}"), now);
        let opened = store.open_session(open).await.expect("opens");
        assert!(opened.job.is_some(), "{way}");
        assert_eq!(opened.owner, Owner::Bot, "{way}");
        assert_eq!(found(store.as_ref()).await.owner, Owner::Bot);
    }
}
