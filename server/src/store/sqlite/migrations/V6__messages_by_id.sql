-- A message by its id, for clients that page from one (`msgId`). Without it each asked for a walk through the conversation.
CREATE INDEX messages_by_id ON messages (conversation, message_id);

PRAGMA user_version = 6;
