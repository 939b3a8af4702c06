//! What happens to a session, and what it wants done: the vocabulary of [`super::Session`].

use super::outbox::Outgoing;
use crate::error::Failure;
use crate::message::UserBody;
use crate::transcript::Entry;

/// When, and some randomness. The session has neither clock nor dice of its own.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Milliseconds since the epoch by the caller's clock. May jump; order never depends on it.
    pub now_ms: u64,
    /// Any number, new for each event, from a good source: the back-off's jitter.
    pub entropy: u64,
}

/// Numbers the attempts. What comes back for an older attempt is ignored, so a late answer can
/// never disturb a newer connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempt(pub(super) u32);

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Another tab has the lead: no socket here.
    Follow,
    /// Another tab said this.
    Heard(String),
    /// This tab has the lead.
    Lead,
    /// A page of older messages came; they stand before the others.
    OlderLoaded(Vec<Entry>),
    /// The visitor takes a failed message back.
    Delete(u64),
    /// A timer that the session armed has run out.
    Fired(Timer),
    /// The grant succeeded; the driver holds the token, which lasts for so many milliseconds from now on (`None`: it was not said).
    Granted(Attempt, Option<u64>),
    /// The newest page of the transcript.
    HistoryLoaded(Attempt, NewestPage),
    /// What an earlier page of this visitor kept and could not send.
    Kept(Vec<Outgoing>),
    /// The browser says whether there is a network.
    Network {
        /// `navigator.onLine`.
        online: bool,
    },
    /// The visitor wants a new conversation.
    NewConversation,
    /// The grant failed.
    NotGranted(Attempt, Failure),
    /// The visitor wants it tried now, also after a refusal.
    Reconnect,
    /// The visitor sends a failed message again.
    Retry(u64),
    /// The visitor said something. `id` is from [`super::Session::next_id`], or from before the
    /// page was alive.
    Said {
        /// The client's own id.
        id: u64,
        /// What was said.
        body: UserBody,
    },
    /// The socket of this attempt has closed (or could not be opened).
    SocketClosed(Attempt, u16),
    /// The socket of this attempt is open.
    SocketOpened(Attempt),
    /// Please connect: sent once.
    Start,
    /// The visitor has enough of the answer that grows.
    Stop,
    /// Text came over this attempt's socket: a frame, for this tab and those that follow it.
    Text(Attempt, String),
    /// `rtm/start` gave the socket's URL.
    Started(Attempt, String),
    /// History or start failed.
    StepFailed(Attempt, Failure),
    /// The page became visible, came back from the cache, or the visitor did something.
    Woken,
}

/// What a page of the transcript says.
#[derive(Clone, Debug, Default)]
pub struct NewestPage {
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// The conversation's head, where the server counts.
    pub last_seq: Option<u64>,
}

/// A timer of the session. Arming one again replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// A message has been on the wire for too long.
    Ack,
    /// The pause before the next attempt is over.
    BackOff,
    /// A step of connecting takes too long.
    Deadline,
    /// Nothing has come for a while: is the peer alive?
    Ping,
    /// The token ends soon.
    Token,
    /// Show that the bot is at it, or stop showing it.
    Typing,
}

/// Something the session wants done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Start this timer, or start it anew.
    Arm {
        /// Which.
        timer: Timer,
        /// From now, in milliseconds.
        after_ms: u64,
    },
    /// A message has come that was not there before: tell those who cannot see it.
    Arrived {
        /// The row's key.
        key: String,
    },
    /// Close the socket, if there is one, and forget it.
    Close,
    /// A message was refused because the visitor has sent as much as a day holds: tell them.
    DayFull,
    /// Stop this timer.
    Disarm(Timer),
    /// The other side has ended the conversation: tell the visitor.
    Ended,
    /// This message of the outbox is not needed any more: it is stored, or was taken back.
    Forget(u64),
    /// Get an access token: identity, assertion, grant.
    Grant(Attempt),
    /// A row has grown by a piece: show it with the next frame, since the next piece comes soon.
    ShowPiece,
    /// This message of the outbox is new, or has changed: keep it.
    Keep(u64),
    /// Load the newest page of the transcript.
    LoadHistory(Attempt),
    /// This person has the conversation from now on: tell the visitor.
    Joined(String),
    /// This person does not have it any more: tell the visitor.
    Left(String),
    /// Open a socket to this URL.
    Open(Attempt, String),
    /// Rows, connection state or typing have changed: show them.
    Show,
    /// Put this text on the socket.
    Send(String),
    /// Ask `rtm/start` for a socket URL.
    Start(Attempt),
    /// The leader is silent: take its place.
    Steal,
    /// Say this to the visitor's other tabs.
    Tell(String),
}

/// How the connection stands, for the visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// For the first time.
    Connecting,
    /// Messages go through.
    Online,
    /// It was there, or it failed; the session tries by itself.
    Reconnecting,
    /// The platform said no; only a person can go on.
    Refused,
}
