//! The one thread that writes, with group commit.
//!
//! In the path: every writing method of the store sends a command here and waits for its result.
//!
//! The thread takes the first command that comes, and whatever else waits by then, up to a limit. It runs all of it in
//! one transaction, and answers after the commit. There is no delay: a single command is committed at once, and while
//! one commit syncs, the next batch gathers by itself.
//!
//! Invariants:
//! - No command is answered with success before the transaction that holds it was committed (and
//!   synced, with `synchronous=FULL`).
//! - A command that fails is undone alone; the others of its batch stay. A savepoint before each command would copy
//!   every page that it touches, so there are none at first. If a command fails, the batch is undone and run once more,
//!   with a savepoint before each command.
//! - When the commit fails, every command of the batch is answered with the error.
//! - After a failed sync nothing more is written to this log. The kernel may have dropped what it could not write, and
//!   a second sync would still report success. The connection is given up, and no command runs before [`Reopen`] has
//!   written everything anew elsewhere.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::convert::store_error;
use crate::store::{StoreError, Writes};

/// The last failure of the disk, until a trial write of the health check succeeds.
pub(super) type Failure = Arc<Mutex<Option<StoreError>>>;

/// Gives a connection to write with after a failed sync, once nothing depends on the old log any more. It is tried
/// before each batch until it succeeds.
pub(super) type Reopen = Box<dyn Fn() -> Result<Connection, StoreError> + Send>;

/// Sends commands to the thread. Dropping it lets the thread finish what waits, and then end.
pub(super) struct Writer {
    commands: mpsc::Sender<Message>,
    failure: Failure,
    writes: Writes,
}

enum Message {
    Run(Box<dyn Command>),
    Stop(oneshot::Sender<Result<(), StoreError>>),
}

/// One piece of work in a batch.
trait Command: Send {
    /// Does the work inside the transaction. It is called again if the batch was undone.
    fn apply(&mut self, connection: &Connection) -> Result<(), StoreError>;

    /// Tells the caller the result, once the batch is committed or has failed.
    fn answer(self: Box<Self>, batch: Result<(), StoreError>);
}

struct Write<T, F> {
    work: F,
    outcome: Result<T, StoreError>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Command for Write<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> Result<T, StoreError> + Send,
{
    fn apply(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let work = &mut self.work;
        // A mistake in one command must not end the thread that all others need.
        self.outcome = catch_unwind(AssertUnwindSafe(|| work(connection))).unwrap_or_else(|_| {
            Err(StoreError::Refused {
                reason: "it panicked".to_owned(),
            })
        });
        self.outcome.as_ref().map(|_| ()).map_err(StoreError::clone)
    }

    fn answer(self: Box<Self>, batch: Result<(), StoreError>) {
        let Write { outcome, reply, .. } = *self;
        // Nobody waits any more. The work stays done, as the trait says.
        let _ = reply.send(batch.and(outcome));
    }
}

impl Writer {
    /// Starts the thread. `queue` commands may wait before callers wait, and `batch` of them go into one transaction.
    pub(super) fn start(
        connection: Connection,
        reopen: Reopen,
        queue: usize,
        batch: usize,
    ) -> Result<Writer, StoreError> {
        let (commands, receiver) = mpsc::channel(queue.max(1));
        let (failure, writes) = (Failure::default(), Writes::default());
        let thread = Thread {
            connection: Some(connection),
            reopen,
            receiver,
            batch: batch.max(1),
            failure: Arc::clone(&failure),
            writes: writes.clone(),
        };
        thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || thread.run())
            .map_err(|error| StoreError::Unavailable {
                reason: error.to_string(),
            })?;
        Ok(Writer {
            commands,
            failure,
            writes,
        })
    }

    /// Runs `work` in the next batch, and answers after its commit. It may run again after its effects were undone.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let write = Write {
            work,
            outcome: Err(StoreError::Closed),
            reply,
        };
        self.commands
            .send(Message::Run(Box::new(write)))
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Finishes what waits, moves the log into the file, and ends the thread.
    pub(super) async fn stop(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Message::Stop(reply)).await.is_err() {
            return Ok(());
        }
        answer.await.unwrap_or(Ok(()))
    }

    /// The last failure of the disk. It stays until [`Writer::recovered`], whatever is committed in the meantime,
    /// because a small write may find room when a usual one does not.
    pub(super) fn failure(&self) -> Option<StoreError> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What was written since the start.
    pub(super) fn writes(&self) -> Writes {
        self.writes.clone()
    }

    /// A trial write succeeded.
    pub(super) fn recovered(&self) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

