//! The contract on SQLite, and what only SQLite must do.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use rusqlite::Connection;

use super::open::FILE;
use super::{SqliteOptions, SqliteStore, Synchronous, migrations};
use crate::clock::Millis;
use crate::store::contract::{Database, run_contract};
use crate::store::{
    ConversationId, Fingerprint, HistoryFrom, HistoryQuery, NewMessage, NextJob, OpenMode,
    OpenSession, Owner, Store, StoreError,
};

/// A folder that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("parlour-store-{}-{number}", std::process::id());
        Folder(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn file(&self) -> PathBuf {
        self.0.join(FILE)
    }

    fn open(&self) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(self.path(), &SqliteOptions::default())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[async_trait]
impl Database for Folder {
    async fn open_as(&self, node: &str) -> Arc<dyn Store> {
        // NORMAL: the contract is about order and crashes of the program, and the disk of a test
        // machine is slow.
        let options = SqliteOptions {
            synchronous: Synchronous::Normal,
            node: node.into(),
            ..SqliteOptions::default()
        };
        Arc::new(SqliteStore::open(self.path(), &options).expect("opens"))
    }
}

run_contract!(super::Folder::new());

const NOW: Millis = Millis(1_800_000_000_000);

async fn conversation(store: &SqliteStore) -> ConversationId {
    let user = store
        .user("cs-demo", "ann", "u-1", NOW)
        .await
        .expect("a user");
    let open = OpenSession {
        user: user.id,
        bot: "st-demo".to_owned(),
        app: "cs-demo".to_owned(),
        mode: OpenMode::Default,
        new_session_id: "ss-1".to_owned(),
        new_conversation_name: "cv-1".to_owned(),
        idle: std::time::Duration::from_mins(1),
        now: NOW,
        context: String::new(),
        at_once: None,
    };
    store
        .open_session(open)
        .await
        .expect("a session")
        .conversation
}

fn message(conversation: ConversationId, id: u32, bytes: usize) -> NewMessage {
    NewMessage {
        conversation,
        message_id: format!("ms-{id}"),
        client_message_id: Some(id.to_string()),
        words: Fingerprint::of(id.to_string()),
        body: "x".repeat(bytes),
        session_id: "ss-1".to_owned(),
        context: String::new(),
        at_once: None,
        now: NOW,
    }
}

#[test]
fn an_empty_folder_becomes_a_database_of_the_known_version() {
    let folder = Folder::new();
    drop(folder.open().expect("opens"));
    let file = Connection::open(folder.file()).expect("opens");
    assert_eq!(migrations::version(&file), Ok(migrations::known()));
    // Again: nothing to do.
    drop(folder.open().expect("opens again"));
}

#[tokio::test]
async fn a_database_of_the_first_version_keeps_everything() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path()).expect("a folder");
    let mut file = Connection::open(folder.file()).expect("opens");
    migrations::before_refinery(&mut file, 1);
    file.execute_batch(
        "INSERT INTO users VALUES ('u-1', 'cs-1', 'ann', 1);
         INSERT INTO conversations (id, user, bot, app, last_seq, last_activity, created)
         VALUES (1, 'u-1', 'st-1', 'cs-1', 1, 1, 1), (2, 'u-1', 'st-2', 'cs-1', 3, 1, 1);
         INSERT INTO messages VALUES
         (2, 1, 'ms-a', 0, '1', '{}', 5, 'ss-1'), (2, 2, 'ms-b', 1, NULL, '{}', 6, 'ss-1'),
         (2, 3, 'ms-c', 0, '2', '{}', 7, 'ss-1'), (1, 1, 'ms-d', 0, '1', '{}', 6, 'ss-2');
         INSERT INTO jobs (conversation, kind, trigger_seq, session_id, context, due, created)
         VALUES (2, 1, 3, 'ss-1', '{}', 7, 7);",
    )
    .expect("writes");
    drop(file);
    let store = folder.open().expect("opens");
    for (conversation, ids) in [(1, vec!["ms-d"]), (2, vec!["ms-a", "ms-b", "ms-c"])] {
        let page = store.history(HistoryQuery {
            conversation: ConversationId(conversation),
            from: HistoryFrom::After(0),
            limit: 10,
        });
        let messages = page.await.expect("reads").messages;
        let found: Vec<_> = messages.iter().map(|it| it.message_id.as_str()).collect();
        assert_eq!(found, ids);
    }
    let here = ConversationId(2);
    let Ok(NextJob::Ready(job)) = store.next_job(here, NOW).await else {
        panic!("the job is there");
    };
    let trigger = job.trigger.expect("a message");
    assert_eq!((trigger.seq, trigger.agent), (3, None));
    // The bot's, with a name of its own.
    assert_eq!(
        (job.owner, job.state, job.profile),
        (Owner::Bot, None, None)
    );
    assert_eq!((job.identity.as_str(), job.app.as_str()), ("ann", "cs-1"));
    let other = store.conversation("u-1", "st-1").await.expect("reads");
    let other = other.expect("is there").name;
    assert_ne!(job.conversation_name, other);
    for name in [&job.conversation_name, &other] {
        let parts: Vec<_> = name.split('-').collect();
        let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [2, 8, 4, 4, 4, 12], "{name}");
        assert!(parts[0] == "cv" && parts[3].starts_with('4'), "{name}");
        assert!(parts[4].starts_with(['8', '9', 'a', 'b']), "{name}");
        let digits = parts[1..].concat();
        assert!(digits.chars().all(|it| matches!(it, '0'..='9' | 'a'..='f')));
        assert!(
            store
                .conversation_named(name)
                .await
                .expect("reads")
                .is_some()
        );
    }
    let mut again = message(here, 2, 1);
    again.body = "{}".to_owned();
    again.now = Millis(8);
    let again = store.append_message(again).await.expect("is known");
    assert!(again.duplicate, "the key is kept, too");
    // The same id with other words.
    let new = store.append_message(message(here, 2, 1)).await;
    assert_eq!(new.expect("appends").message.seq, 4);
    drop(store);
    // A page from a message on: an old conversation is not walked through for it, either.
    let file = Connection::open(folder.file()).expect("opens");
    let plan: String = file
        .query_row(
            "EXPLAIN QUERY PLAN SELECT seq FROM messages WHERE conversation = 2 AND message_id = 'ms-b'",
            [],
            |row| row.get("detail"),
        )
        .expect("a plan");
    assert!(plan.contains("messages_by_id"), "{plan}");
}

