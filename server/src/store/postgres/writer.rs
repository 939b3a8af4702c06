//! The one task that writes to conversations: group commit.
//!
//! In the path: every writing method of the store that is about a conversation sends an [`Operation`] here and waits for
//! its answer.
//!
//! The task takes the first operation that comes and whatever else waits by then, up to a limit, and sends all of it at
//! once over one connection: `BEGIN`, the locks, a statement for each operation. When all have succeeded, it commits and
//! answers. While one commit is on its way to the disk, the next batch gathers by itself.
//!
//! Invariants:
//! - No operation is answered with success before its transaction was committed.
//! - The locks come first, in an order that is the same on every node: so no two batches wait for each other. Each later
//!   statement sees what was committed before it had its locks.
//! - An operation that fails is undone alone: the batch is undone and run once more, each behind a savepoint.
//! - What is known to have stored nothing is tried again: a batch whose connection was lost before its `COMMIT` was
//!   sent, or that PostgreSQL undid because of others. After the `COMMIT` was sent nothing is tried again: an operation
//!   is answered with an error, and its sender, who does not know either, sends it once more and is recognised.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use deadpool_postgres::Client;
use futures_util::future::join3;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use super::connect::{Connections, TRIES, give_back, within};
use super::errors::{Failure, Outcome};
use crate::store::{ConversationId, JobId, StoreError, Writes};

/// What an operation needs for itself until its batch is committed.
pub(super) enum Lock<'a> {
    Conversation(ConversationId),
    /// The conversation of a job.
    Job(JobId),
    /// Counters, by a number made of their names.
    Counters(&'a [i64]),
}

/// One statement on its way into a batch.
pub(super) trait Operation: Send + Sync + 'static {
    type Output: Send;

    const SQL: &'static str;

    fn lock(&self) -> Lock<'_>;

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)>;

    /// The outcome. [`StoreError::Unknown`] and [`StoreError::LeaseLost`] say that the statement changed nothing. After
    /// another error it is undone.
    fn read(&self, rows: &[Row]) -> Result<Self::Output, StoreError>;
}

/// The last failure of the database, until a trial write of the health check succeeds.
type LastFailure = Arc<Mutex<Option<StoreError>>>;

/// The way to the task. Dropping it lets the task finish what waits and end.
pub(super) struct Writer {
    commands: mpsc::Sender<Message>,
    failure: LastFailure,
    writes: Writes,
}

enum Message {
    Run(Box<dyn Command>),
    Stop(oneshot::Sender<()>),
}

/// An [`Operation`] whose caller waits.
trait Command: Send + Sync {
    fn sql(&self) -> &'static str;
    fn lock(&self) -> Lock<'_>;
    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)>;
    fn read(&mut self, rows: &[Row]) -> Result<(), StoreError>;
    fn fail(&mut self, error: StoreError);
    /// Tells the caller how it ended, once the batch is settled.
    fn answer(self: Box<Self>, batch: Result<(), StoreError>);
}

struct Waiting<O: Operation> {
    operation: O,
    outcome: Mutex<Result<O::Output, StoreError>>,
    reply: oneshot::Sender<Result<O::Output, StoreError>>,
}

impl<O: Operation> Command for Waiting<O> {
    fn sql(&self) -> &'static str {
        O::SQL
    }

    fn lock(&self) -> Lock<'_> {
        self.operation.lock()
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.operation.parameters()
    }

    fn read(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        let outcome = self.operation.read(rows);
        let told = outcome.as_ref().map(drop).map_err(StoreError::clone);
        *self
            .outcome
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner) = outcome;
        match told {
            Err(StoreError::Unknown { .. } | StoreError::LeaseLost) => Ok(()),
            told => told,
        }
    }

    fn fail(&mut self, error: StoreError) {
        *self
            .outcome
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner) = Err(error);
    }

    fn answer(self: Box<Self>, batch: Result<(), StoreError>) {
        let Self { outcome, reply, .. } = *self;
        let outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Nobody waits any more: the work stays done, as the trait says.
        let _ = reply.send(batch.and(outcome));
    }
}

impl Writer {
    /// Starts the task. `queue` operations may wait (then callers wait too), `batch` go into one transaction.
    #[expect(
        clippy::disallowed_methods,
        reason = "it ends with `stop`, after all of Shutdown's tasks: they write to the end"
    )]
    pub(super) fn start(pool: Connections, queue: usize, batch: usize) -> Writer {
        let (commands, receiver) = mpsc::channel(queue.max(1));
        let (failure, writes) = (LastFailure::default(), Writes::default());
        let task = Task {
            pool,
            receiver,
            batch: batch.max(1),
            failure: Arc::clone(&failure),
            writes: writes.clone(),
        };
        tokio::spawn(task.run());
        Writer {
            commands,
            failure,
            writes,
        }
    }

    /// Runs the operation in the next batch and answers after its commit.
    pub(super) async fn run<O: Operation>(&self, operation: O) -> Result<O::Output, StoreError> {
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting {
            operation,
            outcome: Mutex::new(Err(StoreError::Closed)),
            reply,
        };
        self.commands
            .send(Message::Run(Box::new(waiting)))
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Finishes what waits and ends the task.
    pub(super) async fn stop(&self) {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Message::Stop(reply)).await.is_ok() {
            let _ = answer.await;
        }
    }

    /// The last failure of the database. Stays until [`Writer::recovered`].
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

