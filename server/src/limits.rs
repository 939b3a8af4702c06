//! Every number that bounds something, with its reason. Numbers that an operator may want to change
//! are keys of the configuration instead.

use std::time::Duration;

/// Request line and headers of one request. A Kore client's secure socket carries an assertion in a
/// header; 16 KiB holds it twice.
pub const HEAD_BYTES: usize = 16 * 1024;
/// Headers of one request. Browsers send about 20.
pub const HEADERS: usize = 100;
/// From the first byte (or an answer) to the end of the next head. Also how long an unused connection is
/// kept: a slow phone needs a second, a slowloris needs for ever.
pub const HEAD_TIME: Duration = Duration::from_secs(10);
/// From head to the end of the body. 64 KiB over 2G take 13 s.
pub const BODY_TIME: Duration = Duration::from_secs(15);
/// JSON and form bodies. The largest honest one is a grant with custom data.
pub const BODY_BYTES: usize = 64 * 1024;
/// An activity that a bot sends. The largest honest one is an Adaptive Card with some pages of text.
pub const ACTIVITY_BYTES: usize = 256 * 1024;
/// Body of the signing service: nine short fields and a visitor token.
pub const SIGN_BODY_BYTES: usize = 16 * 1024;
/// From head to answer for everything but sockets. Above the store's own time-outs (5 s), below the
/// clients' (120 s) and usual proxies' (60 s).
pub const ANSWER_TIME: Duration = Duration::from_secs(30);
/// A peer that takes no byte for this long is gone or hostile.
pub const WRITE_STALL: Duration = Duration::from_secs(10);
/// A connection with nothing in progress; catches silence before the protocol is even known.
pub const IDLE_CONNECTION: Duration = Duration::from_secs(20);
/// A request in progress of which nothing is seen: longer than [`BODY_TIME`] and [`ANSWER_TIME`] together.
pub const STUCK_REQUEST: Duration = Duration::from_mins(1);
/// An answer of which its reader takes no piece for so long is given up, and the connection with it. A peer that opens
/// no window (HTTP/2) takes no byte, and none is written that [`WRITE_STALL`] could miss. A phone that is out of reach
/// for longer asks again.
pub const ANSWER_STALL: Duration = Duration::from_secs(20);
/// An answer goes out in pieces of this size: what one stream holds in the connection's buffers, and what a reader has to
/// take within [`ANSWER_STALL`].
pub const PIECE_BYTES: usize = 16 * 1024;
/// How often a connection is looked at for [`IDLE_CONNECTION`], [`STUCK_REQUEST`] and [`ANSWER_STALL`].
pub const IDLE_CHECK: Duration = Duration::from_secs(5);
/// Requests at once on one HTTP/2 connection. A page loads about ten files.
pub const H2_STREAMS: u32 = 16;
/// Bytes of one request's body that a peer may send before they are read: as much as a body may have.
pub const H2_STREAM_WINDOW: u32 = 64 * 1024;
/// The same for all requests of a connection together. Bodies are read at once, so more gains nothing.
pub const H2_CONNECTION_WINDOW: u32 = 128 * 1024;
/// Streams that a peer may reset before we accepted them (CVE-2023-44487, rapid reset).
pub const H2_PENDING_RESETS: usize = 20;
/// Bytes kept for one HTTP/2 stream whose peer reads slowly.
pub const H2_SEND_BUFFER: usize = 32 * 1024;

/// Bytes of answers that may be held for readers at once, by the whole process: what a small machine can spare. Who gets
/// no place within [`ANSWER_WAIT`] is sent away with 503.
pub const ANSWERS_BYTES: usize = 64 * 1024 * 1024;
/// The same for one address, so that one stranger cannot take all of it. Answers of an office are small and gone in
/// milliseconds: it shares this without noticing.
pub const ANSWERS_BYTES_PER_ADDRESS: usize = 16 * 1024 * 1024;
/// How long a request waits for a place of [`ANSWERS_BYTES`]. Longer than a busy moment, shorter than patience.
pub const ANSWER_WAIT: Duration = Duration::from_secs(2);
/// What making a page of the history takes: the largest one as it is stored, as it is worded and as JSON.
pub const MAKING_HISTORY: usize = 2 * 1024 * 1024;
/// What making a page of HTML takes: the largest page of the history, its nodes and its text.
pub const MAKING_PAGE: usize = 4 * 1024 * 1024;
/// What an answer takes that is made while it is read: a file and its buffer.
pub const STREAMED_ANSWER: usize = 80 * 1024;
/// Connections that the kernel holds while we accept. A reconnect storm brings thousands in a second.
pub const ACCEPT_BACKLOG: u32 = 4096;
/// Wait after a failed accept (no descriptors left): trying at once would spin.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long the store may take to close, besides what the drain has left of its time: half of the second that
/// `Server::drain_tasks` leaves. A log that was not folded in by then is read at the next start.
pub const CLOSE_STORE: Duration = Duration::from_millis(500);
/// How long threads that are still busy then are waited for: the other half.
pub const STOP_THREADS: Duration = Duration::from_millis(500);

