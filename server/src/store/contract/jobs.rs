//! Work for bots.

use super::messages::all;
use super::{BOT, Database, NOW, answer, append, conversation, minutes, said};
use crate::store::{
    Completed, ConversationId, Job, JobId, JobKind, NextJob, Sender, Store, TurnEnd,
};

async fn ready(store: &dyn Store, conversation: ConversationId) -> Job {
    match store.next_job(conversation, NOW).await {
        Ok(NextJob::Ready(job)) => *job,
        other => panic!("no job but {other:?}"),
    }
}

pub(crate) async fn a_message_has_its_job_and_the_job_its_message(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    assert_eq!(store.next_job(here, NOW).await, Ok(NextJob::Empty));
    let appended = append(store.as_ref(), here, "1").await;
    let job = ready(store.as_ref(), here).await;
    assert_eq!(Some(job.id), appended.job);
    assert_eq!((job.kind, job.attempts), (JobKind::Message, 0));
    assert_eq!((job.user.as_str(), job.bot.as_str()), ("u-ann", BOT));
    assert_eq!((job.conversation, job.created), (here, NOW));
    assert_eq!(job.trigger, Some(appended.message));
    // Asking changes nothing.
    assert_eq!(ready(store.as_ref(), here).await, job);
}

pub(crate) async fn a_job_completed_twice_answers_once(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    append(store.as_ref(), here, "1").await;
    let job = ready(store.as_ref(), here).await.id;
    let answers = vec![answer("a"), answer("b")];
    let stored = store
        .complete_job(job, said(answers.clone()), NOW)
        .await
        .expect("completes");
    assert_eq!(stored.next, Some(NextJob::Empty));
    let stored = stored.answers;
    assert_eq!(
        stored.iter().map(|message| message.seq).collect::<Vec<_>>(),
        [2, 3]
    );
    assert!(stored.iter().all(|message| message.sender == Sender::Bot));
    assert_eq!(stored[0].session_id, "ss-1");
    assert_eq!(
        store.complete_job(job, said(answers.clone()), NOW).await,
        Ok(Completed::default())
    );
    assert_eq!(
        store.complete_job(JobId(999), said(answers), NOW).await,
        Ok(Completed::default())
    );
    assert_eq!(all(store.as_ref(), here).await[1..], stored);
    assert_eq!(store.next_job(here, NOW).await, Ok(NextJob::Empty));
    assert_eq!(
        store.open_conversations_with_jobs(NOW).await,
        Ok(Vec::new())
    );
}

pub(crate) async fn racing_completions_answer_once(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    append(store.as_ref(), here, "1").await;
    let job = ready(store.as_ref(), here).await.id;
    let ends = (0..24).map(|_| store.complete_job(job, said(vec![answer("a")]), NOW));
    let ended = futures_util::future::join_all(ends).await;
    let answered = ended
        .iter()
        .filter(|end| end.as_ref().is_ok_and(|it| it.answers.len() == 1))
        .count();
    assert_eq!(answered, 1);
    assert_eq!(all(store.as_ref(), here).await.len(), 2);
}

pub(crate) async fn jobs_of_a_conversation_come_one_after_the_other(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let there = conversation(store.as_ref(), "bob").await;
    for id in ["1", "2", "3"] {
        append(store.as_ref(), here, id).await;
    }
    append(store.as_ref(), there, "1").await;
    assert_eq!(
        store.open_conversations_with_jobs(NOW).await,
        Ok(vec![here, there])
    );
    for id in ["1", "2", "3"] {
        let job = ready(store.as_ref(), here).await;
        let trigger = job.trigger.expect("a message");
        assert_eq!(trigger.client_message_id.as_deref(), Some(id));
        store
            .complete_job(job.id, said(vec![answer(id)]), NOW)
            .await
            .expect("completes");
    }
    assert_eq!(
        store.open_conversations_with_jobs(NOW).await,
        Ok(vec![there])
    );
}