struct Thread {
    /// `None` after a failed sync.
    connection: Option<Connection>,
    reopen: Reopen,
    receiver: mpsc::Receiver<Message>,
    batch: usize,
    failure: Failure,
    writes: Writes,
}

impl Thread {
    fn run(mut self) {
        let mut commands = Vec::with_capacity(self.batch);
        let mut stop = None;
        while let Some(first) = self.receiver.blocking_recv() {
            let mut next = Some(first);
            while let Some(message) = next.take() {
                match message {
                    Message::Run(command) => commands.push(command),
                    Message::Stop(reply) => {
                        // What was sent before the end is still done. What comes later is refused.
                        self.receiver.close();
                        stop = Some(reply);
                    }
                }
                if commands.len() < self.batch {
                    next = self.receiver.try_recv().ok();
                }
            }
            self.commit(&mut commands);
        }
        let closed = self.close();
        if let Some(reply) = stop {
            let _ = reply.send(closed);
        }
    }

    fn commit(&mut self, commands: &mut Vec<Box<dyn Command>>) {
        if commands.is_empty() {
            return;
        }
        let begun = Instant::now();
        let outcome = self.transaction(commands);
        self.writes
            .note(begun.elapsed(), commands.len(), outcome.is_ok());
        if let Err(error) = &outcome {
            note(&self.failure, error);
            if matches!(error, StoreError::SyncFailed { .. }) && self.connection.take().is_some() {
                tracing::error!(%error, "the store stops writing until the disk syncs again");
            }
        }
        for command in commands.drain(..) {
            command.answer(outcome.clone());
        }
    }

    fn transaction(&mut self, commands: &mut [Box<dyn Command>]) -> Result<(), StoreError> {
        let connection = if let Some(connection) = &self.connection {
            connection
        } else {
            let connection = (self.reopen)()?;
            tracing::info!("everything was written anew and synced: the store writes again");
            self.connection.insert(connection)
        };
        statement(connection, "BEGIN IMMEDIATE")?;
        for command in commands.iter_mut() {
            let Err(error) = command.apply(connection) else {
                continue;
            };
            note(&self.failure, &error);
            if connection.is_autocommit() {
                // SQLite gave up the whole transaction, so nothing of the batch is stored.
                return Err(error);
            }
            statement(connection, "ROLLBACK")?;
            return one_by_one(connection, commands, &self.failure);
        }
        statement(connection, "COMMIT")
    }

    /// Leaves a single file behind. This is not needed for safety, because the next start reads the log.
    fn close(self) -> Result<(), StoreError> {
        let Some(connection) = self.connection else {
            let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            return failure.clone().map_or(Ok(()), Err);
        };
        // Better statistics for the next start. On a full disk the next start does without them.
        let _ = connection.execute_batch("PRAGMA optimize");
        connection.close().map_err(|(_, error)| store_error(error))
    }
}

/// Runs the batch once more, so that only what fails is undone.
fn one_by_one(
    connection: &Connection,
    commands: &mut [Box<dyn Command>],
    failure: &Failure,
) -> Result<(), StoreError> {
    statement(connection, "BEGIN IMMEDIATE")?;
    for command in commands {
        statement(connection, "SAVEPOINT command")?;
        if let Err(error) = command.apply(connection) {
            note(failure, &error);
            if connection.is_autocommit() {
                return Err(error);
            }
            statement(connection, "ROLLBACK TO command")?;
        }
        statement(connection, "RELEASE command")?;
    }
    statement(connection, "COMMIT")
}

/// Runs a statement that begins or ends the transaction. A failure ends the transaction.
fn statement(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    let done = connection
        .prepare_cached(sql)
        .and_then(|mut it| it.execute([]));
    let Err(error) = done else {
        return Ok(());
    };
    if !connection.is_autocommit() {
        // If this fails too, the next BEGIN fails and reports it.
        let _ = connection.execute_batch("ROLLBACK");
    }
    Err(store_error(error))
}

/// Keeps a failure of the disk for the health check.
fn note(failure: &Failure, error: &StoreError) {
    if error.is_temporary() || matches!(error, StoreError::Corrupt { .. }) {
        *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
