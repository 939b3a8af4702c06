//! Statements about the servers that use the database: one at a time, and the one before it.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::convert::{integer, store_error};
use crate::clock::{Millis, whole_millis};
use crate::limits::LEASE;
use crate::store::{Joined, NodeRecord, StoreError};

pub(super) fn join(
    connection: &Connection,
    node: &str,
    record: &NodeRecord,
    now: Millis,
) -> Result<Joined, StoreError> {
    let look = || {
        let mut living = connection
            .prepare_cached("SELECT visitors, keys FROM nodes WHERE node <> ?1 AND until > ?2")?;
        let living = living.query_map(params![node, now], read)?;
        let living: Vec<NodeRecord> = living.collect::<rusqlite::Result<_>>()?;
        let mut last = connection
            .prepare_cached("SELECT visitors, keys FROM nodes ORDER BY until DESC LIMIT 1")?;
        Ok((living, last.query_row([], read).optional()?))
    };
    let (living, last) = look().map_err(store_error)?;
    if living.iter().any(|it| it.visitors != record.visitors) {
        return Ok(Joined::Refused);
    }
    note(connection, node, record, now)?;
    if living.is_empty() {
        return Ok(Joined::Alone(last));
    }
    Ok(Joined::Beside(living))
}

fn note(
    connection: &Connection,
    node: &str,
    record: &NodeRecord,
    now: Millis,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO nodes (node, until, visitors, keys) VALUES (?1, ?2, ?3, ?4)",
        )
        .and_then(|mut put| {
            put.execute(params![node, now.plus(LEASE), record.visitors, record.keys])
        })
        .map_err(store_error)?;
    Ok(())
}

/// It lived when it last said so, and lives no more.
pub(super) fn leave(connection: &Connection, node: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE nodes SET until = until - ?2 WHERE node = ?1")
        .and_then(|mut update| update.execute(params![node, integer(whole_millis(LEASE))]))
        .map_err(store_error)?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<NodeRecord> {
    Ok(NodeRecord {
        visitors: row.get(0)?,
        keys: row.get(1)?,
    })
}
