//! A user as a whole: shown, forgotten, and gone when nobody needs it any more.

use super::messages::all;
use super::{APP, BOT, Database, NOW, append, conversation, minutes, opening, unknown, user};
use crate::clock::Millis;
use crate::store::{Forgotten, NewGrant, OpenMode, SecretHash, Store, TurnEnd};

/// Every step; what went altogether.
async fn forget(store: &dyn Store, user: &str, bot: Option<&str>) -> Forgotten {
    let mut sum = Forgotten::default();
    loop {
        let step = store.forget(user, bot, NOW).await.expect("forgets");
        sum.messages += step.messages;
        sum.conversations += step.conversations;
        sum.users += step.users;
        if !step.more {
            return sum;
        }
    }
}

/// An access token of this user.
async fn token(store: &dyn Store, identity: &str, secret: &str, expires: Millis) {
    let grant = NewGrant {
        once: None,
        app: APP.to_owned(),
        identity: identity.to_owned(),
        key: "k1/0".to_owned(),
        anonymous: false,
        profile: None,
        issued: NOW,
        new_user_id: format!("u-{identity}"),
        token: SecretHash::of(secret),
        expires,
        now: NOW,
    };
    store.grant(grant).await.expect("grants").expect("a user");
}

async fn with_bot(store: &dyn Store, identity: &str, bot: &str) {
    let mut open = opening(&user(store, identity).await, OpenMode::Default, "ss-2", NOW);
    open.bot = bot.to_owned();
    store.open_session(open).await.expect("a session");
}

pub(crate) async fn a_dossier_holds_what_is_kept_of_an_identity(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    append(store.as_ref(), here, "1").await;
    token(store.as_ref(), "ann", "t", NOW.plus(minutes(5))).await;
    conversation(store.as_ref(), "bob").await;
    store
        .user("cs-other", "ann", "u-2", NOW)
        .await
        .expect("a user");
    let both = store.dossiers("ann", None).await.expect("reads");
    assert_eq!(both.len(), 2);
    let of_app = store.dossiers("ann", Some(APP)).await.expect("reads");
    let [ann] = of_app.as_slice() else {
        panic!("one: {of_app:?}");
    };
    assert_eq!(
        (ann.user.identity.as_str(), ann.user.app.as_str()),
        ("ann", APP)
    );
    assert_eq!(ann.tokens, [NOW.plus(minutes(5))]);
    let [kept] = ann.conversations.as_slice() else {
        panic!("one: {ann:?}");
    };
    assert_eq!((kept.id, kept.bot.as_str(), kept.messages), (here, BOT, 1));
    assert_eq!((kept.created, kept.jobs.len()), (NOW, 1));
    assert!(store.dossiers("eve", None).await.expect("reads").is_empty());
}

pub(crate) async fn a_forgotten_user_is_gone_with_everything_and_others_stay(
    database: &dyn Database,
) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let there = conversation(store.as_ref(), "bob").await;
    for id in 0..1_200 {
        append(store.as_ref(), here, &id.to_string()).await;
    }
    append(store.as_ref(), there, "1").await;
    for (identity, secret) in [("ann", "a"), ("bob", "b")] {
        token(store.as_ref(), identity, secret, NOW.plus(minutes(5))).await;
    }
    let first = store.forget("u-ann", None, NOW).await.expect("forgets");
    assert!(
        first.more && first.messages < 1_200,
        "a step is bounded: {first:?}"
    );
    let passes = async |secret: &str| {
        let found = store.token(SecretHash::of(secret), NOW).await;
        found.expect("reads").is_some()
    };
    assert!(!passes("a").await, "the tokens go first");
    let rest = forget(store.as_ref(), "u-ann", None).await;
    assert_eq!(first.messages + rest.messages, 1_200);
    assert_eq!((rest.conversations, rest.users), (1, 1));
    assert!(store.dossiers("ann", None).await.expect("reads").is_empty());
    let jobs = store
        .open_conversations_with_jobs(NOW)
        .await
        .expect("reads");
    assert_eq!(jobs, [there]);
    assert_eq!(all(store.as_ref(), there).await.len(), 1);
    assert!(passes("b").await);
    // Who comes back is somebody new, and what is still on its way finds nothing.
    let late = store.append_message(super::new_message(here, Some("x"), "late"));
    unknown(late.await);
    let again = store
        .user(APP, "ann", "u-ann-2", NOW)
        .await
        .expect("a user");
    assert_eq!(again.id, "u-ann-2");
}

