-- What was used up in a stretch of time, for limits that outlive a restart: turns of a visitor, an address and a bot, and
-- a bot's tokens. The hash stands for all of that.
CREATE TABLE counters (
    hash  BLOB    NOT NULL PRIMARY KEY,
    until INTEGER NOT NULL,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX counters_by_end ON counters (until);

PRAGMA user_version = 8;
