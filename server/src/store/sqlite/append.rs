//! Statements that append a visitor's message, and what is to be done about it.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::convert::{
    integer, message as message_row, message_columns, owner, store_error, unsigned,
};
use super::{jobs, messages};
use crate::limits::{LEASE, SENT_AGAIN_WITHIN};
use crate::store::work::Place;
use crate::store::{
    Appended, Job, JobId, JobKind, NewAnswer, NewMessage, Owner, StoreError, StoredMessage,
};

pub(super) fn append_message(
    connection: &Connection,
    node: &str,
    new: &NewMessage,
) -> Result<Appended, StoreError> {
    if let Some(client_id) = &new.client_message_id
        && let Some(message) = sent_before(connection, new, client_id)?
    {
        return Ok(Appended::again(message));
    }
    let Found { seq, free, next } = find(connection, node, new)?;
    let message = new.stored_at(seq);
    messages::insert(connection, &message, Some(new.words))?;
    let first = match next {
        Next::AtOnce(answers) => {
            let behind = Place {
                conversation: new.conversation,
                behind: seq,
                session_id: &new.session_id,
                agent: None,
                now: new.now,
            };
            let answers = messages::insert_answers(connection, &behind, answers)?;
            let last = answers.last().map_or(seq, |last| last.seq);
            place(connection, new, last)?;
            return Ok(Appended {
                message,
                duplicate: false,
                answers,
                job: None,
                ready: None,
            });
        }
        Next::Job(first) => Some(first),
        Next::Waits => None,
    };
    if free {
        place_and_take(connection, node, new, seq)?;
    } else {
        place(connection, new, seq)?;
    }
    let job = jobs::NewJob {
        conversation: message.conversation,
        kind: JobKind::Message,
        trigger: Some(seq),
        session_id: &message.session_id,
        context: &new.context,
        now: new.now,
    };
    let job = jobs::insert(connection, &job)?;
    let ready = first.map(|first| {
        Box::new(Job {
            id: job,
            trigger: Some(message.clone()),
            ..*first
        })
    });
    Ok(Appended {
        message,
        duplicate: false,
        answers: Vec::new(),
        job: Some(job),
        ready,
    })
}

/// The conversation as the message finds it.
struct Found<'a> {
    /// The message's sequence.
    seq: u64,
    /// No other node has the lease.
    free: bool,
    next: Next<'a>,
}

/// What is to be done about the message.
enum Next<'a> {
    /// It is answered now.
    AtOnce(&'a [NewAnswer]),
    /// This job, which still lacks its number and its message. No other stands before it.
    Job(Box<Job>),
    /// Another job stands before, or another node works on the conversation.
    Waits,
}

/// One statement reads everything that the job's turn needs. A second one would cost more for each message.
fn find<'a>(
    connection: &Connection,
    node: &str,
    new: &'a NewMessage,
) -> Result<Found<'a>, StoreError> {
    connection
        .prepare_cached(
            "SELECT c.last_seq, c.lease_node IS NULL OR c.lease_node = ?2 OR c.lease_until < ?3,
                 EXISTS (SELECT 1 FROM jobs WHERE conversation = ?1),
                 c.owner, c.owner_name, c.name, c.app, c.user, c.bot, c.bot_state, u.identity, u.profile
             FROM conversations c JOIN users u ON u.id = c.user WHERE c.id = ?1",
        )
        .and_then(|mut query| {
            let place = params![new.conversation, node, new.now];
            query
                .query_row(place, |row| {
                    let seq = unsigned(row, 0)? + 1;
                    let (free, jobs): (bool, bool) = (row.get(1)?, row.get(2)?);
                    let owner = owner(row, 3)?;
                    let next = match &new.at_once {
                        _ if jobs || !free => Next::Waits,
                        Some(answers) if owner == Owner::Bot => Next::AtOnce(answers),
                        _ => Next::Job(Box::new(job(row, owner, new)?)),
                    };
                    Ok(Found { seq, free, next })
                })
                .optional()
        })
        .map_err(store_error)?
        .ok_or(StoreError::Unknown {
            what: "conversation",
        })
}

