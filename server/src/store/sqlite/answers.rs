//! Statements about answers, and about who gives them.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::convert::{
    integer, message as message_row, message_columns, owner, owner_columns, store_error, unsigned,
};
use super::messages;
use crate::clock::Millis;
use crate::limits::LEASE;
use crate::store::work::Place;
use crate::store::{
    AnswersAppended, ConversationId, Effects, NewAnswer, NewAnswers, Owner, StoreError,
    StoredMessage,
};

/// Answers for a conversation, and what changes with them.
pub(super) struct Change<'a> {
    pub(super) conversation: ConversationId,
    pub(super) answers: &'a [NewAnswer],
    /// The person who wrote them.
    pub(super) agent: Option<&'a str>,
    /// If set: nothing is stored when the conversation has another owner.
    pub(super) only_if: Option<&'a Owner>,
    /// The node that did the work, for the answers of a turn. Nothing is stored if another has the lease; without a
    /// further job the lease goes back.
    pub(super) node: Option<&'a str>,
    /// The session that the answers belong to, and that they close.
    pub(super) session_id: &'a str,
    pub(super) effects: &'a Effects,
    pub(super) now: Millis,
}

/// The outcome of a [`Change`].
pub(super) enum Changed {
    Stored(Vec<StoredMessage>),
    NotOwner(Owner),
}

impl Change<'_> {
    /// One statement checks the owner and changes the conversation, so nothing can happen in between.
    pub(super) fn store(&self, connection: &Connection) -> Result<Changed, StoreError> {
        let Effects {
            state,
            owner,
            closes,
            tokens: _,
        } = self.effects;
        if self.answers.is_empty() && state.is_none() && owner.is_none() && !closes {
            return match self.node {
                Some(node) if current(connection, self.conversation)?.is_leased_to_other(node) => {
                    Err(StoreError::LeaseLost)
                }
                _ => Ok(Changed::Stored(Vec::new())),
            };
        }
        let count = u64::try_from(self.answers.len()).unwrap_or(u64::MAX);
        let (only_if, only_if_name) = self.only_if.map(owner_columns).unzip();
        let (to, to_name) = owner.as_ref().map(owner_columns).unzip();
        let last: Option<u64> = connection
            .prepare_cached(
                "UPDATE conversations SET last_seq = last_seq + ?2, last_activity = ?3,
                     bot_state = CASE WHEN ?4 IS NULL THEN bot_state ELSE nullif(?4, '') END,
                     owner = coalesce(?5, owner),
                     owner_name = CASE WHEN ?5 IS NULL THEN owner_name ELSE ?6 END,
                     session_open = session_open AND NOT (?7 AND session_id IS ?8),
                     lease_node = CASE WHEN ?11 IS NULL THEN lease_node
                         WHEN EXISTS (SELECT 1 FROM jobs WHERE conversation = ?1) THEN ?11 END,
                     lease_until = CASE WHEN ?11 IS NULL THEN lease_until ELSE ?12 END
                 WHERE id = ?1 AND (?9 IS NULL OR (owner = ?9 AND owner_name IS ?10))
                     AND (?11 IS NULL OR lease_node IS NULL OR lease_node = ?11)
                 RETURNING last_seq",
            )
            .and_then(|mut update| {
                let change = params![
                    self.conversation,
                    integer(count),
                    self.now,
                    state,
                    to,
                    to_name.flatten(),
                    closes,
                    self.session_id,
                    only_if,
                    only_if_name.flatten(),
                    self.node,
                    self.now.plus(LEASE),
                ];
                update.query_row(change, |row| unsigned(row, 0)).optional()
            })
            .map_err(store_error)?;
        if let Some(last) = last {
            let place = Place {
                conversation: self.conversation,
                behind: last - count,
                session_id: self.session_id,
                agent: self.agent,
                now: self.now,
            };
            let stored = messages::insert_answers(connection, &place, self.answers)?;
            return Ok(Changed::Stored(stored));
        }
        let current = current(connection, self.conversation)?;
        match self.node {
            Some(node) if current.is_leased_to_other(node) => Err(StoreError::LeaseLost),
            _ => Ok(Changed::NotOwner(current.owner)),
        }
    }
}

/// The current owner and session of a conversation, and the node that works on it.
struct Current {
    owner: Owner,
    session_id: String,
    lease_node: Option<String>,
}

impl Current {
    fn is_leased_to_other(&self, node: &str) -> bool {
        self.lease_node
            .as_ref()
            .is_some_and(|holder| holder != node)
    }
}

fn current(connection: &Connection, conversation: ConversationId) -> Result<Current, StoreError> {
    connection
        .prepare_cached(
            "SELECT owner, owner_name, coalesce(session_id, ''), lease_node
             FROM conversations WHERE id = ?1",
        )
        .and_then(|mut query| {
            query
                .query_row([conversation], |row| {
                    Ok(Current {
                        owner: owner(row, 0)?,
                        session_id: row.get(2)?,
                        lease_node: row.get(3)?,
                    })
                })
                .optional()
        })
        .map_err(store_error)?
        .ok_or(StoreError::Unknown {
            what: "conversation",
        })
}

pub(super) fn append(
    connection: &Connection,
    new: &NewAnswers,
) -> Result<AnswersAppended, StoreError> {
    let current = current(connection, new.conversation)?;
    let before = current.owner;
    let messages = stored(connection, new)?;
    if !messages.is_empty() {
        return Ok(AnswersAppended::Stored {
            messages,
            duplicate: true,
            before,
        });
    }
    let change = Change {
        conversation: new.conversation,
        answers: &new.answers,
        agent: new.agent.as_deref(),
        only_if: new.only_if.as_ref(),
        node: None,
        session_id: &current.session_id,
        effects: &new.effects,
        now: new.now,
    };
    Ok(match change.store(connection)? {
        Changed::Stored(messages) => AnswersAppended::Stored {
            messages,
            duplicate: false,
            before,
        },
        Changed::NotOwner(owner) => AnswersAppended::NotOwner(owner),
    })
}

/// Those of the answers that the conversation has already.
fn stored(connection: &Connection, new: &NewAnswers) -> Result<Vec<StoredMessage>, StoreError> {
    const SQL: &str = concat!(
        "SELECT ",
        message_columns!(),
        " FROM messages WHERE conversation = ?1 AND message_id = ?2",
    );
    let read = || {
        let mut query = connection.prepare_cached(SQL)?;
        let mut found = Vec::new();
        for answer in &new.answers {
            let one = params![new.conversation, answer.message_id];
            found.extend(query.query_row(one, message_row).optional()?);
        }
        Ok(found)
    };
    read().map_err(store_error)
}

pub(super) fn set_owner(
    connection: &Connection,
    conversation: ConversationId,
    only_if: Option<&Owner>,
    to: &Owner,
    now: Millis,
) -> Result<Option<Owner>, StoreError> {
    let before = current(connection, conversation)?.owner;
    if only_if.is_some_and(|wanted| *wanted != before) {
        return Ok(None);
    }
    let (owner, name) = owner_columns(to);
    connection
        .prepare_cached(
            "UPDATE conversations SET owner = ?2, owner_name = ?3, last_activity = ?4 WHERE id = ?1",
        )
        .and_then(|mut update| update.execute(params![conversation, owner, name, now]))
        .map_err(store_error)?;
    Ok(Some(before))
}