/// Characters of an identity: an e-mail address has at most 254.
pub const IDENTITY_CHARS: usize = 256;
/// Bytes of an assertion: an RS256 one with custom data has about 2 KiB.
pub const ASSERTION_BYTES: usize = 8 * 1024;
/// Characters of a `jti`; it is hashed before it is stored.
pub const JTI_CHARS: usize = 256;
/// Longest life of an assertion with a `jti`: the real platform's rule, and how long we must remember it.
pub const JTI_LIFE: Duration = Duration::from_hours(1);

/// Shortest HMAC secret: as long as the hash of HS256 (RFC 7518, 3.2).
pub const SECRET_BYTES: usize = 32;
/// Shortest RSA modulus (RFC 7518, 3.3).
pub const RSA_BITS: usize = 2048;
/// Key material in a file; a PEM of RSA 8192 has 6 KiB.
pub const KEY_FILE_BYTES: u64 = 64 * 1024;

/// How long a browser keeps an anonymous visitor. Browsers cap cookies at 400 days.
pub const VISITOR_LIFE: Duration = Duration::from_hours(400 * 24);
/// A visitor's token is renewed when it is older than this, not at every request.
pub const VISITOR_RENEW: Duration = Duration::from_hours(30 * 24);

/// Visitor cookies of one request that are looked at. A browser sends one, or two where a site's own storage and the shared
/// one both have it.
pub const VISITOR_COOKIES: usize = 4;

/// Wrong secrets of an app from one address within [`WRONG_SECRETS_FOR`]; then no secret is looked at. A backend with a
/// mistake notices at the first, and nobody finds 32 random bytes by trying.
pub const WRONG_SECRETS: u32 = 10;
/// How long a wrong secret counts.
pub const WRONG_SECRETS_FOR: Duration = Duration::from_mins(1);

/// The id of what a bot says outside a turn; a UUID has 36.
pub const SAYING_ID_BYTES: usize = 256;
/// When to try again with a message that the disk has no room for.
pub const NO_ROOM_RETRY: Duration = Duration::from_secs(30);

/// Kinds of refusals (class, app, address) that are told apart in a minute: so many lines in the log at most.
pub const REFUSALS_A_MINUTE: usize = 1_000;
/// How often refusals of which there were more are told.
pub const REFUSALS_EVERY: Duration = Duration::from_mins(1);

/// New keys in a rate limiter before it is swept: about 16 MB of map.
pub const RATE_KEYS_BETWEEN_SWEEPS: u32 = 100_000;
/// How often a rate limiter is swept when it is quiet.
pub const RATE_SWEEP: Duration = Duration::from_mins(1);

/// How often expired tokens and tickets are removed from the store. They open nothing meanwhile.
pub const STORE_SWEEP: Duration = Duration::from_mins(1);

/// How often the disk is asked for its room: at the highest pace that the limits allow, less than 100 MB are written
/// in between.
pub const ROOM_CHECK: Duration = Duration::from_secs(5);

/// How often conversations are looked through for messages that need not be kept. Eight days are then eight days
/// and ten minutes.
pub const RETENTION_SWEEP: Duration = Duration::from_mins(10);
/// Nothing younger is removed. A widget may send a message again for a week ([`protocol::session::GIVE_UP_AFTER_MS`]); its double is
/// known by the stored one.
pub const SENT_AGAIN_WITHIN: Duration = Duration::from_hours(8 * 24);
/// A session during which a person has the conversation, or ought to, ends without activity after so long at the
/// earliest: people answer on the next day. Then it begins anew with the bot, so that nobody waits for ever.
pub const PEOPLE_IDLE: Duration = Duration::from_hours(24);
/// What is kept of what an assertion says of its visitor besides the identity, as JSON. Name, e-mail and a few numbers of
/// a shop take a few hundred bytes; it goes to the bot with every turn.
pub const PROFILE_BYTES: usize = 4 * 1024;
/// Between two steps of it: visitors' messages come first.
pub const RETENTION_PAUSE: Duration = Duration::from_millis(20);

