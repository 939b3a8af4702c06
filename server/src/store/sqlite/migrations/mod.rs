//! The schema, as numbered files. Each is run once.
//!
//! `PRAGMA user_version` holds the number of the last file that was run. A migration library would add its own table
//! and a few crates for what takes twenty lines here. The number can also be read before anything else of the file is
//! understood, and refusing a newer file needs that.
//!
//! To change the schema: add `NNNN_what.sql`, append it to [`FILES`]. Never edit a released file.

use rusqlite::{Connection, TransactionBehavior};

use super::convert::store_error;
use crate::store::StoreError;

/// In order; the first is version 1.
const FILES: &[&str] = &[
    include_str!("0001_first.sql"),
    include_str!("0002_messages_as_they_come.sql"),
    include_str!("0003_erasures.sql"),
    include_str!("0004_words.sql"),
    include_str!("0005_access.sql"),
    include_str!("0006_messages_by_id.sql"),
    include_str!("0007_owners.sql"),
    include_str!("0008_counters.sql"),
    include_str!("0009_leases.sql"),
    include_str!("0010_nodes.sql"),
];

/// Marks the file as ours ("Prlr"), so that the server never writes into another program's database.
const APPLICATION_ID: i64 = 0x5072_6c72;

/// The version that this program writes.
pub(super) fn known() -> u32 {
    u32::try_from(FILES.len()).unwrap_or(u32::MAX)
}

/// Brings the file to the known version. Each step is one transaction.
pub(super) fn run(connection: &mut Connection) -> Result<(), StoreError> {
    for number in identify(connection)?..known() {
        step(connection, number).map_err(store_error)?;
    }
    Ok(())
}

/// The version of a file that is ours or still empty (0). Refuses a newer file and another program's.
pub(super) fn identify(connection: &Connection) -> Result<u32, StoreError> {
    let found = version(connection)?;
    if found > known() {
        return Err(StoreError::TooNew {
            found,
            known: known(),
        });
    }
    let owner: i64 = pragma(connection, "application_id")?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(store_error)?;
    if owner != APPLICATION_ID && (found > 0 || owner != 0 || tables > 0) {
        let reason = "it is the database of another program".to_owned();
        return Err(StoreError::Corrupt { reason });
    }
    Ok(found)
}

/// A file that an earlier version left.
#[cfg(test)]
pub(super) fn first(connection: &mut Connection) -> rusqlite::Result<()> {
    step(connection, 0)
}

fn step(connection: &mut Connection, done: u32) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let version: u32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let file = usize::try_from(done)
        .ok()
        .and_then(|index| FILES.get(index));
    if let (true, Some(sql)) = (version == done, file) {
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", done + 1)?;
    }
    transaction.commit()
}

/// The version of the file; 0 for an empty one.
pub(super) fn version(connection: &Connection) -> Result<u32, StoreError> {
    pragma(connection, "user_version")
}

fn pragma<T: rusqlite::types::FromSql>(
    connection: &Connection,
    name: &str,
) -> Result<T, StoreError> {
    connection
        .pragma_query_value(None, name, |row| row.get(0))
        .map_err(store_error)
}
