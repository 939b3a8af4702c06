//! Batches, and a sync that fails, by the number of commits in the log itself.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as std_mpsc;

use super::*;

/// A page of the log and its head; the head of the log itself (sqlite.org/fileformat2.html, 4.1).
const FRAME: usize = 24 + 4096;
const LOG_HEAD: usize = 32;

struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let file = format!("parlour-writer-{}-{name}.db", std::process::id());
        Self(std::env::temp_dir().join(file))
    }

    fn beside(&self, end: &str) -> PathBuf {
        PathBuf::from(format!("{}{end}", self.0.display()))
    }

    fn open(&self) -> Connection {
        let connection = Connection::open(&self.0).unwrap();
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .unwrap();
        connection
            .execute_batch("CREATE TABLE IF NOT EXISTS said (word TEXT)")
            .unwrap();
        connection
    }

    fn writer(&self) -> Writer {
        let reopen = || panic!("no sync failed");
        Writer::start(self.open(), Box::new(reopen), 1_024, 256).unwrap()
    }

    /// Transactions in the log: each ends with a frame that names the size of the database.
    fn commits(&self) -> usize {
        let log = fs::read(self.beside("-wal")).unwrap();
        let frames = log[LOG_HEAD..].chunks_exact(FRAME);
        frames.filter(|frame| frame[4..8] != [0; 4]).count()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(self.beside(end));
        }
    }
}

fn say(connection: &Connection) -> Result<(), StoreError> {
    connection
        .execute("INSERT INTO said VALUES ('x')", [])
        .map(drop)
        .map_err(store_error)
}

fn refused() -> StoreError {
    StoreError::Refused {
        reason: "on purpose".to_owned(),
    }
}

fn said(file: &File) -> i64 {
    let connection = Connection::open(&file.0).unwrap();
    connection
        .query_row("SELECT count(*) FROM said", [], |row| row.get(0))
        .unwrap()
}

/// Holds a batch until so many of `others` wait behind it, so that those are the next one.
async fn behind_another<T>(writer: &Writer, many: usize, others: impl Future<Output = T>) -> T {
    let (begun, has_begun) = oneshot::channel();
    let (go, wait) = std_mpsc::channel::<()>();
    let mut begun = Some(begun);
    let held = writer.run(move |_| {
        let _ = begun.take().map(|begun| begun.send(()));
        wait.recv().map_err(|_| StoreError::Closed)
    });
    let others = async {
        has_begun.await.unwrap();
        let free = writer.commands.capacity();
        let release = async {
            while writer.commands.capacity() > free - many {
                tokio::task::yield_now().await;
            }
            go.send(()).unwrap();
        };
        tokio::join!(others, release).0
    };
    let (held, others) = tokio::join!(held, others);
    assert_eq!(held, Ok(()));
    others
}

#[tokio::test]
async fn what_waits_while_a_batch_runs_is_the_next_batch_with_one_commit() {
    let file = File::new("batch");
    let writer = file.writer();
    let before = file.commits();
    let others = futures_util::future::join_all((0..100).map(|_| writer.run(say)));
    let others = behind_another(&writer, 100, others).await;
    assert!(others.iter().all(Result::is_ok));
    assert_eq!(file.commits() - before, 1, "of 100");
    assert_eq!(said(&file), 100);
}

#[tokio::test]
async fn one_that_fails_is_undone_alone_and_the_others_are_stored_once() {
    let file = File::new("fails");
    let writer = file.writer();
    let before = file.commits();
    let fails = |connection: &Connection| {
        say(connection)?;
        Err::<(), _>(refused())
    };
    let others = async { tokio::join!(writer.run(say), writer.run(fails), writer.run(say)) };
    let (first, second, third) = behind_another(&writer, 3, others).await;
    assert_eq!((first, second, third), (Ok(()), Err(refused()), Ok(())));
    assert_eq!(said(&file), 2);
    assert_eq!(file.commits() - before, 1, "one batch");
}

#[tokio::test]
async fn a_lone_command_is_committed_alone_and_at_once() {
    let file = File::new("alone");
    let writer = file.writer();
    let before = file.commits();
    for number in 1..=5 {
        writer.run(say).await.unwrap();
        assert_eq!(file.commits() - before, number, "it waited for nobody");
    }
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged_until_all_is_written_anew() {
    let file = File::new("sync");
    let healed = Arc::new(AtomicBool::new(false));
    let failed = || StoreError::SyncFailed {
        reason: "on purpose".to_owned(),
    };
    let reopen = {
        let (healed, path) = (Arc::clone(&healed), file.0.clone());
        move || {
            if healed.load(Ordering::SeqCst) {
                Connection::open(&path).map_err(store_error)
            } else {
                Err(failed())
            }
        }
    };
    let writer = Writer::start(file.open(), Box::new(reopen), 16, 16).unwrap();
    writer.run(say).await.unwrap();
    // As SQLite does it: the commit fails and the transaction is gone.
    let sync_fails = writer.run(move |connection| {
        connection.execute_batch("ROLLBACK").map_err(store_error)?;
        Err::<(), _>(failed())
    });
    assert_eq!(sync_fails.await, Err(failed()));
    for _ in 0..3 {
        assert_eq!(writer.run(say).await, Err(failed()), "no false ack");
        assert_eq!(writer.failure(), Some(failed()), "not ready");
    }
    assert_eq!(said(&file), 1, "reads go on");
    healed.store(true, Ordering::SeqCst);
    assert_eq!(writer.run(say).await, Ok(()));
    assert_eq!(said(&file), 2);
}
