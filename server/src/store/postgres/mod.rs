//! The store of several nodes: a PostgreSQL database.
//!
//! In the path: `state` opens it; everybody else sees a [`Store`]. What is written to conversations goes through one task
//! (`writer.rs`), in batches with one commit each; everything else borrows a connection (`connect.rs`). The SQL is in
//! `access.rs`, `conversations.rs`, `append.rs`, `jobs.rs`, `answers.rs`, `history.rs`, `retention.rs`, `users.rs`, `counters.rs`.
//!
//! Invariants: any number of nodes may use one database at once; PostgreSQL's locks order what they do. Nothing is
//! acknowledged before its commit, and no one waits longer for it than `connect.rs` says.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use tokio_postgres::Config;

use super::{
    AnswersAppended, Appended, Completed, Conversation, ConversationId, Dossier, EndedAccess,
    Forgotten, HistoryQuery, JobId, Joined, Missed, NewAnswers, NewGrant, NewMessage, NextJob,
    NodeRecord, OpenSession, Owner, Pruned, PrunedUsers, RetentionLimits, SecretHash,
    SessionOpened, Spending, Store, StoreError, StoredPage, Swept, TicketRecord, TokenRecord,
    TurnEnd, User, Writes,
};
use crate::clock::Millis;

mod access;
mod answers;
mod append;
#[cfg(test)]
mod by_turns;
mod connect;
mod conversations;
mod convert;
mod counters;
mod errors;
mod history;
mod jobs;
mod migrations;
mod nodes;
mod retention;
#[cfg(test)]
pub(crate) mod test_server;
#[cfg(test)]
mod tests;
mod tls;
#[cfg(test)]
mod tls_tests;
pub(crate) mod transfer;
mod users;
mod writer;

pub use connect::TlsOptions;

use connect::{Connections, Way, lend, reading, writing};
use convert::Node;
use errors::{Failure, unavailable};
use writer::Writer;

/// How the database is reached and used.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Hosts, database, user, password. What it says of encryption and time-outs is not looked at.
    pub server: Config,
    /// The name in which leases are taken. No two nodes may have the same one.
    pub node: Arc<str>,
    /// None: not encrypted.
    pub tls: Option<TlsOptions>,
    /// Does a commit wait for the disk? Without, a crash of PostgreSQL loses the last moments. Nothing gets damaged.
    pub durable: bool,
    /// Connections besides the writer's.
    pub connections: NonZeroUsize,
    /// Writes to conversations that may wait; then callers wait.
    pub queue: usize,
    /// Writes in one transaction: beyond this the commit is no longer what costs.
    pub batch: usize,
}

impl PostgresOptions {
    /// The usual ones, for this server.
    pub fn new(server: Config) -> Self {
        Self {
            server,
            node: "one".into(),
            tls: None,
            durable: true,
            connections: NonZeroUsize::MIN.saturating_add(7),
            queue: 1_024,
            batch: 256,
        }
    }
}

/// A [`Store`] in a PostgreSQL database.
pub struct PostgresStore {
    node: Node,
    writer: Writer,
    pool: Connections,
    /// See [`Store::clock_ahead`].
    clock_ahead: AtomicI64,
}

impl PostgresStore {
    /// Brings the database up to date and opens it. Blocks for as long as that takes. Needs a running tokio.
    ///
    /// # Errors
    /// What keeps the server from starting: no connection, another program's database, a newer one.
    pub fn open(options: &PostgresOptions) -> Result<PostgresStore, StoreError> {
        let way = Way::new(&options.server, options.tls.as_ref(), options.durable)?;
        let there = way.clone();
        // A thread of its own: the callers are not async, and may be on a runtime's thread.
        let ahead = alone(async move {
            migrations::run(&there).await?;
            connect::clock_ahead(&there.once().await?).await
        })?;
        let store = Self::over(&way, options)?;
        store.note_clock(ahead);
        Ok(store)
    }

