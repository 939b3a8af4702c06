//! The default store: one SQLite file.
//!
//! In the path: `state` opens it; everybody else sees a [`Store`]. One thread writes (`writer.rs`),
//! a few read (`readers.rs`); the SQL is in `access.rs`, `conversations.rs`, `append.rs`, `jobs.rs`, `leases.rs`,
//! `answers.rs`, `history.rs`, `retention.rs`, `users.rs`.
//! `copy.rs` is for the operator.
//!
//! Invariants: WAL, and `synchronous=FULL` unless configured otherwise. Every write goes through the one writer. Only
//! their owner may read the files (0600). What is deleted is overwritten.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

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
mod conversations;
mod convert;
pub mod copy;
mod counters;
mod history;
mod jobs;
mod leases;
mod messages;
mod migrations;
mod nodes;
mod open;
mod readers;
mod retention;
#[cfg(test)]
mod tests;
pub(crate) mod transfer;
mod users;
mod writer;

use copy::CopyError;
use readers::Readers;
use writer::Writer;

/// When a commit counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// On the disk: an acknowledged message survives a power cut.
    #[default]
    Full,
    /// In the system's memory: it survives a crash of the program, but the last moments before a power cut are lost.
    /// The file is not damaged.
    Normal,
}

/// How the file is used.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// When a commit counts as done.
    pub synchronous: Synchronous,
    /// The number of threads that read. Reads are short and mostly from memory; more threads than cores help only a
    /// slow disk.
    pub readers: NonZeroUsize,
    /// The number of writes that may wait. After that, callers wait.
    pub queue: usize,
    /// The most writes in one transaction. The writes of one transaction share pages of the log, and its sync.
    pub batch: usize,
    /// The name in which leases are taken. One process at a time uses a file, so all have the same name: a server that
    /// starts again goes on with its own leases.
    pub node: Arc<str>,
    /// The most pages of 4 KiB in the file. With more, writes get [`StoreError::Full`].
    pub max_pages: Option<u32>,
}

impl Default for SqliteOptions {
    fn default() -> SqliteOptions {
        SqliteOptions {
            synchronous: Synchronous::Full,
            readers: NonZeroUsize::MIN.saturating_add(2),
            queue: 2_048,
            batch: 1_024,
            node: "local".into(),
            max_pages: None,
        }
    }
}

/// The size of the trial write of the health check: more than fits into what is left of a few pages.
const PROBE_BYTES: i32 = 64 * 1024;

/// A [`Store`] in one SQLite file.
pub struct SqliteStore {
    node: Arc<str>,
    writer: Writer,
    readers: Readers,
}

impl SqliteStore {
    /// Opens or makes the database in this folder. It blocks for as long as the disk takes.
    ///
    /// # Errors
    /// What keeps the server from starting, as a sentence that says what to do: no folder, not writable, damaged, too
    /// new, no room.
    pub fn open(folder: &Path, options: &SqliteOptions) -> Result<SqliteStore, StoreError> {
        let file = open::prepare_folder(folder)?;
        let writing = open::writing(&file, options)?;
        let reading = (0..options.readers.get())
            .map(|_| open::reading(&file))
            .collect::<Result<Vec<_>, _>>()?;
        let again = options.clone();
        let reopen = Box::new(move || open::after_failed_sync(&file, &again));
        Ok(SqliteStore {
            node: Arc::clone(&options.node),
            writer: Writer::start(writing, reopen, options.queue, options.batch)?,
            readers: Readers::start(reading)?,
        })
    }

    /// Opens an existing database, beside a server that may run. It makes nothing and does not change the schema.
    ///
    /// # Errors
    /// The database is missing, has another version, or cannot be read.
    pub fn beside(folder: &Path, options: &SqliteOptions) -> Result<SqliteStore, CopyError> {
        let file = copy::file_in(folder);
        copy::must_be_ours(&file)?;
        SqliteStore::open(folder, options).map_err(|error| CopyError::Bad { path: file, error })
    }

