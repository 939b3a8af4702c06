-- The servers that use this database: until when each of them lives unless it says so again, a fingerprint of the secret
-- that signs visitors, and the names of the apps' keys. The last one is kept for the next start to compare with.
CREATE TABLE nodes (
    node     TEXT    NOT NULL PRIMARY KEY,
    until    INTEGER NOT NULL,
    visitors TEXT    NOT NULL,
    keys     TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 10;