    /// Opens the database that is there, beside servers that may run: changes no schema.
    ///
    /// # Errors
    /// It is of another version, or cannot be reached.
    pub fn beside(options: &PostgresOptions) -> Result<PostgresStore, StoreError> {
        let way = Way::new(&options.server, options.tls.as_ref(), options.durable)?;
        let there = way.clone();
        let found = alone(async move { migrations::identify(&there.once().await?).await })?;
        if found < migrations::known() {
            return Err(too_old());
        }
        Self::over(&way, options)
    }

    /// What the servers that use the database now say of themselves. Nothing is changed there.
    ///
    /// # Errors
    /// It is of another version, or cannot be reached.
    pub fn living(options: &PostgresOptions) -> Result<Vec<NodeRecord>, StoreError> {
        let way = Way::new(&options.server, options.tls.as_ref(), options.durable)?;
        let node = Node(Arc::clone(&options.node));
        alone(async move {
            let client = way.once().await?;
            if migrations::identify(&client).await? < migrations::known() {
                return Err(Failure::from(too_old()));
            }
            nodes::living(&client, &node).await
        })
    }

    fn over(way: &Way, options: &PostgresOptions) -> Result<PostgresStore, StoreError> {
        Ok(PostgresStore {
            node: Node(Arc::clone(&options.node)),
            writer: Writer::start(way.pool(1)?, options.queue, options.batch),
            pool: way.pool(options.connections.get())?,
            clock_ahead: AtomicI64::new(0),
        })
    }

    fn note_clock(&self, ahead: i64) {
        let before = self.clock_ahead.swap(ahead, Ordering::Relaxed);
        if ahead != 0 && before == 0 {
            tracing::warn!(
                milliseconds = ahead,
                "the clock of PostgreSQL's machine differs from this machine's; its time is used"
            );
        }
    }
}

fn too_old() -> StoreError {
    unavailable("no server of this version has brought the schema up to date yet")
}

/// Runs something to its end on a thread of its own.
fn alone<T: Send + 'static>(
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, StoreError> {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|_| unavailable("no thread could be started"))?;
        runtime.block_on(work).map_err(|failure| failure.error)
    };
    let thread = std::thread::Builder::new().name("store-schema".to_owned());
    let thread = thread
        .spawn(run)
        .map_err(|_| unavailable("no thread could be started"))?;
    thread.join().unwrap_or_else(|_| {
        Err(StoreError::Refused {
            reason: "it panicked".to_owned(),
        })
    })
}

#[async_trait]
impl Store for PostgresStore {
    async fn user(
        &self,
        app: &str,
        identity: &str,
        new_id: &str,
        now: Millis,
    ) -> Result<User, StoreError> {
        lend!(self.pool, writing, |it| access::user(
            &it, app, identity, new_id, now
        ))
    }

    async fn grant(&self, grant: NewGrant) -> Result<Option<User>, StoreError> {
        lend!(self.pool, writing, |it| access::grant(&mut it, &grant))
    }

    async fn token(
        &self,
        hash: SecretHash,
        now: Millis,
    ) -> Result<Option<TokenRecord>, StoreError> {
        lend!(self.pool, reading, |it| access::token(&it, hash, now))
    }

    async fn revoke_token(&self, hash: SecretHash, now: Millis) -> Result<bool, StoreError> {
        lend!(self.pool, writing, |it| access::revoke_token(
            &mut it, hash, now
        ))
    }

    async fn revoke_user(&self, user: &str, now: Millis) -> Result<(), StoreError> {
        lend!(self.pool, writing, |it| access::revoke_user(
            &mut it, user, now
        ))
    }

    async fn sign_out(
        &self,
        identity: &str,
        now: Millis,
        forget: Millis,
    ) -> Result<Vec<String>, StoreError> {
        lend!(self.pool, writing, |it| access::sign_out(
            &mut it, identity, now, forget
        ))
    }

    async fn signed_out(&self, identity: &str) -> Result<Option<Millis>, StoreError> {
        lend!(self.pool, reading, |it| access::signed_out(&it, identity))
    }

    async fn conversations_of(&self, user: &str) -> Result<Vec<ConversationId>, StoreError> {
        lend!(self.pool, reading, |it| conversations::of_user(&it, user))
    }