pub(crate) async fn what_comes_next_is_told_without_asking(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let first = append(store.as_ref(), here, "1").await;
    let next = first.ready.expect("nothing stands before it");
    assert_eq!(*next, ready(store.as_ref(), here).await);
    for id in ["2", "3"] {
        assert_eq!(append(store.as_ref(), here, id).await.ready, None);
    }
    assert_eq!(append(store.as_ref(), here, "1").await.ready, None);
    for id in ["2", "3"] {
        let job = ready(store.as_ref(), here).await.id;
        let ended = store.complete_job(job, said(vec![answer(id)]), NOW).await;
        let next = store.next_job(here, NOW).await.expect("reads");
        assert_eq!(ended.expect("completes").next, Some(next));
    }
    let last = ready(store.as_ref(), here).await;
    let due = NOW.plus(minutes(1));
    append(store.as_ref(), here, "4").await;
    let behind = last.id.0 + 1;
    store
        .postpone_job(JobId(behind), 1, due)
        .await
        .expect("postpones");
    let ended = store.complete_job(last.id, TurnEnd::default(), NOW).await;
    let next = ended.expect("completes").next;
    assert_eq!(next, Some(NextJob::NotBefore(due)));
    // What is put off stands before what comes.
    assert_eq!(append(store.as_ref(), here, "5").await.ready, None);
}

pub(crate) async fn a_postponed_job_holds_back_those_behind_it(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let there = conversation(store.as_ref(), "bob").await;
    append(store.as_ref(), here, "1").await;
    append(store.as_ref(), here, "2").await;
    append(store.as_ref(), there, "1").await;
    let job = ready(store.as_ref(), here).await;
    let due = NOW.plus(minutes(1));
    store.postpone_job(job.id, 1, due).await.expect("postpones");
    assert_eq!(store.next_job(here, NOW).await, Ok(NextJob::NotBefore(due)));
    // Others go on.
    ready(store.as_ref(), there).await;
    // It survives a crash.
    let store = database.open().await;
    assert_eq!(store.next_job(here, NOW).await, Ok(NextJob::NotBefore(due)));
    let Ok(NextJob::Ready(again)) = store.next_job(here, due).await else {
        panic!("it is due");
    };
    assert_eq!((again.id, again.attempts), (job.id, 1));
    store
        .complete_job(job.id, TurnEnd::default(), NOW)
        .await
        .expect("completes");
    store
        .postpone_job(job.id, 2, due)
        .await
        .expect("is no error");
    let next = ready(store.as_ref(), here).await;
    assert_ne!(next.id, job.id);
}

pub(crate) async fn open_jobs_survive_a_crash_and_done_ones_do_not_return(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    append(store.as_ref(), here, "1").await;
    append(store.as_ref(), here, "2").await;
    let done = ready(store.as_ref(), here).await.id;
    store
        .complete_job(done, said(vec![answer("a")]), NOW)
        .await
        .expect("completes");
    drop(store);
    let store = database.open().await;
    assert_eq!(
        store.open_conversations_with_jobs(NOW).await,
        Ok(vec![here])
    );
    let open = ready(store.as_ref(), here).await;
    let trigger = open.trigger.expect("a message");
    assert_eq!(trigger.client_message_id.as_deref(), Some("2"));
    // A bot that was asked before the crash answers late: nothing twice.
    assert_eq!(
        store.complete_job(done, said(vec![answer("a")]), NOW).await,
        Ok(Completed::default())
    );
    assert_eq!(all(store.as_ref(), here).await.len(), 3);
    // Numbers of done jobs do not come again, also when all are done.
    store
        .complete_job(open.id, TurnEnd::default(), NOW)
        .await
        .expect("completes");
    drop(store);
    let store = database.open().await;
    let next = append(store.as_ref(), here, "3").await.job.expect("a job");
    assert!(next > open.id);
}

pub(crate) async fn a_job_without_answers_ends_too(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let job = append(store.as_ref(), here, "1").await.job.expect("a job");
    let ended = store.complete_job(job, TurnEnd::default(), NOW).await;
    assert_eq!(ended.expect("completes").answers, Vec::new());
    assert_eq!(store.next_job(here, NOW).await, Ok(NextJob::Empty));
    assert_eq!(append(store.as_ref(), here, "2").await.message.seq, 2);
}

pub(crate) async fn answers_stand_behind_the_messages_before_them(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let first = append(store.as_ref(), here, "1").await.job.expect("a job");
    let second = append(store.as_ref(), here, "2").await.job.expect("a job");
    store
        .complete_job(first, said(vec![answer("a"), answer("b")]), NOW)
        .await
        .expect("completes");
    store
        .complete_job(second, said(vec![answer("c")]), NOW)
        .await
        .expect("completes");
    let stored = all(store.as_ref(), here).await;
    let ids: Vec<&str> = stored
        .iter()
        .map(|message| message.message_id.as_str())
        .collect();
    assert_eq!(ids, ["ms-1", "ms-2", "ms-a", "ms-b", "ms-c"]);
    assert_eq!(stored.last().map(|message| message.seq), Some(5));
}