/// How often the server looks whether somebody was forgotten by a process beside it: one short read. A socket of the
/// forgotten lives on for so long.
pub const ERASURE_LOOK: Duration = Duration::from_secs(2);
/// How long an erasure is told: a server that hung must hear of it, too.
pub const ERASURE_KEPT: Duration = Duration::from_hours(24);

/// How long browsers may remember a preflight. Chromium caps it at two hours.
pub const PREFLIGHT_LIFE: Duration = Duration::from_mins(10);
/// How long browsers may use the loader without asking: a new release is everywhere within this.
pub const LOADER_LIFE: Duration = Duration::from_mins(5);

/// From the first packet to the end of the TLS handshake of a call to a bot: a name, three round trips, and a server that
/// is busy.
pub const OUTBOUND_CONNECT: Duration = Duration::from_secs(10);
/// An unused connection to a bot is kept for so long. Node and uvicorn close theirs after five seconds, and a call that is
/// written in that moment is lost.
pub const OUTBOUND_IDLE_CONNECTION: Duration = Duration::from_secs(4);
/// Unused connections to one bot.
pub const OUTBOUND_IDLE_CONNECTIONS: usize = 100;
/// Headers of an answer of a bot.
pub const OUTBOUND_HEADERS: usize = 100;
/// Bytes of the same over HTTP/2.
pub const OUTBOUND_HEAD_BYTES: u32 = 64 * 1024;
/// Bytes that one HTTP/2 stream of a bot may be ahead of who reads it, and all streams of a connection together. Pieces of
/// text are small; a thousand bots that flood us cost 256 MB.
pub const OUTBOUND_STREAM_WINDOW: u32 = 256 * 1024;
/// See [`OUTBOUND_STREAM_WINDOW`].
pub const OUTBOUND_CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;
/// How often an HTTP/2 connection with calls on it is asked whether it lives, and how long it may think about it. Otherwise
/// a dead one would let all calls wait that share it.
pub const OUTBOUND_PING: Duration = Duration::from_secs(15);
/// See [`OUTBOUND_PING`].
pub const OUTBOUND_PONG: Duration = Duration::from_secs(10);
/// How long a bot may think before its answer begins, unless its configuration says otherwise.
pub const OUTBOUND_FIRST_BYTE: Duration = Duration::from_mins(1);
/// How long a bot may pause in the middle of its answer, unless its configuration says otherwise.
pub const OUTBOUND_IDLE: Duration = Duration::from_secs(30);
/// How long a bot's answer may take, unless its configuration says otherwise.
pub const OUTBOUND_TOTAL: Duration = Duration::from_mins(5);
/// Bytes of an answer of a bot, unless who asks says otherwise. The largest honest one is a template with 20 cards.
pub const OUTBOUND_ANSWER_BYTES: usize = 1024 * 1024;
/// The longest wait that an answer can ask for. Whoever wants more is asked in between.
pub const RETRY_AFTER_MOST: Duration = Duration::from_hours(1);
/// An address that a stranger gives.
pub const FOREIGN_URL_BYTES: usize = 2048;
/// Names that are looked up at once, for bots of the configuration and for strangers each. Each holds a thread of the
/// pool until its servers answer.
pub const NAMES_AT_ONCE: usize = 16;
/// Addresses of a name that are tried.
pub const ADDRESSES_OF_A_NAME: usize = 8;

/// How far the timestamp of a signed request may be from our time: what the standard's own libraries take.
pub const WEBHOOK_TOLERANCE: Duration = Duration::from_mins(5);
/// Bytes of a signed request's id. A UUID with a prefix has 40.
pub const WEBHOOK_ID_BYTES: usize = 256;
/// Signatures of one request: two or three while secrets are exchanged.
pub const WEBHOOK_SIGNATURES: usize = 10;
