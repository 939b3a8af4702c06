//! Every number that bounds something, with its reason. Numbers that an operator may want to change
//! are keys of the configuration instead.

use std::time::Duration;

/// Connections at once to the port of the metrics. One is usual: whoever collects them keeps it.
pub const METRICS_CONNECTIONS: u32 = 16;
/// The request line and the headers of one request. The secure socket of a Kore client carries an assertion in a
/// header; 16 KiB hold it twice.
pub const HEAD_BYTES: usize = 16 * 1024;
/// Headers of one request. Browsers send about 20.
pub const HEADERS: usize = 100;
/// The time from the first byte (or an answer) to the end of the next head. An unused connection is also kept this
/// long. A slow phone needs a second; a slowloris never ends.
pub const HEAD_TIME: Duration = Duration::from_secs(10);
/// The time from the head to the end of the body. 64 KiB over 2G take 13 s.
pub const BODY_TIME: Duration = Duration::from_secs(15);
/// The largest JSON or form body. The largest honest one is a grant with custom data.
pub const BODY_BYTES: usize = 64 * 1024;
/// The largest activity that a bot sends. The largest honest one is an Adaptive Card with some pages of text.
pub const ACTIVITY_BYTES: usize = 256 * 1024;
/// The largest body of the signing service: nine short fields and a visitor token.
pub const SIGN_BODY_BYTES: usize = 16 * 1024;
/// The time from the head to the answer, for everything but sockets. It is above the store's own time-outs (5 s), and
/// below the clients' (120 s) and those of usual proxies (60 s).
pub const ANSWER_TIME: Duration = Duration::from_secs(30);
/// A peer that takes no byte for this long is gone or hostile.
pub const WRITE_STALL: Duration = Duration::from_secs(10);
/// How long a connection with nothing in progress is kept. It also catches silence before the protocol is known.
pub const IDLE_CONNECTION: Duration = Duration::from_secs(20);
/// How long a request in progress may show no sign of life. It is longer than [`BODY_TIME`] and [`ANSWER_TIME`]
/// together.
pub const STUCK_REQUEST: Duration = Duration::from_mins(1);
/// An answer of which the reader takes no piece for this long is given up, together with its connection. An HTTP/2 peer
/// that opens no window takes no byte, and no write happens that [`WRITE_STALL`] could catch. A phone that is out of
/// reach for longer asks again.
pub const ANSWER_STALL: Duration = Duration::from_secs(20);
/// The size of the pieces of an answer: what one stream holds in the connection's buffers, and what a reader has to
/// take within [`ANSWER_STALL`].
pub const PIECE_BYTES: usize = 16 * 1024;
/// How often a connection is checked for [`IDLE_CONNECTION`], [`STUCK_REQUEST`] and [`ANSWER_STALL`].
pub const IDLE_CHECK: Duration = Duration::from_secs(5);
/// The most simultaneous requests on one HTTP/2 connection. A page loads about ten files.
pub const H2_STREAMS: u32 = 16;
/// The bytes of one request's body that a peer may send before they are read: as much as a body may have.
pub const H2_STREAM_WINDOW: u32 = 64 * 1024;
/// The same for all requests of a connection together. Bodies are read at once, so more would gain nothing.
pub const H2_CONNECTION_WINDOW: u32 = 128 * 1024;
/// The most streams that a peer may reset before they were accepted (CVE-2023-44487, rapid reset).
pub const H2_PENDING_RESETS: usize = 20;
/// The bytes that are kept for one HTTP/2 stream whose peer reads slowly.
pub const H2_SEND_BUFFER: usize = 32 * 1024;

/// How long a node keeps the lease on a conversation without renewing it. A node that is dead is followed by another
/// after this time and [`TAKE_OVER_EVERY`], within ten seconds.
pub const LEASE: Duration = Duration::from_secs(8);
/// How often a node renews its leases: two renewals may fail before one is lost.
pub const RENEW_LEASES_EVERY: Duration = Duration::from_millis(2_500);
/// How often a node looks for jobs that no node works on, in a store that other nodes use, too.
pub const TAKE_OVER_EVERY: Duration = Duration::from_millis(1_500);

