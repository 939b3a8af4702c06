//! What goes into a store and comes out of it.
//!
//! Everything here is plain data. Times are given by the caller, ids too: a store has no clock and
//! draws no random numbers.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

pub use crate::records::{ConversationId, Effects, JobId, Owner, Sender, StoredMessage};

use super::work::Job;
use crate::clock::Millis;

/// SHA-256 of a secret. The store never sees the secret itself, so a stolen database opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// The hash of an access token, a ticket or an assertion's `jti`.
    pub fn of(secret: impl AsRef<[u8]>) -> SecretHash {
        SecretHash(Sha256::digest(secret.as_ref()).into())
    }
}

/// A fingerprint of what a message says. It shows whether an id that comes again comes with other words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// The fingerprint of this text: half of its SHA-256.
    pub fn of(text: impl AsRef<[u8]>) -> Fingerprint {
        let mut half = [0; 16];
        half.copy_from_slice(&Sha256::digest(text.as_ref())[..16]);
        Fingerprint(half)
    }
}

/// A visitor of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// `u-<uuid>`.
    pub id: String,
    /// The app (client id) that vouched for the identity. The same identity in two apps is two users.
    pub app: String,
    /// What the assertion called the visitor.
    pub identity: String,
    /// When the user was first seen.
    pub created: Millis,
}

/// An access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// The hash of the token.
    pub hash: SecretHash,
    /// Whose it is.
    pub user: String,
    /// The app it was granted through.
    pub app: String,
    /// The key that signed the assertion, by [`Key::name`](crate::signing::Key::name); empty for tokens of an earlier
    /// version, which did not keep it.
    pub key: String,
    /// Is its user a passing one?
    pub anonymous: bool,
    /// From this moment on it opens nothing.
    pub expires: Millis,
}

/// An assertion that holds, on its way to an access token.
#[derive(Clone)]
pub struct NewGrant {
    /// The hash over issuer and `jti`, and until when it must be remembered. `None`: it may be used again.
    pub once: Option<(SecretHash, Millis)>,
    /// The app that vouches.
    pub app: String,
    /// With which of its keys.
    pub key: String,
    /// For whom.
    pub identity: String,
    /// Is that a passing one?
    pub anonymous: bool,
    /// What else the assertion says of the visitor, as a JSON object. It replaces what an earlier assertion said;
    /// `None` leaves that as it is.
    pub profile: Option<String>,
    /// When the assertion was issued: an identity that has signed out since is granted nothing.
    pub issued: Millis,
    /// The user's id, should it be a new one.
    pub new_user_id: String,
    /// The hash of the token.
    pub token: SecretHash,
    /// From this moment on the token opens nothing.
    pub expires: Millis,
    /// The present.
    pub now: Millis,
}

/// What `rtm/start` promised: one socket, once, soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketRecord {
    /// The hash of the `sid`.
    pub hash: SecretHash,
    /// Who may open the socket.
    pub user: String,
    /// The app the user came through.
    pub app: String,
    /// The bot the socket talks to.
    pub bot: String,
    /// From this moment on it opens nothing.
    pub expires: Millis,
    /// JSON: whatever else start knows and the socket wants (UI version, …). Opaque to the store.
    pub context: String,
}

/// What a connection asks for (`ConnectionMode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenMode {
    /// Absent or `Default`: continue an active session, else start.
    #[default]
    Default,
    /// `Start_New`: always start; the bot has the conversation again.
    StartNew,
    /// `Start_New` of our own widget, which shows the whole transcript. Starts a session, except in two cases. When
    /// nobody has said a word in the active session, its welcome is still shown, and a second one would say nothing
    /// new. When a person or the queue has the conversation, a reload must not take it away.
    StartNewUnlessUnused,
    /// `Start_New_Resume_Agent`: start, unless somebody else than the bot has the conversation.
    StartNewResumeAgent,
    /// `Reconnect`, or `isReconnect=true`: as [`OpenMode::Default`].
    Reconnect,
}

