//! The work for bots, and what comes of it.

use crate::clock::Millis;
use crate::records::{ConversationId, Effects, JobId, Owner, StoredMessage};

/// What a job wants of the bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// A session was started: greet.
    Connect,
    /// Answer a message.
    Message,
    /// The visitor closed the session.
    Close,
}

/// A stored piece of work for a bot, with what its turn has to know of conversation and user.
#[derive(Clone, PartialEq, Eq)]
pub struct Job {
    /// Its number; also the idempotence key that the bot gets.
    pub id: JobId,
    /// Where the answers go.
    pub conversation: ConversationId,
    /// The conversation's public name, `cv-<uuid>`.
    pub conversation_name: String,
    /// Who answers the conversation.
    pub owner: Owner,
    /// What the bot kept of it at the last turn.
    pub state: Option<String>,
    /// The user's id.
    pub user: String,
    /// What the app's assertions call the user.
    pub identity: String,
    /// What else they said of the user, a JSON object.
    pub profile: Option<String>,
    /// The app through which the conversation was begun.
    pub app: String,
    /// The bot's id.
    pub bot: String,
    /// What is asked.
    pub kind: JobKind,
    /// The message to answer ([`JobKind::Message`]).
    pub trigger: Option<StoredMessage>,
    /// The session it belongs to.
    pub session_id: String,
    /// JSON given when the job was stored.
    pub context: String,
    /// How many tries have failed before.
    pub attempts: u32,
    /// When it was stored.
    pub created: Millis,
}

/// Leaves out who the user is and what was said.
impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job")
            .field("id", &self.id)
            .field("conversation", &self.conversation_name)
            .field("bot", &self.bot)
            .field("kind", &self.kind)
            .field("attempts", &self.attempts)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}

/// What to do next in a conversation. Jobs of one conversation are done one after the other, so a
/// postponed job holds back those behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextJob {
    /// Do this now.
    Ready(Box<Job>),
    /// The first job waits until then.
    NotBefore(Millis),
    /// All answered.
    Empty,
}

/// An answer on its way in.
#[derive(Clone)]
pub struct NewAnswer {
    /// The server's id for it.
    pub message_id: String,
    /// JSON of one `bot_response.message[]` entry.
    pub body: String,
}

/// What a turn came to.
#[derive(Clone, Default)]
pub struct TurnEnd {
    /// What was answered, in order.
    pub answers: Vec<NewAnswer>,
    /// Who had the conversation when the turn began. When it is somebody else by now, the turn changes nothing.
    pub owner: Owner,
    /// What changes besides the transcript.
    pub effects: Effects,
}

/// The end of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completed {
    /// The answers as stored; none when the job was done already, or the turn was refused.
    pub answers: Vec<StoredMessage>,
    /// Somebody else has the conversation by now: nothing of the turn was stored, and its job is done.
    pub refused: Option<Owner>,
    /// What to do next in the conversation, at the same moment; `None` when the job was done already.
    pub next: Option<NextJob>,
}

/// Answers that come outside a turn: late ones, reminders, those of people.
#[derive(Clone)]
pub struct NewAnswers {
    /// Where they belong.
    pub conversation: ConversationId,
    /// In order. When the conversation has one of their ids already, nothing changes.
    pub answers: Vec<NewAnswer>,
    /// The person who wrote them; none for the bot.
    pub agent: Option<String>,
    /// Refused when somebody else has the conversation.
    pub only_if: Option<Owner>,
    /// What changes besides the transcript.
    pub effects: Effects,
    /// The present.
    pub now: Millis,
}

/// The outcome of [`NewAnswers`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswersAppended {
    /// They are stored.
    Stored {
        /// As they are stored, by this call or by an earlier one.
        messages: Vec<StoredMessage>,
        /// Were they there already? Then nothing changed now.
        duplicate: bool,
        /// Who had the conversation until now.
        before: Owner,
    },
    /// Somebody else has the conversation: this one. Nothing changed.
    NotOwner(Owner),
}
