//! The schema, as numbered files that are run once each, by refinery.
//!
//! A file notes its number in `PRAGMA user_version`, in the head of the database. There it can be read before anything
//! else is understood, and a newer database is refused untouched.
//!
//! To change the schema: add `V<N>__<what>.sql`, which ends with its `PRAGMA user_version`. Never edit a released file:
//! its checksum is compared.

use refinery::error::Kind;
use refinery::{Error, Target};
use rusqlite::Connection;

use super::convert::{failure, store_error};
use crate::store::{StoreError, migrations as common};

refinery::embed_migrations!("src/store/sqlite/migrations");

/// Marks the file as ours ("Prlr"), so that the server never writes into another program's database.
const APPLICATION_ID: i64 = 0x5072_6c72;

/// The version that this program writes.
pub(super) fn known() -> u32 {
    common::last(&migrations::runner())
}

/// Brings the file to the known version. All steps are one transaction.
pub(super) fn run(connection: &mut Connection) -> Result<(), StoreError> {
    // Steps from before refinery are not in its table. It takes the word of the head for them.
    let done = i32::try_from(identify(connection)?).unwrap_or(i32::MAX);
    if done > 0 {
        up_to(connection, Target::FakeVersion(done))?;
    }
    up_to(connection, Target::Latest)
}

fn up_to(connection: &mut Connection, target: Target) -> Result<(), StoreError> {
    let runner = migrations::runner().set_target(target);
    // Without the group, a step and its line in refinery's table are two transactions.
    let run = runner.set_grouped(true).run(connection);
    run.map(drop).map_err(|error| refused(&error))
}

fn refused(error: &Error) -> StoreError {
    let cause = match error.kind() {
        Kind::Connection(_, cause) => cause.downcast_ref(),
        _ => None,
    };
    match cause.map(failure) {
        // A disk that is full or broken.
        Some(failure) if !matches!(failure, StoreError::Refused { .. }) => failure,
        _ => common::refused(error),
    }
}

/// The version of a file that is ours or still empty (0). Refuses a newer file and another program's.
pub(super) fn identify(connection: &Connection) -> Result<u32, StoreError> {
    let found = version(connection)?;
    let known = known();
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    let owner: i64 = pragma(connection, "application_id")?;
    let tables: i64 = connection
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE tbl_name <> 'refinery_schema_history'",
            [],
            |row| row.get(0),
        )
        .map_err(store_error)?;
    if owner != APPLICATION_ID && (found > 0 || owner != 0 || tables > 0) {
        let reason = "it is the database of another program".to_owned();
        return Err(StoreError::Corrupt { reason });
    }
    Ok(found)
}

/// A file as version `number` of this program left it when that ran its files without refinery.
#[cfg(test)]
pub(super) fn before_refinery(connection: &mut Connection, number: i32) {
    up_to(connection, Target::Version(number)).expect("makes it");
    let table = "DROP TABLE refinery_schema_history";
    connection.execute_batch(table).expect("drops it");
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

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Connection {
        Connection::open_in_memory().expect("opens")
    }

    fn list(connection: &Connection, sql: &str) -> Vec<String> {
        let mut query = connection.prepare(sql).expect("a query");
        let rows = query.query_map([], |row| row.get(0)).expect("reads");
        rows.collect::<Result<_, _>>().expect("texts")
    }

    /// Every table and index, and the steps that refinery has noted.
    fn schema(connection: &Connection) -> [Vec<String>; 2] {
        let parts = "SELECT ifnull(sql, name) FROM sqlite_schema ORDER BY name";
        let steps =
            "SELECT version || name || checksum FROM refinery_schema_history ORDER BY version";
        [parts, steps].map(|sql| list(connection, sql))
    }

    #[test]
    fn a_file_of_any_version_before_refinery_becomes_like_a_new_one() {
        let mut new = empty();
        run(&mut new).expect("makes it");
        let expected = schema(&new);
        // No later step is without refinery.
        for number in 1..=10 {
            let mut old = empty();
            before_refinery(&mut old, number);
            assert_eq!(version(&old).map(i64::from), Ok(number.into()));
            for _ in 0..2 {
                run(&mut old).expect("brings it over");
                assert_eq!(schema(&old), expected, "from version {number}");
            }
        }
        assert_eq!(version(&new), Ok(known()), "the last step notes its number");
    }

    #[test]
    fn steps_that_fail_halfway_leave_the_file_as_it_was() {
        for number in [0, 1] {
            let mut file = empty();
            if number > 0 {
                before_refinery(&mut file, number);
            }
            let pages: u32 = pragma(&file, "page_count").expect("a number");
            // Room for refinery's table, and for some of the steps.
            file.pragma_update(None, "max_page_count", pages + 5)
                .expect("a bound");
            assert_eq!(run(&mut file), Err(StoreError::Full));
            assert_eq!(version(&file).map(i64::from), Ok(number.into()));
            file.pragma_update(None, "max_page_count", 1_000)
                .expect("room");
            run(&mut file).expect("goes on");
        }
    }
}
