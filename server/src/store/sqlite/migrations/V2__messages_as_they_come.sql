-- Messages in the order they come, their places in an index. Clustered by conversation, each message
-- changed a page of its own, and a commit under load was as many pages of the log as messages.
CREATE TABLE messages_as_they_come (
    conversation      INTEGER NOT NULL REFERENCES conversations (id),
    seq               INTEGER NOT NULL,
    message_id        TEXT    NOT NULL,
    author            INTEGER NOT NULL CHECK (author IN (0, 1)),
    client_message_id TEXT,
    body              TEXT    NOT NULL,
    created           INTEGER NOT NULL,
    session_id        TEXT    NOT NULL,
    PRIMARY KEY (conversation, seq)
) STRICT;

-- Old conversations stay together: that is how they are read.
INSERT INTO messages_as_they_come
    (conversation, seq, message_id, author, client_message_id, body, created, session_id)
SELECT conversation, seq, message_id, author, client_message_id, body, created, session_id
FROM messages ORDER BY conversation, seq;

DROP TABLE messages;
ALTER TABLE messages_as_they_come RENAME TO messages;

-- The idempotence key: (user, bot) is the conversation, the client's id is its JSON text.
CREATE UNIQUE INDEX messages_once ON messages (conversation, client_message_id)
    WHERE client_message_id IS NOT NULL;

PRAGMA user_version = 2;
