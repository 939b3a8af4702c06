//! The events that happen to a session, and the effects that it asks for: the vocabulary of [`super::Session`].

use super::outbox::Outgoing;
use crate::error::Failure;
use crate::message::UserBody;
use crate::transcript::Entry;

/// The time, and some randomness. The session has neither a clock nor a source of randomness.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Milliseconds since the epoch by the caller's clock. The clock may jump; no order depends on it.
    pub now_ms: u64,
    /// Any number, new for each event, from a good source: the back-off's jitter.
    pub entropy: u64,
}

/// The number of an attempt. Results of an older attempt are ignored, so a late answer cannot disturb a newer
/// connection.
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
    /// The list has become long: it keeps so many of the newest rows, and what is not stored. The others can be loaded
    /// again.
    KeepNewest(usize),
    /// A page of older messages came. They stand before all others.
    OlderLoaded(Vec<Entry>),
    /// The visitor takes a failed message back.
    Delete(u64),
    /// A timer that the session armed has run out.
    Fired(Timer),
    /// The grant succeeded, and the driver holds the token. It lasts this many milliseconds from now on (`None`: the
    /// platform did not say).
    Granted(Attempt, Option<u64>),
    /// The newest page of the transcript.
    HistoryLoaded(Attempt, NewestPage),
    /// An earlier page of this visitor kept these messages and could not send them.
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
    /// The visitor wants a new attempt now, also after a refusal.
    Reconnect,
    /// The visitor sends a failed message again.
    Retry(u64),
    /// The visitor said something. `id` comes from [`super::Session::next_id`], or from before the wasm had started.
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
    /// Connect now. It is sent once.
    Start,
    /// The visitor stops the answer that is streaming.
    Stop,
    /// A text came over the socket of this attempt: a frame, for this tab and for its followers.
    Text(Attempt, String),
    /// `rtm/start` gave the socket's URL.
    Started(Attempt, String),
    /// History or start failed.
    StepFailed(Attempt, Failure),
    /// The page became visible, came back from the cache, or the visitor did something.
    Woken,
}

/// A page of the transcript.
#[derive(Clone, Debug, Default)]
pub struct NewestPage {
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// The conversation's last sequence, if the server counts.
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
    /// Show that the bot is typing, or stop showing it.
    Typing,
}

/// Something that the session wants done. The driver carries effects out in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Start this timer, or start it anew.
    Arm {
        /// Which timer.
        timer: Timer,
        /// From now, in milliseconds.
        after_ms: u64,
    },
    /// A new message has come: announce it to those who cannot see it.
    Arrived {
        /// The row's key.
        key: String,
    },
    /// Close the socket, if there is one, and forget it.
    Close,
    /// A message was refused, because the visitor has sent as many as a day allows: tell the visitor.
    DayFull,
    /// Stop this timer.
    Disarm(Timer),
    /// The other side has ended the conversation: tell the visitor.
    Ended,
    /// This message of the outbox is not needed any more: it is stored, or was taken back.
    Forget(u64),
    /// Get an access token: identity, assertion, grant.
    Grant(Attempt),
    /// A piece was added to a row. Show it with the next animation frame, because the next piece comes soon.
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
    /// The leader is silent: take over the lead.
    Steal,
    /// Say this to the visitor's other tabs.
    Tell(String),
}

/// How the connection stands, for the visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Connecting for the first time.
    Connecting,
    /// Messages go through.
    Online,
    /// The connection was there, or it failed; the session tries by itself.
    Reconnecting,
    /// The platform refused. Only a person can go on.
    Refused,
}
