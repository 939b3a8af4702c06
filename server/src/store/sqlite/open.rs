//! Opens the file: the folder, the connections, the settings, the schema.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::convert::store_error;
use super::{SqliteOptions, Synchronous, migrations};
use crate::store::StoreError;

/// The file in the data folder. `-wal` and `-shm` lie beside it while the server runs.
pub(super) const FILE: &str = "parlour.db";

/// How long SQLite waits for another process (a backup, `sqlite3`) before it reports busy.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// The statements that each connection keeps ready. There are about thirty.
const STATEMENTS: usize = 64;

/// The number of pages in the log before it is moved into the file: 16 MiB, so that under load one move serves many
/// commits.
const CHECKPOINT_PAGES: i64 = 4_096;

/// The cache of the writing connection, in KiB. It must hold a batch of writes for as many conversations. What does not
/// fit is written and read again within the transaction. The default is 2 MiB.
const WRITER_CACHE_KIB: i64 = 16 * 1_024;

/// A file up to this size is checked at the start, which takes a second at most. A check of a larger file would delay
/// the start.
const CHECKED_BYTES: u64 = 64 * 1024 * 1024;

/// Makes the folder if it is missing, and finds out whether it can be written to.
pub(super) fn prepare_folder(folder: &Path) -> Result<PathBuf, StoreError> {
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => {
            return Err(StoreError::NotADirectory {
                path: folder.to_owned(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(StoreError::NotADirectory {
                path: folder.to_owned(),
            });
        }
        Err(_) => fs::create_dir_all(folder).map_err(|error| not_writable(folder, &error))?,
    }
    let file = folder.join(FILE);
    create(&file).map_err(|error| not_writable(folder, &error))?;
    Ok(file)
}

/// Creates the file before SQLite does, so that only its owner may read it. SQLite gives the files beside it the same
/// permissions.
fn create(file: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.read(true).append(true).create(true);
    owners_only(&mut options).open(file).map(drop)
}

/// Sets the options of a file that only its owner may read.
pub(super) fn owners_only(options: &mut fs::OpenOptions) -> &mut fs::OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn not_writable(folder: &Path, error: &io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::NotADirectory {
        return StoreError::NotADirectory {
            path: folder.to_owned(),
        };
    }
    StoreError::NotWritable {
        path: folder.to_owned(),
        reason: error.to_string(),
    }
}

/// The connection that writes. Opening it brings the schema up to date.
pub(super) fn writing(file: &Path, options: &SqliteOptions) -> Result<Connection, StoreError> {
    let mut connection = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check_small(file, &connection)?;
    // This comes before anything is written, so that a file of another program stays as it was.
    migrations::identify(&connection)?;
    settings(&connection, options)?;
    migrations::run(&mut connection)?;
    bound(&connection, options)?;
    Ok(connection)
}

/// The connection that writes after a failed sync. The committed transactions in the log are written into the file, and
/// the file is synced. Then the log is emptied, so that nothing is built on data that the kernel may have dropped
/// (docs/adr/0014-failed-sync.md).
pub(super) fn after_failed_sync(
    file: &Path,
    options: &SqliteOptions,
) -> Result<Connection, StoreError> {
    let connection = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    settings(&connection, options)?;
    empty_log(&connection)?;
    check_small(file, &connection)?;
    bound(&connection, options)?;
    Ok(connection)
}

/// Moves the log into the file and empties the log.
pub(super) fn empty_log(connection: &Connection) -> Result<(), StoreError> {
    let busy: bool = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(store_error)?;
    if busy {
        return Err(StoreError::Unavailable {
            reason: "a reader holds the log".to_owned(),
        });
    }
    Ok(())
}

/// Sets how the file is written.
fn settings(connection: &Connection, options: &SqliteOptions) -> Result<(), StoreError> {
    let set = || {
        // The file stays in WAL mode: from here on readers never wait for the writer.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let synchronous = match options.synchronous {
            Synchronous::Full => "FULL",
            Synchronous::Normal => "NORMAL",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        // A foreign key looks up its row for each message, and once more for each answer. The statements that write look
        // by themselves, as they do in PostgreSQL.
        connection.pragma_update(None, "foreign_keys", false)?;
        // Deleted data is overwritten, not only unlinked. This is always on, because splitting a page also leaves
        // copies of rows behind, long before a user is erased.
        connection.pragma_update(None, "secure_delete", true)?;
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        // The data for restoring a savepoint is kept in memory, because it is only a few pages.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)
    };
    set().map_err(store_error)
}

fn bound(connection: &Connection, options: &SqliteOptions) -> Result<(), StoreError> {
    let Some(pages) = options.max_pages else {
        return Ok(());
    };
    connection
        .pragma_update(None, "max_page_count", pages)
        .map_err(store_error)
}

/// A connection that only reads.
pub(super) fn reading(file: &Path) -> Result<Connection, StoreError> {
    let connection = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection
        .pragma_update(None, "query_only", true)
        .map_err(store_error)?;
    Ok(connection)
}

pub(super) fn connect(file: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    // No mutex, because each connection belongs to one thread. No URI, because a folder may have any name.
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(store_error)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(store_error)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // One plan for a statement, whatever values are bound to it. Without this SQLite prepares some statements anew for
    // each value, which was half of the cost of reading.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(store_error)?;
    Ok(connection)
}

/// Refuses a damaged file with a sentence, instead of failing somewhere later.
fn check_small(file: &Path, connection: &Connection) -> Result<(), StoreError> {
    if fs::metadata(file).map_or(true, |found| found.len() > CHECKED_BYTES) {
        return Ok(());
    }
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(store_error)?;
    if found == "ok" {
        return Ok(());
    }
    Err(StoreError::Corrupt {
        reason: "its inner check failed".to_owned(),
    })
}
