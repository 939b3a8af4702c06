//! Statements about users, tokens, tickets and used assertions.
//!
//! None of them waits in a batch: each is a transaction of its own.

use deadpool_postgres::{Client, Transaction};
use futures_util::future::{join_all, try_join};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::convert::{Columns as _, text, user as user_row};
use super::errors::{Failure, unavailable};
use super::nodes::DEAD_SEATS;
use crate::clock::Millis;
use crate::limits::ENDED_ACCESS_KEPT;
use crate::store::{NewGrant, SecretHash, StoreError, Swept, TicketRecord, TokenRecord, User};

/// Rows that one sweep removes from each table.
const SWEEP_ROWS: i64 = 1_000;

pub(super) async fn user(
    client: &Client,
    app: &str,
    identity: &str,
    new_id: &str,
    now: Millis,
) -> Result<User, Failure> {
    let sql = "
        WITH found AS (
            SELECT id, app, identity, created FROM users WHERE app = $1 AND identity = $2
        ), made AS (
            INSERT INTO users (id, app, identity, created)
            SELECT $3, $1, $2, $4 WHERE NOT EXISTS (SELECT 1 FROM found)
            ON CONFLICT (app, identity) DO NOTHING RETURNING id, app, identity, created
        )
        SELECT * FROM found UNION ALL SELECT * FROM made";
    let query = client.prepare_cached(sql).await?;
    let (app, identity) = (text(app), text(identity));
    // The second time for a user whom somebody else has just made; the third for one who was forgotten in between.
    for _ in 0..3 {
        let values: [&(dyn ToSql + Sync); 4] = [&app, &identity, &new_id, &now];
        if let Some(row) = client.query_opt(&query, &values).await? {
            return Ok(user_row(&row)?);
        }
    }
    Err(unavailable("the user comes and goes").into())
}

/// A number for the identity's lock: whoever signs it out waits for grants under way, and grants wait for that.
fn lock_of(identity: SecretHash) -> i32 {
    let first = identity.0.first_chunk();
    first.copied().map_or(0, i32::from_be_bytes)
}

/// All of it is one statement behind the lock, so its conditions hold at one moment.
pub(super) async fn grant(client: &mut Client, grant: &NewGrant) -> Result<Option<User>, Failure> {
    const LOCK: &str = "SELECT pg_advisory_xact_lock_shared(1349676147, $1)";
    const GRANT: &str = "
        WITH refused AS (
            SELECT 1 FROM signed_out WHERE hash = $1 AND moment >= $2
        ), spent AS (
            INSERT INTO assertions (hash, expires)
            SELECT $3::bytea, $4::bigint WHERE $3 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM refused)
            ON CONFLICT (hash) DO UPDATE SET expires = excluded.expires WHERE assertions.expires <= $5
            RETURNING hash
        ), person AS (
            INSERT INTO users (id, app, identity, created, profile)
            SELECT $6, $7, $8, $5, $9::text
            WHERE NOT EXISTS (SELECT 1 FROM refused) AND ($3 IS NULL OR EXISTS (SELECT 1 FROM spent))
            ON CONFLICT (app, identity) DO UPDATE SET profile = coalesce(excluded.profile, users.profile)
            RETURNING id, app, identity, created
        ), token AS (
            INSERT INTO tokens (hash, user_id, app, expires, key, anonymous)
            SELECT $10, id, $7, $11, $12, $13 FROM person
        )
        SELECT id, app, identity, created FROM person";
    let identity = text(&grant.identity);
    let hash = SecretHash::of(identity.as_ref());
    let (once, until) = grant.once.unzip();
    let values: [&(dyn ToSql + Sync); 13] = [
        &hash,
        &grant.issued,
        &once,
        &until,
        &grant.now,
        &grant.new_user_id,
        &grant.app,
        &identity,
        &grant.profile,
        &grant.token,
        &grant.expires,
        &grant.key,
        &grant.anonymous,
    ];
    let lock = client.prepare_cached(LOCK).await?;
    let statement = client.prepare_cached(GRANT).await?;
    let transaction = client.transaction().await?;
    let key = lock_of(hash);
    let key: [&(dyn ToSql + Sync); 1] = [&key];
    // One behind the other, without waiting in between.
    let locked = transaction.query(&lock, &key);
    let (_, granted) = try_join(locked, transaction.query_opt(&statement, &values)).await?;
    let user = granted.as_ref().map(user_row).transpose()?;
    transaction.commit().await?;
    Ok(user)
}

