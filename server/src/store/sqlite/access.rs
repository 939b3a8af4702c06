//! Statements about users, tokens, tickets and used assertions.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::convert::{store_error, user as user_row};
use crate::clock::Millis;
use crate::limits::ENDED_ACCESS_KEPT;
use crate::store::{NewGrant, SecretHash, StoreError, Swept, TicketRecord, TokenRecord, User};

/// The most rows that one sweep removes from each table. It bounds how long the writer is busy with it.
const SWEEP_ROWS: i64 = 1_000;

pub(super) fn user(
    connection: &Connection,
    app: &str,
    identity: &str,
    new_id: &str,
    now: Millis,
) -> Result<User, StoreError> {
    if let Some(found) = known_user(connection, app, identity)? {
        return Ok(found);
    }
    connection
        .prepare_cached("INSERT INTO users (id, app, identity, created) VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut insert| insert.execute(params![new_id, app, identity, now]))
        .map_err(store_error)?;
    Ok(User {
        id: new_id.to_owned(),
        app: app.to_owned(),
        identity: identity.to_owned(),
        created: now,
    })
}

pub(super) fn grant(connection: &Connection, grant: &NewGrant) -> Result<Option<User>, StoreError> {
    if signed_out(connection, &grant.identity)?.is_some_and(|moment| grant.issued <= moment) {
        return Ok(None);
    }
    if let Some((hash, expires)) = grant.once
        && !use_jti(connection, hash, expires, grant.now)?
    {
        return Ok(None);
    }
    let id = &grant.new_user_id;
    let user = user(connection, &grant.app, &grant.identity, id, grant.now)?;
    if let Some(profile) = &grant.profile {
        set_profile(connection, &user.id, profile)?;
    }
    let token = TokenRecord {
        hash: grant.token,
        user: user.id.clone(),
        app: grant.app.clone(),
        key: grant.key.clone(),
        anonymous: grant.anonymous,
        expires: grant.expires,
    };
    put_token(connection, &token)?;
    Ok(Some(user))
}

/// Writes only a new profile, because most visitors come back with the old one.
fn set_profile(connection: &Connection, user: &str, profile: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE users SET profile = ?2 WHERE id = ?1 AND profile IS NOT ?2")
        .and_then(|mut update| update.execute([user, profile]))
        .map_err(store_error)?;
    Ok(())
}

fn known_user(
    connection: &Connection,
    app: &str,
    identity: &str,
) -> Result<Option<User>, StoreError> {
    connection
        .prepare_cached(
            "SELECT id, app, identity, created FROM users WHERE app = ?1 AND identity = ?2",
        )
        .and_then(|mut query| query.query_row([app, identity], user_row).optional())
        .map_err(store_error)
}

fn put_token(connection: &Connection, token: &TokenRecord) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO tokens (hash, user, app, expires, key, anonymous)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                token.hash,
                token.user,
                token.app,
                token.expires,
                token.key,
                token.anonymous
            ])
        })
        .map_err(store_error)?;
    Ok(())
}

pub(super) fn token(
    connection: &Connection,
    hash: SecretHash,
    now: Millis,
) -> Result<Option<TokenRecord>, StoreError> {
    connection
        .prepare_cached(
            "SELECT hash, user, app, expires, key, anonymous
             FROM tokens WHERE hash = ?1 AND expires > ?2",
        )
        .and_then(|mut query| {
            query
                .query_row(params![hash, now], |row| {
                    Ok(TokenRecord {
                        hash: row.get(0)?,
                        user: row.get(1)?,
                        app: row.get(2)?,
                        expires: row.get(3)?,
                        key: row.get(4)?,
                        anonymous: row.get(5)?,
                    })
                })
                .optional()
        })
        .map_err(store_error)
}

pub(super) fn revoke_token(
    connection: &Connection,
    hash: SecretHash,
    now: Millis,
) -> Result<bool, StoreError> {
    let user: Option<String> = connection
        .prepare_cached("DELETE FROM tokens WHERE hash = ?1 RETURNING user")
        .and_then(|mut delete| delete.query_row([hash], |row| row.get(0)).optional())
        .map_err(store_error)?;
    let Some(user) = user else { return Ok(false) };
    list_ended(connection, &user, now)?;
    Ok(true)
}

/// Lists the user for other processes, with a new number.
fn list_ended(connection: &Connection, user: &str, now: Millis) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO erasures (user, at) VALUES (?1, ?2)")
        .and_then(|mut insert| insert.execute(params![user, now]))
        .map_err(store_error)?;
    Ok(())
}

pub(super) fn revoke_user(
    connection: &Connection,
    user: &str,
    now: Millis,
) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM tokens WHERE user = ?1",
        "DELETE FROM tickets WHERE user = ?1",
    ] {
        connection
            .prepare_cached(sql)
            .and_then(|mut delete| delete.execute([user]))
            .map_err(store_error)?;
    }
    list_ended(connection, user, now)
}