/// The job of a row of [`find`].
fn job(row: &Row<'_>, owner: Owner, new: &NewMessage) -> rusqlite::Result<Job> {
    Ok(Job {
        id: JobId(0),
        conversation: new.conversation,
        owner,
        conversation_name: row.get(5)?,
        app: row.get(6)?,
        user: row.get(7)?,
        bot: row.get(8)?,
        state: row.get(9)?,
        identity: row.get(10)?,
        profile: row.get(11)?,
        kind: JobKind::Message,
        trigger: None,
        session_id: new.session_id.clone(),
        context: new.context.clone(),
        attempts: 0,
        created: new.now,
    })
}

/// Notes the conversation's last sequence. A message after the end of a session opens the session again, because the
/// visitor wants to go on.
fn place(connection: &Connection, new: &NewMessage, last_seq: u64) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE conversations
             SET last_seq = ?2, last_activity = ?3, session_id = ?4, session_open = 1
             WHERE id = ?1",
        )
        .and_then(|mut update| {
            let last_seq = integer(last_seq);
            update.execute(params![new.conversation, last_seq, new.now, new.session_id])
        })
        .map_err(store_error)?;
    Ok(())
}

/// The same, and the node takes the lease.
fn place_and_take(
    connection: &Connection,
    node: &str,
    new: &NewMessage,
    last_seq: u64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE conversations
             SET last_seq = ?2, last_activity = ?3, session_id = ?4, session_open = 1,
                 lease_node = ?5, lease_until = ?6
             WHERE id = ?1",
        )
        .and_then(|mut update| {
            update.execute(params![
                new.conversation,
                integer(last_seq),
                new.now,
                new.session_id,
                node,
                new.now.plus(LEASE),
            ])
        })
        .map_err(store_error)?;
    Ok(())
}

/// The newest message with the same id of the client and the same words. Rows of the first versions have no `words`, so
/// their whole body is compared. Each `max(rowid)` is one step in the index `messages_sent_again`. With `ORDER BY seq`,
/// SQLite walks through the whole conversation.
const SENT_BEFORE: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM messages WHERE rowid = coalesce(
          (SELECT max(rowid) FROM messages
           WHERE conversation = ?1 AND client_message_id = ?2 AND words = ?3),
          (SELECT max(rowid) FROM messages
           WHERE conversation = ?1 AND client_message_id = ?2 AND words = x'' AND body = ?4))",
);

/// The stored message that `new` repeats, if there is one.
fn sent_before(
    connection: &Connection,
    new: &NewMessage,
    client_id: &str,
) -> Result<Option<StoredMessage>, StoreError> {
    let found = connection
        .prepare_cached(SENT_BEFORE)
        .and_then(|mut query| {
            query
                .query_row(
                    params![new.conversation, client_id, new.words, new.body],
                    message_row,
                )
                .optional()
        })
        .map_err(store_error)?;
    Ok(found.filter(|found| new.now.since(found.created) <= SENT_AGAIN_WITHIN))
}

#[cfg(test)]
mod tests {
    use super::super::migrations;
    use super::*;

    #[test]
    fn a_repetition_is_looked_up_without_a_walk_through_the_conversation() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrations::run(&mut connection).unwrap();
        let mut explain = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {SENT_BEFORE}"))
            .unwrap();
        let steps = explain.query_map(params![1, "1", "", ""], |row| row.get::<_, String>(3));
        let steps: Vec<String> = steps.unwrap().map(Result::unwrap).collect();
        let searches: Vec<_> = steps.iter().filter(|it| it.starts_with("SEARCH")).collect();
        assert_eq!(searches.len(), 3, "{steps:?}");
        for search in searches {
            let by_index = search.contains("messages_sent_again") && search.contains("words=?");
            assert!(by_index || search.contains("rowid=?"), "{search}");
        }
    }
}
