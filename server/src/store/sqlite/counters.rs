//! Statements about the counters of limits.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::convert::{integer, store_error, unsigned};
use crate::store::{Spending, StoreError};

pub(super) fn spend(
    connection: &Connection,
    spendings: &[Spending],
) -> Result<Option<usize>, StoreError> {
    for (index, spending) in spendings.iter().enumerate() {
        let so_far: u64 = connection
            .prepare_cached("SELECT count FROM counters WHERE hash = ?1")
            .and_then(|mut query| {
                query
                    .query_row([spending.counter], |row| unsigned(row, 0))
                    .optional()
            })
            .map_err(store_error)?
            .unwrap_or(0);
        // A spending that adds nothing asks whether one more would fit.
        if so_far.saturating_add(spending.add.max(1)) > spending.most {
            return Ok(Some(index));
        }
    }
    for spending in spendings.iter().filter(|spending| spending.add > 0) {
        connection
            .prepare_cached(
                "INSERT INTO counters (hash, until, count) VALUES (?1, ?2, ?3)
                 ON CONFLICT (hash) DO UPDATE SET count = count + ?3",
            )
            .and_then(|mut upsert| {
                upsert.execute(params![
                    spending.counter,
                    spending.until,
                    integer(spending.add)
                ])
            })
            .map_err(store_error)?;
    }
    Ok(None)
}