pub(super) async fn token(
    client: &Client,
    hash: SecretHash,
    now: Millis,
) -> Result<Option<TokenRecord>, Failure> {
    let sql = "SELECT hash, user_id, app, expires, key, anonymous
         FROM tokens WHERE hash = $1 AND expires > $2";
    let query = client.prepare_cached(sql).await?;
    let found = client.query_opt(&query, &[&hash, &now]).await?;
    let read = |row: Row| -> Result<TokenRecord, StoreError> {
        Ok(TokenRecord {
            hash: row.get_or(0)?,
            user: row.get_or(1)?,
            app: row.get_or(2)?,
            expires: row.get_or(3)?,
            key: row.get_or(4)?,
            anonymous: row.get_or(5)?,
        })
    };
    Ok(found.map(read).transpose()?)
}

/// Held by whoever lists ended access, before the list or a token is changed. So numbers become visible in their order:
/// who reads up to one misses none before it.
const LIST: &str = "SELECT pg_advisory_xact_lock(1349676146, 2)";

pub(super) async fn revoke_token(
    client: &mut Client,
    hash: SecretHash,
    now: Millis,
) -> Result<bool, Failure> {
    let sql = "
        WITH gone AS (DELETE FROM tokens WHERE hash = $1 RETURNING user_id)
        INSERT INTO erasures (user_id, at) SELECT user_id, $2 FROM gone
        ON CONFLICT (user_id) DO UPDATE SET number = excluded.number, at = excluded.at";
    let lock = client.prepare_cached(LIST).await?;
    let delete = client.prepare_cached(sql).await?;
    let values: [&(dyn ToSql + Sync); 2] = [&hash, &now];
    let transaction = client.transaction().await?;
    let locked = transaction.query(&lock, &[]);
    let (_, listed) = try_join(locked, transaction.execute(&delete, &values)).await?;
    transaction.commit().await?;
    Ok(listed > 0)
}

/// Removes tokens and tickets of these users, and lists the users for other processes.
pub(super) async fn revoke(
    transaction: &Transaction<'_>,
    users: &[&str],
    now: Millis,
) -> Result<(), Failure> {
    let sql = "
        WITH tickets AS (DELETE FROM tickets WHERE user_id = ANY ($1)),
             tokens AS (DELETE FROM tokens WHERE user_id = ANY ($1))
        INSERT INTO erasures (user_id, at) SELECT DISTINCT unnest($1::text[]), $2::bigint
        ON CONFLICT (user_id) DO UPDATE SET number = excluded.number, at = excluded.at";
    let lock = transaction.prepare_cached(LIST).await?;
    let delete = transaction.prepare_cached(sql).await?;
    let values: [&(dyn ToSql + Sync); 2] = [&users, &now];
    let locked = transaction.query(&lock, &[]);
    try_join(locked, transaction.execute(&delete, &values)).await?;
    Ok(())
}

pub(super) async fn revoke_user(
    client: &mut Client,
    user: &str,
    now: Millis,
) -> Result<(), Failure> {
    let transaction = client.transaction().await?;
    revoke(&transaction, &[user], now).await?;
    Ok(transaction.commit().await?)
}

