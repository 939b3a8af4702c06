-- The same id of a client with other words is another message. So the idempotence key is (user, bot), the client's id
-- as JSON text, and a fingerprint of the words; empty for messages of before, whose bodies are compared, and for those
-- of bots. Not unique: after a week and a day the same id with the same words is a new message, too.
DROP INDEX messages_once;
ALTER TABLE messages ADD COLUMN words BLOB NOT NULL DEFAULT x'';
CREATE INDEX messages_sent_again ON messages (conversation, client_message_id, words)
    WHERE client_message_id IS NOT NULL;

PRAGMA user_version = 4;
