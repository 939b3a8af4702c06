//! Statements about conversations, their sessions and messages.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::convert::{integer, message as message_row, message_columns, store_error, unsigned};
use super::jobs;
use crate::clock::Millis;
use crate::limits::SENT_AGAIN_WITHIN;
use crate::store::{
    Appended, Author, Conversation, ConversationId, Job, JobId, JobKind, NewMessage, OpenMode,
    OpenSession, SessionOpened, StoreError, StoredMessage, Words,
};

pub(super) fn conversation(
    connection: &Connection,
    user: &str,
    bot: &str,
) -> Result<Option<Conversation>, StoreError> {
    connection
        .prepare_cached(
            "SELECT id, user, bot, last_seq, session_id, session_open, last_activity
             FROM conversations WHERE user = ?1 AND bot = ?2",
        )
        .and_then(|mut query| {
            query
                .query_row([user, bot], |row| {
                    Ok(Conversation {
                        id: row.get(0)?,
                        user: row.get(1)?,
                        bot: row.get(2)?,
                        last_seq: unsigned(row, 3)?,
                        session_id: row.get(4)?,
                        session_open: row.get(5)?,
                        last_activity: row.get(6)?,
                    })
                })
                .optional()
        })
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
    open: &OpenSession,
) -> Result<SessionOpened, StoreError> {
    let found = conversation(connection, &open.user, &open.bot)?;
    let (id, last_seq) = match &found {
        Some(found) => (found.id, found.last_seq),
        None => (insert_conversation(connection, open)?, 0),
    };
    let active = found
        .filter(|found| found.session_open && open.now.since(found.last_activity) <= open.idle);
    let active = active.and_then(|active| active.session_id);
    let resumes = match (open.mode, &active) {
        (OpenMode::Default | OpenMode::Reconnect, _) => true,
        (OpenMode::StartNewUnlessUnused, Some(session)) => is_unused(connection, id, session)?,
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
            started: false,
            last_seq,
            job: None,
        });
    }
    connection
        .prepare_cached(
            "UPDATE conversations SET session_id = ?2, session_open = 1, last_activity = ?3
             WHERE id = ?1",
        )
        .and_then(|mut update| update.execute(params![id, open.new_session_id, open.now]))
        .map_err(store_error)?;
    let job = jobs::connect(connection, id, open)?;
    Ok(SessionOpened {
        conversation: id,
        session_id: open.new_session_id.clone(),
        started: true,
        last_seq,
        job: Some(job),
    })
}

/// Has nobody said a word in this session? Reads back to the newest word of the user, which is near.
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
                .query_row(params![conversation, Author::User], |row| row.get(0))
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
            "INSERT INTO conversations (user, bot, app, last_activity, created)
             VALUES (?1, ?2, ?3, ?4, ?4) RETURNING id",
        )
        .and_then(|mut insert| {
            insert.query_row(params![open.user, open.bot, open.app, open.now], |row| {
                row.get(0)
            })
        })
        .map_err(store_error)
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

pub(super) fn append_message(
    connection: &Connection,
    new: &NewMessage,
) -> Result<Appended, StoreError> {
    if let Some(client_id) = &new.client_message_id
        && let Some(message) = sent_before(connection, new, client_id)?
    {
        return Ok(Appended {
            message,
            duplicate: true,
            job: None,
            ready: None,
        });
    }
    // A message after the end of a session is the visitor's wish to go on.
    let place: Option<(u64, String, String, bool)> = connection
        .prepare_cached(
            "UPDATE conversations
             SET last_seq = last_seq + 1, last_activity = ?2, session_id = ?3, session_open = 1
             WHERE id = ?1
             RETURNING last_seq, user, bot, NOT EXISTS (SELECT 1 FROM jobs WHERE conversation = ?1)",
        )
        .and_then(|mut update| {
            update
                .query_row(params![new.conversation, new.now, new.session_id], |row| {
                    Ok((unsigned(row, 0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })
                .optional()
        })
        .map_err(store_error)?;
    let (seq, user, bot, first) = place.ok_or(StoreError::Unknown {
        what: "conversation",
    })?;
    let message = StoredMessage {
        conversation: new.conversation,
        seq,
        message_id: new.message_id.clone(),
        author: Author::User,
        client_message_id: new.client_message_id.clone(),
        body: new.body.clone(),
        created: new.now,
        session_id: new.session_id.clone(),
    };
    insert_message(connection, &message, Some(new.words))?;
    let job = jobs::NewJob {
        conversation: message.conversation,
        kind: JobKind::Message,
        trigger: Some(seq),
        session_id: &message.session_id,
        context: &new.context,
        now: new.now,
    };
    let job = jobs::insert(connection, &job)?;
    let ready = first.then(|| {
        Box::new(Job {
            id: job,
            conversation: message.conversation,
            user,
            bot,
            kind: JobKind::Message,
            trigger: Some(message.clone()),
            session_id: message.session_id.clone(),
            context: new.context.clone(),
            attempts: 0,
            created: new.now,
        })
    });
    Ok(Appended {
        message,
        duplicate: false,
        job: Some(job),
        ready,
    })
}

/// The message that `new` is a double of. Rows of the first versions have no words: there the whole body is compared.
fn sent_before(
    connection: &Connection,
    new: &NewMessage,
    client_id: &str,
) -> Result<Option<StoredMessage>, StoreError> {
    const SQL: &str = concat!(
        "SELECT ",
        message_columns!(),
        " FROM messages WHERE conversation = ?1 AND client_message_id = ?2
          AND words IN (?3, x'') AND (words = ?3 OR body = ?4)
          ORDER BY seq DESC LIMIT 1",
    );
    let found = connection
        .prepare_cached(SQL)
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

/// `words` of a visitor's message with an id; none for what is never sent again.
pub(super) fn insert_message(
    connection: &Connection,
    message: &StoredMessage,
    words: Option<Words>,
) -> Result<(), StoreError> {
    const SQL: &str = concat!(
        "INSERT INTO messages (",
        message_columns!(),
        ", words) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, coalesce(?9, x''))",
    );
    connection
        .prepare_cached(SQL)
        .and_then(|mut insert| {
            insert.execute(params![
                message.conversation,
                integer(message.seq),
                message.message_id,
                message.author,
                message.client_message_id,
                message.body,
                message.created,
                message.session_id,
                words,
            ])
        })
        .map_err(store_error)?;
    Ok(())
}