    /// A write that takes room, to find out whether there is some. A second write gives the room back.
    async fn probe(&self) -> Result<(), StoreError> {
        self.writer
            .run(|connection| {
                connection
                    .prepare_cached("INSERT OR REPLACE INTO probe VALUES (1, zeroblob(?1))")
                    .and_then(|mut insert| insert.execute([PROBE_BYTES]))
                    .map_err(convert::store_error)
            })
            .await?;
        self.writer
            .run(|connection| {
                connection
                    .execute("DELETE FROM probe", [])
                    .map_err(convert::store_error)
            })
            .await?;
        Ok(())
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn user(
        &self,
        app: &str,
        identity: &str,
        new_id: &str,
        now: Millis,
    ) -> Result<User, StoreError> {
        let (app, identity, id) = (app.to_owned(), identity.to_owned(), new_id.to_owned());
        self.writer
            .run(move |it| access::user(it, &app, &identity, &id, now))
            .await
    }

    async fn grant(&self, grant: NewGrant) -> Result<Option<User>, StoreError> {
        self.writer.run(move |it| access::grant(it, &grant)).await
    }

    async fn token(
        &self,
        hash: SecretHash,
        now: Millis,
    ) -> Result<Option<TokenRecord>, StoreError> {
        self.readers
            .run(move |it| access::token(it, hash, now))
            .await
    }

    async fn revoke_token(&self, hash: SecretHash, now: Millis) -> Result<bool, StoreError> {
        self.writer
            .run(move |it| access::revoke_token(it, hash, now))
            .await
    }

    async fn revoke_user(&self, user: &str, now: Millis) -> Result<(), StoreError> {
        let user = user.to_owned();
        self.writer
            .run(move |it| access::revoke_user(it, &user, now))
            .await
    }

    async fn sign_out(
        &self,
        identity: &str,
        now: Millis,
        forget: Millis,
    ) -> Result<Vec<String>, StoreError> {
        let identity = identity.to_owned();
        self.writer
            .run(move |it| access::sign_out(it, &identity, now, forget))
            .await
    }

    async fn signed_out(&self, identity: &str) -> Result<Option<Millis>, StoreError> {
        let identity = identity.to_owned();
        self.readers
            .run(move |it| access::signed_out(it, &identity))
            .await
    }

    async fn conversations_of(&self, user: &str) -> Result<Vec<ConversationId>, StoreError> {
        let user = user.to_owned();
        self.readers
            .run(move |it| conversations::of_user(it, &user))
            .await
    }

    async fn put_ticket(&self, ticket: TicketRecord) -> Result<(), StoreError> {
        self.writer
            .run(move |it| access::put_ticket(it, &ticket))
            .await
    }

    async fn take_ticket(
        &self,
        hash: SecretHash,
        now: Millis,
    ) -> Result<Option<TicketRecord>, StoreError> {
        self.writer
            .run(move |it| access::take_ticket(it, hash, now))
            .await
    }

    async fn open_session(&self, open: OpenSession) -> Result<SessionOpened, StoreError> {
        let node = Arc::clone(&self.node);
        self.writer
            .run(move |it| conversations::open_session(it, &node, &open))
            .await
    }

    async fn close_session(
        &self,
        conversation: ConversationId,
        now: Millis,
    ) -> Result<Option<JobId>, StoreError> {
        self.writer
            .run(move |it| conversations::close_session(it, conversation, now))
            .await
    }

    async fn append_message(&self, message: NewMessage) -> Result<Appended, StoreError> {
        let node = Arc::clone(&self.node);
        self.writer
            .run(move |it| append::append_message(it, &node, &message))
            .await
    }

    async fn next_job(
        &self,
        conversation: ConversationId,
        now: Millis,
    ) -> Result<NextJob, StoreError> {
        self.readers
            .run(move |it| jobs::next(it, conversation, now))
            .await
    }

    async fn take_job(
        &self,
        conversation: ConversationId,
        now: Millis,
    ) -> Result<Option<NextJob>, StoreError> {
        let node = Arc::clone(&self.node);
        self.writer
            .run(move |it| leases::take(it, &node, conversation, now))
            .await
    }

    async fn open_conversations_with_jobs(
        &self,
        now: Millis,
    ) -> Result<Vec<ConversationId>, StoreError> {
        let node = Arc::clone(&self.node);
        self.readers
            .run(move |it| jobs::waiting(it, &node, now))
            .await
    }

    async fn renew_leases(&self, held: Vec<ConversationId>, now: Millis) -> Result<(), StoreError> {
        let node = Arc::clone(&self.node);
        self.writer
            .run(move |it| leases::renew(it, &node, &held, now))
            .await
    }

    async fn complete_job(
        &self,
        job: JobId,
        end: TurnEnd,
        now: Millis,
    ) -> Result<Completed, StoreError> {
        let node = Arc::clone(&self.node);
        self.writer
            .run(move |it| jobs::complete(it, &node, job, &end, now))
            .await
    }

    async fn append_answers(&self, new: NewAnswers) -> Result<AnswersAppended, StoreError> {
        self.writer.run(move |it| answers::append(it, &new)).await
    }

    async fn set_owner(
        &self,
        conversation: ConversationId,
        only_if: Option<Owner>,
        to: Owner,
        now: Millis,
    ) -> Result<Option<Owner>, StoreError> {
        self.writer
            .run(move |it| answers::set_owner(it, conversation, only_if.as_ref(), &to, now))
            .await
    }

    async fn postpone_job(&self, job: JobId, attempts: u32, due: Millis) -> Result<(), StoreError> {
        let node = Arc::clone(&self.node);
        self.writer
            .run(move |it| jobs::postpone(it, &node, job, attempts, due))
            .await
    }

    async fn conversation(
        &self,
        user: &str,
        bot: &str,
    ) -> Result<Option<Conversation>, StoreError> {
        let (user, bot) = (user.to_owned(), bot.to_owned());
        self.readers
            .run(move |it| conversations::conversation(it, &user, &bot))
            .await
    }

    async fn conversation_named(&self, name: &str) -> Result<Option<Conversation>, StoreError> {
        let name = name.to_owned();
        self.readers
            .run(move |it| conversations::named(it, &name))
            .await
    }

    async fn history(&self, query: HistoryQuery) -> Result<StoredPage, StoreError> {
        self.readers
            .run(move |it| history::history(it, query))
            .await
    }

    async fn newest(
        &self,
        app: &str,
        identity: &str,
        issued: Millis,
        bot: &str,
        limit: u32,
    ) -> Result<Option<StoredPage>, StoreError> {
        let (app, identity, bot) = (app.to_owned(), identity.to_owned(), bot.to_owned());
        self.readers
            .run(move |it| history::newest(it, &app, &identity, issued, &bot, limit))
            .await
    }

    async fn since(
        &self,
        conversation: ConversationId,
        after: u64,
        limit: u32,
        bytes: usize,
    ) -> Result<Missed, StoreError> {
        self.readers
            .run(move |it| history::since(it, conversation, after, limit, bytes))
            .await
    }

    async fn spend(&self, spendings: Vec<Spending>) -> Result<Option<usize>, StoreError> {
        self.writer
            .run(move |it| counters::spend(it, &spendings))
            .await
    }

    async fn sweep(&self, now: Millis) -> Result<Swept, StoreError> {
        self.writer.run(move |it| access::sweep(it, now)).await
    }

    async fn prune(
        &self,
        retention: RetentionLimits,
        after: Option<ConversationId>,
    ) -> Result<Pruned, StoreError> {
        let found = self
            .readers
            .run(move |it| retention::find(it, retention, after))
            .await?;
        // If there is nothing to do, the writer is not asked.
        if found.conversations.is_empty() {
            return Ok(Pruned {
                messages: 0,
                next: found.next,
            });
        }
        self.writer
            .run(move |it| retention::remove(it, retention, &found))
            .await
    }

    async fn prune_users(
        &self,
        unused_since: Millis,
        now: Millis,
        after: Option<String>,
    ) -> Result<PrunedUsers, StoreError> {
        let after = after.unwrap_or_default();
        let found = self
            .readers
            .run(move |it| users::find_unused(it, unused_since, now, &after))
            .await?;
        if found.users.is_empty() {
            return Ok(PrunedUsers {
                next: found.next,
                ..PrunedUsers::default()
            });
        }
        self.writer
            .run(move |it| users::remove_unused(it, unused_since, now, &found))
            .await
    }

    async fn dossiers(
        &self,
        identity: &str,
        app: Option<&str>,
    ) -> Result<Vec<Dossier>, StoreError> {
        let (identity, app) = (identity.to_owned(), app.map(str::to_owned));
        self.readers
            .run(move |it| users::dossiers(it, &identity, app.as_deref()))
            .await
    }

    async fn forget(
        &self,
        user: &str,
        bot: Option<&str>,
        now: Millis,
    ) -> Result<Forgotten, StoreError> {
        let (user, bot) = (user.to_owned(), bot.map(str::to_owned));
        self.writer
            .run(move |it| users::forget(it, &user, bot.as_deref(), now))
            .await
    }

    async fn ended_access(&self, after: u64) -> Result<Vec<EndedAccess>, StoreError> {
        self.readers
            .run(move |it| users::ended_access(it, after))
            .await
    }

    async fn join(&self, record: NodeRecord, now: Millis) -> Result<Joined, StoreError> {
        let node = Arc::clone(&self.node);
        self.writer
            .run(move |it| nodes::join(it, &node, &record, now))
            .await
    }

    fn writes(&self) -> Writes {
        self.writer.writes()
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.readers
            .run(|it| migrations::version(it).map(drop))
            .await?;
        if self.writer.failure().is_some() {
            self.probe().await?;
            self.writer.recovered();
        }
        Ok(())
    }

    async fn close(&self) -> Result<(), StoreError> {
        let node = Arc::clone(&self.node);
        // A lease that is not given back ends by itself.
        let _ = self
            .writer
            .run(move |it| leases::give_back(it, &node, None))
            .await;
        // So does a life.
        let node = Arc::clone(&self.node);
        let _ = self.writer.run(move |it| nodes::leave(it, &node)).await;
        // The last connection that closes moves the log into the file. That must be the writer's.
        self.readers.stop().await;
        self.writer.stop().await
    }
}