/// A connection that opens.
#[derive(Clone, Debug)]
pub struct OpenSession {
    /// Who.
    pub user: String,
    /// With which bot.
    pub bot: String,
    /// Through which app.
    pub app: String,
    /// What the client asks for.
    pub mode: OpenMode,
    /// The id of the session, should one be started.
    pub new_session_id: String,
    /// The public name of the conversation, `cv-<uuid>`, should it be a new one.
    pub new_conversation_name: String,
    /// A session without activity for longer is over. While somebody else than the bot has the conversation, it is at
    /// least [`PEOPLE_IDLE`](crate::limits::PEOPLE_IDLE).
    pub idle: Duration,
    /// The present.
    pub now: Millis,
    /// JSON that the `ON_CONNECT` job carries to the bot's turn. Opaque to the store.
    pub context: String,
}

/// The outcome of [`OpenSession`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOpened {
    /// The user with the bot.
    pub conversation: ConversationId,
    /// The session that is active now.
    pub session_id: String,
    /// The sequence of the newest message; 0 when there is none.
    pub last_seq: u64,
    /// The `ON_CONNECT` job, when this connection has started the session.
    pub job: Option<JobId>,
    /// Who answers the conversation.
    pub owner: Owner,
}

/// A user with a bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Its number.
    pub id: ConversationId,
    /// Its public name, `cv-<uuid>`.
    pub name: String,
    /// The user's id.
    pub user: String,
    /// The bot's id.
    pub bot: String,
    /// The app through which it was begun.
    pub app: String,
    /// Who answers it.
    pub owner: Owner,
    /// The sequence of the newest message; 0 when there is none.
    pub last_seq: u64,
    /// The last session, when one was ever opened.
    pub session_id: Option<String>,
    /// Is that session open? (It may still be too old to be continued.)
    pub session_open: bool,
    /// The last message or connection.
    pub last_activity: Millis,
}

/// A visitor's message on its way in.
#[derive(Clone)]
pub struct NewMessage {
    /// Where it belongs.
    pub conversation: ConversationId,
    /// The server's id for it, should it be new.
    pub message_id: String,
    /// The client's id as JSON text; `None` cannot be recognised when it comes again.
    pub client_message_id: Option<String>,
    /// What it says: the same id with other words is another message.
    pub words: Fingerprint,
    /// JSON of `UserBody`.
    pub body: String,
    /// The session it was written in.
    pub session_id: String,
    /// JSON that the job carries to the bot's turn. Opaque to the store.
    pub context: String,
    /// The present.
    pub now: Millis,
}

/// The outcome of [`NewMessage`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The message as stored: by this call, or by an earlier one with the same client id and words.
    pub message: StoredMessage,
    /// Was it there already? Then acknowledge it and do nothing else.
    pub duplicate: bool,
    /// The job to answer it; `None` for a duplicate.
    pub job: Option<JobId>,
    /// That job itself, when no other of the conversation stands before it.
    pub ready: Option<Box<Job>>,
}

/// From where a page of history is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryFrom {
    /// The newest messages after skipping this many. Pages overlap while messages arrive.
    Newest {
        /// Messages to skip, from the newest.
        offset: u64,
    },
    /// The messages before this sequence. Never skips and never repeats.
    Before(u64),
    /// The messages after this sequence, oldest first.
    After(u64),
    /// The messages before the one with this id; nothing when there is no such message.
    BeforeMessage(String),
    /// The messages after the one with this id; nothing when there is no such message.
    AfterMessage(String),
}

/// Which page of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// From where.
    pub from: HistoryFrom,
    /// At most so many messages.
    pub limit: u32,
}

/// A page of history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredPage {
    /// Oldest first.
    pub messages: Vec<StoredMessage>,
    /// Are there more in the same direction (older ones, or newer ones for the `After` queries)?
    pub more: bool,
    /// The sequence of the newest message of the conversation, at the same moment.
    pub last_seq: u64,
}

/// What a connection missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Every message after the cursor, oldest first, or the beginning of them; empty when `truncated`.
    pub messages: Vec<StoredMessage>,
    /// More than the limit was missed, some of it was pruned, or the cursor lies beyond the newest
    /// message: the client must load the transcript anew.
    pub truncated: bool,
    /// The sequence of the newest message, at the same moment.
    pub last_seq: u64,
}

