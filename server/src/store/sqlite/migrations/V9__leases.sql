-- Which node works on a conversation's jobs, and until when that holds unless it says so again. Nobody: nothing.
ALTER TABLE conversations ADD COLUMN lease_node TEXT;
ALTER TABLE conversations ADD COLUMN lease_until INTEGER NOT NULL DEFAULT 0;
CREATE INDEX conversations_by_lease ON conversations (lease_node) WHERE lease_node IS NOT NULL;

PRAGMA user_version = 9;
