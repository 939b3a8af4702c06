//! What goes into a store and comes out of it.
//!
//! Everything here is plain data. The caller gives times and ids, because a store has no clock and draws no random
//! numbers.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

pub use crate::records::{ConversationId, Effects, JobId, Owner, Sender, StoredMessage};

use super::work::{Job, NewAnswer};
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

/// A fingerprint of the words of a message. It shows whether an id that comes again comes with other words.
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
    /// Whether its user is anonymous.
    pub anonymous: bool,
    /// From this moment on it is not valid.
    pub expires: Millis,
}

/// A valid assertion, on its way to an access token.
#[derive(Clone)]
pub struct NewGrant {
    /// The hash over issuer and `jti`, and the moment until which it must be remembered. `None`: the assertion may be
    /// used again.
    pub once: Option<(SecretHash, Millis)>,
    /// The app that vouches.
    pub app: String,
    /// The key of the app that signed.
    pub key: String,
    /// The identity.
    pub identity: String,
    /// Whether the identity is anonymous.
    pub anonymous: bool,
    /// What the assertion says about the visitor besides the identity, as a JSON object. It replaces what an earlier
    /// assertion said; `None` keeps that.
    pub profile: Option<String>,
    /// When the assertion was issued. An identity that has signed out since then gets nothing.
    pub issued: Millis,
    /// The user's id, if the user is new.
    pub new_user_id: String,
    /// The hash of the token.
    pub token: SecretHash,
    /// From this moment on the token is not valid.
    pub expires: Millis,
    /// The current time.
    pub now: Millis,
}

/// A ticket of `rtm/start`: it opens one socket, once, and soon.
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
    /// From this moment on it is not valid.
    pub expires: Millis,
    /// What else `start` knows and the socket needs (UI version, …), as JSON. The store does not read it.
    pub context: String,
}

/// What a connection asks for (`ConnectionMode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenMode {
    /// Absent or `Default`: continue an active session, or else start one.
    #[default]
    Default,
    /// `Start_New`: always start; the bot has the conversation again.
    StartNew,
    /// `Start_New` of our own widget, which shows the whole transcript. It starts a session, except in two cases: if
    /// the visitor has said nothing in the active session, because its welcome is still shown; and if a person or the
    /// queue has the conversation, because a reload must not take it away from them.
    StartNewUnlessUnused,
    /// `Start_New_Resume_Agent`: start a session, unless somebody else than the bot has the conversation.
    StartNewResumeAgent,
    /// `Reconnect`, or `isReconnect=true`: the same as [`OpenMode::Default`].
    Reconnect,
}

/// A connection that opens.
#[derive(Clone, Debug)]
pub struct OpenSession {
    /// The user.
    pub user: String,
    /// The bot.
    pub bot: String,
    /// The app.
    pub app: String,
    /// What the client asks for.
    pub mode: OpenMode,
    /// The id of the session, if one is started.
    pub new_session_id: String,
    /// The public name of the conversation, `cv-<uuid>`, if it is new.
    pub new_conversation_name: String,
    /// A session ends after this long without activity. While somebody else than the bot has the conversation, that is
    /// at least [`PEOPLE_IDLE`](crate::limits::PEOPLE_IDLE).
    pub idle: Duration,
    /// The current time.
    pub now: Millis,
    /// JSON that the `ON_CONNECT` job carries to the bot's turn. The store does not read it.
    pub context: String,
    /// The bot's greeting, if it gives it at once. It is stored with a new session, and there is no job; unless another
    /// job stands before, or another node works on the conversation.
    pub at_once: Option<Vec<NewAnswer>>,
}

/// The outcome of [`OpenSession`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOpened {
    /// The conversation of the user with the bot.
    pub conversation: ConversationId,
    /// The session that is active now.
    pub session_id: String,
    /// The sequence of the newest message before the greeting; 0 if there is none.
    pub last_seq: u64,
    /// The `ON_CONNECT` job, if this connection has started the session.
    pub job: Option<JobId>,
    /// The greeting in the place of the job, if it was stored with the session.
    pub greeting: Option<Vec<StoredMessage>>,
    /// Who answers the conversation.
    pub owner: Owner,
}

/// A conversation of a user with a bot.
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
    /// The sequence of the newest message; 0 if there is none.
    pub last_seq: u64,
    /// The last session, if one was ever opened.
    pub session_id: Option<String>,
    /// Whether that session is open. It may still be too old to be continued.
    pub session_open: bool,
    /// When the last message or connection came.
    pub last_activity: Millis,
}

/// A visitor's message that is to be stored.
#[derive(Clone)]
pub struct NewMessage {
    /// The conversation that it belongs to.
    pub conversation: ConversationId,
    /// The server's id for it, if it is new.
    pub message_id: String,
    /// The client's id as JSON text. Without one (`None`) a repetition cannot be recognised.
    pub client_message_id: Option<String>,
    /// A fingerprint of its words: the same id with other words is another message.
    pub words: Fingerprint,
    /// JSON of `UserBody`.
    pub body: String,
    /// The session it was written in.
    pub session_id: String,
    /// JSON that the job carries to the bot's turn. The store does not read it.
    pub context: String,
    /// The bot's answers, if it gives them at once. They are stored with the message, and there is no job; unless
    /// somebody else has the conversation, another job stands before, or another node works on it.
    pub at_once: Option<Vec<NewAnswer>>,
    /// The current time.
    pub now: Millis,
}

