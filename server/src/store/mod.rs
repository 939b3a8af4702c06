//! The truth: users, conversations, messages, jobs, tokens.
//!
//! In the path: `rtm` appends a visitor's message here, and acknowledges it after that has returned. `rtm::answers`
//! takes jobs from here and puts answers here. Pages read histories here. The bus only wakes those who should look.
//!
//! Invariants, proven for every store by the contract tests (`contract.rs`):
//! - After `Ok` a write is durable; after an error nothing of it is stored.
//! - A message with a client id is stored once per conversation, however often it is appended within
//!   [`SENT_AGAIN_WITHIN`](crate::limits::SENT_AGAIN_WITHIN). The same id with other words is another message.
//! - A message is stored in one transaction with the job to answer it, or with its answers; so are a job's end and its
//!   answers. A crash between any two steps loses nothing and doubles nothing.
//! - A conversation has one owner. A turn's answer is stored only if the owner is still the same as at the beginning of
//!   the turn. The transaction that stores checks this.
//! - One node at a time has the lease on a conversation. A node that has lost it stores nothing of a turn.
//! - Sequences of a conversation are 1, 2, 3, … in the order of the commits.

use async_trait::async_trait;

use crate::clock::Millis;

#[cfg(test)]
mod contract;
mod error;
mod migrations;
mod node;
pub mod postgres;
mod records;
pub mod room;
pub mod sqlite;
pub mod transfer;
mod work;
mod writes;

pub use error::StoreError;
pub use node::{Joined, NodeRecord};
pub use records::{
    Appended, Conversation, ConversationId, Dossier, Effects, EndedAccess, ExportedConversation,
    Fingerprint, Forgotten, HistoryFrom, HistoryQuery, JobId, Missed, NewGrant, NewMessage,
    OpenMode, OpenSession, Owner, Pruned, PrunedUsers, RetentionLimits, SecretHash, Sender,
    SessionOpened, Spending, StoredMessage, StoredPage, Swept, TicketRecord, TokenRecord, User,
};
pub use work::{AnswersAppended, Completed, Job, JobKind, NewAnswer, NewAnswers, NextJob, TurnEnd};
pub use writes::Writes;

/// The most bytes of bodies in one page of a history: ten of the largest messages. Official clients ask for ten
/// messages and count them, so their pages are never cut.
pub const PAGE_BYTES: usize = 10 * 64 * 1024;

