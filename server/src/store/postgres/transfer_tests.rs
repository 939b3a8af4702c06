//! From a folder into PostgreSQL and back.

use std::path::{Path, PathBuf};

use super::*;
use crate::ids::{Ids as _, RandomIds};
use crate::store::sqlite::{SqliteOptions, SqliteStore};
use crate::store::transfer::{Place, TransferError, check, copy};
use crate::store::{
    NewAnswer, NewGrant, NextJob, SecretHash, Spending, Swept, TicketRecord, TurnEnd,
};

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("parlour-transfer-{}", RandomIds.uuid());
        Self(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.0, &SqliteOptions::default()).expect("opens")
    }

    fn place(&self) -> Place {
        Place::Folder(self.0.clone())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn hash(of: &str) -> SecretHash {
    SecretHash::of(of)
}

/// Something in each table. Gives the number of the job that is still open.
async fn fill(store: &dyn Store) -> ConversationId {
    let grant = NewGrant {
        once: Some((hash("jti"), NOW.plus(Duration::from_mins(5)))),
        app: "cs-demo".to_owned(),
        key: "k1/0".to_owned(),
        identity: "ann".to_owned(),
        anonymous: true,
        profile: Some("{\"name\":\"Ännchen\"}".to_owned()),
        issued: NOW,
        new_user_id: "u-ann".to_owned(),
        token: hash("token"),
        expires: NOW.plus(Duration::from_mins(5)),
        now: NOW,
    };
    store.grant(grant).await.expect("grants");
    let ticket = TicketRecord {
        hash: hash("ticket"),
        user: "u-ann".to_owned(),
        app: "cs-demo".to_owned(),
        bot: "st-demo".to_owned(),
        expires: NOW.plus(Duration::from_mins(5)),
        context: "{}".to_owned(),
    };
    store.put_ticket(ticket).await.expect("keeps");
    let here = conversation(store, "ann").await;
    for id in 0..1_500 {
        let job = store.append_message(message(here, id)).await;
        let job = job.expect("appends").job.expect("a job");
        let answers = (id % 3 == 0).then(|| NewAnswer {
            message_id: format!("an-{id}"),
            body: "{\"cInfo\":{}}".to_owned(),
        });
        let end = TurnEnd {
            answers: answers.into_iter().collect(),
            ..TurnEnd::default()
        };
        // The last one stays.
        if id < 1_499 {
            store.complete_job(job, end, NOW).await.expect("completes");
        }
    }
    conversation(store, "bob").await;
    store.forget("u-bob", None, NOW).await.expect("forgets");
    let later = NOW.plus(Duration::from_mins(9));
    store.sign_out("eve", NOW, later).await.expect("signs out");
    let spending = Spending {
        counter: hash("counter"),
        until: later,
        add: 3,
        most: 10,
    };
    store.spend(vec![spending]).await.expect("counts");
    here
}

/// What can be told of it from outside.
async fn seen(store: &dyn Store, here: ConversationId) -> String {
    let mut dossiers = Vec::new();
    for dossier in store.dossiers("ann", None).await.expect("reads") {
        let kept = dossier.conversations.iter().map(|it| {
            (
                it.id,
                it.name.clone(),
                it.messages,
                it.owner.clone(),
                it.jobs.clone(),
            )
        });
        dossiers.push((
            dossier.user,
            dossier.profile,
            dossier.tokens,
            kept.collect::<Vec<_>>(),
        ));
    }
    let query = HistoryQuery {
        conversation: here,
        from: HistoryFrom::Newest { offset: 0 },
        limit: 1_000,
    };
    let page = store.history(query).await.expect("reads");
    let NextJob::Ready(job) = store.next_job(here, NOW).await.expect("reads") else {
        panic!("the last message is open");
    };
    let messages = page
        .messages
        .iter()
        .map(|it| (it.seq, &it.body, &it.client_message_id));
    format!(
        "{dossiers:?} {:?} {} {job:?} {:?} {:?} {:?} {:?}",
        messages.collect::<Vec<_>>(),
        page.last_seq,
        store.token(hash("token"), NOW).await,
        store.signed_out("eve").await,
        store.ended_access(0).await,
        store.conversation("u-ann", "st-demo").await,
    )
}

#[tokio::test]
async fn everything_goes_into_postgresql_and_back() {
    let (folder, back, database) = (Folder::new(), Folder::new(), Fresh::new());
    let store = folder.open();
    let here = fill(&store).await;
    let before = seen(&store, here).await;
    store.close().await.expect("closes");
    drop(store);

    let there = || Place::Postgres(Box::new(database.options()));
    let rows = copy(&folder.place(), &there()).await.expect("copies");
    let expected = [
        ("users", 1),
        ("conversations", 1),
        ("messages", 1_500 + 500),
        ("jobs", 2),
        ("tokens", 1),
        ("tickets", 1),
        ("assertions", 1),
        ("signed_out", 1),
        ("counters", 1),
        ("erasures", 1),
    ];
    assert_eq!(rows, expected);
    let again = copy(&folder.place(), &there()).await;
    let full = TransferError::NotEmpty { table: "users" };
    assert_eq!(again, Err(full));
    assert_eq!(
        check(&database.options()).await.expect("is sound").rows,
        expected
    );
    let store = database.open();
    assert_eq!(seen(&store, here).await, before);
    store.close().await.expect("closes");

    let rows = copy(&there(), &back.place()).await.expect("copies back");
    assert_eq!(rows, expected);
    copy(&there(), &back.place()).await.expect_err("it has one");
    let store = back.open();
    assert_eq!(seen(&store, here).await, before);
}

#[tokio::test]
async fn numbers_go_on_where_they_were() {
    let (folder, back, database) = (Folder::new(), Folder::new(), Fresh::new());
    let store = folder.open();
    let here = fill(&store).await;
    let last = store.append_message(message(here, 5_000)).await;
    let last = last.expect("appends").job.expect("a job");
    // Nothing of it is left, and yet its number does not come again.
    store
        .complete_job(last, TurnEnd::default(), NOW)
        .await
        .expect("completes");
    drop(store);
    let there = || Place::Postgres(Box::new(database.options()));
    copy(&folder.place(), &there()).await.expect("copies");
    let store = database.open();
    let next = store.append_message(message(here, 5_001)).await;
    let next = next.expect("appends").job.expect("a job");
    assert!(next > last);
    store
        .complete_job(next, TurnEnd::default(), NOW)
        .await
        .expect("completes");
    let again = store.append_message(message(here, 5_001)).await;
    assert!(again.expect("is known").duplicate);
    store.close().await.expect("closes");
    copy(&there(), &back.place()).await.expect("copies back");
    let store = back.open();
    let after = store.append_message(message(here, 5_002)).await;
    assert!(after.expect("appends").job.expect("a job") > next);
    let swept = store.sweep(NOW.plus(Duration::from_hours(48))).await;
    let all = Swept {
        tokens: 1,
        tickets: 1,
        assertions: 1,
        ended: 1,
        signed_out: 1,
        counters: 1,
    };
    assert_eq!(swept, Ok(all));
}

#[tokio::test]
async fn a_copy_that_fails_leaves_nothing_behind() {
    let (folder, database) = (Folder::new(), Fresh::new());
    drop(folder.open());
    database.sql("DROP TABLE counters");
    let there = Place::Postgres(Box::new(database.options()));
    copy(&there, &Folder::new().place())
        .await
        .expect_err("a table is missing");
    let back = Folder::new();
    copy(&there, &back.place())
        .await
        .expect_err("a table is missing");
    assert!(!back.path().join("parlour.db").exists());
    let same = copy(&folder.place(), &Folder::new().place()).await;
    assert!(matches!(same, Err(TransferError::SameKind { .. })));
}
