//! Users, tokens, tickets, assertions.

use tokio::task::JoinSet;

use super::{APP, BOT, Database, NOW, minutes, opening};
use crate::clock::Millis;
use crate::store::{
    NewGrant, NextJob, OpenMode, SecretHash, Store, Swept, TicketRecord, TokenRecord,
};

/// Ann's grant of a token that expires in an hour, for an assertion that may be used again.
fn grant(token: &str) -> NewGrant {
    NewGrant {
        once: None,
        app: APP.to_owned(),
        key: "k1/0".to_owned(),
        identity: "ann".to_owned(),
        anonymous: false,
        profile: None,
        issued: NOW,
        new_user_id: "u-1".to_owned(),
        token: SecretHash::of(token),
        expires: NOW.plus(minutes(60)),
        now: NOW,
    }
}

/// Is an assertion granted, for the first time?
async fn passes(store: &dyn Store, jti: &str, expires: Millis, now: Millis) -> bool {
    let new = NewGrant {
        once: Some((SecretHash::of(jti), expires)),
        now,
        ..grant(&format!("{jti} {now:?}"))
    };
    store.grant(new).await.expect("answers").is_some()
}

fn ticket(secret: &str, expires: Millis) -> TicketRecord {
    TicketRecord {
        hash: SecretHash::of(secret),
        user: "u-1".to_owned(),
        app: APP.to_owned(),
        bot: BOT.to_owned(),
        expires,
        context: r#"{"uiVersion":"v3"}"#.to_owned(),
    }
}

pub(crate) async fn an_identity_is_one_user_in_each_app(database: &dyn Database) {
    let store = database.open().await;
    let ann = store.user(APP, "ann", "u-1", NOW).await.expect("ann");
    assert_eq!((ann.id.as_str(), ann.created), ("u-1", NOW));
    let again = store
        .user(APP, "ann", "u-2", NOW.plus(minutes(1)))
        .await
        .expect("ann");
    assert_eq!(again, ann);
    let elsewhere = store
        .user("cs-other", "ann", "u-3", NOW)
        .await
        .expect("ann elsewhere");
    assert_eq!(elsewhere.id, "u-3");
    let case = store
        .user(APP, "Ann", "u-4", NOW)
        .await
        .expect("another Ann");
    assert_eq!(case.id, "u-4");
}

