//! All of a store brought into another one, of the other kind or of the same.
//!
//! In the path: `parlour db copy`, while no server uses either.
//!
//! Invariants: rows go one by one, so memory is bounded whatever the store holds. The target is empty before, and holds
//! everything or nothing afterwards: what was written is read again and compared, by count and by hash, before it is
//! committed.

use std::path::PathBuf;

use super::StoreError;
use super::postgres::PostgresOptions;
use super::postgres::transfer as postgres;
use super::sqlite::transfer as sqlite;
use crate::store::sqlite::copy::CopyError;

mod tables;

pub(crate) use tables::{Cell, Census, Kind, TABLES, Table, in_postgres};

/// One end of a copy.
pub enum Place {
    /// A data folder.
    Folder(PathBuf),
    /// A database.
    Postgres(Box<PostgresOptions>),
}

/// Why there is no copy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The store says what is wrong.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder or its file is wrong.
    #[error(transparent)]
    File(#[from] CopyError),
    /// Name another target, or empty it.
    #[error("the target has {table} already: name an empty one")]
    NotEmpty {
        /// The first table with rows.
        table: &'static str,
    },
    /// A mistake in this program, or a broken disk: report it.
    #[error("{table} does not read as it was written: nothing was kept")]
    Differs {
        /// The first table that differs.
        table: &'static str,
    },
    /// Use PostgreSQL's own.
    #[error(
        "the conversations are in PostgreSQL: back them up with `pg_dump` and put them back with `pg_restore`"
    )]
    NoFile,
    /// Name another one.
    #[error(
        "source and target are both {kind}: one copies between SQLite and PostgreSQL; for the same kind there is {remedy}"
    )]
    SameKind {
        /// Their kind.
        kind: &'static str,
        /// What is meant for it.
        remedy: &'static str,
    },
}

/// What a sound database holds, by its tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// The version of its schema.
    pub version: u32,
    /// Each table with its rows.
    pub rows: Vec<(&'static str, u64)>,
}

fn by_table(rows: Vec<u64>) -> Vec<(&'static str, u64)> {
    TABLES.iter().map(|table| table.name).zip(rows).collect()
}

/// Reads all of a database and says what it holds. Changes nothing.
///
/// # Errors
/// It cannot be read, or is of another version.
pub async fn check(options: &PostgresOptions) -> Result<Holdings, TransferError> {
    let (version, rows) = postgres::check(options).await?;
    let rows = by_table(rows);
    Ok(Holdings { version, rows })
}

/// Copies everything. Gives how many rows each table has.
///
/// # Errors
/// See [`TransferError`]; then the target is as empty as before.
pub async fn copy(from: &Place, to: &Place) -> Result<Vec<(&'static str, u64)>, TransferError> {
    let counts = match (from, to) {
        (Place::Folder(folder), Place::Postgres(options)) => {
            let mut source = sqlite::Source::open(folder)?;
            postgres::fill(options, &mut source).await?
        }
        (Place::Postgres(options), Place::Folder(folder)) => {
            let target = sqlite::Target::new(folder)?;
            postgres::drain(options, target).await?
        }
        (Place::Folder(_), Place::Folder(_)) => {
            return Err(TransferError::SameKind {
                kind: "folders",
                remedy: "`parlour db backup` and `restore`",
            });
        }
        (Place::Postgres(_), Place::Postgres(_)) => {
            return Err(TransferError::SameKind {
                kind: "PostgreSQL",
                remedy: "`pg_dump` and `pg_restore`",
            });
        }
    };
    Ok(by_table(counts))
}