#[test]
fn a_file_that_is_refused_stays_as_it_was() {
    let newer = format!("PRAGMA user_version = {}", migrations::known() + 1);
    for content in ["CREATE TABLE theirs (id)", newer.as_str()] {
        let folder = Folder::new();
        fs::create_dir_all(folder.path()).expect("a folder");
        let file = Connection::open(folder.file()).expect("opens");
        file.execute_batch(content).expect("writes");
        drop(file);
        let before = fs::read(folder.file()).expect("reads");
        folder.open().err().expect("is refused");
        let after = fs::read(folder.file()).expect("reads");
        assert!(before == after, "{content}");
    }
}

#[test]
fn a_newer_database_is_refused_with_both_versions() {
    let folder = Folder::new();
    drop(folder.open().expect("opens"));
    let file = Connection::open(folder.file()).expect("opens");
    file.pragma_update(None, "user_version", migrations::known() + 1)
        .expect("writes");
    drop(file);
    let error = folder.open().err().expect("is refused");
    let known = migrations::known();
    assert_eq!(
        error,
        StoreError::TooNew {
            found: known + 1,
            known
        }
    );
    assert!(error.to_string().contains("start the newer program"));
}

#[test]
fn a_file_that_is_no_database_of_ours_is_refused_and_left_alone() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path()).expect("a folder");
    let text = "this is a letter, not a database. ".repeat(100);
    fs::write(folder.file(), &text).expect("writes");
    assert!(matches!(
        folder.open().err(),
        Some(StoreError::Corrupt { .. })
    ));
    assert_eq!(fs::read_to_string(folder.file()).expect("reads"), text);

    fs::remove_file(folder.file()).expect("removes");
    let other = Connection::open(folder.file()).expect("opens");
    other
        .execute_batch("CREATE TABLE recipes (name TEXT)")
        .expect("writes");
    drop(other);
    assert!(matches!(
        folder.open().err(),
        Some(StoreError::Corrupt { .. })
    ));
}

#[tokio::test]
async fn a_damaged_database_is_refused() {
    let folder = Folder::new();
    let store = folder.open().expect("opens");
    let here = conversation(&store).await;
    for id in 0..50 {
        store
            .append_message(message(here, id, 2_000))
            .await
            .expect("appends");
    }
    store.close().await.expect("closes");
    let mut bytes = fs::read(folder.file()).expect("reads");
    bytes[4_096..16_384].fill(0xA5);
    fs::write(folder.file(), bytes).expect("writes");
    assert!(matches!(
        folder.open().err(),
        Some(StoreError::Corrupt { .. })
    ));
}

