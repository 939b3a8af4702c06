//! Statements about conversations and their sessions.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::convert::{integer, owner, store_error, unsigned};
use super::{jobs, messages};
use crate::clock::Millis;
use crate::limits::PEOPLE_IDLE;
use crate::store::work::Place;
use crate::store::{
    Conversation, ConversationId, JobId, JobKind, OpenMode, OpenSession, Owner, Sender,
    SessionOpened, StoreError,
};

/// The columns that [`row`] reads, in its order.
macro_rules! columns {
    () => {
        "id, name, user, bot, app, owner, owner_name, last_seq, session_id, session_open, last_activity"
    };
}

/// A row of `columns!`.
fn row(row: &Row<'_>) -> rusqlite::Result<Conversation> {
    Ok(Conversation {
        id: row.get(0)?,
        name: row.get(1)?,
        user: row.get(2)?,
        bot: row.get(3)?,
        app: row.get(4)?,
        owner: owner(row, 5)?,
        last_seq: unsigned(row, 7)?,
        session_id: row.get(8)?,
        session_open: row.get(9)?,
        last_activity: row.get(10)?,
    })
}

pub(super) fn conversation(
    connection: &Connection,
    user: &str,
    bot: &str,
) -> Result<Option<Conversation>, StoreError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM conversations WHERE user = ?1 AND bot = ?2",
    );
    connection
        .prepare_cached(SQL)
        .and_then(|mut query| query.query_row([user, bot], row).optional())
        .map_err(store_error)
}

pub(super) fn named(
    connection: &Connection,
    name: &str,
) -> Result<Option<Conversation>, StoreError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM conversations WHERE name = ?1");
    connection
        .prepare_cached(SQL)
        .and_then(|mut query| query.query_row([name], row).optional())
        .map_err(store_error)
}

pub(super) fn of_user(
    connection: &Connection,
    user: &str,
) -> Result<Vec<ConversationId>, StoreError> {
    connection
        .prepare_cached("SELECT id FROM conversations WHERE user = ?1 ORDER BY id")
        .and_then(|mut query| query.query_map([user], |row| row.get(0))?.collect())
        .map_err(store_error)
}

pub(super) fn open_session(
    connection: &Connection,
    node: &str,
    open: &OpenSession,
) -> Result<SessionOpened, StoreError> {
    let found = conversation(connection, &open.user, &open.bot)?;
    let (id, last_seq) = match &found {
        Some(found) => (found.id, found.last_seq),
        None => (insert_conversation(connection, open)?, 0),
    };
    let owner = found.as_ref().map_or(Owner::Bot, |it| it.owner.clone());
    let with_people = owner != Owner::Bot;
    let idle = if with_people {
        open.idle.max(PEOPLE_IDLE)
    } else {
        open.idle
    };
    let active =
        found.filter(|found| found.session_open && open.now.since(found.last_activity) <= idle);
    let active = active.and_then(|active| active.session_id);
    let resumes = match (open.mode, &active) {
        (OpenMode::Default | OpenMode::Reconnect, _) => true,
        (OpenMode::StartNewResumeAgent, _) => with_people,
        (OpenMode::StartNewUnlessUnused, Some(session)) => {
            with_people || is_unused(connection, id, session)?
        }
        _ => false,
    };
    if let (true, Some(session_id)) = (resumes, active) {
        connection
            .prepare_cached("UPDATE conversations SET last_activity = ?2 WHERE id = ?1")
            .and_then(|mut update| update.execute(params![id, open.now]))
            .map_err(store_error)?;
        return Ok(SessionOpened {
            conversation: id,
            session_id,
            last_seq,
            job: None,
            greeting: None,
            owner,
        });
    }
    let greeting = match &open.at_once {
        Some(answers) if is_free(connection, node, id, open.now)? => {
            let place = Place {
                conversation: id,
                behind: last_seq,
                session_id: &open.new_session_id,
                agent: None,
                now: open.now,
            };
            Some(messages::insert_answers(connection, &place, answers)?)
        }
        _ => None,
    };
    let greeted = greeting.as_ref().and_then(|answers| answers.last());
    let now_last = greeted.map_or(last_seq, |answer| answer.seq);
    // A person or the queue had the session before. The bot has the new one.
    connection
        .prepare_cached(
            "UPDATE conversations
             SET session_id = ?2, session_open = 1, last_activity = ?3, owner = 0, owner_name = NULL, last_seq = ?4
             WHERE id = ?1",
        )
        .and_then(|mut update| {
            let now_last = integer(now_last);
            update.execute(params![id, open.new_session_id, open.now, now_last])
        })
        .map_err(store_error)?;
    let job = match greeting {
        Some(_) => None,
        None => Some(jobs::connect(connection, id, open)?),
    };
    Ok(SessionOpened {
        conversation: id,
        session_id: open.new_session_id.clone(),
        last_seq,
        job,
        greeting,
        owner: Owner::Bot,
    })
}

/// Whether no job stands before what comes now, and no other node works on the conversation.
fn is_free(
    connection: &Connection,
    node: &str,
    conversation: ConversationId,
    now: Millis,
) -> Result<bool, StoreError> {
    connection
        .prepare_cached(
            "SELECT (lease_node IS NULL OR lease_node = ?2 OR lease_until < ?3)
                 AND NOT EXISTS (SELECT 1 FROM jobs WHERE conversation = ?1)
             FROM conversations WHERE id = ?1",
        )
        .and_then(|mut query| query.query_row(params![conversation, node, now], |row| row.get(0)))
        .map_err(store_error)
}

/// Whether the visitor has said nothing in this session. It reads back to the newest message of the visitor, which is
/// near.
fn is_unused(
    connection: &Connection,
    conversation: ConversationId,
    session: &str,
) -> Result<bool, StoreError> {
    let spoke_in: Option<String> = connection
        .prepare_cached(
            "SELECT session_id FROM messages WHERE conversation = ?1 AND author = ?2
             ORDER BY seq DESC LIMIT 1",
        )
        .and_then(|mut query| {
            query
                .query_row(params![conversation, Sender::User], |row| row.get(0))
                .optional()
        })
        .map_err(store_error)?;
    Ok(spoke_in.is_none_or(|spoke_in| spoke_in != session))
}

fn insert_conversation(
    connection: &Connection,
    open: &OpenSession,
) -> Result<ConversationId, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO conversations (name, user, bot, app, last_activity, created)
             SELECT ?1, id, ?3, ?4, ?5, ?5 FROM users WHERE id = ?2 RETURNING id",
        )
        .and_then(|mut insert| {
            let name = &open.new_conversation_name;
            let row = params![name, open.user, open.bot, open.app, open.now];
            insert.query_row(row, |row| row.get(0)).optional()
        })
        .map_err(store_error)?
        .ok_or(StoreError::Unknown { what: "user" })
}

pub(super) fn close_session(
    connection: &Connection,
    conversation: ConversationId,
    now: Millis,
) -> Result<Option<JobId>, StoreError> {
    let session: Option<String> = connection
        .prepare_cached(
            "UPDATE conversations SET session_open = 0
             WHERE id = ?1 AND session_open = 1 RETURNING session_id",
        )
        .and_then(|mut update| {
            update
                .query_row([conversation], |row| row.get(0))
                .optional()
        })
        .map_err(store_error)?;
    let Some(session) = session else {
        return Ok(None);
    };
    let job = jobs::NewJob {
        conversation,
        kind: JobKind::Close,
        trigger: None,
        session_id: &session,
        context: "",
        now,
    };
    jobs::insert(connection, &job).map(Some)
}
