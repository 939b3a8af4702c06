//! The truth: users, conversations, messages, jobs, tokens.
//!
//! In the path: `rtm` appends a visitor's message here and acknowledges it after this returned;
//! the bot's runner takes jobs from here and puts answers here; pages read histories here. The bus
//! only wakes those who should look.
//!
//! Invariants, proven for every store by the contract tests (`contract.rs`):
//! - After `Ok` a write is durable; after an error nothing of it is stored.
//! - A message with a client id is stored once per conversation, however often it is appended within
//!   [`SENT_AGAIN_WITHIN`](crate::limits::SENT_AGAIN_WITHIN). The same id with other words is another message.
//! - A message and the job to answer it are stored in one transaction; so are a job's end and its
//!   answers. A crash between any two steps loses nothing and doubles nothing.
//! - A conversation has one owner. A turn's answer is stored only when the owner is still the one of the turn's
//!   beginning. The transaction that stores checks it.
//! - Sequences of a conversation are 1, 2, 3, … in the order of the commits.

use async_trait::async_trait;

use crate::clock::Millis;

#[cfg(test)]
mod contract;
mod error;
mod records;
pub mod room;
pub mod sqlite;
mod work;

pub use error::StoreError;
pub use records::{
    Appended, Conversation, ConversationId, Dossier, Effects, Erasure, ExportedConversation,
    Fingerprint, Forgotten, HistoryFrom, HistoryQuery, JobId, Missed, NewGrant, NewMessage,
    OpenMode, OpenSession, Owner, Pruned, PrunedUsers, RetentionLimits, SecretHash, Sender,
    SessionOpened, Spending, StoredMessage, StoredPage, Swept, TicketRecord, TokenRecord, User,
};
pub use work::{AnswersAppended, Completed, Job, JobKind, NewAnswer, NewAnswers, NextJob, TurnEnd};

/// Bytes of bodies in one page of a history: ten of the largest messages. Official clients ask for ten messages and
/// count messages, so their pages are never cut.
pub const PAGE_BYTES: usize = 10 * 64 * 1024;