/// A durable store. Many tasks may call it at once. Dropping the future of a write does not undo the write.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The user with this identity in this app. If there is none, one is made with `new_id`.
    async fn user(
        &self,
        app: &str,
        identity: &str,
        new_id: &str,
        now: Millis,
    ) -> Result<User, StoreError>;

    /// Spends an assertion, makes its user if there is none, and stores the token: all of it or nothing. `None`: the
    /// assertion was used before (a replay), or its identity has signed out since, and nothing changed.
    async fn grant(&self, grant: NewGrant) -> Result<Option<User>, StoreError>;

    /// The token with this hash, unless it is unknown, revoked or expired.
    async fn token(&self, hash: SecretHash, now: Millis)
    -> Result<Option<TokenRecord>, StoreError>;

    /// Revokes a token, and lists its user for [`Store::ended_access`]. `false`: there was none.
    async fn revoke_token(&self, hash: SecretHash, now: Millis) -> Result<bool, StoreError>;

    /// Revokes every token and ticket of a user, and lists the user for [`Store::ended_access`].
    async fn revoke_user(&self, user: &str, now: Millis) -> Result<(), StoreError>;

    /// Revokes every token and ticket of an identity in all apps, and remembers the moment until `forget`: what was
    /// issued for the identity before that moment grants nothing any more. Gives its users, and lists them for
    /// [`Store::ended_access`].
    async fn sign_out(
        &self,
        identity: &str,
        now: Millis,
        forget: Millis,
    ) -> Result<Vec<String>, StoreError>;

    /// When this identity last signed out.
    async fn signed_out(&self, identity: &str) -> Result<Option<Millis>, StoreError>;

    /// The user's conversations: one with each bot.
    async fn conversations_of(&self, user: &str) -> Result<Vec<ConversationId>, StoreError>;

    /// Stores a ticket.
    async fn put_ticket(&self, ticket: TicketRecord) -> Result<(), StoreError>;

    /// Takes a ticket out: of any number of callers, exactly one gets it. Nobody gets an expired ticket.
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

    /// Stores a visitor's message and the job to answer it, and takes the lease on the conversation unless another node
    /// has it. A message that the bot answers at once ([`NewMessage::at_once`]) needs neither. If the conversation got a
    /// message with the same client id and the same words within
    /// [`SENT_AGAIN_WITHIN`](crate::limits::SENT_AGAIN_WITHIN), nothing changes and the stored one is returned.
    async fn append_message(&self, message: NewMessage) -> Result<Appended, StoreError>;

    /// The first open job of a conversation. Asking changes nothing; [`Store::take_job`] is for who works on it.
    async fn next_job(
        &self,
        conversation: ConversationId,
        now: Millis,
    ) -> Result<NextJob, StoreError>;

    /// The first open job of a conversation, with the lease to work on it for [`LEASE`](crate::limits::LEASE). `None`:
    /// another node has the lease. Without a job the lease is given back. Within this node the caller makes sure that
    /// one task at a time works on a conversation.
    async fn take_job(
        &self,
        conversation: ConversationId,
        now: Millis,
    ) -> Result<Option<NextJob>, StoreError>;

    /// Keeps this node's leases on these conversations for another [`LEASE`](crate::limits::LEASE). A lease that another
    /// node has taken by now stays lost.
    async fn renew_leases(&self, held: Vec<ConversationId>, now: Millis) -> Result<(), StoreError>;

    /// Every conversation with an open job that no other node works on: for the start after a crash, and to take over
    /// from a node that died. Each takes eight bytes.
    async fn open_conversations_with_jobs(
        &self,
        now: Millis,
    ) -> Result<Vec<ConversationId>, StoreError>;

    /// Whether other nodes use the store, too.
    fn is_shared(&self) -> bool {
        false
    }

    /// Stores the turn's answers and ends the job. The result says what comes next, so that nobody has to ask for it. A
    /// job that is already done stores nothing and gives nothing, so a bot that was asked twice answers once. A turn
    /// can close only its own session, and no later one. [`StoreError::LeaseLost`]: another node has the lease by now.
    /// Without a further job the lease is given back.
    async fn complete_job(
        &self,
        job: JobId,
        end: TurnEnd,
        now: Millis,
    ) -> Result<Completed, StoreError>;

    /// Stores answers that come outside a turn, in the conversation's current session. If the conversation has an
    /// answer with one of these ids already, the call is a repetition: it gives what is stored and changes nothing.
    async fn append_answers(&self, new: NewAnswers) -> Result<AnswersAppended, StoreError>;

    /// Gives the conversation to somebody else, and returns who had it before. `None`: the owner was not `only_if`, so
    /// nothing changed.
    async fn set_owner(
        &self,
        conversation: ConversationId,
        only_if: Option<Owner>,
        to: Owner,
        now: Millis,
    ) -> Result<Option<Owner>, StoreError>;

    /// Postpones a failed job until `due`. A job that is already done stays done; one that another node works on stays
    /// as it is.
    async fn postpone_job(&self, job: JobId, attempts: u32, due: Millis) -> Result<(), StoreError>;

    /// The user's conversation with the bot, if there is one.
    async fn conversation(&self, user: &str, bot: &str)
    -> Result<Option<Conversation>, StoreError>;

    /// The conversation with this public name, if there is one.
    async fn conversation_named(&self, name: &str) -> Result<Option<Conversation>, StoreError>;

    /// A page of history. It is empty for an unknown conversation. A page also ends after [`PAGE_BYTES`] of bodies, but
    /// always holds at least one message if there is one.
    async fn history(&self, query: HistoryQuery) -> Result<StoredPage, StoreError>;

    /// The newest page of an identity's conversation with a bot, for a caller that knows nothing else of the visitor
    /// than a proof that was issued then. `None`: the identity has signed out since, as in [`Store::signed_out`]. The
    /// page is empty without such a conversation.
    async fn newest(
        &self,
        app: &str,
        identity: &str,
        issued: Millis,
        bot: &str,
        limit: u32,
    ) -> Result<Option<StoredPage>, StoreError>;

    /// The messages after sequence `after`. If there are more than `limit`, the result is `truncated`. If their bodies
    /// have more than `bytes`, it holds only the first of them: ask again after the last one.
    async fn since(
        &self,
        conversation: ConversationId,
        after: u64,
        limit: u32,
        bytes: usize,
    ) -> Result<Missed, StoreError>;

    /// Adds all of these to their counters, or none of them. If one would exceed its limit, gives the first such one.
    async fn spend(&self, spendings: Vec<Spending>) -> Result<Option<usize>, StoreError>;

    /// Removes what has expired. Each call is bounded, so call it again while [`Swept::any`].
    async fn sweep(&self, now: Millis) -> Result<Swept, StoreError>;

    /// Removes messages that `retention` does not keep, in conversations after `after` (`None`: from the first). One
    /// call is a bounded step; continue with [`Pruned::next`] until there is none. A conversation loses only its
    /// beginning, its sequences go on, and what an open job answers stays.
    async fn prune(
        &self,
        retention: RetentionLimits,
        after: Option<ConversationId>,
    ) -> Result<Pruned, StoreError>;

    /// Removes conversations without messages and without activity since `unused_since`, and users without
    /// conversations who were made before that, unless a token still lets them in. It looks at the users after `after`
    /// (`None`: from the first). One call is a bounded step; continue with [`PrunedUsers::next`].
    async fn prune_users(
        &self,
        unused_since: Millis,
        now: Millis,
        after: Option<String>,
    ) -> Result<PrunedUsers, StoreError>;

    /// What is stored about the users with this identity, in one app or in all.
    async fn dossiers(&self, identity: &str, app: Option<&str>)
    -> Result<Vec<Dossier>, StoreError>;

    /// Erases a user, or the user's conversation with one bot. With the last conversation the user goes, too. The first
    /// call ends tokens, tickets and jobs, and each call removes a limited number of messages: call it again while
    /// [`Forgotten::more`]. Other processes learn of it from [`Store::ended_access`].
    async fn forget(
        &self,
        user: &str,
        bot: Option<&str>,
        now: Millis,
    ) -> Result<Forgotten, StoreError>;

    /// The users of whom some access has ended since the entry with this number, by revocation, sign-out or erasure,
    /// ordered by number. If there are many, only the first of them. A user is listed for a day, with the newest number.
    async fn ended_access(&self, after: u64) -> Result<Vec<EndedAccess>, StoreError>;

    /// Notes that this node lives for a [`LEASE`](crate::limits::LEASE), and gives what others say of themselves. A node
    /// that goes on living says so again. Of nodes that start at once with different [`NodeRecord::visitors`], one is
    /// noted.
    async fn join(&self, node: NodeRecord, now: Millis) -> Result<Joined, StoreError>;

    /// How many sockets the user has on other nodes that live, as far as [`Store::put_seats`] was told.
    async fn seats_elsewhere(&self, _user: &str) -> Result<u32, StoreError> {
        Ok(0)
    }

    /// Notes how many sockets these users have on this node. Fewer than two are not noted.
    async fn put_seats(&self, _seats: Vec<(String, u32)>) -> Result<(), StoreError> {
        Ok(())
    }

    /// What it has written since the start.
    fn writes(&self) -> Writes;

    /// Checks that the store can read and write. After a failed write this tries one, so readiness returns by itself
    /// once the disk has room again.
    async fn health(&self) -> Result<(), StoreError>;

    /// By how many milliseconds the store's clock is ahead of this machine's, as it was last seen. 0: the store has no
    /// clock, or the difference does not matter.
    fn clock_ahead(&self) -> i64 {
        0
    }

    /// Finishes what waits, gives back this node's leases, and refuses everything after it.
    async fn close(&self) -> Result<(), StoreError>;
}
