-- The public name of a conversation, which callbacks name, and who answers it: 0 the bot, 1 nobody yet, 2 a person of
-- that name. What the bot keeps of the conversation for its next turn is the bot's own text.
ALTER TABLE conversations ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE conversations ADD COLUMN owner INTEGER NOT NULL DEFAULT 0 CHECK (owner IN (0, 1, 2));
ALTER TABLE conversations ADD COLUMN owner_name TEXT;
ALTER TABLE conversations ADD COLUMN bot_state TEXT;

-- A version 4 UUID for each conversation of before.
UPDATE conversations SET name = 'cv-' || lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
    || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)));
CREATE UNIQUE INDEX conversations_by_name ON conversations (name);

-- What else the site's own assertion said of the visitor: a JSON object, or nothing.
ALTER TABLE users ADD COLUMN profile TEXT;

-- The person who wrote a message in the bot's place; nothing for the bot's own and the visitor's.
ALTER TABLE messages ADD COLUMN agent TEXT;

PRAGMA user_version = 7;
