//! Statements that read a transcript.
//!
//! Each statement reads the conversation's newest sequence first, and then only messages up to it. Messages never
//! change, so the answer has the state of one moment without a transaction around it.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::convert::{integer, message as message_row, message_columns, store_error, unsigned};
use crate::clock::Millis;
use crate::store::{
    ConversationId, HistoryFrom, HistoryQuery, Missed, PAGE_BYTES, SecretHash, StoreError,
    StoredMessage, StoredPage,
};

/// The longest page. It replaces a larger limit of the caller.
const MAX_PAGE: u32 = 1_000;

pub(super) fn history(
    connection: &Connection,
    query: HistoryQuery,
) -> Result<StoredPage, StoreError> {
    let HistoryQuery {
        conversation,
        from,
        limit,
    } = query;
    let limit = limit.min(MAX_PAGE);
    let last_seq = last_seq(connection, conversation)?;
    let empty = StoredPage {
        last_seq,
        ..StoredPage::default()
    };
    let (messages, more) = match from {
        HistoryFrom::Newest { offset } => {
            let end = last_seq.saturating_sub(offset).saturating_add(1);
            backwards(connection, conversation, end, limit)?
        }
        HistoryFrom::Before(seq) => {
            let end = seq.min(last_seq.saturating_add(1));
            backwards(connection, conversation, end, limit)?
        }
        HistoryFrom::After(seq) => forwards(connection, conversation, seq, last_seq, limit)?,
        HistoryFrom::BeforeMessage(id) => match seq_of(connection, conversation, &id)? {
            Some(seq) => backwards(connection, conversation, seq, limit)?,
            None => return Ok(empty),
        },
        HistoryFrom::AfterMessage(id) => match seq_of(connection, conversation, &id)? {
            Some(seq) => forwards(connection, conversation, seq, last_seq, limit)?,
            None => return Ok(empty),
        },
    };
    Ok(StoredPage {
        messages,
        more,
        last_seq,
    })
}

/// Reads four tables in one visit to a reading thread, because the visit costs more than each of the reads.
pub(super) fn newest(
    connection: &Connection,
    app: &str,
    identity: &str,
    issued: Millis,
    bot: &str,
    limit: u32,
) -> Result<Option<StoredPage>, StoreError> {
    let (signed_out, found): (Option<Millis>, Option<ConversationId>) = connection
        .prepare_cached(
            "SELECT (SELECT moment FROM signed_out WHERE hash = ?4),
                (SELECT c.id FROM users u JOIN conversations c ON c.user = u.id AND c.bot = ?3
                 WHERE u.app = ?1 AND u.identity = ?2)",
        )
        .and_then(|mut query| {
            let values = params![app, identity, bot, SecretHash::of(identity)];
            query.query_row(values, |row| Ok((row.get(0)?, row.get(1)?)))
        })
        .map_err(store_error)?;
    if signed_out.is_some_and(|moment| issued <= moment) {
        return Ok(None);
    }
    let Some(conversation) = found else {
        return Ok(Some(StoredPage::default()));
    };
    let query = HistoryQuery {
        conversation,
        from: HistoryFrom::Newest { offset: 0 },
        limit,
    };
    history(connection, query).map(Some)
}

pub(super) fn since(
    connection: &Connection,
    conversation: ConversationId,
    after: u64,
    limit: u32,
    bytes: usize,
) -> Result<Missed, StoreError> {
    let last_seq = last_seq(connection, conversation)?;
    let truncated = Missed {
        messages: Vec::new(),
        truncated: true,
        last_seq,
    };
    if after > last_seq || last_seq - after > u64::from(limit) {
        return Ok(truncated);
    }
    let messages =
        beginning(connection, conversation, after, last_seq, bytes).map_err(store_error)?;
    // If the first message is not the next one, those before it were pruned, and the gap cannot be filled.
    let follows = messages.first().map_or(last_seq, |first| first.seq - 1) == after;
    if !follows {
        return Ok(truncated);
    }
    Ok(Missed {
        messages,
        truncated: false,
        last_seq,
    })
}

