//! Statements that remove old messages.
//!
//! A conversation only ever loses its beginning, so there are no holes in the rest, and `since` can recognise a pruned
//! cursor by its first row. Sequences go on, because `last_seq` is never changed.

use rusqlite::{Connection, params};

use super::convert::{integer, store_error, unsigned};
use crate::clock::Millis;
use crate::store::{ConversationId, Pruned, RetentionLimits, StoreError};

/// The most conversations that one step looks at. Each takes one row; together they take a reader a few milliseconds.
const LOOKED_AT: u32 = 500;

/// The most messages that one step removes. They take the writer a few milliseconds, so nobody notices a delay of an
/// acknowledgement.
const REMOVED: u32 = 500;

/// What to remove, and where the next step continues.
pub(super) struct Found {
    pub(super) conversations: Vec<ConversationId>,
    pub(super) next: Option<ConversationId>,
}

/// The conversations after `after` whose first message may be removed. It only reads.
pub(super) fn find(
    connection: &Connection,
    retention: RetentionLimits,
    after: Option<ConversationId>,
) -> Result<Found, StoreError> {
    let look = || {
        let mut query = connection.prepare_cached(
            "SELECT c.id, c.last_seq, m.seq, m.created
             FROM (SELECT id, last_seq FROM conversations WHERE id > ?1 ORDER BY id LIMIT ?2) c
             LEFT JOIN messages m ON m.conversation = c.id
               AND m.seq = (SELECT min(seq) FROM messages WHERE conversation = c.id)
             ORDER BY c.id",
        )?;
        let after = after.unwrap_or(ConversationId(0));
        let rows = query.query_map(params![after, LOOKED_AT], |row| {
            let id: ConversationId = row.get(0)?;
            let first: Option<i64> = row.get(2)?;
            let goes = first.is_some()
                && retention.forgets(unsigned(row, 2)?, row.get(3)?, unsigned(row, 1)?);
            Ok((id, goes))
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    let seen = look().map_err(store_error)?;
    let whole = u32::try_from(seen.len()) == Ok(LOOKED_AT);
    Ok(Found {
        next: seen.last().filter(|_| whole).map(|(id, _)| *id),
        conversations: seen
            .into_iter()
            .filter_map(|(id, goes)| goes.then_some(id))
            .collect(),
    })
}

/// Removes what may go from the found conversations, at most [`REMOVED`] messages.
pub(super) fn remove(
    connection: &Connection,
    retention: RetentionLimits,
    found: &Found,
) -> Result<Pruned, StoreError> {
    let mut removed = 0;
    for &conversation in &found.conversations {
        let left = REMOVED - removed;
        let gone = remove_from(connection, retention, conversation, left).map_err(store_error)?;
        removed += gone;
        if gone == left {
            // There may be more to remove: look at this conversation again.
            return Ok(Pruned {
                messages: removed,
                next: Some(ConversationId(conversation.0 - 1)),
            });
        }
    }
    Ok(Pruned {
        messages: removed,
        next: found.next,
    })
}

fn remove_from(
    connection: &Connection,
    retention: RetentionLimits,
    conversation: ConversationId,
    at_most: u32,
) -> rusqlite::Result<u32> {
    // What a job still has to answer stays, and so does everything after it.
    let (last_seq, kept_from): (u64, u64) = connection
        .prepare_cached(
            "SELECT last_seq, coalesce(
                 (SELECT min(trigger_seq) FROM jobs WHERE conversation = ?1), last_seq + 1)
             FROM conversations WHERE id = ?1",
        )?
        .query_row([conversation], |row| {
            Ok((unsigned(row, 0)?, unsigned(row, 1)?))
        })?;
    let oldest: Vec<(u64, Millis)> = connection
        .prepare_cached(
            "SELECT seq, created FROM messages WHERE conversation = ?1 AND seq < ?2
             ORDER BY seq LIMIT ?3",
        )?
        .query_map(params![conversation, integer(kept_from), at_most], |row| {
            Ok((unsigned(row, 0)?, row.get(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let going = oldest
        .into_iter()
        .take_while(|(seq, created)| retention.forgets(*seq, *created, last_seq));
    let Some((edge, _)) = going.last() else {
        return Ok(0);
    };
    connection
        .prepare_cached("DELETE FROM messages WHERE conversation = ?1 AND seq <= ?2")?
        .execute(params![conversation, integer(edge)])
        .map(|gone| u32::try_from(gone).unwrap_or(u32::MAX))
}
