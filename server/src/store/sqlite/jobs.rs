//! Statements about the jobs for bots.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::answers::{Change, Changed};
use super::convert::{integer, message as message_row, message_columns, owner, store_error};
use super::leases;
use crate::clock::Millis;
use crate::store::{
    Completed, ConversationId, Job, JobId, JobKind, NextJob, OpenSession, StoreError,
    StoredMessage, TurnEnd,
};

/// A job that is to be stored.
pub(super) struct NewJob<'a> {
    pub(super) conversation: ConversationId,
    pub(super) kind: JobKind,
    pub(super) trigger: Option<u64>,
    pub(super) session_id: &'a str,
    pub(super) context: &'a str,
    pub(super) now: Millis,
}

pub(super) fn insert(connection: &Connection, job: &NewJob<'_>) -> Result<JobId, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO jobs (conversation, kind, trigger_seq, session_id, context, due, created)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        )
        .and_then(|mut insert| {
            insert.insert(params![
                job.conversation,
                job.kind,
                job.trigger.map(integer),
                job.session_id,
                job.context,
                job.now
            ])
        })
        .map(JobId)
        .map_err(store_error)
}

/// Makes the `ON_CONNECT` job of a new session. If the conversation's last job is an open `ON_CONNECT`, that job is
/// used again.
pub(super) fn connect(
    connection: &Connection,
    conversation: ConversationId,
    open: &OpenSession,
) -> Result<JobId, StoreError> {
    let taken_over: Option<JobId> = connection
        .prepare_cached(
            "UPDATE jobs SET session_id = ?2, context = ?3, attempts = 0, due = ?4
             WHERE id = (SELECT max(id) FROM jobs WHERE conversation = ?1) AND kind = ?5
             RETURNING id",
        )
        .and_then(|mut update| {
            update
                .query_row(
                    params![
                        conversation,
                        open.new_session_id,
                        open.context,
                        open.now,
                        JobKind::Connect
                    ],
                    |row| row.get(0),
                )
                .optional()
        })
        .map_err(store_error)?;
    if let Some(job) = taken_over {
        return Ok(job);
    }
    let job = NewJob {
        conversation,
        kind: JobKind::Connect,
        trigger: None,
        session_id: &open.new_session_id,
        context: &open.context,
        now: open.now,
    };
    insert(connection, &job)
}

pub(super) fn next(
    connection: &Connection,
    conversation: ConversationId,
    now: Millis,
) -> Result<NextJob, StoreError> {
    let first = connection
        .prepare_cached(
            "SELECT j.due, j.trigger_seq, j.id, j.conversation, c.user, c.bot, j.kind,
                    j.session_id, j.context, j.attempts, j.created,
                    c.name, c.app, c.bot_state, u.identity, u.profile, c.owner, c.owner_name
             FROM jobs j JOIN conversations c ON c.id = j.conversation JOIN users u ON u.id = c.user
             WHERE j.conversation = ?1 ORDER BY j.id LIMIT 1",
        )
        .and_then(|mut query| {
            query
                .query_row([conversation], |row| {
                    let due: Millis = row.get(0)?;
                    let trigger: Option<i64> = row.get(1)?;
                    let job = Job {
                        id: row.get(2)?,
                        conversation: row.get(3)?,
                        user: row.get(4)?,
                        bot: row.get(5)?,
                        kind: row.get(6)?,
                        trigger: None,
                        session_id: row.get(7)?,
                        context: row.get(8)?,
                        attempts: row.get(9)?,
                        created: row.get(10)?,
                        conversation_name: row.get(11)?,
                        app: row.get(12)?,
                        state: row.get(13)?,
                        identity: row.get(14)?,
                        profile: row.get(15)?,
                        owner: owner(row, 16)?,
                    };
                    Ok((due, trigger, job))
                })
                .optional()
        })
        .map_err(store_error)?;
    match first {
        None => Ok(NextJob::Empty),
        Some((due, _, _)) if due > now => Ok(NextJob::NotBefore(due)),
        Some((_, None, job)) => Ok(NextJob::Ready(Box::new(job))),
        Some((_, Some(seq), job)) => {
            let trigger = Some(trigger(connection, conversation, seq)?);
            Ok(NextJob::Ready(Box::new(Job { trigger, ..job })))
        }
    }
}

fn trigger(
    connection: &Connection,
    conversation: ConversationId,
    seq: i64,
) -> Result<StoredMessage, StoreError> {
    const SQL: &str = concat!(
        "SELECT ",
        message_columns!(),
        " FROM messages WHERE conversation = ?1 AND seq = ?2",
    );
    connection
        .prepare_cached(SQL)
        .and_then(|mut query| query.query_row(params![conversation, seq], message_row))
        .map_err(store_error)
}

pub(super) fn waiting(
    connection: &Connection,
    node: &str,
    now: Millis,
) -> Result<Vec<ConversationId>, StoreError> {
    connection
        .prepare_cached(
            "SELECT DISTINCT j.conversation FROM jobs j JOIN conversations c ON c.id = j.conversation
             WHERE c.lease_node IS NULL OR c.lease_node = ?1 OR c.lease_until < ?2
             ORDER BY j.conversation",
        )
        .and_then(|mut query| {
            query
                .query_map(params![node, now], |row| row.get(0))?
                .collect()
        })
        .map_err(store_error)
}

pub(super) fn complete(
    connection: &Connection,
    node: &str,
    job: JobId,
    end: &TurnEnd,
    now: Millis,
) -> Result<Completed, StoreError> {
    let removed: Option<(ConversationId, String)> = connection
        .prepare_cached("DELETE FROM jobs WHERE id = ?1 RETURNING conversation, session_id")
        .and_then(|mut delete| {
            delete
                .query_row([job], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
        .map_err(store_error)?;
    let Some((conversation, session_id)) = removed else {
        return Ok(Completed::default());
    };
    let change = Change {
        conversation,
        answers: &end.answers,
        agent: None,
        only_if: Some(&end.owner),
        node: Some(node),
        session_id: &session_id,
        effects: &end.effects,
        now,
    };
    let (answers, refused) = match change.store(connection)? {
        Changed::Stored(answers) => (answers, None),
        Changed::NotOwner(owner) => (Vec::new(), Some(owner)),
    };
    let next = next(connection, conversation, now)?;
    // With answers, the lease went back in the statement that made room for them.
    if next == NextJob::Empty && answers.is_empty() {
        leases::give_back(connection, node, Some(conversation))?;
    }
    Ok(Completed {
        answers,
        refused,
        next: Some(next),
    })
}

pub(super) fn postpone(
    connection: &Connection,
    node: &str,
    job: JobId,
    attempts: u32,
    due: Millis,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE jobs SET attempts = ?2, due = ?3
             WHERE id = ?1 AND EXISTS (SELECT 1 FROM conversations c WHERE c.id = conversation
                                       AND (c.lease_node IS NULL OR c.lease_node = ?4))",
        )
        .and_then(|mut update| update.execute(params![job, attempts, due, node]))
        .map_err(store_error)?;
    Ok(())
}