impl NewMessage {
    /// The message as it is stored at this sequence.
    pub(super) fn stored_at(&self, seq: u64) -> StoredMessage {
        StoredMessage {
            conversation: self.conversation,
            seq,
            message_id: self.message_id.clone(),
            sender: Sender::User,
            client_message_id: self.client_message_id.clone(),
            body: self.body.clone(),
            created: self.now,
            session_id: self.session_id.clone(),
            agent: None,
        }
    }
}

/// The outcome of [`NewMessage`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The message as it is stored, by this call or by an earlier one with the same client id and words.
    pub message: StoredMessage,
    /// Whether it was stored before. Then acknowledge it and do nothing else.
    pub duplicate: bool,
    /// The answers that were stored with it.
    pub answers: Vec<StoredMessage>,
    /// The job to answer it; `None` for a duplicate, and for a message that was answered at once.
    pub job: Option<JobId>,
    /// The same job, if no other job of the conversation stands before it and this node has the lease.
    pub ready: Option<Box<Job>>,
}

impl Appended {
    /// For a message that repeats this stored one.
    pub(super) fn again(message: StoredMessage) -> Self {
        Self {
            message,
            duplicate: true,
            answers: Vec::new(),
            job: None,
            ready: None,
        }
    }
}

/// Where a page of history begins or ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryFrom {
    /// The newest messages after skipping this many. Pages overlap while messages arrive.
    Newest {
        /// Messages to skip, from the newest.
        offset: u64,
    },
    /// The messages before this sequence. No message is skipped or repeated.
    Before(u64),
    /// The messages after this sequence, oldest first.
    After(u64),
    /// The messages before the one with this id; nothing when there is no such message.
    BeforeMessage(String),
    /// The messages after the one with this id; nothing when there is no such message.
    AfterMessage(String),
}

/// A query for a page of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The conversation.
    pub conversation: ConversationId,
    /// Where the page lies.
    pub from: HistoryFrom,
    /// The most messages.
    pub limit: u32,
}

/// A page of history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredPage {
    /// Oldest first.
    pub messages: Vec<StoredMessage>,
    /// Whether there are more in the same direction: older ones, or newer ones for the `After` queries.
    pub more: bool,
    /// The sequence of the conversation's newest message at the same moment.
    pub last_seq: u64,
}

/// What a connection missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Every message after the cursor, oldest first, or the beginning of them; empty when `truncated`.
    pub messages: Vec<StoredMessage>,
    /// More than the limit was missed, or some of it was pruned, or the cursor lies beyond the newest message. The
    /// client must load the transcript anew.
    pub truncated: bool,
    /// The sequence of the newest message, at the same moment.
    pub last_seq: u64,
}

/// What is kept of a conversation. Both limits may be set. A message beyond one of them is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionLimits {
    /// Messages that were stored at this moment or later stay, so that a message that a browser sends again is
    /// recognised.
    pub sent_again_from: Millis,
    /// Messages that were stored before this moment may go.
    pub older_than: Option<Millis>,
    /// The number of newest sequences that are kept.
    pub newest: Option<u64>,
}

impl RetentionLimits {
    /// Whether a message may be removed from a conversation whose newest sequence is `last_seq`.
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
    /// Where the next step continues. `None`: everything was looked at.
    pub next: Option<ConversationId>,
}

/// What is stored about a user, besides the messages.
#[derive(Clone, PartialEq, Eq)]
pub struct Dossier {
    /// The user.
    pub user: User,
    /// What else the app's assertions said about the user, as a JSON object.
    pub profile: Option<String>,
    /// When access tokens expire, soonest first.
    pub tokens: Vec<Millis>,
    /// The conversations, one with each bot.
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
    /// The number of stored messages.
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
    /// Whether there is more to remove: call it again.
    pub more: bool,
}

/// Some access of a user has ended, perhaps by another process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedAccess {
    /// A later entry has a larger number.
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
    /// Where the next step continues. `None`: everything was looked at.
    pub next: Option<String>,
}

/// An addition to a counter that ends by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spending {
    /// What is counted, for whom and for which stretch of time. It is a hash, so that the counter names nobody.
    pub counter: SecretHash,
    /// From this moment on it does not count and may be removed.
    pub until: Millis,
    /// How much is added. 0 asks whether anything is left.
    pub add: u64,
    /// The most that the counter may reach.
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
    /// Entries of ended access that every process has learned of.
    pub ended: usize,
    /// Remembered sign-outs that would refuse nothing any more.
    pub signed_out: usize,
    /// Counters that have ended.
    pub counters: usize,
}

impl Swept {
    /// Whether anything was removed. Then sweep again, because each call is bounded.
    pub fn any(&self) -> bool {
        self.tokens + self.tickets + self.assertions + self.ended + self.signed_out + self.counters
            > 0
    }
}
