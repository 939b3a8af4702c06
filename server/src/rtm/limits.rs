//! Every number that bounds a socket or a bot's turn, with its reason.

use std::time::Duration;

use crate::limits::VISITOR_LIFE;

/// How long a socket lives on after its access token has ended. The widget renews the token before that, and tries
/// again every minute. After the end of a socket it comes back with the new token.
pub const TOKEN_GRACE: Duration = Duration::from_mins(2);

/// How long a sign-out is remembered. Everything that was issued before has expired by then.
pub const SIGNED_OUT_KEPT: Duration = VISITOR_LIFE.saturating_add(Duration::from_hours(24));

/// The largest frame and message that a client may send. Texts are far shorter. The rest is for custom data that hosts
/// merge into a frame.
pub const MAX_FRAME_BYTES: usize = 64 * 1024;

/// The most fragments of one message. Browsers send a message of this size as one frame; some libraries cut at 4 KiB.
pub const MAX_FRAGMENTS: u32 = 64;

/// The time from the first fragment of a message to its end. It is the same as for a request's body.
pub const MESSAGE_WITHIN: Duration = Duration::from_secs(15);

/// The read buffer of a socket. It is allocated at once, so it decides what an idle socket costs. A few usual frames fit
/// into it, and it grows with a longer one.
pub const READ_BUFFER_BYTES: usize = 2 * 1024;

/// Frames that are ready at the same moment are written together, up to this size.
pub const WRITE_AT_ONCE_BYTES: usize = 16 * 1024;

/// The most bytes that wait to be written to a socket. The library's default has no limit.
pub const MAX_WRITE_BUFFER_BYTES: usize = 256 * 1024;

/// The longest text of one message, in characters: two pages of a book.
pub const MAX_TEXT_CHARS: usize = 10_000;

/// The most that a message may hold besides its texts, as JSON: files, `customData`, `metaTags`. All of it is stored.
pub const MAX_EXTRA_BYTES: usize = 12 * 1024;

/// The largest stored message: the longest text in the longest script, and the rest.
pub const MAX_STORED_BYTES: usize = 4 * MAX_TEXT_CHARS + MAX_EXTRA_BYTES;

/// The most files of one message.
pub const MAX_ATTACHMENTS: usize = 20;

/// The most frames that a socket may send in a burst, including pings.
pub const FRAME_BURST: u32 = 40;

/// The frames that a socket may send each second after the burst.
pub const FRAMES_PER_SECOND: u32 = 20;

/// A socket is closed after this many refused frames (too fast, wrong, too long). A client with a mistake may send one
/// bad frame now and then; a flood reaches the limit in a second.
pub const MAX_OFFENCES: u32 = 100;

/// How long our widget's messages are refused after one of them could not be stored. Messages that were already on the
/// way behind it must not overtake it. The time is longer than a round trip, and shorter than the two seconds after
/// which the widget sends again, oldest first.
pub const REFUSED_FOR: Duration = Duration::from_millis(1_500);

/// A refused frame is forgiven after this many good ones.
pub const GOOD_FRAMES_PER_PARDON: u32 = 10;

/// How long a socket may be silent before it gets a ping. Proxies drop a silent connection after a minute.
pub const PING_AFTER: Duration = Duration::from_secs(25);

/// How long the answer to a ping may take. After that the peer counts as gone.
pub const PONG_WITHIN: Duration = Duration::from_secs(20);

/// How long an official client gets no frames while the bot greets it. The client asks for the history as soon as its
/// socket is open. If the history is empty, the client forgets what came before that answer, so a welcome that is too
/// fast is never seen. Kore's own welcome takes 200 ms and more.
pub const GREETING_AFTER: Duration = Duration::from_millis(300);

/// How long the writing of one frame may take. A slower reader is cut off, and reads from the history what it missed.
pub const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// How long a closing socket may take for its close frame.
pub const GOODBYE_WITHIN: Duration = Duration::from_secs(2);

/// How long a server that shuts down takes the messages that had arrived on a socket, before it closes the socket. What
/// is left after that was not acknowledged, and comes again after the restart.
pub const LAST_FRAMES_WITHIN: Duration = Duration::from_secs(2);

/// The most missed messages that are replayed. If there are more, a new transcript is cheaper.
pub const MAX_REPLAY: u32 = 200;

/// How many bytes of them are read at once: as many as the bus may keep for a socket.
pub const REPLAY_BYTES: usize = crate::bus::BACKLOG_BYTES;

/// The most sockets of one user: browsers, tabs and devices, and half-open connections that nobody has noticed yet.
pub const SOCKETS_PER_USER: u32 = 10;

/// How often the store is told who has several sockets on this node, if others use it, too. Who opens more within this
/// time on many nodes is not noticed.
pub const TELL_SEATS_EVERY: Duration = Duration::from_millis(250);

/// How often a streaming answer is published at most. That looks smooth; text that comes in between goes along with the
/// next piece.
pub const STREAM_EVERY: Duration = Duration::from_millis(40);

/// How often the server repeats what a bot is doing. Clients forget it after ten seconds.
pub const TYPING_AGAIN: Duration = Duration::from_secs(5);

/// The longest text about what a bot is doing: one line.
pub const DOING_CHARS: usize = 100;

/// How many times a turn is tried before the visitor gets an apology. With the pauses between the tries, nobody notices
/// a bot that restarts within ten seconds.
pub const BOT_ATTEMPTS: u32 = 4;

/// The longest pause before the second try; the shortest is half of it. It is doubled before each further try.
pub const BOT_RETRY_AFTER: Duration = Duration::from_secs(2);

/// The longest `Retry-After` that the server waits for. Nobody waits longer in a silent chat.
pub const BOT_RETRY_AFTER_MOST: Duration = Duration::from_mins(1);

/// The time from the first try of a turn to the beginning of its last one.
pub const BOT_RETRY_WITHIN: Duration = Duration::from_mins(2);

/// How many turns in a row must fail before the breaker opens. They are more than the tries of one turn, so that one
/// visitor's odd message does not keep the bot from all others.
pub const BREAKER_FAULTS: u32 = BOT_ATTEMPTS + 1;

/// The first pause of the breaker. It is doubled each time the bot is still away.
pub const BREAKER_FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause of the breaker. A bot may be back unnoticed for this long.
pub const BREAKER_LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How often a waiting turn looks whether the probe has ended.
pub const BREAKER_LOOK: Duration = Duration::from_millis(500);

/// How long a turn waits for a bot whose breaker is open: as long as its own tries would take. After that the visitor
/// gets an apology, and gets it at once if the bot cannot be back in time.
pub const BREAKER_PATIENCE: Duration = Duration::from_secs(15);

/// The most earlier messages that a bot gets with a turn.
pub const RECENT_MESSAGES: u32 = 1_000;

/// The most bytes of their texts.
pub const RECENT_BYTES: usize = 1024 * 1024;

/// The largest `customData` of a bot's configuration in the page and of a frame, as JSON. It travels with the job and
/// is not kept. More is left out, because the message is worth more than the data beside it.
pub const MAX_CUSTOM_DATA_BYTES: usize = MAX_EXTRA_BYTES;

/// How often a waiting job looks at the clock, which may have been set in the meantime.
pub const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The most turns of one bot that run at once in this process.
pub const BOT_TURNS_AT_ONCE: usize = 1024;

/// The pause after the store failed, before the next look for a stored job.
pub const STORE_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The number of messages in a page of the history if the client names none.
pub const HISTORY_DEFAULT: u32 = 10;
