//! Statements that store messages.

use rusqlite::{Connection, params};

use super::convert::{integer, message_columns, store_error};
use crate::store::work::Place;
use crate::store::{Fingerprint, NewAnswer, StoreError, StoredMessage};

/// `words` is set for a visitor's message with an id. Other messages are never sent again.
pub(super) fn insert(
    connection: &Connection,
    message: &StoredMessage,
    words: Option<Fingerprint>,
) -> Result<(), StoreError> {
    const SQL: &str = concat!(
        "INSERT INTO messages (",
        message_columns!(),
        ", words) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, coalesce(?10, x''))",
    );
    connection
        .prepare_cached(SQL)
        .and_then(|mut insert| {
            insert.execute(params![
                message.conversation,
                integer(message.seq),
                message.message_id,
                message.sender,
                message.client_message_id,
                message.body,
                message.created,
                message.session_id,
                message.agent,
                words,
            ])
        })
        .map_err(store_error)?;
    Ok(())
}

/// Stores answers there. The caller notes the conversation's last sequence.
pub(super) fn insert_answers(
    connection: &Connection,
    place: &Place<'_>,
    answers: &[NewAnswer],
) -> Result<Vec<StoredMessage>, StoreError> {
    let stored = place.stored(answers.iter().map(|it| (&it.message_id, &it.body)));
    for answer in &stored {
        insert(connection, answer, None)?;
    }
    Ok(stored)
}
