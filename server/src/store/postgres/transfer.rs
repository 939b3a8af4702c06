//! One end of a copy between stores: fills an empty database, or reads one row by row.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, IsolationLevel, Row, Transaction};

use super::connect::Way;
use super::convert::{Columns as _, owned};
use super::errors::Failure;
use super::{PostgresOptions, migrations};
use crate::store::StoreError;
use crate::store::sqlite::transfer::{Source, Target};
use crate::store::transfer::{Cell, Census, Kind, TABLES, Table, TransferError, in_postgres};

impl From<Failure> for TransferError {
    fn from(failure: Failure) -> Self {
        Self::Store(failure.error)
    }
}

impl From<tokio_postgres::Error> for TransferError {
    fn from(error: tokio_postgres::Error) -> Self {
        Failure::from(error).into()
    }
}

async fn connect(options: &PostgresOptions) -> Result<(Way, Client), TransferError> {
    let way = Way::new(&options.server, options.tls.as_ref(), true)?;
    let client = way.once().await?;
    Ok((way, client))
}

/// Brings everything from `source` into an empty database. Gives the number of rows of each table.
pub(crate) async fn fill(
    options: &PostgresOptions,
    source: &mut Source,
) -> Result<Vec<u64>, TransferError> {
    let (way, mut client) = connect(options).await?;
    migrations::run(&way).await?;
    let transaction = client.transaction().await?;
    // A server that starts meanwhile waits, and finds everything or nothing.
    let all = TABLES.map(|table| table.name).join(", ");
    let lock = format!("LOCK TABLE {all} IN ACCESS EXCLUSIVE MODE NOWAIT");
    transaction.batch_execute(&lock).await?;
    for table in &TABLES {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", table.name);
        if transaction.query_one(&sql, &[]).await?.get_or(0)? {
            return Err(TransferError::NotEmpty { table: table.name });
        }
    }
    let mut rows = Vec::with_capacity(TABLES.len());
    for table in &TABLES {
        let written = write(&transaction, table, source).await?;
        if census(&transaction, table).await? != written {
            return Err(TransferError::Differs { table: table.name });
        }
        if let Some(column) = table.numbered {
            let last = source.last_number(table)?;
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('{}', '{column}')::regclass, greatest($1::bigint, 1), $1 > 0)",
                table.name
            );
            transaction.query_one(&sql, &[&last]).await?;
        }
        rows.push(written.rows);
    }
    transaction.commit().await?;
    Ok(rows)
}

async fn write(
    transaction: &Transaction<'_>,
    table: &Table,
    source: &Source,
) -> Result<Census, TransferError> {
    let sql = format!(
        "COPY {} ({}) FROM STDIN BINARY",
        table.name,
        table.list(in_postgres)
    );
    let types: Vec<Type> = table.columns.iter().map(|(_, kind)| of(*kind)).collect();
    let sink = transaction.copy_in(&sql).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    let mut written = Census::default();
    let take = async |row: Vec<Cell>| -> Result<(), TransferError> {
        let row: Vec<Cell> = row.into_iter().map(without_nul).collect();
        written.count(&row);
        let values = row
            .iter()
            .zip(table.columns)
            .map(|(cell, (_, kind))| value(cell, *kind));
        let values: Vec<Box<dyn ToSql + Sync + Send>> =
            values.collect::<Result<_, StoreError>>()?;
        Ok(writer.as_mut().write_raw(values).await?)
    };
    source.read(table, take).await?;
    writer.finish().await?;
    Ok(written)
}

fn without_nul(cell: Cell) -> Cell {
    match cell {
        Cell::Text(text) => Cell::Text(owned(text)),
        other => other,
    }
}

fn of(kind: Kind) -> Type {
    match kind {
        Kind::Big => Type::INT8,
        Kind::Small => Type::INT2,
        Kind::Flag => Type::BOOL,
        Kind::Text => Type::TEXT,
        Kind::Bytes => Type::BYTEA,
    }
}

