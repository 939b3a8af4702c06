-- What a token rests on: the key that vouched for its user, and whether that is a passing one. Tokens of before do not
-- say; they end by themselves.
ALTER TABLE tokens ADD COLUMN key TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN anonymous INTEGER NOT NULL DEFAULT 0;
UPDATE tokens SET anonymous = 1
    WHERE user IN (SELECT id FROM users WHERE identity LIKE 'visitor-%');

-- All access of a user ends at once, and of an identity in all apps.
CREATE INDEX tickets_by_user ON tickets (user);
CREATE INDEX users_by_identity ON users (identity);

-- Who has signed out, by a hash of the identity, and when: what was issued for them before proves them no more. Kept
-- until all of that has expired by itself.
CREATE TABLE signed_out (
    hash    BLOB    NOT NULL PRIMARY KEY,
    moment  INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX signed_out_by_expiry ON signed_out (expires);

PRAGMA user_version = 5;