    async fn put_ticket(&self, ticket: TicketRecord) -> Result<(), StoreError> {
        lend!(self.pool, writing, |it| access::put_ticket(&it, &ticket))
    }

    async fn take_ticket(
        &self,
        hash: SecretHash,
        now: Millis,
    ) -> Result<Option<TicketRecord>, StoreError> {
        lend!(self.pool, writing, |it| access::take_ticket(&it, hash, now))
    }

    async fn open_session(&self, open: OpenSession) -> Result<SessionOpened, StoreError> {
        let unknown = StoreError::Unknown { what: "user" };
        for _ in 0..connect::TRIES {
            let found = lend!(self.pool, writing, |it| {
                conversations::found_or_made(&it, &open)
            });
            let conversation = found?.ok_or(unknown.clone())?;
            let opening = conversations::Open::new(&self.node, conversation, open.clone());
            match self.writer.run(opening).await {
                // It was forgotten in between: who comes back begins anew.
                Err(StoreError::Unknown { .. }) => {}
                opened => return opened,
            }
        }
        Err(unknown)
    }

    async fn close_session(
        &self,
        conversation: ConversationId,
        now: Millis,
    ) -> Result<Option<JobId>, StoreError> {
        self.writer
            .run(conversations::Close { conversation, now })
            .await
    }

    async fn append_message(&self, message: NewMessage) -> Result<Appended, StoreError> {
        let append = append::Append::new(&self.node, message);
        self.writer.run(append).await
    }

    async fn next_job(
        &self,
        conversation: ConversationId,
        now: Millis,
    ) -> Result<NextJob, StoreError> {
        lend!(self.pool, reading, |it| jobs::next(&it, conversation, now))
    }

    async fn take_job(
        &self,
        conversation: ConversationId,
        now: Millis,
    ) -> Result<Option<NextJob>, StoreError> {
        let take = jobs::Take::new(&self.node, conversation, now);
        self.writer.run(take).await
    }

    async fn renew_leases(&self, held: Vec<ConversationId>, _: Millis) -> Result<(), StoreError> {
        lend!(self.pool, writing, |it| jobs::renew(&it, &self.node, &held))
    }