#[test]
fn a_path_that_is_a_file_is_no_folder() {
    let folder = Folder::new();
    fs::write(folder.path(), "a file").expect("writes");
    let here = folder.path().to_owned();
    assert_eq!(
        folder.open().err(),
        Some(StoreError::NotADirectory { path: here.clone() })
    );
    let below = SqliteStore::open(&here.join("below"), &SqliteOptions::default()).err();
    assert_eq!(
        below,
        Some(StoreError::NotADirectory {
            path: here.join("below")
        })
    );
    fs::remove_file(here).expect("removes");
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let folder = Folder::new();
    // A folder where the file should be: refused for every user, root too.
    fs::create_dir_all(folder.file()).expect("a folder");
    let error = folder.open().err().expect("is refused");
    assert!(matches!(&error, StoreError::NotWritable { path, .. } if path == folder.path()));
    assert!(
        error
            .to_string()
            .contains(&folder.path().display().to_string())
    );
}

#[cfg(unix)]
#[test]
fn the_files_belong_to_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let store = folder.open().expect("opens");
    for entry in fs::read_dir(folder.path()).expect("a folder") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
    drop(store);
}

#[tokio::test]
async fn commits_are_synced_unless_told_otherwise() {
    for (synchronous, expected) in [(Synchronous::Full, 2), (Synchronous::Normal, 1)] {
        let folder = Folder::new();
        let options = SqliteOptions {
            synchronous,
            ..SqliteOptions::default()
        };
        let store = SqliteStore::open(folder.path(), &options).expect("opens");
        let pragma = |name: &'static str| {
            store.writer.run(move |it| {
                it.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
                    .map_err(super::convert::store_error)
            })
        };
        assert_eq!(pragma("synchronous").await, Ok(expected.into()));
        assert_eq!(pragma("journal_mode").await, Ok("wal".to_owned().into()));
        assert_eq!(pragma("foreign_keys").await, Ok(0.into()));
        assert_eq!(pragma("secure_delete").await, Ok(1.into()));
    }
}

#[test]
fn beside_a_server_nothing_is_made_and_no_schema_is_changed() {
    use super::copy::CopyError;
    let folder = Folder::new();
    let beside = || SqliteStore::beside(folder.path(), &SqliteOptions::default()).err();
    assert!(matches!(beside(), Some(CopyError::Missing { .. })));
    assert!(!folder.path().exists());
    fs::create_dir_all(folder.path()).expect("a folder");
    let mut file = Connection::open(folder.file()).expect("opens");
    migrations::before_refinery(&mut file, 1);
    assert!(matches!(beside(), Some(CopyError::Older { .. })));
    assert_eq!(migrations::version(&file), Ok(1));
    drop(file);
    drop(folder.open().expect("a server brings it over"));
    assert_eq!(beside(), None);
}

