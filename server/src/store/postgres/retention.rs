//! Statements that forget old messages.
//!
//! A conversation only ever loses its beginning, so what is left has no holes and `since` can tell a pruned cursor by its
//! first row. Sequences go on: `last_seq` is never touched. No lock is needed: what comes meanwhile stands at the other end.

use deadpool_postgres::Client;
use tokio_postgres::types::ToSql;

use super::convert::{Columns as _, integer};
use super::errors::Failure;
use crate::store::{ConversationId, Pruned, RetentionLimits, StoreError};

/// Conversations that one step looks at.
const LOOKED_AT: i64 = 500;

/// Messages that one step removes.
const REMOVED: u32 = 500;

/// A retention as parameters.
struct Limits {
    sent_again_from: i64,
    older_than: i64,
    newest: i64,
}

/// May the message `m` of a conversation `c` go? Parameters $1 to $3: see [`RetentionLimits::forgets`].
macro_rules! goes {
    () => {
        "(m.created < $1 AND (m.created < $2 OR m.seq <= c.last_seq - $3))"
    };
}

impl From<RetentionLimits> for Limits {
    fn from(retention: RetentionLimits) -> Self {
        Self {
            sent_again_from: integer(retention.sent_again_from.0),
            older_than: retention.older_than.map_or(0, |moment| integer(moment.0)),
            newest: retention.newest.map_or(i64::MAX, integer),
        }
    }
}

/// Where to remove, and where the next step looks on.
pub(super) struct Found {
    pub(super) conversations: Vec<ConversationId>,
    pub(super) next: Option<ConversationId>,
}

/// The conversations after `after` whose first message may go. Only reads.
pub(super) async fn find(
    client: &Client,
    retention: RetentionLimits,
    after: Option<ConversationId>,
) -> Result<Found, Failure> {
    const SQL: &str = concat!(
        "SELECT c.id, coalesce(",
        goes!(),
        ", false) FROM (SELECT id, last_seq FROM conversations WHERE id > $4 ORDER BY id LIMIT $5) c
         LEFT JOIN LATERAL (
             SELECT seq, created FROM messages WHERE conversation = c.id ORDER BY seq LIMIT 1
         ) m ON true ORDER BY c.id",
    );
    let limits = Limits::from(retention);
    let after = after.unwrap_or(ConversationId(0));
    let query = client.prepare_cached(SQL).await?;
    let of: [&(dyn ToSql + Sync); 5] = [
        &limits.sent_again_from,
        &limits.older_than,
        &limits.newest,
        &after,
        &LOOKED_AT,
    ];
    let seen = client.query(&query, &of).await?;
    let seen = seen.iter().map(|row| Ok((row.get_or(0)?, row.get_or(1)?)));
    let seen: Vec<(ConversationId, bool)> = seen.collect::<Result<_, StoreError>>()?;
    let whole = i64::try_from(seen.len()) == Ok(LOOKED_AT);
    Ok(Found {
        next: seen.last().filter(|_| whole).map(|(id, _)| *id),
        conversations: seen
            .into_iter()
            .filter_map(|(id, goes)| goes.then_some(id))
            .collect(),
    })
}

/// Removes what may go from the found conversations, at most [`REMOVED`] messages. What a job still answers stays, and so
/// does everything after it.
pub(super) async fn remove(
    client: &mut Client,
    retention: RetentionLimits,
    found: &Found,
) -> Result<Pruned, Failure> {
    const SQL: &str = concat!(
        "WITH c AS (
            SELECT last_seq, coalesce(
                (SELECT min(trigger_seq) FROM jobs WHERE conversation = $4), last_seq + 1) AS kept_from
            FROM conversations WHERE id = $4
        ), oldest AS (
            SELECT m.seq, ",
        goes!(),
        " AS goes FROM messages m, c
            WHERE m.conversation = $4 AND m.seq < c.kept_from ORDER BY m.seq LIMIT $5
        )
        DELETE FROM messages WHERE conversation = $4 AND seq IN (
            SELECT seq FROM oldest
            WHERE seq < coalesce((SELECT min(seq) FROM oldest WHERE NOT goes), 9223372036854775807))",
    );
    let limits = Limits::from(retention);
    let delete = client.prepare_cached(SQL).await?;
    let transaction = client.transaction().await?;
    let mut pruned = Pruned {
        messages: 0,
        next: found.next,
    };
    for &conversation in &found.conversations {
        let left = REMOVED - pruned.messages;
        let of: [&(dyn ToSql + Sync); 5] = [
            &limits.sent_again_from,
            &limits.older_than,
            &limits.newest,
            &conversation,
            &i64::from(left),
        ];
        let gone = transaction.execute(&delete, &of).await?;
        pruned.messages += u32::try_from(gone).unwrap_or(left).min(left);
        if pruned.messages == REMOVED {
            // There may be more of it: look at this one again.
            pruned.next = Some(ConversationId(conversation.0 - 1));
            break;
        }
    }
    transaction.commit().await?;
    Ok(pruned)
}