fn value(cell: &Cell, kind: Kind) -> Result<Box<dyn ToSql + Sync + Send>, StoreError> {
    Ok(match (cell, kind) {
        (Cell::None, Kind::Big) => Box::new(None::<i64>),
        (Cell::None, Kind::Small) => Box::new(None::<i16>),
        (Cell::None, Kind::Flag) => Box::new(None::<bool>),
        (Cell::None, Kind::Text) => Box::new(None::<String>),
        (Cell::None, Kind::Bytes) => Box::new(None::<Vec<u8>>),
        (Cell::Number(number), Kind::Big) => Box::new(*number),
        (Cell::Number(number), Kind::Small) => {
            Box::new(i16::try_from(*number).map_err(|_| strange())?)
        }
        (Cell::Number(number), Kind::Flag) => Box::new(*number != 0),
        (Cell::Text(text), Kind::Text) => Box::new(text.clone()),
        (Cell::Bytes(bytes), Kind::Bytes) => Box::new(bytes.clone()),
        _ => return Err(strange()),
    })
}

fn strange() -> StoreError {
    StoreError::Corrupt {
        reason: "a value has an unexpected type".to_owned(),
    }
}

fn cell(row: &Row, column: usize, kind: Kind) -> Result<Cell, StoreError> {
    let number = |number: Option<i64>| number.map_or(Cell::None, Cell::Number);
    Ok(match kind {
        Kind::Big => number(row.get_or(column)?),
        Kind::Small => number(row.get_or::<Option<i16>>(column)?.map(i64::from)),
        Kind::Flag => number(row.get_or::<Option<bool>>(column)?.map(i64::from)),
        Kind::Text => row
            .get_or::<Option<String>>(column)?
            .map_or(Cell::None, Cell::Text),
        Kind::Bytes => row
            .get_or::<Option<Vec<u8>>>(column)?
            .map_or(Cell::None, Cell::Bytes),
    })
}

/// Calls `take` with each row, as it comes over the connection.
async fn read(
    transaction: &Transaction<'_>,
    table: &Table,
    mut take: impl FnMut(&[Cell]) -> Result<(), StoreError>,
) -> Result<(), TransferError> {
    let sql = format!("SELECT {} FROM {}", table.list(in_postgres), table.name);
    let none: [&(dyn ToSql + Sync); 0] = [];
    let mut rows = pin!(transaction.query_raw(&sql, none).await?);
    while let Some(row) = rows.try_next().await? {
        let columns = table.columns.iter().enumerate();
        let cells = columns.map(|(column, (_, kind))| cell(&row, column, *kind));
        take(&cells.collect::<Result<Vec<_>, _>>()?)?;
    }
    Ok(())
}

async fn census(transaction: &Transaction<'_>, table: &Table) -> Result<Census, TransferError> {
    let mut census = Census::default();
    let count = |row: &[Cell]| {
        census.count(row);
        Ok(())
    };
    read(transaction, table, count).await?;
    Ok(census)
}

/// Brings everything from a database into an empty file. Gives the number of rows of each table.
pub(crate) async fn drain(
    options: &PostgresOptions,
    target: Target,
) -> Result<Vec<u64>, TransferError> {
    let (_, mut client) = connect(options).await?;
    let transaction = one_moment(&mut client).await?;
    let mut rows = Vec::with_capacity(TABLES.len());
    for table in &TABLES {
        let mut written = Census::default();
        let take = |row: &[Cell]| {
            written.count(row);
            target.write(table, row)
        };
        read(&transaction, table, take).await?;
        if target.census(table).await? != written {
            return Err(TransferError::Differs { table: table.name });
        }
        if let Some(column) = table.numbered {
            let sql = format!(
                "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('{0}', '{column}')::regclass),
                     (SELECT max({column}) FROM {0}), 0)",
                table.name
            );
            let last = transaction.query_one(&sql, &[]).await?.get_or(0)?;
            target.go_on_after(table, last)?;
        }
        rows.push(written.rows);
    }
    target.commit()?;
    Ok(rows)
}

/// A transaction that reads the state of one moment. The schema must be the one that this program writes.
async fn one_moment(client: &mut Client) -> Result<Transaction<'_>, TransferError> {
    if migrations::identify(client).await? < migrations::known() {
        return Err(super::too_old().into());
    }
    let moment = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true);
    Ok(moment.start().await?)
}

/// Reads every row of a database. Gives its version and the number of rows of each table.
pub(crate) async fn check(options: &PostgresOptions) -> Result<(u32, Vec<u64>), TransferError> {
    let (_, mut client) = connect(options).await?;
    let transaction = one_moment(&mut client).await?;
    let mut rows = Vec::with_capacity(TABLES.len());
    for table in &TABLES {
        rows.push(census(&transaction, table).await?.rows);
    }
    Ok((migrations::known(), rows))
}
