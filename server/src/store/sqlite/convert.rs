//! Converts between SQLite's types and ours.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, Row, ffi};

use crate::clock::Millis;
use crate::store::{
    ConversationId, Fingerprint, JobId, JobKind, Owner, SecretHash, Sender, StoreError,
    StoredMessage, User,
};

/// A count or a time as SQLite's signed integer. A value that is too large becomes the largest one.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A count or sequence from SQLite's signed integer.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

impl ToSql for Millis {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(integer(self.0).into())
    }
}

impl FromSql for Millis {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Millis> {
        let number = i64::column_result(value)?;
        u64::try_from(number)
            .map(Millis)
            .map_err(|_| FromSqlError::OutOfRange(number))
    }
}

impl ToSql for ConversationId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for ConversationId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<ConversationId> {
        i64::column_result(value).map(ConversationId)
    }
}

impl ToSql for JobId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for JobId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<JobId> {
        i64::column_result(value).map(JobId)
    }
}

impl ToSql for SecretHash {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
    }
}

impl FromSql for SecretHash {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<SecretHash> {
        <[u8; 32]>::column_result(value).map(SecretHash)
    }
}

impl ToSql for Fingerprint {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
    }
}

impl ToSql for Sender {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Sender::User => 0_i64,
            Sender::Bot => 1,
        }
        .into())
    }
}

impl FromSql for Sender {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Sender> {
        match i64::column_result(value)? {
            0 => Ok(Sender::User),
            1 => Ok(Sender::Bot),
            other => Err(FromSqlError::OutOfRange(other)),
        }
    }
}

impl ToSql for JobKind {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            JobKind::Connect => 0_i64,
            JobKind::Message => 1,
            JobKind::Close => 2,
        }
        .into())
    }
}

impl FromSql for JobKind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<JobKind> {
        match i64::column_result(value)? {
            0 => Ok(JobKind::Connect),
            1 => Ok(JobKind::Message),
            2 => Ok(JobKind::Close),
            other => Err(FromSqlError::OutOfRange(other)),
        }
    }
}

/// The columns that [`message`] reads, in its order.
macro_rules! message_columns {
    () => {
        "conversation, seq, message_id, author, client_message_id, body, created, session_id, agent"
    };
}
pub(super) use message_columns;

/// A row of `message_columns!`.
pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<StoredMessage> {
    Ok(StoredMessage {
        conversation: row.get(0)?,
        seq: unsigned(row, 1)?,
        message_id: row.get(2)?,
        sender: row.get(3)?,
        client_message_id: row.get(4)?,
        body: row.get(5)?,
        created: row.get(6)?,
        session_id: row.get(7)?,
        agent: row.get(8)?,
    })
}

/// An owner as the two columns `owner` and `owner_name`.
pub(super) fn owner_columns(owner: &Owner) -> (i64, Option<&str>) {
    match owner {
        Owner::Bot => (0, None),
        Owner::Queue => (1, None),
        Owner::Agent(name) => (2, Some(name)),
    }
}

/// The columns `owner` and `owner_name`, of which the first is this one.
pub(super) fn owner(row: &Row<'_>, column: usize) -> rusqlite::Result<Owner> {
    match row.get(column)? {
        0 => Ok(Owner::Bot),
        1 => Ok(Owner::Queue),
        2 => Ok(Owner::Agent(row.get(column + 1)?)),
        other => Err(rusqlite::Error::IntegralValueOutOfRange(column, other)),
    }
}

/// A row of `id, app, identity, created`.
pub(super) fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        app: row.get(1)?,
        identity: row.get(2)?,
        created: row.get(3)?,
    })
}

/// What an error of SQLite means for the caller. The reason is SQLite's fixed text for the code, and never its message,
/// because that may quote what was being stored.
pub(super) fn store_error(error: rusqlite::Error) -> StoreError {
    failure(&error)
}

/// The same of an error that somebody else has.
pub(super) fn failure(error: &rusqlite::Error) -> StoreError {
    let Some(failure) = error.sqlite_error() else {
        return StoreError::Refused {
            reason: shape(error).to_owned(),
        };
    };
    let code = failure.extended_code;
    let reason = format!("{}, code {code}", ffi::code_to_str(code));
    match failure.code {
        ErrorCode::DiskFull => StoreError::Full,
        ErrorCode::SystemIoFailure
            if code == ffi::SQLITE_IOERR_FSYNC || code == ffi::SQLITE_IOERR_DIR_FSYNC =>
        {
            StoreError::SyncFailed { reason }
        }
        ErrorCode::SystemIoFailure
        | ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::OutOfMemory
        | ErrorCode::CannotOpen
        | ErrorCode::ReadOnly
        | ErrorCode::PermissionDenied
        | ErrorCode::FileLockingProtocolFailed => StoreError::Unavailable { reason },
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Corrupt { reason },
        _ => StoreError::Refused { reason },
    }
}

/// The kind of an error that SQLite itself did not report.
fn shape(error: &rusqlite::Error) -> &'static str {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..) => "a stored value has an unexpected type",
        rusqlite::Error::QueryReturnedNoRows => "a row that must exist is missing",
        _ => "the statement and its use do not fit",
    }
}