pub(crate) async fn a_user_seen_by_many_at_once_is_made_once(database: &dyn Database) {
    let store = database.open().await;
    let tasks: Vec<_> = (0..24)
        .map(|number| {
            let store = store.clone();
            async move {
                store
                    .user(APP, "bob", &format!("u-{number}"), NOW)
                    .await
                    .expect("bob")
                    .id
            }
        })
        .collect();
    let ids = futures_util::future::join_all(tasks).await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

pub(crate) async fn a_token_opens_until_it_expires_or_is_revoked(database: &dyn Database) {
    let store = database.open().await;
    let hash = SecretHash::of("one");
    store.grant(grant("one")).await.expect("grants");
    let record = TokenRecord {
        hash,
        user: "u-1".to_owned(),
        app: APP.to_owned(),
        key: "k1/0".to_owned(),
        anonymous: false,
        expires: NOW.plus(minutes(60)),
    };
    assert_eq!(store.token(hash, NOW).await, Ok(Some(record.clone())));
    assert_eq!(store.token(hash, record.expires).await, Ok(None));
    assert_eq!(store.token(SecretHash::of("two"), NOW).await, Ok(None));
    // It outlives a crash, and its end does too.
    let store = database.open().await;
    assert_eq!(store.token(hash, NOW).await, Ok(Some(record)));
    assert_eq!(store.revoke_token(hash, NOW).await, Ok(true));
    assert_eq!(store.revoke_token(hash, NOW).await, Ok(false));
    assert_eq!(store.token(hash, NOW).await, Ok(None));
    assert_eq!(database.open().await.token(hash, NOW).await, Ok(None));
}

pub(crate) async fn a_ticket_is_taken_exactly_once_by_racing_tasks(database: &dyn Database) {
    let store = database.open().await;
    // Half of the racers come through another instance on the same data.
    let other = database.open().await;
    for round in 0..8 {
        let secret = format!("ticket {round}");
        store
            .put_ticket(ticket(&secret, NOW.plus(minutes(1))))
            .await
            .expect("kept");
        let mut racers = JoinSet::new();
        for number in 0..24 {
            let store = if number % 2 == 0 {
                store.clone()
            } else {
                other.clone()
            };
            let hash = SecretHash::of(&secret);
            racers.spawn(async move { store.take_ticket(hash, NOW).await.expect("answers") });
        }
        let winners = racers.join_all().await.into_iter().flatten().count();
        assert_eq!(winners, 1);
    }
}

pub(crate) async fn a_ticket_carries_its_context_and_expires(database: &dyn Database) {
    let store = database.open().await;
    let (good, late) = (ticket("good", NOW.plus(minutes(1))), ticket("late", NOW));
    store.put_ticket(good.clone()).await.expect("kept");
    store.put_ticket(late).await.expect("kept");
    let store = database.open().await;
    assert_eq!(
        store.take_ticket(SecretHash::of("good"), NOW).await,
        Ok(Some(good))
    );
    assert_eq!(
        store.take_ticket(SecretHash::of("late"), NOW).await,
        Ok(None)
    );
    assert_eq!(
        store.take_ticket(SecretHash::of("never"), NOW).await,
        Ok(None)
    );
}

pub(crate) async fn a_used_assertion_is_a_replay_until_it_expires(database: &dyn Database) {
    let store = database.open().await;
    let (jti, expires) = ("cs-demo jti-1", NOW.plus(minutes(5)));
    assert!(passes(store.as_ref(), jti, expires, NOW).await);
    assert!(!passes(store.as_ref(), jti, expires, NOW).await);
    assert!(passes(store.as_ref(), "cs-other jti-1", expires, NOW).await);
    let store = database.open().await;
    let later = NOW.plus(minutes(4));
    assert!(!passes(store.as_ref(), jti, expires, later).await);
    // Its own `exp` refuses it from here on; the memory of it may go.
    let again = expires.plus(minutes(5));
    assert!(passes(store.as_ref(), jti, again, expires).await);
    assert!(!passes(store.as_ref(), jti, again, expires).await);
}

pub(crate) async fn racing_replays_pass_exactly_once(database: &dyn Database) {
    let store = database.open().await;
    let uses = (0..24).map(|_| passes(store.as_ref(), "race", NOW.plus(minutes(5)), NOW));
    let passed = futures_util::future::join_all(uses).await;
    assert_eq!(passed.iter().filter(|passed| **passed).count(), 1);
}

pub(crate) async fn a_grant_spends_its_assertion_and_keeps_its_token_or_neither(
    database: &dyn Database,
) {
    let store = database.open().await;
    let once = |token: &str| NewGrant {
        once: Some((SecretHash::of("jti"), NOW.plus(minutes(5)))),
        new_user_id: format!("u-{token}"),
        ..grant(token)
    };
    let user = store.grant(once("a")).await.expect("grants");
    let user = user.expect("its first use");
    assert_eq!((user.id.as_str(), user.identity.as_str()), ("u-a", "ann"));
    assert_eq!(store.grant(once("b")).await, Ok(None));
    let store = database.open().await;
    assert_eq!(store.grant(once("c")).await, Ok(None));
    assert_eq!(store.grant(grant("d")).await, Ok(Some(user)));
    for (token, kept) in [("a", true), ("b", false), ("c", false), ("d", true)] {
        let found = store.token(SecretHash::of(token), NOW).await;
        let owner = found.expect("reads").map(|found| found.user);
        assert_eq!(owner.as_deref(), kept.then_some("u-a"), "{token}");
    }
}

pub(crate) async fn what_was_said_of_a_user_last_is_kept(database: &dyn Database) {
    let store = database.open().await;
    let kept = async |store: &dyn Store| {
        let found = store.dossiers("ann", Some(APP)).await.expect("reads");
        found.into_iter().next().expect("a user").profile
    };
    for (token, says, expected) in [
        ("a", None, None),
        ("b", Some(r#"{"name":"Ann"}"#), Some(r#"{"name":"Ann"}"#)),
        ("c", None, Some(r#"{"name":"Ann"}"#)),
        ("d", Some(r#"{"name":"Anna"}"#), Some(r#"{"name":"Anna"}"#)),
        ("e", Some(r#"{"name":"Anna"}"#), Some(r#"{"name":"Anna"}"#)),
    ] {
        let new = NewGrant {
            profile: says.map(str::to_owned),
            ..grant(token)
        };
        store.grant(new).await.expect("grants").expect("a user");
        let store = database.open().await;
        assert_eq!(kept(store.as_ref()).await.as_deref(), expected, "{token}");
    }
    // What does not hold says nothing.
    let once = |token: &str, profile: &str| NewGrant {
        once: Some((SecretHash::of("jti"), NOW.plus(minutes(5)))),
        profile: Some(profile.to_owned()),
        ..grant(token)
    };
    store.grant(once("f", "{\"v\":1}")).await.expect("grants");
    assert_eq!(store.grant(once("g", "{\"v\":2}")).await, Ok(None));
    assert_eq!(kept(store.as_ref()).await.as_deref(), Some("{\"v\":1}"));
    let open = opening("u-1", OpenMode::Default, "ss-1", NOW);
    let opened = store.open_session(open).await.expect("opens");
    let Ok(NextJob::Ready(job)) = store.next_job(opened.conversation, NOW).await else {
        panic!("a welcome");
    };
    assert_eq!(job.profile.as_deref(), Some("{\"v\":1}"));
}

pub(crate) async fn a_users_access_ends_all_at_once(database: &dyn Database) {
    let store = database.open().await;
    let bobs = NewGrant {
        identity: "bob".to_owned(),
        anonymous: true,
        new_user_id: "u-2".to_owned(),
        ..grant("bobs")
    };
    for new in [grant("one"), grant("two"), bobs] {
        assert!(store.grant(new).await.expect("grants").is_some());
    }
    store
        .put_ticket(ticket("hers", NOW.plus(minutes(1))))
        .await
        .expect("kept");
    assert_eq!(store.revoke_user("u-1", NOW).await, Ok(()));
    let store = database.open().await;
    for token in ["one", "two"] {
        assert_eq!(store.token(SecretHash::of(token), NOW).await, Ok(None));
    }
    let hers = store.take_ticket(SecretHash::of("hers"), NOW).await;
    assert_eq!(hers, Ok(None));
    let bobs = store.token(SecretHash::of("bobs"), NOW).await;
    let bobs = bobs.expect("reads").expect("it stands");
    assert!(bobs.anonymous && bobs.key == "k1/0");
    // She comes back.
    assert!(store.grant(grant("new")).await.expect("grants").is_some());
    let new = store.token(SecretHash::of("new"), NOW).await;
    assert!(new.expect("reads").is_some());
}

pub(crate) async fn ended_access_is_listed_for_other_nodes_with_its_newest_end(
    database: &dyn Database,
) {
    let store = database.open().await;
    for (token, user, identity) in [
        ("a", "u-1", "ann"),
        ("b", "u-2", "bob"),
        ("c", "u-3", "cyd"),
    ] {
        let new = NewGrant {
            identity: identity.to_owned(),
            new_user_id: user.to_owned(),
            ..grant(token)
        };
        store.grant(new).await.expect("grants");
    }
    let other = database.open().await;
    let listed = async |after: u64| {
        let listed = other.ended_access(after).await.expect("reads");
        let numbers: Vec<_> = listed.iter().map(|it| it.number).collect();
        assert!(numbers.is_sorted() && numbers.iter().all(|it| *it > after));
        let users = listed.into_iter().map(|it| it.user).collect::<Vec<_>>();
        (users, numbers.last().copied().unwrap_or(after))
    };
    let (users, begin) = listed(0).await;
    assert!(users.is_empty());
    let none = store.revoke_token(SecretHash::of("none"), NOW).await;
    assert_eq!(none, Ok(false));
    store.revoke_user("u-1", NOW).await.expect("revokes");
    let known = store.revoke_token(SecretHash::of("b"), NOW).await;
    assert_eq!(known, Ok(true));
    let (users, seen) = listed(begin).await;
    assert_eq!(users, ["u-1", "u-2"]);
    let out = store.sign_out("cyd", NOW, NOW.plus(minutes(60))).await;
    assert_eq!(out, Ok(vec!["u-3".to_owned()]));
    store.revoke_user("u-1", NOW).await.expect("revokes");
    assert_eq!(listed(seen).await.0, ["u-3", "u-1"]);
    assert_eq!(listed(begin).await.0, ["u-2", "u-3", "u-1"]);
}

pub(crate) async fn who_signed_out_has_no_access_in_any_app_and_gets_none_for_what_was_issued_before(
    database: &dyn Database,
) {
    let store = database.open().await;
    let of = |app: &str, identity: &str, token: &str| NewGrant {
        app: app.to_owned(),
        identity: identity.to_owned(),
        new_user_id: format!("u-{app}-{identity}"),
        ..grant(token)
    };
    for (app, identity) in [(APP, "ann"), ("cs-other", "ann"), (APP, "bob")] {
        let new = of(app, identity, &format!("{app} {identity}"));
        assert!(store.grant(new).await.expect("grants").is_some());
    }
    assert_eq!(store.signed_out("ann").await, Ok(None));
    let out = NOW.plus(minutes(1));
    let mut users = store
        .sign_out("ann", out, NOW.plus(minutes(90)))
        .await
        .expect("signs out");
    users.sort();
    assert_eq!(users, ["u-cs-demo-ann", "u-cs-other-ann"]);
    let store = database.open().await;
    assert_eq!(store.signed_out("ann").await, Ok(Some(out)));
    assert_eq!(store.signed_out("bob").await, Ok(None));
    for (token, stands) in [
        (format!("{APP} ann"), false),
        ("cs-other ann".to_owned(), false),
        (format!("{APP} bob"), true),
    ] {
        let found = store.token(SecretHash::of(&token), NOW).await;
        assert_eq!(found.expect("reads").is_some(), stands, "{token}");
    }
    // An assertion of before, that nobody had used yet, and one of after.
    for (issued, granted) in [(NOW, false), (out, false), (out.plus(minutes(1)), true)] {
        let new = NewGrant {
            issued,
            once: Some((SecretHash::of(issued.0.to_string()), NOW.plus(minutes(5)))),
            ..of(APP, "ann", &format!("late {issued:?}"))
        };
        let outcome = store.grant(new).await.expect("answers");
        assert_eq!(outcome.is_some(), granted, "{issued:?}");
    }
    // The last time counts, whatever the clock says.
    store
        .sign_out("ann", NOW, NOW.plus(minutes(2)))
        .await
        .expect("signs out");
    assert_eq!(store.signed_out("ann").await, Ok(Some(out)));
}

pub(crate) async fn the_sweep_removes_what_expired_and_nothing_else(database: &dyn Database) {
    let store = database.open().await;
    let later = NOW.plus(minutes(1));
    for (name, expires) in [("old", NOW), ("new", later)] {
        let new = NewGrant {
            once: Some((SecretHash::of(name), expires)),
            expires,
            now: Millis(0),
            ..grant(name)
        };
        assert!(store.grant(new).await.expect("grants").is_some());
        store.put_ticket(ticket(name, expires)).await.expect("kept");
        store.sign_out(name, NOW, expires).await.expect("signs out");
    }
    assert_eq!(
        store.sweep(NOW).await,
        Ok(Swept {
            tokens: 1,
            tickets: 1,
            assertions: 1,
            ended: 0,
            signed_out: 1,
            counters: 0,
        })
    );
    assert!(!store.sweep(NOW).await.expect("sweeps").any());
    let new = SecretHash::of("new");
    assert!(store.token(new, NOW).await.expect("reads").is_some());
    assert!(!passes(store.as_ref(), "new", later, NOW).await);
    assert!(store.take_ticket(new, NOW).await.expect("reads").is_some());
    assert_eq!(store.signed_out("old").await, Ok(None));
    assert_eq!(store.signed_out("new").await, Ok(Some(NOW)));
}
