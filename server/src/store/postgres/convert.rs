//! Between PostgreSQL's words and ours.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::errors::store_error;

use crate::clock::Millis;
use crate::store::{
    ConversationId, Fingerprint, JobId, JobKind, Owner, SecretHash, Sender, StoreError,
    StoredMessage, User,
};

type Refusal = Box<dyn std::error::Error + Sync + Send>;

/// A count or time as a signed integer. What does not fit is the end of time.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A length of time as a signed integer of milliseconds.
pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A count or sequence from a signed integer.
pub(super) fn unsigned(row: &Row, column: usize) -> Result<u64, StoreError> {
    u64::try_from(row.get_or::<i64>(column)?).map_err(|_| out_of_range())
}

/// A text as PostgreSQL takes it: it has no character U+0000, which SQLite and JSON have. U+FFFD stands for it.
pub(super) fn text(words: &str) -> Cow<'_, str> {
    if words.contains('\0') {
        Cow::Owned(words.replace('\0', "\u{FFFD}"))
    } else {
        Cow::Borrowed(words)
    }
}

/// The same for a text that is kept.
pub(super) fn owned(words: String) -> String {
    if words.contains('\0') {
        text(&words).into_owned()
    } else {
        words
    }
}

/// Reading a column without a panic.
pub(super) trait Columns {
    /// The value of this column.
    fn get_or<'a, T: FromSql<'a>>(&'a self, column: usize) -> Result<T, StoreError>;
}

impl Columns for Row {
    fn get_or<'a, T: FromSql<'a>>(&'a self, column: usize) -> Result<T, StoreError> {
        self.try_get(column).map_err(|error| store_error(&error))
    }
}

/// A type that stands in a column as an integer of this type.
macro_rules! as_integer {
    ($ours:ty, $theirs:ty, $to:expr, $from:expr) => {
        impl ToSql for $ours {
            fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Refusal> {
                let to: fn(&$ours) -> $theirs = $to;
                to(self).to_sql(kind, out)
            }

            fn accepts(kind: &Type) -> bool {
                <$theirs as ToSql>::accepts(kind)
            }

            to_sql_checked!();
        }

        impl<'a> FromSql<'a> for $ours {
            fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Refusal> {
                let from: fn($theirs) -> Option<$ours> = $from;
                let found = <$theirs as FromSql>::from_sql(kind, raw)?;
                from(found).ok_or_else(|| "it is out of range".into())
            }

            fn accepts(kind: &Type) -> bool {
                <$theirs as FromSql>::accepts(kind)
            }
        }
    };
}

as_integer!(Millis, i64, |it| integer(it.0), |it| u64::try_from(it)
    .ok()
    .map(Millis));
as_integer!(ConversationId, i64, |it| it.0, |it| Some(ConversationId(
    it
)));
as_integer!(JobId, i64, |it| it.0, |it| Some(JobId(it)));
as_integer!(
    Sender,
    i16,
    |it| match it {
        Sender::User => 0,
        Sender::Bot => 1,
    },
    |it| match it {
        0 => Some(Sender::User),
        1 => Some(Sender::Bot),
        _ => None,
    }
);
as_integer!(
    JobKind,
    i16,
    |it| match it {
        JobKind::Connect => 0,
        JobKind::Message => 1,
        JobKind::Close => 2,
    },
    |it| match it {
        0 => Some(JobKind::Connect),
        1 => Some(JobKind::Message),
        2 => Some(JobKind::Close),
        _ => None,
    }
);

/// The name in which a node takes leases.
#[derive(Clone, Debug)]
pub(super) struct Node(pub(super) Arc<str>);

impl ToSql for Node {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Refusal> {
        self.0.as_ref().to_sql(kind, out)
    }

    fn accepts(kind: &Type) -> bool {
        <&str as ToSql>::accepts(kind)
    }

    to_sql_checked!();
}

/// A type that stands in a column as bytes.
macro_rules! as_bytes {
    ($ours:ty, $new:expr) => {
        impl ToSql for $ours {
            fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Refusal> {
                self.0.as_slice().to_sql(kind, out)
            }

            fn accepts(kind: &Type) -> bool {
                <&[u8] as ToSql>::accepts(kind)
            }

            to_sql_checked!();
        }

        impl<'a> FromSql<'a> for $ours {
            fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Refusal> {
                let bytes = <&[u8] as FromSql>::from_sql(kind, raw)?;
                Ok($new(bytes.try_into()?))
            }

            fn accepts(kind: &Type) -> bool {
                <&[u8] as FromSql>::accepts(kind)
            }
        }
    };
}

as_bytes!(SecretHash, SecretHash);
as_bytes!(Fingerprint, Fingerprint);

/// The columns that [`message`] reads, in its order.
macro_rules! message_columns {
    () => {
        "conversation, seq, message_id, author, client_message_id, body, created, session_id, agent"
    };
    ($table:literal) => {
        concat!(
            $table,
            ".conversation, ",
            $table,
            ".seq, ",
            $table,
            ".message_id, ",
            $table,
            ".author, ",
            $table,
            ".client_message_id, ",
            $table,
            ".body, ",
            $table,
            ".created, ",
            $table,
            ".session_id, ",
            $table,
            ".agent"
        )
    };
}
pub(super) use message_columns;

/// PostgreSQL's time, as a Millis. Leases go by it: the clocks of nodes may differ.
macro_rules! clock {
    () => {
        "(extract(epoch FROM statement_timestamp()) * 1000)::bigint"
    };
}
pub(super) use clock;

/// How many columns `message_columns!` are.
pub(super) const MESSAGE_COLUMNS: usize = 9;

/// The columns of `message_columns!`, of which the first is this one; none when they are null.
pub(super) fn message(row: &Row, first: usize) -> Result<Option<StoredMessage>, StoreError> {
    let Some(conversation) = row.get_or(first)? else {
        return Ok(None);
    };
    Ok(Some(StoredMessage {
        conversation,
        seq: unsigned(row, first + 1)?,
        message_id: row.get_or(first + 2)?,
        sender: row.get_or(first + 3)?,
        client_message_id: row.get_or(first + 4)?,
        body: row.get_or(first + 5)?,
        created: row.get_or(first + 6)?,
        session_id: row.get_or(first + 7)?,
        agent: row.get_or(first + 8)?,
    }))
}

/// An owner as the two columns `owner` and `owner_name`.
pub(super) fn owner_columns(owner: &Owner) -> (i16, Option<String>) {
    match owner {
        Owner::Bot => (0, None),
        Owner::Queue => (1, None),
        Owner::Agent(name) => (2, Some(text(name).into_owned())),
    }
}

/// The columns `owner` and `owner_name`, of which the first is this one.
pub(super) fn owner(row: &Row, column: usize) -> Result<Owner, StoreError> {
    match row.get_or::<i16>(column)? {
        0 => Ok(Owner::Bot),
        1 => Ok(Owner::Queue),
        2 => Ok(Owner::Agent(row.get_or(column + 1)?)),
        _ => Err(out_of_range()),
    }
}

/// A row of `id, app, identity, created`.
pub(super) fn user(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        id: row.get_or(0)?,
        app: row.get_or(1)?,
        identity: row.get_or(2)?,
        created: row.get_or(3)?,
    })
}

fn out_of_range() -> StoreError {
    StoreError::Refused {
        reason: "a stored value has an unexpected type".to_owned(),
    }
}