    async fn open_conversations_with_jobs(
        &self,
        _: Millis,
    ) -> Result<Vec<ConversationId>, StoreError> {
        lend!(self.pool, reading, |it| jobs::waiting(&it, &self.node))
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn complete_job(
        &self,
        job: JobId,
        end: TurnEnd,
        now: Millis,
    ) -> Result<Completed, StoreError> {
        let complete = jobs::Complete::new(&self.node, job, end, now);
        self.writer.run(complete).await
    }

    async fn append_answers(&self, new: NewAnswers) -> Result<AnswersAppended, StoreError> {
        self.writer.run(answers::AppendAnswers::new(new)).await
    }

    async fn set_owner(
        &self,
        conversation: ConversationId,
        only_if: Option<Owner>,
        to: Owner,
        now: Millis,
    ) -> Result<Option<Owner>, StoreError> {
        let change = answers::SetOwner::new(conversation, only_if.as_ref(), &to, now);
        self.writer.run(change).await
    }

    async fn postpone_job(&self, job: JobId, attempts: u32, due: Millis) -> Result<(), StoreError> {
        lend!(self.pool, writing, |it| jobs::postpone(
            &it, &self.node, job, attempts, due
        ))
    }

    async fn conversation(
        &self,
        user: &str,
        bot: &str,
    ) -> Result<Option<Conversation>, StoreError> {
        lend!(self.pool, reading, |it| conversations::conversation(
            &it, user, bot
        ))
    }

    async fn conversation_named(&self, name: &str) -> Result<Option<Conversation>, StoreError> {
        lend!(self.pool, reading, |it| conversations::named(&it, name))
    }

    async fn history(&self, query: HistoryQuery) -> Result<StoredPage, StoreError> {
        lend!(self.pool, reading, |it| history::history(&it, &query))
    }

    async fn newest(
        &self,
        app: &str,
        identity: &str,
        issued: Millis,
        bot: &str,
        limit: u32,
    ) -> Result<Option<StoredPage>, StoreError> {
        lend!(self.pool, reading, |it| history::newest(
            &it, app, identity, issued, bot, limit
        ))
    }

    async fn since(
        &self,
        conversation: ConversationId,
        after: u64,
        limit: u32,
        bytes: usize,
    ) -> Result<Missed, StoreError> {
        lend!(self.pool, reading, |it| history::since(
            &it,
            conversation,
            after,
            limit,
            bytes
        ))
    }

    async fn spend(&self, spendings: Vec<Spending>) -> Result<Option<usize>, StoreError> {
        self.writer.run(counters::Spend::new(&spendings)).await
    }

    async fn sweep(&self, now: Millis) -> Result<Swept, StoreError> {
        lend!(self.pool, writing, |it| access::sweep(&it, now))
    }

    async fn prune(
        &self,
        retention: RetentionLimits,
        after: Option<ConversationId>,
    ) -> Result<Pruned, StoreError> {
        let found = lend!(self.pool, reading, |it| retention::find(
            &it, retention, after
        ))?;
        if found.conversations.is_empty() {
            return Ok(Pruned {
                messages: 0,
                next: found.next,
            });
        }
        lend!(self.pool, writing, |it| retention::remove(
            &mut it, retention, &found
        ))
    }

    async fn prune_users(
        &self,
        unused_since: Millis,
        now: Millis,
        after: Option<String>,
    ) -> Result<PrunedUsers, StoreError> {
        let after = after.unwrap_or_default();
        let found = lend!(self.pool, reading, |it| users::find_unused(
            &it,
            unused_since,
            now,
            &after
        ))?;
        if found.users.is_empty() {
            return Ok(PrunedUsers {
                next: found.next,
                ..PrunedUsers::default()
            });
        }
        lend!(self.pool, writing, |it| users::remove_unused(
            &mut it,
            unused_since,
            now,
            &found
        ))
    }

    async fn dossiers(
        &self,
        identity: &str,
        app: Option<&str>,
    ) -> Result<Vec<Dossier>, StoreError> {
        lend!(self.pool, reading, |it| users::dossiers(&it, identity, app))
    }

    async fn forget(
        &self,
        user: &str,
        bot: Option<&str>,
        now: Millis,
    ) -> Result<Forgotten, StoreError> {
        lend!(self.pool, writing, |it| users::forget(
            &mut it, user, bot, now
        ))
    }

    async fn ended_access(&self, after: u64) -> Result<Vec<EndedAccess>, StoreError> {
        lend!(self.pool, reading, |it| users::ended_access(&it, after))
    }

    async fn join(&self, record: NodeRecord, _: Millis) -> Result<Joined, StoreError> {
        lend!(self.pool, writing, |it| nodes::join(
            &mut it, &self.node, &record
        ))
    }

    async fn seats_elsewhere(&self, user: &str) -> Result<u32, StoreError> {
        lend!(self.pool, reading, |it| nodes::seats_elsewhere(
            &it, &self.node, user
        ))
    }

    async fn put_seats(&self, seats: Vec<(String, u32)>) -> Result<(), StoreError> {
        lend!(self.pool, writing, |it| nodes::put_seats(
            &it, &self.node, &seats
        ))
    }

    fn writes(&self) -> Writes {
        self.writer.writes()
    }

    async fn health(&self) -> Result<(), StoreError> {
        if self.writer.failure().is_none() {
            let ahead: i64 = lend!(self.pool, reading, |it| connect::clock_ahead(&it))?;
            self.note_clock(ahead);
            return Ok(());
        }
        lend!(self.pool, writing, |it| connect::probe(&it))?;
        self.writer.recovered();
        Ok(())
    }

    fn clock_ahead(&self) -> i64 {
        self.clock_ahead.load(Ordering::Relaxed)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.writer.stop().await;
        // A lease that is not given back ends by itself.
        let back: Result<(), StoreError> =
            lend!(self.pool, writing, |it| jobs::give_back(&it, &self.node));
        drop(back);
        // So does a life.
        let left: Result<(), StoreError> =
            lend!(self.pool, writing, |it| nodes::leave(&it, &self.node));
        drop(left);
        self.pool.close();
        Ok(())
    }
}