/// How far a batch came.
enum Stop {
    /// Nothing of it is stored.
    Before(Failure),
    /// This one cannot be done; nothing is stored.
    One(Failure),
    /// The commit was on its way: nobody knows.
    Commit(Failure),
}

struct Task {
    pool: Connections,
    receiver: mpsc::Receiver<Message>,
    batch: usize,
    failure: LastFailure,
    writes: Writes,
}

impl Task {
    async fn run(mut self) {
        let mut commands = Vec::with_capacity(self.batch);
        let mut stop = None;
        while let Some(first) = self.receiver.recv().await {
            let mut next = Some(first);
            while let Some(message) = next.take() {
                match message {
                    Message::Run(command) => commands.push(command),
                    Message::Stop(reply) => {
                        // What was sent before the end is still done; what comes later is refused.
                        self.receiver.close();
                        stop = Some(reply);
                    }
                }
                if commands.len() < self.batch {
                    next = self.receiver.try_recv().ok();
                }
            }
            if !commands.is_empty() {
                let begun = Instant::now();
                let outcome = Box::pin(self.store(&mut commands)).await;
                self.writes
                    .note(begun.elapsed(), commands.len(), outcome.is_ok());
                if let Err(error) = &outcome {
                    self.note(error);
                }
                for command in commands.drain(..) {
                    command.answer(outcome.clone());
                }
            }
        }
        self.pool.close();
        if let Some(reply) = stop {
            let _ = reply.send(());
        }
    }