pub(super) async fn sign_out(
    client: &mut Client,
    identity: &str,
    now: Millis,
    forget: Millis,
) -> Result<Vec<String>, Failure> {
    let identity = text(identity);
    let hash = SecretHash::of(identity.as_ref());
    let transaction = client.transaction().await?;
    // In a statement of its own: the next ones see the grants that it has waited for.
    let lock = "SELECT pg_advisory_xact_lock(1349676147, $1)";
    transaction.query(lock, &[&lock_of(hash)]).await?;
    let remember = "INSERT INTO signed_out AS s (hash, moment, expires) VALUES ($1, $2, $3)
         ON CONFLICT (hash) DO UPDATE SET moment = greatest(s.moment, excluded.moment),
             expires = greatest(s.expires, excluded.expires)";
    transaction
        .execute(remember, &[&hash, &now, &forget])
        .await?;
    let found = "SELECT id FROM users WHERE identity = $1";
    let found = transaction.query(found, &[&identity]).await?;
    let users = found.iter().map(|row| row.get_or(0));
    let users: Vec<String> = users.collect::<Result<_, StoreError>>()?;
    let revoked: Vec<&str> = users.iter().map(String::as_str).collect();
    revoke(&transaction, &revoked, now).await?;
    transaction.commit().await?;
    Ok(users)
}

pub(super) async fn signed_out(client: &Client, identity: &str) -> Result<Option<Millis>, Failure> {
    let sql = "SELECT moment FROM signed_out WHERE hash = $1";
    let query = client.prepare_cached(sql).await?;
    let hash = SecretHash::of(text(identity).as_ref());
    let found = client.query_opt(&query, &[&hash]).await?;
    Ok(found.map(|row| row.get_or(0)).transpose()?)
}

pub(super) async fn put_ticket(client: &Client, ticket: &TicketRecord) -> Result<(), Failure> {
    let sql = "INSERT INTO tickets (hash, user_id, app, bot, expires, context)
         VALUES ($1, $2, $3, $4, $5, $6)";
    let insert = client.prepare_cached(sql).await?;
    let TicketRecord {
        hash,
        user,
        app,
        bot,
        expires,
        context,
    } = ticket;
    client
        .execute(&insert, &[hash, user, app, bot, expires, context])
        .await?;
    Ok(())
}

/// One statement that both reads and removes, so that a second caller finds nothing.
pub(super) async fn take_ticket(
    client: &Client,
    hash: SecretHash,
    now: Millis,
) -> Result<Option<TicketRecord>, Failure> {
    let sql = "DELETE FROM tickets WHERE hash = $1
         RETURNING hash, user_id, app, bot, expires, context";
    let delete = client.prepare_cached(sql).await?;
    let Some(row) = client.query_opt(&delete, &[&hash]).await? else {
        return Ok(None);
    };
    let ticket = TicketRecord {
        hash: row.get_or(0)?,
        user: row.get_or(1)?,
        app: row.get_or(2)?,
        bot: row.get_or(3)?,
        expires: row.get_or(4)?,
        context: row.get_or(5)?,
    };
    Ok(Some(ticket).filter(|ticket| ticket.expires > now))
}

/// What another node removes at this moment is left to it.
macro_rules! remove {
    ($table:literal, $key:literal, $end:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE ",
            $key,
            " = ANY (ARRAY(SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE ",
            $end,
            " <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))"
        )
    };
}

pub(super) async fn sweep(client: &Client, now: Millis) -> Result<Swept, Failure> {
    let told = now.minus(ENDED_ACCESS_KEPT);
    let tables = [
        (remove!("tokens", "hash", "expires"), now),
        (remove!("tickets", "hash", "expires"), now),
        (remove!("assertions", "hash", "expires"), now),
        (remove!("erasures", "number", "at"), told),
        (remove!("signed_out", "hash", "expires"), now),
        (remove!("counters", "hash", "until"), now),
    ];
    client.execute(DEAD_SEATS, &[]).await?;
    let removing = tables.map(|(sql, moment)| async move {
        let delete = client.prepare_cached(sql).await?;
        client.execute(&delete, &[&moment, &SWEEP_ROWS]).await
    });
    let mut removed = join_all(removing).await.into_iter();
    let mut next = || -> Result<usize, Failure> {
        let gone = removed.next().transpose()?.unwrap_or(0);
        Ok(usize::try_from(gone).unwrap_or(usize::MAX))
    };
    Ok(Swept {
        tokens: next()?,
        tickets: next()?,
        assertions: next()?,
        ended: next()?,
        signed_out: next()?,
        counters: next()?,
    })
}
