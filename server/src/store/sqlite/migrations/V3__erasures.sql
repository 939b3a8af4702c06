-- Who was forgotten: a server looks here for what another process erased, and ends the sockets. One row a user,
-- with a new number each time; removed after a day.
CREATE TABLE erasures (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    user   TEXT    NOT NULL UNIQUE,
    at     INTEGER NOT NULL
) STRICT;

-- A user's tokens are revoked together.
CREATE INDEX tokens_by_user ON tokens (user);

PRAGMA user_version = 3;