/// A durable store. Methods may be called from many tasks at once; dropping the future of a write
/// does not undo it.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The user with this identity in this app; made with `new_id` when there is none.
    async fn user(
        &self,
        app: &str,
        identity: &str,
        new_id: &str,
        now: Millis,
    ) -> Result<User, StoreError>;

    /// Spends an assertion, makes its user when there is none, and keeps the token: all of it or nothing.
    /// `None`: the assertion was used before (a replay), or its identity has signed out since; nothing changed.
    async fn grant(&self, grant: NewGrant) -> Result<Option<User>, StoreError>;

    /// The token with this hash, unless unknown, revoked or expired.
    async fn token(&self, hash: SecretHash, now: Millis)
    -> Result<Option<TokenRecord>, StoreError>;

    /// Makes a token worthless. `false`: there was none.
    async fn revoke_token(&self, hash: SecretHash) -> Result<bool, StoreError>;

    /// Makes every token and ticket of a user worthless.
    async fn revoke_user(&self, user: &str) -> Result<(), StoreError>;

    /// Makes every token and ticket of an identity worthless, in all apps, and remembers the moment until `forget`: what
    /// was issued for it before grants nothing any more. Gives its users.
    async fn sign_out(
        &self,
        identity: &str,
        now: Millis,
        forget: Millis,
    ) -> Result<Vec<String>, StoreError>;

    /// When this identity signed out the last time.
    async fn signed_out(&self, identity: &str) -> Result<Option<Millis>, StoreError>;

    /// The user's conversations: one with each bot.
    async fn conversations_of(&self, user: &str) -> Result<Vec<ConversationId>, StoreError>;

    /// Keeps a ticket.
    async fn put_ticket(&self, ticket: TicketRecord) -> Result<(), StoreError>;

    /// Takes the ticket away: of any number of callers exactly one gets it. An expired one is
    /// nobody's.
    async fn take_ticket(
        &self,
        hash: SecretHash,
        now: Millis,
    ) -> Result<Option<TicketRecord>, StoreError>;

    /// Continues the conversation's active session or starts one, with its `ON_CONNECT` job in the same transaction.
    /// An `ON_CONNECT` job that is still open and the last of its conversation is taken over, so a client that
    /// reconnects in a loop gets one welcome, not many. [`OpenMode`] says what each mode continues.
    async fn open_session(&self, open: OpenSession) -> Result<SessionOpened, StoreError>;

    /// Ends the active session; the next connection starts a new one. Gives the job that tells the
    /// bot, unless the session was ended before.
    async fn close_session(
        &self,
        conversation: ConversationId,
        now: Millis,
    ) -> Result<Option<JobId>, StoreError>;

    /// Stores a visitor's message and the job to answer it. A message with a client id and words that the
    /// conversation has got within [`SENT_AGAIN_WITHIN`](crate::limits::SENT_AGAIN_WITHIN) changes nothing and
    /// gives the stored one.
    async fn append_message(&self, message: NewMessage) -> Result<Appended, StoreError>;

    /// The first open job of a conversation. Asking changes nothing: the caller makes sure that
    /// one task at a time works on a conversation.
    async fn next_job(
        &self,
        conversation: ConversationId,
        now: Millis,
    ) -> Result<NextJob, StoreError>;

    /// Every conversation with an open job, for the start after a crash. Eight bytes each.
    async fn open_conversations_with_jobs(&self) -> Result<Vec<ConversationId>, StoreError>;

    /// Stores the turn's answers and ends the job. The result says what comes next, so that nobody has to ask for it.
    /// A job that is already done gives nothing and stores nothing, so a bot that was asked twice answers once. A
    /// turn can close only the session that it belongs to, and no later one.
    async fn complete_job(
        &self,
        job: JobId,
        end: TurnEnd,
        now: Millis,
    ) -> Result<Completed, StoreError>;

    /// Stores answers that come outside a turn, in the conversation's current session. An answer whose id the
    /// conversation has already makes the call a repetition, which gives what is stored and changes nothing.
    async fn append_answers(&self, new: NewAnswers) -> Result<AnswersAppended, StoreError>;

    /// Gives the conversation to somebody else, and returns who had it. `None`: the owner was not `only_if`, so
    /// nothing changed.
    async fn set_owner(
        &self,
        conversation: ConversationId,
        only_if: Option<Owner>,
        to: Owner,
        now: Millis,
    ) -> Result<Option<Owner>, StoreError>;

    /// Puts a failed job off until `due`. A job that is already done stays done.
    async fn postpone_job(&self, job: JobId, attempts: u32, due: Millis) -> Result<(), StoreError>;

    /// The user's conversation with the bot, when there is one.
    async fn conversation(&self, user: &str, bot: &str)
    -> Result<Option<Conversation>, StoreError>;

    /// The conversation with this public name, when there is one.
    async fn conversation_named(&self, name: &str) -> Result<Option<Conversation>, StoreError>;

    /// A page of history; an unknown conversation has an empty one. A page ends after [`PAGE_BYTES`] of bodies, too, but
    /// holds a message when there is one.
    async fn history(&self, query: HistoryQuery) -> Result<StoredPage, StoreError>;

    /// The newest page of an identity's conversation with a bot, for whoever knows no more of a visitor than that;
    /// empty without such a conversation.
    async fn newest(
        &self,
        app: &str,
        identity: &str,
        bot: &str,
        limit: u32,
    ) -> Result<StoredPage, StoreError>;

    /// What was stored after sequence `after`: at most `limit` messages, else `truncated`. When it
    /// is more than `bytes` of bodies, only its beginning: ask again after the last of it.
    async fn since(
        &self,
        conversation: ConversationId,
        after: u64,
        limit: u32,
        bytes: usize,
    ) -> Result<Missed, StoreError>;

    /// Adds all of these to their counters, or none of them: then gives the first that would go beyond its limit.
    async fn spend(&self, spendings: Vec<Spending>) -> Result<Option<usize>, StoreError>;

    /// Removes what has expired; bounded, so call it again while [`Swept::any`].
    async fn sweep(&self, now: Millis) -> Result<Swept, StoreError>;

    /// Forgets messages that `retention` does not keep, in conversations after `after` (`None`: from
    /// the first). One call is a bounded step; go on with [`Pruned::next`] until there is none. A
    /// conversation loses its beginning only, its sequences go on, and what an open job answers stays.
    async fn prune(
        &self,
        retention: RetentionLimits,
        after: Option<ConversationId>,
    ) -> Result<Pruned, StoreError>;

    /// Forgets conversations without messages and without activity since `unused_since`, and users without
    /// conversations who were made before that, unless a token still lets them in; among the users after `after`
    /// (`None`: from the first). One call is a bounded step; go on with [`PrunedUsers::next`].
    async fn prune_users(
        &self,
        unused_since: Millis,
        now: Millis,
        after: Option<String>,
    ) -> Result<PrunedUsers, StoreError>;

    /// What is kept of the users with this identity, in one app or in all.
    async fn dossiers(&self, identity: &str, app: Option<&str>)
    -> Result<Vec<Dossier>, StoreError>;

    /// Erases a user, or the user's conversation with one bot; the last conversation takes the user along. The
    /// first call ends tokens, tickets and jobs, each removes so many messages: call it again while
    /// [`Forgotten::more`]. Others hear of it by [`Store::erasures`].
    async fn forget(
        &self,
        user: &str,
        bot: Option<&str>,
        now: Millis,
    ) -> Result<Forgotten, StoreError>;

    /// The users who were erased after the erasure with this number, in the order of numbers; when there are many,
    /// some of them. An erasure is listed for a day.
    async fn erasures(&self, after: u64) -> Result<Vec<Erasure>, StoreError>;

    /// Can it read, and write? After a failed write this tries one, so readiness returns by itself
    /// when the disk has room again.
    async fn health(&self) -> Result<(), StoreError>;

    /// Finishes what waits and refuses everything after it.
    async fn close(&self) -> Result<(), StoreError>;
}
