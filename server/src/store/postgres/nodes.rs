//! Statements about the servers that use the database: which of them live, and who has several sockets where.

use deadpool_postgres::Client;
use tokio_postgres::types::ToSql;
use tokio_postgres::{GenericClient, Row};

use super::convert::{Columns as _, Node, clock, millis, text};
use super::errors::Failure;
use crate::limits::LEASE;
use crate::store::{Joined, NodeRecord, StoreError};

/// Nodes that start at the same time join one after the other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1349676146, 3)";

const NOTE: &str = concat!(
    "INSERT INTO nodes (node, until, visitors, keys) VALUES ($1, ",
    clock!(),
    " + $2::bigint, $3, $4)
     ON CONFLICT (node) DO UPDATE
     SET until = excluded.until, visitors = excluded.visitors, keys = excluded.keys"
);

const LIVING: &str = concat!(
    "SELECT visitors, keys FROM nodes WHERE node <> $1 AND until > ",
    clock!()
);

/// The other servers that live.
pub(super) async fn living(
    client: &impl GenericClient,
    node: &Node,
) -> Result<Vec<NodeRecord>, Failure> {
    let living = client.query(LIVING, &[node]).await?;
    let living = living.iter().map(read);
    Ok(living.collect::<Result<_, StoreError>>()?)
}

pub(super) async fn join(
    client: &mut Client,
    node: &Node,
    record: &NodeRecord,
) -> Result<Joined, Failure> {
    const LAST: &str = "SELECT visitors, keys FROM nodes ORDER BY until DESC LIMIT 1";
    // Each process has a name of its own, so names of long ago add up.
    const OLD: &str = concat!(
        "DELETE FROM nodes WHERE until < ",
        clock!(),
        " - 86400000 AND node <> $1"
    );
    let transaction = client.transaction().await?;
    transaction.query(LOCK, &[]).await?;
    let living = living(&*transaction, node).await?;
    if living.iter().any(|it| it.visitors != record.visitors) {
        return Ok(Joined::Refused);
    }
    let last = transaction.query_opt(LAST, &[]).await?;
    let last = last.as_ref().map(read).transpose()?;
    transaction.execute(OLD, &[node]).await?;
    let values: [&(dyn ToSql + Sync); 4] = [node, &millis(LEASE), &record.visitors, &record.keys];
    transaction.execute(NOTE, &values).await?;
    transaction.commit().await?;
    if living.is_empty() {
        return Ok(Joined::Alone(last));
    }
    Ok(Joined::Beside(living))
}

/// It lived when it last said so, and lives no more. Nobody sits there any more.
pub(super) async fn leave(client: &Client, node: &Node) -> Result<(), Failure> {
    let end = "WITH seats AS (DELETE FROM seats WHERE node = $1)
         UPDATE nodes SET until = until - $2::bigint WHERE node = $1";
    client.execute(end, &[node, &millis(LEASE)]).await?;
    Ok(())
}

pub(super) async fn seats_elsewhere(
    client: &Client,
    node: &Node,
    user: &str,
) -> Result<u32, Failure> {
    const SQL: &str = concat!(
        "SELECT coalesce(sum(s.sockets), 0)::bigint FROM seats s JOIN nodes n USING (node)
         WHERE s.user_id = $1 AND s.node <> $2 AND n.until > ",
        clock!()
    );
    let query = client.prepare_cached(SQL).await?;
    let user = text(user);
    let row = client.query_one(&query, &[&user, node]).await?;
    let sockets: i64 = row.get_or(0)?;
    Ok(u32::try_from(sockets).unwrap_or(u32::MAX))
}

pub(super) async fn put_seats(
    client: &Client,
    node: &Node,
    seats: &[(String, u32)],
) -> Result<(), Failure> {
    let sql = "
        WITH told AS (
            SELECT user_id, sockets FROM unnest($1::text[], $2::integer[]) told (user_id, sockets)
        ), gone AS (
            DELETE FROM seats s USING told t
            WHERE s.node = $3 AND s.user_id = t.user_id AND t.sockets < 2
        )
        INSERT INTO seats (user_id, node, sockets)
        SELECT user_id, $3, sockets FROM told WHERE sockets >= 2
        ON CONFLICT (user_id, node) DO UPDATE SET sockets = excluded.sockets";
    let put = client.prepare_cached(sql).await?;
    let users: Vec<&str> = seats.iter().map(|(user, _)| user.as_str()).collect();
    let sockets = seats.iter().map(|(_, sockets)| i32::try_from(*sockets));
    let sockets: Vec<i32> = sockets.map(|it| it.unwrap_or(i32::MAX)).collect();
    client.execute(&put, &[&users, &sockets, node]).await?;
    Ok(())
}

/// The seats of nodes that died.
pub(super) const DEAD_SEATS: &str = concat!(
    "DELETE FROM seats WHERE node NOT IN (SELECT node FROM nodes WHERE until > ",
    clock!(),
    " - 60000)"
);

fn read(row: &Row) -> Result<NodeRecord, StoreError> {
    Ok(NodeRecord {
        visitors: row.get_or(0)?,
        keys: row.get_or(1)?,
    })
}