/// The most bytes of answers that the process holds for readers: what a small machine can spare. A request that gets no
/// reservation within [`ANSWER_WAIT`] gets 503.
pub const ANSWERS_BYTES: usize = 64 * 1024 * 1024;
/// The same for one address, so that one stranger cannot take all of it. The answers of an office are small and gone in
/// milliseconds, so it does not notice the limit.
pub const ANSWERS_BYTES_PER_ADDRESS: usize = 16 * 1024 * 1024;
/// How long a request waits for a reservation of [`ANSWERS_BYTES`]. It is longer than a busy moment, and shorter than a
/// person's patience.
pub const ANSWER_WAIT: Duration = Duration::from_secs(2);
/// The memory for making a page of the history: the largest page as it is stored, as types and as JSON.
pub const MAKING_HISTORY: usize = 2 * 1024 * 1024;
/// The memory for making an HTML page: the largest page of the history, its nodes and its text.
pub const MAKING_PAGE: usize = 4 * 1024 * 1024;
/// The memory for an answer that is made while it is read: a file and its buffer.
pub const STREAMED_ANSWER: usize = 80 * 1024;
/// How long a connection may take to ask its first question after the server was told to end. The request is on its way:
/// a proxy connects when it has one, and could not send it again to another node.
pub const LAST_REQUEST: Duration = Duration::from_millis(500);
/// Connections that the kernel holds while we accept. A reconnect storm brings thousands in a second.
pub const ACCEPT_BACKLOG: u32 = 4096;
/// The pause after a failed accept (no descriptors left). Trying at once would spin.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long the store may take to close, besides the time that the drain has left: half of the second that
/// `Server::drain_tasks` leaves. If the log was not moved into the file by then, the next start reads it.
pub const CLOSE_STORE: Duration = Duration::from_millis(500);
/// How long to wait for threads that are still busy after that: the other half.
pub const STOP_THREADS: Duration = Duration::from_millis(500);

/// Characters of an identity: an e-mail address has at most 254.
pub const IDENTITY_CHARS: usize = 256;
/// Bytes of an assertion: an RS256 one with custom data has about 2 KiB.
pub const ASSERTION_BYTES: usize = 8 * 1024;
/// Characters of a `jti`; it is hashed before it is stored.
pub const JTI_CHARS: usize = 256;
/// The longest life of an assertion with a `jti`. It is the real platform's rule, and how long the `jti` must be
/// remembered.
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

/// The most visitor cookies of one request that are looked at. A browser sends one, or two if it has one for the site
/// and a shared one.
pub const VISITOR_COOKIES: usize = 4;

/// The most wrong secrets of an app from one address; then one a minute. Until then no secret is checked. A backend with a
/// mistake notices it at the first, and nobody finds 32 random bytes by trying.
pub const WRONG_SECRETS: u32 = 10;

/// The longest id of what a bot says outside a turn. A UUID has 36 characters.
pub const SAYING_ID_BYTES: usize = 256;
/// When to try again with a message for which the disk has no room.
pub const NO_ROOM_RETRY: Duration = Duration::from_secs(30);

/// The most kinds of refusals (class, app, address) in a minute that the log lists, one line each.
pub const REFUSALS_A_MINUTE: usize = 1_000;
/// How often the log says how many more refusals there were.
pub const REFUSALS_EVERY: Duration = Duration::from_mins(1);

/// New keys in a rate limiter before it is swept: about 16 MB of map.
pub const RATE_KEYS_BETWEEN_SWEEPS: u32 = 100_000;
/// How often a rate limiter is swept when it is quiet.
pub const RATE_SWEEP: Duration = Duration::from_mins(1);
/// Other nodes are told of a key when it has used this part of an allowance since the last time. So the usual visitor is
/// not told of, and with three nodes a limit is passed by a quarter.
pub const RATE_TOLD_PARTS: u32 = 8;
/// How often other nodes are told.
pub const RATES_TOLD_EVERY: Duration = Duration::from_secs(1);
/// The most keys of a limit that are told at once, those who used most first. With all limits together 24 kB a second.
pub const RATE_TOLD_AT_ONCE: usize = 64;
/// The most keys of a limit that wait to be told. An attack from more addresses than this is counted by each node.
pub const RATE_KEYS_TO_TELL: usize = 1_024;
/// The most keys of a limit of which a node that has just started learns: 75 kB with all limits.
pub const RATE_STANDING_TOLD: usize = 200;
/// The most that a key can use up, in allowances: what 16 nodes let through before they have told each other. Whoever did
/// that waits longer, but not for ever.
pub const RATE_MOST_OWED: u64 = 16;

/// How often expired tokens and tickets are removed from the store. They are not valid in the meantime.
pub const STORE_SWEEP: Duration = Duration::from_mins(1);

/// How often the free space of the disk is read. At the highest pace that the limits allow, less than 100 MB are
/// written in between.
pub const ROOM_CHECK: Duration = Duration::from_secs(5);

