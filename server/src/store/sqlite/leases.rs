//! Statements about which node works on a conversation.

use rusqlite::{Connection, params};

use super::convert::store_error;
use super::jobs;
use crate::clock::Millis;
use crate::limits::LEASE;
use crate::store::{ConversationId, NextJob, StoreError};

/// The first open job for this node, with the conversation's lease; without a job the lease is given back. `None`: another
/// node has it.
pub(super) fn take(
    connection: &Connection,
    node: &str,
    conversation: ConversationId,
    now: Millis,
) -> Result<Option<NextJob>, StoreError> {
    let next = jobs::next(connection, conversation, now)?;
    if next == NextJob::Empty {
        give_back(connection, node, Some(conversation))?;
        return Ok(Some(next));
    }
    let taken = connection
        .prepare_cached(
            "UPDATE conversations SET lease_node = ?2, lease_until = ?3
             WHERE id = ?1 AND (lease_node IS NULL OR lease_node = ?2 OR lease_until < ?4)",
        )
        .and_then(|mut update| update.execute(params![conversation, node, now.plus(LEASE), now]))
        .map_err(store_error)?;
    Ok((taken > 0).then_some(next))
}

/// Keeps the leases of this node for another while.
pub(super) fn renew(
    connection: &Connection,
    node: &str,
    held: &[ConversationId],
    now: Millis,
) -> Result<(), StoreError> {
    let mut update = connection
        .prepare_cached(
            "UPDATE conversations SET lease_until = ?3 WHERE id = ?1 AND lease_node = ?2",
        )
        .map_err(store_error)?;
    for conversation in held {
        update
            .execute(params![conversation, node, now.plus(LEASE)])
            .map_err(store_error)?;
    }
    Ok(())
}

/// Gives back the lease of this node on a conversation, or all of its leases.
pub(super) fn give_back(
    connection: &Connection,
    node: &str,
    conversation: Option<ConversationId>,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE conversations SET lease_node = NULL
             WHERE lease_node = ?1 AND (?2 IS NULL OR id = ?2)",
        )
        .and_then(|mut update| update.execute(params![node, conversation]))
        .map_err(store_error)?;
    Ok(())
}