pub(super) fn sign_out(
    connection: &Connection,
    identity: &str,
    now: Millis,
    forget: Millis,
) -> Result<Vec<String>, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO signed_out (hash, moment, expires) VALUES (?1, ?2, ?3)
             ON CONFLICT (hash) DO UPDATE SET
                 moment = max(moment, excluded.moment), expires = max(expires, excluded.expires)",
        )
        .and_then(|mut insert| insert.execute(params![SecretHash::of(identity), now, forget]))
        .map_err(store_error)?;
    let users: Vec<String> = connection
        .prepare_cached("SELECT id FROM users WHERE identity = ?1")
        .and_then(|mut query| query.query_map([identity], |row| row.get(0))?.collect())
        .map_err(store_error)?;
    for user in &users {
        revoke_user(connection, user, now)?;
    }
    Ok(users)
}

pub(super) fn signed_out(
    connection: &Connection,
    identity: &str,
) -> Result<Option<Millis>, StoreError> {
    connection
        .prepare_cached("SELECT moment FROM signed_out WHERE hash = ?1")
        .and_then(|mut query| {
            query
                .query_row([SecretHash::of(identity)], |row| row.get(0))
                .optional()
        })
        .map_err(store_error)
}

pub(super) fn put_ticket(connection: &Connection, ticket: &TicketRecord) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO tickets (hash, user, app, bot, expires, context)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                ticket.hash,
                ticket.user,
                ticket.app,
                ticket.bot,
                ticket.expires,
                ticket.context
            ])
        })
        .map_err(store_error)?;
    Ok(())
}

/// One statement that both reads and removes, so that a second caller finds nothing.
pub(super) fn take_ticket(
    connection: &Connection,
    hash: SecretHash,
    now: Millis,
) -> Result<Option<TicketRecord>, StoreError> {
    let taken = connection
        .prepare_cached(
            "DELETE FROM tickets WHERE hash = ?1
             RETURNING hash, user, app, bot, expires, context",
        )
        .and_then(|mut delete| {
            delete
                .query_row([hash], |row| {
                    Ok(TicketRecord {
                        hash: row.get(0)?,
                        user: row.get(1)?,
                        app: row.get(2)?,
                        bot: row.get(3)?,
                        expires: row.get(4)?,
                        context: row.get(5)?,
                    })
                })
                .optional()
        })
        .map_err(store_error)?;
    Ok(taken.filter(|ticket| ticket.expires > now))
}

/// One statement, too. It changes a row only if the assertion is new, or if an old one with the same hash has expired
/// (and would be refused because of its own `exp`).
fn use_jti(
    connection: &Connection,
    hash: SecretHash,
    expires: Millis,
    now: Millis,
) -> Result<bool, StoreError> {
    let changed = connection
        .prepare_cached(
            "INSERT INTO assertions (hash, expires) VALUES (?1, ?2)
             ON CONFLICT (hash) DO UPDATE SET expires = excluded.expires
             WHERE assertions.expires <= ?3",
        )
        .and_then(|mut insert| insert.execute(params![hash, expires, now]))
        .map_err(store_error)?;
    Ok(changed == 1)
}

pub(super) fn sweep(connection: &Connection, now: Millis) -> Result<Swept, StoreError> {
    let remove = |sql: &str| {
        connection
            .prepare_cached(sql)
            .and_then(|mut delete| delete.execute(params![now, SWEEP_ROWS]))
            .map_err(store_error)
    };
    Ok(Swept {
        tokens: remove(
            "DELETE FROM tokens WHERE hash IN
             (SELECT hash FROM tokens WHERE expires <= ?1 LIMIT ?2)",
        )?,
        tickets: remove(
            "DELETE FROM tickets WHERE hash IN
             (SELECT hash FROM tickets WHERE expires <= ?1 LIMIT ?2)",
        )?,
        assertions: remove(
            "DELETE FROM assertions WHERE hash IN
             (SELECT hash FROM assertions WHERE expires <= ?1 LIMIT ?2)",
        )?,
        ended: connection
            .prepare_cached(
                "DELETE FROM erasures WHERE number IN
                 (SELECT number FROM erasures WHERE at <= ?1 LIMIT ?2)",
            )
            .and_then(|mut delete| {
                delete.execute(params![now.minus(ENDED_ACCESS_KEPT), SWEEP_ROWS])
            })
            .map_err(store_error)?,
        signed_out: remove(
            "DELETE FROM signed_out WHERE hash IN
             (SELECT hash FROM signed_out WHERE expires <= ?1 LIMIT ?2)",
        )?,
        counters: remove(
            "DELETE FROM counters WHERE hash IN
             (SELECT hash FROM counters WHERE until <= ?1 LIMIT ?2)",
        )?,
    })
}