#[tokio::test]
async fn what_is_forgotten_is_in_no_file_although_pages_were_split() {
    let folder = Folder::new();
    let store = folder.open().expect("opens");
    // In no order, as random ids are: each new user moves others to new pages.
    let name = |number: u64| format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let ids: Vec<_> = (0..3_000).map(|it| format!("u-{}", name(it))).collect();
    let identities: Vec<_> = (0..3_000)
        .map(|it| format!("who-{}", name(it + 1)))
        .collect();
    let users = ids.iter().zip(&identities);
    let made = users.map(|(id, identity)| store.user("cs-demo", identity, id, NOW));
    for user in futures_util::future::join_all(made).await {
        user.expect("a user");
    }
    for id in ids.iter().step_by(50) {
        store.forget(id, None, NOW).await.expect("forgets");
    }
    // The word to other processes has the id, for a day.
    store
        .sweep(NOW.plus(std::time::Duration::from_hours(24)))
        .await
        .expect("sweeps");
    super::copy::fold_log(folder.path()).expect("empties the log");
    let bytes = fs::read(folder.file()).expect("reads");
    let holds = |word: &str| {
        bytes
            .windows(word.len())
            .any(|part| part == word.as_bytes())
    };
    assert!(holds(&identities[1]), "others stay");
    for (id, identity) in ids.iter().zip(&identities).step_by(50) {
        assert!(!holds(identity) && !holds(id), "{identity}");
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_acknowledged_falsely() {
    let folder = Folder::new();
    let options = SqliteOptions {
        max_pages: Some(64),
        ..SqliteOptions::default()
    };
    let store = SqliteStore::open(folder.path(), &options).expect("opens");
    let here = conversation(&store).await;
    // Five at a time: the batch that finds the disk full is refused whole.
    let mut sent = Vec::new();
    for first in (0..200).step_by(5) {
        let sends = (first..first + 5).map(|id| store.append_message(message(here, id, 3_000)));
        sent.extend(futures_util::future::join_all(sends).await);
    }
    let stored = sent.iter().filter(|result| result.is_ok()).count();
    assert!(stored > 0 && stored < 200, "{stored} were stored");
    assert!(
        sent.iter()
            .all(|result| result.is_ok() || *result == Err(StoreError::Full))
    );
    // Readiness knows, reads go on, and exactly what was acknowledged is there.
    assert_eq!(store.health().await, Err(StoreError::Full));
    let from = HistoryFrom::After(0);
    let query = HistoryQuery {
        conversation: here,
        from,
        limit: 500,
    };
    let page = store.history(query).await.expect("reads");
    let acknowledged: Vec<_> = sent
        .into_iter()
        .filter_map(|result| Some(result.ok()?.message))
        .collect();
    assert_eq!(page.messages, acknowledged);
    // The client sends again when there is room: after a restart with more of it.
    store.close().await.expect("closes");
    let store = folder.open().expect("opens");
    for id in 0..200 {
        store
            .append_message(message(here, id, 3_000))
            .await
            .expect("appends");
    }
    assert_eq!(store.health().await, Ok(()));
    let last = store
        .since(here, 0, 500, usize::MAX)
        .await
        .expect("reads")
        .last_seq;
    assert_eq!(last, 200);
}

#[tokio::test]
async fn readiness_returns_by_itself_when_there_is_room_again() {
    let folder = Folder::new();
    let options = SqliteOptions {
        max_pages: Some(64),
        ..SqliteOptions::default()
    };
    let store = SqliteStore::open(folder.path(), &options).expect("opens");
    let here = conversation(&store).await;
    let mut id = 0;
    while store.append_message(message(here, id, 3_000)).await.is_ok() {
        id += 1;
    }
    assert_eq!(store.health().await, Err(StoreError::Full));
    let more_room = store.writer.run(|connection| {
        connection
            .pragma_update(None, "max_page_count", 1_000)
            .map_err(super::convert::store_error)
    });
    more_room.await.expect("grows");
    assert_eq!(store.health().await, Ok(()));
    store
        .append_message(message(here, id, 3_000))
        .await
        .expect("appends");
}

#[tokio::test]
async fn a_command_that_panics_ends_neither_the_writer_nor_its_batch() {
    let folder = Folder::new();
    let store = folder.open().expect("opens");
    let here = conversation(&store).await;
    let good = store.append_message(message(here, 1, 10));
    let bad = store.writer.run::<(), _>(|_| panic!("on purpose"));
    let (good, bad) = tokio::join!(good, bad);
    assert!(good.is_ok());
    assert!(matches!(bad, Err(StoreError::Refused { .. })));
    let bad = store.readers.run::<(), _>(|_| panic!("on purpose")).await;
    assert!(matches!(bad, Err(StoreError::Refused { .. })));
    store
        .append_message(message(here, 2, 10))
        .await
        .expect("appends");
    assert_eq!(
        store
            .since(here, 0, 10, usize::MAX)
            .await
            .expect("reads")
            .last_seq,
        2
    );
}

#[tokio::test]
async fn closing_finishes_what_waits_and_refuses_what_comes_later() {
    let folder = Folder::new();
    let store = folder.open().expect("opens");
    let here = conversation(&store).await;
    let sends = (0..100).map(|id| store.append_message(message(here, id, 10)));
    let (sent, closed) = tokio::join!(futures_util::future::join_all(sends), store.close());
    closed.expect("closes");
    assert!(sent.iter().all(Result::is_ok));
    let late = store.append_message(message(here, 200, 10)).await;
    assert_eq!(late.err(), Some(StoreError::Closed));
    assert_eq!(
        store.since(here, 0, 500, usize::MAX).await.err(),
        Some(StoreError::Closed)
    );
    assert_eq!(store.close().await, Ok(()));
    let again = folder.open().expect("opens");
    assert_eq!(
        again
            .since(here, 0, 500, usize::MAX)
            .await
            .expect("reads")
            .last_seq,
        100
    );
}