/// How often conversations are searched for messages that need not be kept. So eight days are at most eight days and
/// ten minutes.
pub const RETENTION_SWEEP: Duration = Duration::from_mins(10);
/// Nothing younger is removed. A widget may send a message again for a week ([`protocol::session::GIVE_UP_AFTER_MS`]),
/// and the stored message shows that it is a duplicate.
/// known by the stored one.
pub const SENT_AGAIN_WITHIN: Duration = Duration::from_hours(8 * 24);
/// While a person has the conversation, or should take it, its session ends without activity after this long at the
/// earliest, because people answer on the next day. After that it begins anew with the bot, so that nobody waits for
/// ever.
pub const PEOPLE_IDLE: Duration = Duration::from_hours(24);
/// The most that is kept of an assertion's claims about the visitor, as JSON. Name, e-mail and a few numbers of a shop
/// take a few hundred bytes. They go to the bot with every turn.
pub const PROFILE_BYTES: usize = 4 * 1024;
/// The pause between two steps of removing old messages, because visitors' messages come first.
pub const RETENTION_PAUSE: Duration = Duration::from_millis(20);

/// How often the server looks whether another process has ended somebody's access: one short read. A socket whose token
/// was revoked there lives on for this long, and so less than a second.
pub const ENDED_ACCESS_LOOK: Duration = Duration::from_millis(500);
/// How long ended access is listed. A server that hung must learn of it, too.
pub const ENDED_ACCESS_KEPT: Duration = Duration::from_hours(24);

/// How long browsers may remember a preflight. Chromium caps it at two hours.
pub const PREFLIGHT_LIFE: Duration = Duration::from_mins(10);
/// How long browsers may use the loader without asking. A new release is everywhere within this time.
pub const LOADER_LIFE: Duration = Duration::from_mins(5);

/// The time to the end of the TLS handshake of a call to a bot: a name, three round trips, and a busy server.
pub const OUTBOUND_CONNECT: Duration = Duration::from_secs(10);
/// How long an unused connection to a bot is kept. Node and uvicorn close theirs after five seconds, and a call that is
/// written in that moment is lost.
pub const OUTBOUND_IDLE_CONNECTION: Duration = Duration::from_secs(4);
/// The most unused connections to one bot.
pub const OUTBOUND_IDLE_CONNECTIONS: usize = 100;
/// The most headers of a bot's answer.
pub const OUTBOUND_HEADERS: usize = 100;
/// The most bytes of them over HTTP/2.
pub const OUTBOUND_HEAD_BYTES: u32 = 64 * 1024;
/// The most bytes that an HTTP/2 stream of a bot may be ahead of its reader. Pieces of text are small; a thousand bots
/// that flood us cost 256 MB.
pub const OUTBOUND_STREAM_WINDOW: u32 = 256 * 1024;
/// See [`OUTBOUND_STREAM_WINDOW`].
pub const OUTBOUND_CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;
/// How often an HTTP/2 connection with calls on it gets a ping. Without it, a dead connection would let all of its
/// calls wait.
pub const OUTBOUND_PING: Duration = Duration::from_secs(15);
/// See [`OUTBOUND_PING`].
pub const OUTBOUND_PONG: Duration = Duration::from_secs(10);
/// How long a bot may think before its answer begins, unless its configuration says otherwise.
pub const OUTBOUND_FIRST_BYTE: Duration = Duration::from_mins(1);
/// How long a bot may pause in the middle of its answer, unless its configuration says otherwise.
pub const OUTBOUND_IDLE: Duration = Duration::from_secs(30);
/// How long a bot's answer may take, unless its configuration says otherwise.
pub const OUTBOUND_TOTAL: Duration = Duration::from_mins(5);
/// The most bytes of a bot's answer, unless the caller sets another limit. The largest honest one is a template with 20
/// cards.
pub const OUTBOUND_ANSWER_BYTES: usize = 1024 * 1024;
/// The longest wait that an answer can ask for. A bot that wants more is asked in between.
pub const RETRY_AFTER_MOST: Duration = Duration::from_hours(1);
/// The longest address of a stranger.
pub const FOREIGN_URL_BYTES: usize = 2048;
/// The most names that are looked up at once, separately for configured bots and for strangers. Each lookup holds a
/// thread until the name servers answer.
pub const NAMES_AT_ONCE: usize = 16;
/// The most addresses of a name that are tried.
pub const ADDRESSES_OF_A_NAME: usize = 8;

/// How far the timestamp of a signed request may be from our time. The standard's own libraries allow the same.
pub const WEBHOOK_TOLERANCE: Duration = Duration::from_mins(5);
/// Bytes of a signed request's id. A UUID with a prefix has 40.
pub const WEBHOOK_ID_BYTES: usize = 256;
/// The most signatures of one request: there are two or three while secrets are replaced.
pub const WEBHOOK_SIGNATURES: usize = 10;
