//! Every number that bounds a socket or a bot's turn, with its reason.

use std::time::Duration;

use crate::limits::VISITOR_LIFE;

/// How long a socket goes on after the end of its access token. The widget renews the token before that and tries again
/// every minute; with the socket's end it comes back with the new one.
pub const TOKEN_GRACE: Duration = Duration::from_mins(2);

/// How long a sign-out is remembered: everything that was issued before has expired by then.
pub const SIGNED_OUT_KEPT: Duration = VISITOR_LIFE.saturating_add(Duration::from_hours(24));

/// The largest frame and message that a client may send. Texts are far shorter; this leaves room
/// for custom data that hosts merge into a frame.
pub const MAX_FRAME_BYTES: usize = 64 * 1024;

/// Pieces of one message. Browsers send a message of this size in one; some libraries cut at 4 KiB.
pub const MAX_FRAGMENTS: u32 = 64;

/// From the first piece of a message to its end. As long as a request's body may take.
pub const MESSAGE_WITHIN: Duration = Duration::from_secs(15);

/// The read buffer of a socket: allocated at once, so it decides what an idle socket costs.
pub const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Frames that are ready at the same moment go out together, up to so much.
pub const WRITE_AT_ONCE_BYTES: usize = 16 * 1024;

/// What may wait to be written to a socket; the library's default is no bound at all.
pub const MAX_WRITE_BUFFER_BYTES: usize = 256 * 1024;

/// The longest text of one message, in characters: two pages of a book.
pub const MAX_TEXT_CHARS: usize = 10_000;

/// What a message may hold besides its texts, as JSON: files, `customData`, `metaTags`. All of it is stored.
pub const MAX_EXTRA_BYTES: usize = 12 * 1024;

/// One message as it is stored: the longest text in the longest script, and the rest.
pub const MAX_STORED_BYTES: usize = 4 * MAX_TEXT_CHARS + MAX_EXTRA_BYTES;

/// Files of one message.
pub const MAX_ATTACHMENTS: usize = 20;

/// Frames that a socket may send at once, pings among them.
pub const FRAME_BURST: u32 = 40;

/// Frames a second that a socket may send after the burst.
pub const FRAMES_PER_SECOND: u32 = 20;

/// Refused frames (too fast, wrong, too long) after which a socket is closed. Room for a client
/// with a mistake that sends one bad frame now and then; a flood reaches it in a second.
pub const MAX_OFFENCES: u32 = 100;

/// How long our widget's messages are refused after one that could not be taken: those that were under way
/// behind it must not overtake it. Longer than a round trip, and shorter than the two seconds after which the
/// widget sends again, oldest first.
pub const REFUSED_FOR: Duration = Duration::from_millis(1_500);

/// A refused frame is forgiven after so many good ones.
pub const GOOD_FRAMES_PER_PARDON: u32 = 10;

/// How long a socket may be silent before it is asked for a sign of life. Under the minute after
/// which proxies drop a silent connection.
pub const PING_AFTER: Duration = Duration::from_secs(25);

/// How long the answer to a ping may take. Then the peer is gone and counts no more.
pub const PONG_WITHIN: Duration = Duration::from_secs(20);

/// How long an official client that is being greeted hears nothing. It asks for the history as soon
/// as its socket is open, and when that is empty, forgets what came in before the answer: a welcome
/// that is too fast is never seen. Kore's own needs 200 ms and more.
pub const GREETING_AFTER: Duration = Duration::from_millis(300);

/// How long one frame may take to be written. A reader that is slower is cut off and reads what
/// it missed from the history.
pub const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// How long a closing socket may take to say goodbye.
pub const GOODBYE_WITHIN: Duration = Duration::from_secs(2);

/// How long an ending server takes the messages that had arrived on a socket, before it says goodbye. What
/// is not taken by then was not acknowledged and comes again after the restart.
pub const LAST_FRAMES_WITHIN: Duration = Duration::from_secs(2);

/// Missed messages that are replayed; more than this is cheaper and calmer as a fresh transcript.
pub const MAX_REPLAY: u32 = 200;

/// What of them is read at once: as much as may wait for a socket besides.
pub const REPLAY_BYTES: usize = crate::bus::BACKLOG_BYTES;

/// Sockets of one user: browsers, tabs and devices, and half-open ones that nobody has missed yet.
pub const SOCKETS_PER_USER: u32 = 10;

/// How often a growing answer is told at most. Smooth to the eye; what comes meanwhile goes along.
pub const STREAM_EVERY: Duration = Duration::from_millis(40);

/// How often it is said again that a bot is at something. Clients forget it after ten seconds.
pub const TYPING_AGAIN: Duration = Duration::from_secs(5);

/// What is shown of what a bot does meanwhile: one line.
pub const DOING_CHARS: usize = 100;

/// How often a turn is tried before the visitor gets an apology: with the pauses between them, a bot that is started
/// anew within ten seconds is not noticed.
pub const BOT_ATTEMPTS: u32 = 4;

/// The pause before the second try, at most (half of it at least); doubled before each further one.
pub const BOT_RETRY_AFTER: Duration = Duration::from_secs(2);

/// The longest `Retry-After` that is waited for. Nobody sits before a silent chat for longer.
pub const BOT_RETRY_AFTER_MOST: Duration = Duration::from_mins(1);

/// From the first try of a turn to the beginning of its last one.
pub const BOT_RETRY_WITHIN: Duration = Duration::from_mins(2);

/// Turns of a bot that fail in a row before it is left alone. More than one turn is tried, so that one visitor's odd
/// message does not keep a bot from all the others.
pub const BREAKER_FAULTS: u32 = BOT_ATTEMPTS + 1;

/// How long a bot is left alone at first; doubled when it is still away.
pub const BREAKER_FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How long a bot is left alone at most: so long it may be back unnoticed.
pub const BREAKER_LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How often a turn looks whether the one that finds out has found out.
pub const BREAKER_LOOK: Duration = Duration::from_millis(500);

/// How long a turn waits for a bot that is left alone: as long as it would try by itself. Then the visitor is told, and at
/// once when it cannot be back within that time.
pub const BREAKER_PATIENCE: Duration = Duration::from_secs(15);

/// Messages of before that a bot gets with a turn, at most.
pub const RECENT_MESSAGES: u32 = 1_000;

/// Bytes of their texts, at most.
pub const RECENT_BYTES: usize = 1024 * 1024;

/// `customData` of a bot's configuration in the page and of a frame, as JSON. Travels with the job and is not kept; more is
/// left out, for the message is worth more than what the page says beside it.
pub const MAX_CUSTOM_DATA_BYTES: usize = MAX_EXTRA_BYTES;

/// How often a waiting job's time is looked at: the clock may have been set meanwhile.
pub const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Turns of one bot that run at once in this process.
pub const BOT_TURNS_AT_ONCE: usize = 1024;

/// The pause after the store refused, before a stored job is looked for again.
pub const STORE_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Messages of a page of history when the client names no number.
pub const HISTORY_DEFAULT: u32 = 10;
