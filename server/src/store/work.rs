//! The jobs for bots, and their results.

use crate::clock::Millis;
use crate::records::{ConversationId, Effects, JobId, Owner, Sender, StoredMessage};

/// What a job asks of the bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// A session was started: greet.
    Connect,
    /// Answer a message.
    Message,
    /// The visitor closed the session.
    Close,
}

/// A stored job for a bot, with what its turn needs to know of the conversation and the user.
#[derive(Clone, PartialEq, Eq)]
pub struct Job {
    /// The number of the job. The bot also gets it as the idempotence key.
    pub id: JobId,
    /// The conversation that gets the answers.
    pub conversation: ConversationId,
    /// The conversation's public name, `cv-<uuid>`.
    pub conversation_name: String,
    /// Who answers the conversation.
    pub owner: Owner,
    /// The state that the bot kept at the last turn.
    pub state: Option<String>,
    /// The user's id.
    pub user: String,
    /// What the app's assertions call the user.
    pub identity: String,
    /// What else the assertions said about the user, as a JSON object.
    pub profile: Option<String>,
    /// The app through which the conversation was begun.
    pub app: String,
    /// The bot's id.
    pub bot: String,
    /// What is asked of the bot.
    pub kind: JobKind,
    /// The message to answer ([`JobKind::Message`]).
    pub trigger: Option<StoredMessage>,
    /// The session it belongs to.
    pub session_id: String,
    /// JSON given when the job was stored.
    pub context: String,
    /// The number of tries that have failed.
    pub attempts: u32,
    /// When the job was stored.
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

/// What to do next in a conversation. The jobs of one conversation are done one after the other, so a postponed job
/// holds back those behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextJob {
    /// Do this now.
    Ready(Box<Job>),
    /// The first job waits until then.
    NotBefore(Millis),
    /// Every job is done.
    Empty,
}

/// An answer that is to be stored.
#[derive(Clone)]
pub struct NewAnswer {
    /// The server's id for it.
    pub message_id: String,
    /// JSON of one `bot_response.message[]` entry.
    pub body: String,
}

/// Leaves out the text, which is never logged.
impl std::fmt::Debug for NewAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewAnswer")
            .field("message_id", &self.message_id)
            .finish_non_exhaustive()
    }
}

/// Where answers are stored, and when.
pub(super) struct Place<'a> {
    pub(super) conversation: ConversationId,
    /// The sequence before the first of them.
    pub(super) behind: u64,
    pub(super) session_id: &'a str,
    /// The person who wrote them.
    pub(super) agent: Option<&'a str>,
    pub(super) now: Millis,
}

impl Place<'_> {
    /// What answers with these ids and bodies are once they are stored there.
    pub(super) fn stored<'b>(
        &self,
        answers: impl Iterator<Item = (&'b String, &'b String)>,
    ) -> Vec<StoredMessage> {
        let stored = (self.behind + 1..).zip(answers);
        let stored = stored.map(|(seq, (message_id, body))| StoredMessage {
            conversation: self.conversation,
            seq,
            message_id: message_id.clone(),
            sender: Sender::Bot,
            client_message_id: None,
            body: body.clone(),
            created: self.now,
            session_id: self.session_id.to_owned(),
            agent: self.agent.map(str::to_owned),
        });
        stored.collect()
    }
}

/// The outcome of a turn.
#[derive(Clone, Default)]
pub struct TurnEnd {
    /// The answers, in order.
    pub answers: Vec<NewAnswer>,
    /// Who had the conversation when the turn began. If somebody else has it by now, the turn changes nothing.
    pub owner: Owner,
    /// What changes besides the transcript.
    pub effects: Effects,
}

/// The end of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completed {
    /// The answers as they are stored. There are none if the job was done already, or if the turn was refused.
    pub answers: Vec<StoredMessage>,
    /// Who has the conversation instead, if that has changed. Then nothing of the turn was stored, and its job is done.
    pub refused: Option<Owner>,
    /// What to do next in the conversation, at the same moment. `None`: the job was done already.
    pub next: Option<NextJob>,
}

/// Answers that come outside a turn: late ones, reminders, and those of people.
#[derive(Clone)]
pub struct NewAnswers {
    /// The conversation that they belong to.
    pub conversation: ConversationId,
    /// The answers, in order. If the conversation has one of their ids already, nothing changes.
    pub answers: Vec<NewAnswer>,
    /// The person who wrote them. `None`: the bot did.
    pub agent: Option<String>,
    /// If set: refused when somebody else has the conversation.
    pub only_if: Option<Owner>,
    /// What changes besides the transcript.
    pub effects: Effects,
    /// The current time.
    pub now: Millis,
}

/// The outcome of [`NewAnswers`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswersAppended {
    /// They are stored.
    Stored {
        /// The messages as they are stored, by this call or by an earlier one.
        messages: Vec<StoredMessage>,
        /// Whether they were stored before. Then nothing changed now.
        duplicate: bool,
        /// Who had the conversation until now.
        before: Owner,
    },
    /// Another owner has the conversation. Nothing changed.
    NotOwner(Owner),
}