    /// Keeps a failure of the database for the health check.
    fn note(&self, error: &StoreError) {
        if error.is_temporary() || matches!(error, StoreError::Corrupt { .. }) {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
    }

    /// Brings a batch in, as often as it takes.
    async fn store(&self, commands: &mut [Box<dyn Command>]) -> Result<(), StoreError> {
        let mut alone = false;
        let mut tries = 1;
        loop {
            let client = self.pool.lend().await.map_err(|it| it.error)?;
            let outcome = transaction(&client, commands, alone).await;
            let (failure, again) = match outcome {
                Ok(()) => {
                    give_back(client, &Ok(()));
                    return Ok(());
                }
                // The others of its batch are not to suffer from it.
                Err(Stop::One(failure)) if !alone => {
                    alone = true;
                    (failure, true)
                }
                Err(Stop::Before(failure) | Stop::One(failure)) => {
                    let again = matches!(failure.outcome, Outcome::Undone | Outcome::Lost);
                    let again = again && tries < TRIES;
                    tries += 1;
                    (failure, again)
                }
                Err(Stop::Commit(failure)) => (failure, false),
            };
            // Ends the transaction, whatever state it is in.
            let undone = if failure.outcome.ends_connection() {
                Err(super::errors::too_late())
            } else {
                within(async { Ok(client.batch_execute("ROLLBACK").await?) }).await
            };
            give_back(client, &undone);
            if !again {
                return Err(failure.error);
            }
        }
    }
}

const LOCK_CONVERSATIONS: &str = "SELECT id FROM conversations
     WHERE id = ANY ($1::bigint[] || ARRAY(SELECT conversation FROM jobs WHERE id = ANY ($2::bigint[])))
     ORDER BY id FOR UPDATE";

/// `unnest` keeps the order of the numbers.
const LOCK_COUNTERS: &str = "SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) key";

/// What a batch locks, each sort in its order.
#[derive(Default)]
struct Locks {
    conversations: Vec<i64>,
    jobs: Vec<i64>,
    counters: Vec<i64>,
}

impl Locks {
    fn of(commands: &[Box<dyn Command>]) -> Self {
        let (mut conversations, mut jobs) = (BTreeSet::new(), BTreeSet::new());
        let mut counters = BTreeSet::new();
        for command in commands {
            match command.lock() {
                Lock::Conversation(id) => drop(conversations.insert(id.0)),
                Lock::Job(id) => drop(jobs.insert(id.0)),
                Lock::Counters(keys) => counters.extend(keys),
            }
        }
        Self {
            conversations: conversations.into_iter().collect(),
            jobs: jobs.into_iter().collect(),
            counters: counters.into_iter().collect(),
        }
    }
}

/// The statements of a batch, prepared: nothing is waited for once it has begun.
struct Prepared {
    conversations: Statement,
    counters: Statement,
    commands: Vec<Statement>,
}

impl Prepared {
    async fn on(client: &Client, commands: &[Box<dyn Command>]) -> Result<Self, Failure> {
        let mut statements = Vec::with_capacity(commands.len());
        for command in commands {
            statements.push(client.prepare_cached(command.sql()).await?);
        }
        Ok(Self {
            conversations: client.prepare_cached(LOCK_CONVERSATIONS).await?,
            counters: client.prepare_cached(LOCK_COUNTERS).await?,
            commands: statements,
        })
    }
}

async fn transaction(
    client: &Client,
    commands: &mut [Box<dyn Command>],
    alone: bool,
) -> Result<(), Stop> {
    let prepared = within(Prepared::on(client, commands)).await;
    let prepared = prepared.map_err(Stop::Before)?;
    if alone {
        one_by_one(client, commands, &prepared).await?;
    } else {
        all_at_once(client, commands, &prepared).await?;
    }
    within(async { Ok(client.batch_execute("COMMIT").await?) })
        .await
        .map_err(Stop::Commit)
}

/// Sends everything before the first answer is there.
async fn all_at_once(
    client: &Client,
    commands: &mut [Box<dyn Command>],
    prepared: &Prepared,
) -> Result<(), Stop> {
    let begun = begin(client, commands, prepared);
    let work = async {
        let mut sent = Vec::with_capacity(commands.len());
        for (command, statement) in commands.iter().zip(&prepared.commands) {
            let parameters = command.parameters();
            sent.push(Box::pin(async move {
                client.query(statement, &parameters).await
            }));
        }
        Ok(in_order(begun, sent).await)
    };
    let (begun, answers) = within(work).await.map_err(Stop::Before)?;
    begun.map_err(Stop::Before)?;
    for (command, answer) in commands.iter_mut().zip(answers) {
        let rows = answer.map_err(|error| one(error.into()))?;
        command.read(&rows).map_err(|error| one(error.into()))?;
    }
    Ok(())
}

/// A failure of one statement, unless it is one of the connection or the whole server.
fn one(failure: Failure) -> Stop {
    if failure.outcome == Outcome::Refused && !failure.error.is_temporary() {
        Stop::One(failure)
    } else {
        Stop::Before(failure)
    }
}

/// Polls each once, in order, which sends it; then waits for their answers, which come in the same order.
async fn in_order<B, F: Future + Unpin>(
    first: impl Future<Output = B>,
    mut others: Vec<F>,
) -> (B, Vec<F::Output>) {
    let mut first = pin!(first);
    let mut answers: Vec<Option<F::Output>> = others.iter().map(|_| None).collect();
    let mut sent = false;
    let begun = std::future::poll_fn(|context| {
        let begun = first.as_mut().poll(context);
        if !sent {
            sent = true;
            for (other, answer) in others.iter_mut().zip(&mut answers) {
                if let Poll::Ready(ready) = std::pin::Pin::new(other).poll(context) {
                    *answer = Some(ready);
                }
            }
        }
        begun
    })
    .await;
    let mut all = Vec::with_capacity(answers.len());
    for (other, answer) in others.into_iter().zip(answers) {
        all.push(match answer {
            Some(answer) => answer,
            None => other.await,
        });
    }
    (begun, all)
}

/// `BEGIN` and the locks: all of it is sent when it is first polled.
async fn begin(
    client: &Client,
    commands: &[Box<dyn Command>],
    prepared: &Prepared,
) -> Result<(), Failure> {
    let locks = Locks::of(commands);
    let begin = client.batch_execute("BEGIN");
    let conversations = async {
        if locks.conversations.is_empty() && locks.jobs.is_empty() {
            return Ok(());
        }
        let of: [&(dyn ToSql + Sync); 2] = [&locks.conversations, &locks.jobs];
        client.query(&prepared.conversations, &of).await.map(drop)
    };
    let counters = async {
        if locks.counters.is_empty() {
            return Ok(());
        }
        client
            .query(&prepared.counters, &[&locks.counters])
            .await
            .map(drop)
    };
    let (transaction, conversations, counters) = join3(begin, conversations, counters).await;
    Ok(transaction.and(conversations).and(counters)?)
}

/// The batch once more, so that only what fails is undone.
async fn one_by_one(
    client: &Client,
    commands: &mut [Box<dyn Command>],
    prepared: &Prepared,
) -> Result<(), Stop> {
    let say = async |words: &str| {
        let said = within(async { Ok(client.batch_execute(words).await?) });
        said.await.map_err(Stop::Before)
    };
    within(begin(client, commands, prepared))
        .await
        .map_err(Stop::Before)?;
    for (command, statement) in commands.iter_mut().zip(&prepared.commands) {
        say("SAVEPOINT command").await?;
        let parameters = command.parameters();
        let rows = within(async { Ok(client.query(statement, &parameters).await?) }).await;
        drop(parameters);
        let read = rows.and_then(|rows| command.read(&rows).map_err(Failure::from));
        match read.map_err(one) {
            Ok(()) => {}
            Err(Stop::One(failure)) => {
                command.fail(failure.error);
                say("ROLLBACK TO command").await?;
            }
            Err(stop) => return Err(stop),
        }
        say("RELEASE command").await?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