/// What is kept of a conversation. Both limits may be set; a message that is beyond one of them goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionLimits {
    /// Messages stored at this moment or later stay: by them a message that a browser sends again is recognised.
    pub sent_again_from: Millis,
    /// Messages that were stored before this moment may go.
    pub older_than: Option<Millis>,
    /// So many of the newest sequences are kept.
    pub newest: Option<u64>,
}

impl RetentionLimits {
    /// May a message go, in a conversation whose newest is `last_seq`?
    pub fn forgets(&self, seq: u64, created: Millis, last_seq: u64) -> bool {
        let old = self.older_than.is_some_and(|moment| created < moment);
        let many = |newest: u64| seq.saturating_add(newest) <= last_seq;
        created < self.sent_again_from && (old || self.newest.is_some_and(many))
    }
}

/// What one step of [`prune`](super::Store::prune) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// Messages that are gone.
    pub messages: u32,
    /// Where the next step goes on; `None`: everything was looked at.
    pub next: Option<ConversationId>,
}

/// What is kept of a user, besides the messages.
#[derive(Clone, PartialEq, Eq)]
pub struct Dossier {
    /// Who.
    pub user: User,
    /// What else the app's assertions said of the user, a JSON object.
    pub profile: Option<String>,
    /// When access tokens expire, soonest first.
    pub tokens: Vec<Millis>,
    /// With each bot.
    pub conversations: Vec<ExportedConversation>,
}

/// Leaves out what was said of the user.
impl std::fmt::Debug for Dossier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dossier")
            .field("user", &self.user.id)
            .field("tokens", &self.tokens)
            .field("conversations", &self.conversations.len())
            .finish_non_exhaustive()
    }
}

/// A conversation in a [`Dossier`].
#[derive(Clone, PartialEq, Eq)]
pub struct ExportedConversation {
    /// Its number, for [`history`](super::Store::history).
    pub id: ConversationId,
    /// Its public name, `cv-<uuid>`.
    pub name: String,
    /// Who answers it.
    pub owner: Owner,
    /// What the bot keeps of it for its next turn.
    pub state: Option<String>,
    /// The bot's id.
    pub bot: String,
    /// The app through which it was begun.
    pub app: String,
    /// When it was begun.
    pub created: Millis,
    /// The last message or connection.
    pub last_activity: Millis,
    /// The last session.
    pub session_id: Option<String>,
    /// How many are stored.
    pub messages: u64,
    /// What open jobs carry to the bot's turn.
    pub jobs: Vec<String>,
}

/// What one step of [`forget`](super::Store::forget) removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Messages that are gone.
    pub messages: usize,
    /// Conversations that are gone.
    pub conversations: usize,
    /// 1 when the user is gone.
    pub users: usize,
    /// Call it again.
    pub more: bool,
}

/// A user was forgotten, perhaps by another process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Later ones have larger numbers.
    pub number: u64,
    /// The user's id.
    pub user: String,
}

/// What one step of [`prune_users`](super::Store::prune_users) did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrunedUsers {
    /// Users that are gone.
    pub users: usize,
    /// Conversations that are gone.
    pub conversations: usize,
    /// Where the next step goes on; `None`: everything was looked at.
    pub next: Option<String>,
}

/// A counter that ends by itself, and what is to be added to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spending {
    /// What is counted, of whom and in which stretch of time: a hash, so that the counter names nobody.
    pub counter: SecretHash,
    /// From this moment on it counts nothing and may go.
    pub until: Millis,
    /// So much is added. 0 asks whether anything is left.
    pub add: u64,
    /// The counter may reach this, and no more.
    pub most: u64,
}

/// What [`sweep`](super::Store::sweep) removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Expired access tokens.
    pub tokens: usize,
    /// Expired tickets.
    pub tickets: usize,
    /// Remembered `jti`s that have expired.
    pub assertions: usize,
    /// Erasures that everybody has heard of.
    pub erasures: usize,
    /// Remembered sign-outs of which nothing is left that they would refuse.
    pub signed_out: usize,
    /// Counters that have ended.
    pub counters: usize,
}

impl Swept {
    /// Was anything removed? Then sweep again: each call is bounded.
    pub fn any(&self) -> bool {
        self.tokens
            + self.tickets
            + self.assertions
            + self.erasures
            + self.signed_out
            + self.counters
            > 0
    }
}