/// The messages after `start` up to `end` that fit into `bytes`, and one more.
fn beginning(
    connection: &Connection,
    conversation: ConversationId,
    start: u64,
    end: u64,
    bytes: usize,
) -> rusqlite::Result<Vec<StoredMessage>> {
    const SQL: &str = concat!(
        "SELECT ",
        message_columns!(),
        " FROM messages WHERE conversation = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq",
    );
    let mut query = connection.prepare_cached(SQL)?;
    let range = params![conversation, integer(start), integer(end)];
    let mut messages: Vec<StoredMessage> = Vec::new();
    let mut read = 0;
    for message in query.query_map(range, message_row)? {
        let message = message?;
        read += message.body.len();
        messages.push(message);
        if read > bytes {
            break;
        }
    }
    Ok(messages)
}

/// The newest sequence; 0 for a conversation that does not exist.
fn last_seq(connection: &Connection, conversation: ConversationId) -> Result<u64, StoreError> {
    connection
        .prepare_cached("SELECT last_seq FROM conversations WHERE id = ?1")
        .and_then(|mut query| {
            query
                .query_row([conversation], |row| unsigned(row, 0))
                .optional()
        })
        .map(Option::unwrap_or_default)
        .map_err(store_error)
}

/// Only old clients ask like this. An index looks it up.
fn seq_of(
    connection: &Connection,
    conversation: ConversationId,
    message_id: &str,
) -> Result<Option<u64>, StoreError> {
    connection
        .prepare_cached("SELECT seq FROM messages WHERE conversation = ?1 AND message_id = ?2")
        .and_then(|mut query| {
            query
                .query_row(params![conversation, message_id], |row| unsigned(row, 0))
                .optional()
        })
        .map_err(store_error)
}

/// The `limit` messages before `end`, oldest first, and whether there are older ones.
fn backwards(
    connection: &Connection,
    conversation: ConversationId,
    end: u64,
    limit: u32,
) -> Result<(Vec<StoredMessage>, bool), StoreError> {
    const SQL: &str = concat!(
        "SELECT ",
        message_columns!(),
        " FROM messages WHERE conversation = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
    );
    let (mut messages, more) = connection
        .prepare_cached(SQL)
        .and_then(|mut query| {
            let rows = params![conversation, integer(end), i64::from(limit) + 1];
            page(query.query_map(rows, message_row)?, limit)
        })
        .map_err(store_error)?;
    messages.reverse();
    Ok((messages, more))
}

/// The `limit` messages after `start` up to `end`, oldest first, and whether there are newer ones.
fn forwards(
    connection: &Connection,
    conversation: ConversationId,
    start: u64,
    end: u64,
    limit: u32,
) -> Result<(Vec<StoredMessage>, bool), StoreError> {
    const SQL: &str = concat!(
        "SELECT ",
        message_columns!(),
        " FROM messages WHERE conversation = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4",
    );
    connection
        .prepare_cached(SQL)
        .and_then(|mut query| {
            let rows = params![
                conversation,
                integer(start),
                integer(end),
                i64::from(limit) + 1
            ];
            page(query.query_map(rows, message_row)?, limit)
        })
        .map_err(store_error)
}

/// The first rows, as many as a page may hold, and whether there are more.
fn page(
    rows: impl Iterator<Item = rusqlite::Result<StoredMessage>>,
    limit: u32,
) -> rusqlite::Result<(Vec<StoredMessage>, bool)> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut messages: Vec<StoredMessage> = Vec::new();
    let mut bytes = 0;
    for message in rows {
        let message = message?;
        bytes += message.body.len();
        if messages.len() >= limit || (bytes > PAGE_BYTES && !messages.is_empty()) {
            return Ok((messages, true));
        }
        messages.push(message);
    }
    Ok((messages, false))
}
