//! One end of a copy between stores: reads a folder's database row by row, or fills an empty one.

use std::path::{Path, PathBuf};

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql, params_from_iter};

use super::SqliteOptions;
use super::convert::store_error;
use super::copy::{CopyError, Presence, file_in, must_be_ours};
use super::open::{connect, empty_log, prepare_folder, writing};
use crate::store::StoreError;
use crate::store::transfer::{Cell, Census, Table, TransferError};

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Cell::None => ToSqlOutput::Owned(Value::Null),
            Cell::Number(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Cell::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Cell::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}

fn cell(value: ValueRef<'_>) -> Result<Cell, StoreError> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let cell = match value {
        ValueRef::Null => Some(Cell::None),
        ValueRef::Integer(number) => Some(Cell::Number(number)),
        ValueRef::Text(bytes) => text(bytes).map(Cell::Text),
        ValueRef::Blob(bytes) => Some(Cell::Bytes(bytes.to_vec())),
        ValueRef::Real(_) => None,
    };
    cell.ok_or_else(|| StoreError::Corrupt {
        reason: "a value has an unexpected type".to_owned(),
    })
}

fn called(column: &str) -> &str {
    column
}

/// A database that is read as of one moment.
pub(crate) struct Source {
    connection: Connection,
    _alone: Presence,
}

impl Source {
    /// Opens a folder's database, while no server uses it.
    pub(crate) fn open(folder: &Path) -> Result<Self, TransferError> {
        let file = file_in(folder);
        must_be_ours(&file)?;
        let alone = Presence::alone(folder)?;
        let connection = connect(&file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let begun = connection.execute_batch("PRAGMA query_only = ON; BEGIN");
        begun.map_err(store_error)?;
        Ok(Self {
            connection,
            _alone: alone,
        })
    }

    /// Calls `take` with each row.
    pub(crate) async fn read<E: From<StoreError>>(
        &self,
        table: &Table,
        mut take: impl AsyncFnMut(Vec<Cell>) -> Result<(), E>,
    ) -> Result<(), E> {
        read(&self.connection, table, async |row| take(row).await).await
    }

    /// The last number that a table has given.
    pub(crate) fn last_number(&self, table: &Table) -> Result<i64, StoreError> {
        let Some(column) = table.numbered else {
            return Ok(0);
        };
        // Tables that only count what is there are not in the list.
        let sql = format!(
            "SELECT max(coalesce((SELECT max({column}) FROM {0}), 0),
                 coalesce((SELECT seq FROM sqlite_sequence WHERE name = '{0}'), 0))",
            table.name
        );
        let last = self.connection.query_row(&sql, [], |row| row.get(0));
        last.map_err(store_error)
    }
}

async fn read<E: From<StoreError>>(
    connection: &Connection,
    table: &Table,
    mut take: impl AsyncFnMut(Vec<Cell>) -> Result<(), E>,
) -> Result<(), E> {
    let sql = format!("SELECT {} FROM {}", table.list(called), table.name);
    let mut query = connection.prepare(&sql).map_err(store_error)?;
    let mut rows = query.query([]).map_err(store_error)?;
    while let Some(row) = rows.next().map_err(store_error)? {
        let cells = (0..table.columns.len()).map(|column| {
            let value = row.get_ref(column).map_err(store_error)?;
            cell(value)
        });
        take(cells.collect::<Result<_, StoreError>>()?).await?;
    }
    Ok(())
}

/// A new database in a folder, which is filled in one transaction.
pub(crate) struct Target {
    connection: Connection,
    file: PathBuf,
    _alone: Presence,
    done: bool,
}

impl Target {
    /// Makes the database in a folder that has none.
    pub(crate) fn new(folder: &Path) -> Result<Self, TransferError> {
        if file_in(folder).exists() {
            return Err(CopyError::Occupied {
                folder: folder.to_owned(),
            }
            .into());
        }
        let file = prepare_folder(folder)?;
        let alone = Presence::alone(folder)?;
        let connection = writing(&file, &SqliteOptions::default())?;
        connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(store_error)?;
        Ok(Self {
            connection,
            file,
            _alone: alone,
            done: false,
        })
    }

    pub(crate) fn write(&self, table: &Table, row: &[Cell]) -> Result<(), StoreError> {
        let places = vec!["?"; row.len()].join(", ");
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({places})",
            table.name,
            table.list(called)
        );
        let insert = self.connection.prepare_cached(&sql);
        let inserted = insert.and_then(|mut insert| insert.execute(params_from_iter(row)));
        inserted.map(drop).map_err(store_error)
    }

    /// The next number of a table is larger.
    pub(crate) fn go_on_after(&self, table: &Table, last: i64) -> Result<(), StoreError> {
        let sql = "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1";
        let done = self.connection.execute(sql, (table.name, last));
        if done.map_err(store_error)? == 0 && table.name != "conversations" {
            let sql = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";
            self.connection
                .execute(sql, (table.name, last))
                .map_err(store_error)?;
        }
        Ok(())
    }

    /// What a table holds now.
    pub(crate) async fn census(&self, table: &Table) -> Result<Census, StoreError> {
        let mut census = Census::default();
        let count = async |row: Vec<Cell>| -> Result<(), StoreError> {
            census.count(&row);
            Ok(())
        };
        read(&self.connection, table, count).await?;
        Ok(census)
    }

    /// Keeps it.
    pub(crate) fn commit(mut self) -> Result<(), StoreError> {
        self.connection
            .execute_batch("COMMIT")
            .map_err(store_error)?;
        self.done = true;
        empty_log(&self.connection)
    }
}

/// What was not kept leaves no file behind.
impl Drop for Target {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        for end in ["", "-wal", "-shm"] {
            let mut file = self.file.clone().into_os_string();
            file.push(end);
            drop(std::fs::remove_file(file));
        }
    }
}