pub(crate) async fn a_conversation_can_be_forgotten_alone(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    append(store.as_ref(), here, "1").await;
    with_bot(store.as_ref(), "ann", "st-second").await;
    let gone = forget(store.as_ref(), "u-ann", Some(BOT)).await;
    assert_eq!((gone.messages, gone.conversations, gone.users), (1, 1, 0));
    let second = store.conversation("u-ann", "st-second").await;
    assert!(second.expect("reads").is_some());
    // The last one takes the user along.
    let gone = forget(store.as_ref(), "u-ann", Some("st-second")).await;
    assert_eq!((gone.conversations, gone.users), (1, 1));
}

pub(crate) async fn an_erasure_is_told_to_others_and_forgotten_after_a_day(
    database: &dyn Database,
) {
    let store = database.open().await;
    for identity in ["ann", "bob"] {
        conversation(store.as_ref(), identity).await;
    }
    forget(store.as_ref(), "u-ann", None).await;
    let other = database.open().await;
    let erasures = other.ended_access(0).await.expect("reads");
    let [ann] = erasures.as_slice() else {
        panic!("one: {erasures:?}");
    };
    assert_eq!(ann.user, "u-ann");
    assert!(
        other
            .ended_access(ann.number)
            .await
            .expect("reads")
            .is_empty()
    );
    forget(store.as_ref(), "u-bob", None).await;
    let erasures = other.ended_access(ann.number).await.expect("reads");
    assert_eq!(erasures.len(), 1);
    assert_eq!(erasures[0].user, "u-bob");
    let day = minutes(24 * 60);
    assert!(!store.sweep(NOW).await.expect("sweeps").any());
    let swept = store.sweep(NOW.plus(day)).await.expect("sweeps");
    assert_eq!(swept.ended, 2);
    assert!(other.ended_access(0).await.expect("reads").is_empty());
}

/// Every step of pruning; users and conversations that went.
async fn prune(store: &dyn Store, unused_since: Millis, now: Millis) -> (usize, usize) {
    let (mut users, mut conversations, mut after) = (0, 0, None);
    loop {
        let pruned = store.prune_users(unused_since, now, after).await;
        let pruned = pruned.expect("prunes");
        users += pruned.users;
        conversations += pruned.conversations;
        after = pruned.next;
        if after.is_none() {
            return (users, conversations);
        }
    }
}

pub(crate) async fn a_user_without_messages_goes_when_it_is_old(database: &dyn Database) {
    let store = database.open().await;
    let later = NOW.plus(minutes(60));
    // Without anything; with a token that opens; with an empty conversation; with a message; with an open job.
    user(store.as_ref(), "nobody").await;
    user(store.as_ref(), "holder").await;
    token(store.as_ref(), "holder", "t", later.plus(minutes(1))).await;
    conversation(store.as_ref(), "silent").await;
    let talked = conversation(store.as_ref(), "talker").await;
    let job = append(store.as_ref(), talked, "1").await.job;
    store
        .complete_job(job.expect("a job"), TurnEnd::default(), NOW)
        .await
        .expect("completes");
    with_bot(store.as_ref(), "waiting", BOT).await;
    // An empty conversation of somebody who talks elsewhere goes alone.
    with_bot(store.as_ref(), "talker", "st-second").await;
    let second = store.conversation("u-talker", "st-second").await;
    let second = second.expect("reads").expect("is there").id;
    if let crate::store::NextJob::Ready(job) = store.next_job(second, NOW).await.expect("reads") {
        let done = store.complete_job(job.id, TurnEnd::default(), NOW).await;
        done.expect("completes");
    }

    assert_eq!(
        prune(store.as_ref(), NOW, later).await,
        (0, 0),
        "nobody is old yet"
    );
    assert_eq!(prune(store.as_ref(), later, later).await, (2, 2));
    for (identity, there) in [
        ("nobody", false),
        ("silent", false),
        ("holder", true),
        ("talker", true),
        ("waiting", true),
    ] {
        let found = store.dossiers(identity, Some(APP)).await.expect("reads");
        assert_eq!(!found.is_empty(), there, "{identity}");
    }
    assert_eq!(all(store.as_ref(), talked).await.len(), 1);
}

pub(crate) async fn many_unused_users_go_in_steps(database: &dyn Database) {
    let store = database.open().await;
    for number in 0..1_100 {
        user(store.as_ref(), &number.to_string()).await;
    }
    let later = NOW.plus(minutes(1));
    let first = store.prune_users(later, later, None).await.expect("prunes");
    assert!(first.users < 1_100 && first.next.is_some(), "{first:?}");
    let (users, _) = prune(store.as_ref(), later, later).await;
    assert_eq!(first.users + users, 1_100);
}
