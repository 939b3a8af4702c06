//! Which connection starts a session.

use super::{APP, BOT, Database, IDLE, NOW, append, minutes, opening, said, unknown, user};
use crate::store::{JobKind, NextJob, OpenMode, TurnEnd};

const MODES: [OpenMode; 5] = [
    OpenMode::Default,
    OpenMode::StartNew,
    OpenMode::StartNewUnlessUnused,
    OpenMode::StartNewResumeAgent,
    OpenMode::Reconnect,
];

pub(crate) async fn the_first_connection_starts_a_session_whatever_its_mode(
    database: &dyn Database,
) {
    let store = database.open().await;
    for (number, mode) in MODES.into_iter().enumerate() {
        let user = user(store.as_ref(), &format!("first-{number}")).await;
        assert_eq!(store.conversation(&user, BOT).await, Ok(None));
        let opened = store
            .open_session(opening(&user, mode, "ss-new", NOW))
            .await
            .expect("opens");
        assert!(opened.job.is_some(), "{mode:?}");
        assert_eq!((opened.session_id.as_str(), opened.last_seq), ("ss-new", 0));
        let NextJob::Ready(job) = store
            .next_job(opened.conversation, NOW)
            .await
            .expect("a job")
        else {
            panic!("{mode:?} stored no job");
        };
        assert_eq!(Some(job.id), opened.job);
        assert_eq!((job.kind, job.trigger), (JobKind::Connect, None));
        assert_eq!((job.user, job.bot.as_str()), (user.clone(), BOT));
        assert_eq!(job.session_id, "ss-new");
        assert_eq!(job.context, r#"{"ui":"v3"}"#);
        let found = store
            .conversation(&user, BOT)
            .await
            .expect("reads")
            .expect("is there");
        assert_eq!(found.id, opened.conversation);
        assert_eq!(found.session_id.as_deref(), Some("ss-new"));
        assert!(found.session_open);
    }
}

pub(crate) async fn an_active_session_is_continued_or_replaced_by_mode(database: &dyn Database) {
    let store = database.open().await;
    for (number, mode) in MODES.into_iter().enumerate() {
        let user = user(store.as_ref(), &format!("active-{number}")).await;
        let first = opening(&user, OpenMode::Default, "ss-old", NOW);
        let first = store.open_session(first).await.expect("opens");
        store
            .complete_job(first.job.expect("a job"), TurnEnd::default(), NOW)
            .await
            .expect("completes");
        append(store.as_ref(), first.conversation, "1").await;
        let opened = opening(&user, mode, "ss-new", NOW.plus(minutes(1)));
        let opened = store.open_session(opened).await.expect("opens");
        let starts = !matches!(mode, OpenMode::Default | OpenMode::Reconnect);
        assert_eq!(opened.job.is_some(), starts, "{mode:?}");
        // The message brought its own session with it.
        assert_eq!(opened.session_id, if starts { "ss-new" } else { "ss-1" });
        assert_eq!(
            (opened.conversation, opened.last_seq),
            (first.conversation, 1)
        );
    }
}

pub(crate) async fn a_session_in_which_nobody_spoke_is_not_replaced_by_our_widget(
    database: &dyn Database,
) {
    let store = database.open().await;
    let user = user(store.as_ref(), "silent").await;
    let first = opening(&user, OpenMode::Default, "ss-1", NOW);
    let first = store.open_session(first).await.expect("opens");
    let anew = |session| opening(&user, OpenMode::StartNewUnlessUnused, session, NOW);
    // While the welcome is still to be said, and after it.
    for _ in 0..2 {
        let again = store.open_session(anew("ss-2")).await.expect("opens");
        assert_eq!(again.job, None);
        assert_eq!(again.session_id, "ss-1");
        store
            .complete_job(
                first.job.expect("a job"),
                said(vec![super::answer("welcome")]),
                NOW,
            )
            .await
            .expect("completes");
    }
    append(store.as_ref(), first.conversation, "1").await;
    let next = store.open_session(anew("ss-3")).await.expect("opens");
    assert!(next.job.is_some());
    // What was said before it was said in another session.
    let again = store.open_session(anew("ss-4")).await.expect("opens");
    assert_eq!((again.job, again.session_id.as_str()), (None, "ss-3"));
    // Whoever shows live frames only is greeted all the same.
    let plain = opening(&user, OpenMode::StartNew, "ss-5", NOW);
    assert!(
        store
            .open_session(plain)
            .await
            .expect("opens")
            .job
            .is_some()
    );
    // An idle session is over, used or not.
    let late = NOW.plus(IDLE).plus(minutes(1));
    let late = opening(&user, OpenMode::StartNewUnlessUnused, "ss-6", late);
    assert!(store.open_session(late).await.expect("opens").job.is_some());
}

pub(crate) async fn an_idle_session_is_not_continued(database: &dyn Database) {
    let store = database.open().await;
    for (number, mode) in MODES.into_iter().enumerate() {
        let user = user(store.as_ref(), &format!("idle-{number}")).await;
        let first = opening(&user, OpenMode::Default, "ss-old", NOW);
        store.open_session(first).await.expect("opens");
        let late = NOW.plus(IDLE).plus(minutes(1));
        let opened = store
            .open_session(opening(&user, mode, "ss-new", late))
            .await
            .expect("opens");
        assert!(opened.job.is_some(), "{mode:?}");
        assert_eq!(opened.session_id, "ss-new");
    }
}

pub(crate) async fn activity_keeps_a_session_alive(database: &dyn Database) {
    let store = database.open().await;
    let user = user(store.as_ref(), "active").await;
    let mut now = NOW;
    let first = opening(&user, OpenMode::Default, "ss-1", now);
    let first = store.open_session(first).await.expect("opens");
    let welcome = first.job.expect("a job");
    // A connection, an answer, a message: each 20 minutes after the other.
    now = now.plus(minutes(20));
    let open = opening(&user, OpenMode::Default, "ss-2", now);
    assert!(store.open_session(open).await.expect("opens").job.is_none());
    now = now.plus(minutes(20));
    store
        .complete_job(welcome, said(vec![super::answer("hi")]), now)
        .await
        .expect("answers");
    now = now.plus(minutes(20));
    let open = opening(&user, OpenMode::Reconnect, "ss-3", now);
    assert!(store.open_session(open).await.expect("opens").job.is_none());
    let mut message = super::new_message(first.conversation, Some("1"), "x");
    message.now = now.plus(minutes(20));
    store.append_message(message).await.expect("appends");
    let open = opening(&user, OpenMode::Default, "ss-4", now.plus(minutes(40)));
    assert!(store.open_session(open).await.expect("opens").job.is_none());
}

pub(crate) async fn a_closed_session_is_followed_by_a_new_one(database: &dyn Database) {
    let store = database.open().await;
    let user = user(store.as_ref(), "closes").await;
    let open = opening(&user, OpenMode::Default, "ss-1", NOW);
    let opened = store.open_session(open).await.expect("opens");
    let closed = store
        .close_session(opened.conversation, NOW)
        .await
        .expect("closes");
    assert!(closed.is_some());
    assert_eq!(
        store.close_session(opened.conversation, NOW).await,
        Ok(None)
    );
    // The bot is told after its welcome.
    store
        .complete_job(opened.job.expect("a job"), TurnEnd::default(), NOW)
        .await
        .expect("completes");
    let NextJob::Ready(job) = store
        .next_job(opened.conversation, NOW)
        .await
        .expect("a job")
    else {
        panic!("no job");
    };
    assert_eq!((Some(job.id), job.kind), (closed, JobKind::Close));
    let again = opening(&user, OpenMode::Reconnect, "ss-2", NOW);
    let again = store.open_session(again).await.expect("opens");
    assert!(again.job.is_some());
    assert_eq!(again.session_id, "ss-2");
    // A message after the end goes on in its session.
    store
        .close_session(opened.conversation, NOW)
        .await
        .expect("closes");
    append(store.as_ref(), opened.conversation, "1").await;
    let open = opening(&user, OpenMode::Default, "ss-3", NOW);
    assert!(store.open_session(open).await.expect("opens").job.is_none());
}

pub(crate) async fn racing_connections_share_one_conversation_and_one_welcome(
    database: &dyn Database,
) {
    let store = database.open().await;
    for mode in [OpenMode::Default, OpenMode::StartNew] {
        let user = user(store.as_ref(), &format!("races-{mode:?}")).await;
        let opens = (0..24)
            .map(|number| store.open_session(opening(&user, mode, &format!("ss-{number}"), NOW)));
        let opened = futures_util::future::join_all(opens).await;
        let opened: Vec<_> = opened.into_iter().map(|one| one.expect("opens")).collect();
        let conversation = opened[0].conversation;
        assert!(opened.iter().all(|one| one.conversation == conversation));
        let started = opened.iter().filter(|one| one.job.is_some()).count();
        assert_eq!(started, if mode == OpenMode::Default { 1 } else { 24 });
        let NextJob::Ready(job) = store.next_job(conversation, NOW).await.expect("a job") else {
            panic!("no job");
        };
        store
            .complete_job(job.id, TurnEnd::default(), NOW)
            .await
            .expect("completes");
        assert_eq!(
            store.next_job(conversation, NOW).await,
            Ok(NextJob::Empty),
            "{mode:?}"
        );
        // The welcome is for the session that won.
        let found = store
            .conversation(&user, BOT)
            .await
            .expect("reads")
            .expect("is there");
        assert_eq!(found.session_id, Some(job.session_id));
    }
}

pub(crate) async fn a_session_of_an_unknown_user_is_refused(database: &dyn Database) {
    let store = database.open().await;
    unknown(
        store
            .open_session(opening("u-nobody", OpenMode::Default, "ss-1", NOW))
            .await,
    );
    assert_eq!(store.conversation("u-nobody", BOT).await, Ok(None));
}

pub(crate) async fn sessions_of_users_and_bots_are_apart(database: &dyn Database) {
    let store = database.open().await;
    let (ann, bob) = (
        user(store.as_ref(), "ann").await,
        user(store.as_ref(), "bob").await,
    );
    let mut seen = Vec::new();
    for (user, bot) in [
        (&ann, BOT),
        (&bob, BOT),
        (&ann, "st-other"),
        (&bob, "st-other"),
    ] {
        let mut open = opening(user, OpenMode::Default, "ss-1", NOW);
        bot.clone_into(&mut open.bot);
        APP.clone_into(&mut open.app);
        let opened = store.open_session(open).await.expect("opens");
        assert!(opened.job.is_some());
        assert!(!seen.contains(&opened.conversation));
        seen.push(opened.conversation);
    }
}

pub(crate) async fn a_session_survives_a_crash(database: &dyn Database) {
    let store = database.open().await;
    let user = user(store.as_ref(), "crash").await;
    let open = opening(&user, OpenMode::Default, "ss-1", NOW);
    let before = store.open_session(open).await.expect("opens");
    drop(store);
    let store = database.open().await;
    assert_eq!(
        store.open_conversations_with_jobs(NOW).await,
        Ok(vec![before.conversation])
    );
    let open = opening(&user, OpenMode::Reconnect, "ss-2", NOW);
    let after = store.open_session(open).await.expect("opens");
    assert!(after.job.is_none());
    assert_eq!(
        (after.session_id.as_str(), after.conversation),
        ("ss-1", before.conversation)
    );
}
