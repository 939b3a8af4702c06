-- The servers that use this database: until when each of them lives by PostgreSQL's clock unless it says so again, a
-- fingerprint of the secret that signs visitors, and the names of the apps' keys. The last one is kept for the next start
-- to compare with.
CREATE TABLE nodes (
    node     text   NOT NULL PRIMARY KEY,
    until    bigint NOT NULL,
    visitors text   NOT NULL,
    keys     text   NOT NULL
);

-- The users who have several sockets open on a node. Only rows of nodes that live count.
CREATE TABLE seats (
    user_id text    NOT NULL,
    node    text    NOT NULL,
    sockets integer NOT NULL,
    PRIMARY KEY (user_id, node)
);
CREATE INDEX seats_by_node ON seats (node);
