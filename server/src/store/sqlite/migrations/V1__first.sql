-- "Prlr" in the head of the file: it is ours.
PRAGMA application_id = 0x50726c72;

-- Times are milliseconds since 1970, hashes are SHA-256, JSON is text that only its writer reads.

-- An identity of an app. The same identity in two apps is two users.
CREATE TABLE users (
    id       TEXT    NOT NULL PRIMARY KEY,
    app      TEXT    NOT NULL,
    identity TEXT    NOT NULL,
    created  INTEGER NOT NULL,
    UNIQUE (app, identity)
) STRICT, WITHOUT ROWID;

-- One user with one bot. `last_seq` gives the next message its place, inside the transaction.
CREATE TABLE conversations (
    id            INTEGER PRIMARY KEY,
    user          TEXT    NOT NULL REFERENCES users (id),
    bot           TEXT    NOT NULL,
    app           TEXT    NOT NULL,
    last_seq      INTEGER NOT NULL DEFAULT 0,
    session_id    TEXT,
    session_open  INTEGER NOT NULL DEFAULT 0,
    last_activity INTEGER NOT NULL,
    created       INTEGER NOT NULL,
    UNIQUE (user, bot)
) STRICT;

-- Clustered by conversation and place: a page of history is one stretch of the file.
CREATE TABLE messages (
    conversation      INTEGER NOT NULL REFERENCES conversations (id),
    seq               INTEGER NOT NULL,
    message_id        TEXT    NOT NULL,
    author            INTEGER NOT NULL CHECK (author IN (0, 1)),
    client_message_id TEXT,
    body              TEXT    NOT NULL,
    created           INTEGER NOT NULL,
    session_id        TEXT    NOT NULL,
    PRIMARY KEY (conversation, seq)
) STRICT, WITHOUT ROWID;

-- The idempotence key: (user, bot) is the conversation, the client's id is its JSON text.
CREATE UNIQUE INDEX messages_once ON messages (conversation, client_message_id)
    WHERE client_message_id IS NOT NULL;

-- Work for bots; a row is gone when the work is done. AUTOINCREMENT: a number never comes twice,
-- so the end of a job that is long done finds nothing.
CREATE TABLE jobs (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation INTEGER NOT NULL REFERENCES conversations (id),
    kind         INTEGER NOT NULL CHECK (kind IN (0, 1, 2)),
    trigger_seq  INTEGER,
    session_id   TEXT    NOT NULL,
    context      TEXT    NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    due          INTEGER NOT NULL,
    created      INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_of_conversation ON jobs (conversation, id);

CREATE TABLE tokens (
    hash    BLOB    NOT NULL PRIMARY KEY,
    user    TEXT    NOT NULL,
    app     TEXT    NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_expiry ON tokens (expires);

CREATE TABLE tickets (
    hash    BLOB    NOT NULL PRIMARY KEY,
    user    TEXT    NOT NULL,
    app     TEXT    NOT NULL,
    bot     TEXT    NOT NULL,
    expires INTEGER NOT NULL,
    context TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tickets_by_expiry ON tickets (expires);

-- Assertions that were used, until they expire by themselves.
CREATE TABLE assertions (
    hash    BLOB    NOT NULL PRIMARY KEY,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX assertions_by_expiry ON assertions (expires);

-- Written by the health check after a failed write, to see whether the disk has room again.
CREATE TABLE probe (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    data BLOB NOT NULL
) STRICT;

PRAGMA user_version = 1;
