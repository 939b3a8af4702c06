//! Statements about conversations, their sessions and messages.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::convert::{message as message_row, message_columns, owner, store_error, unsigned};
use super::{jobs, messages};
use crate::clock::Millis;
use crate::limits::{LEASE, PEOPLE_IDLE, SENT_AGAIN_WITHIN};
use crate::store::{
    Appended, Conversation, ConversationId, Job, JobId, JobKind, NewMessage, OpenMode, OpenSession,
    Owner, Sender, SessionOpened, StoreError, StoredMessage,
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
            owner,
        });
    }
    // A person or the queue had the session before. The bot has the new one.
    connection
        .prepare_cached(
            "UPDATE conversations
             SET session_id = ?2, session_open = 1, last_activity = ?3, owner = 0, owner_name = NULL
             WHERE id = ?1",
        )
        .and_then(|mut update| update.execute(params![id, open.new_session_id, open.now]))
        .map_err(store_error)?;
    let job = jobs::connect(connection, id, open)?;
    Ok(SessionOpened {
        conversation: id,
        session_id: open.new_session_id.clone(),
        last_seq,
        job: Some(job),
        owner: Owner::Bot,
    })
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

pub(super) fn append_message(
    connection: &Connection,
    node: &str,
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
    let placed = placed(connection, node, new)?;
    let message = StoredMessage {
        conversation: new.conversation,
        seq: placed.seq,
        message_id: new.message_id.clone(),
        sender: Sender::User,
        client_message_id: new.client_message_id.clone(),
        body: new.body.clone(),
        created: new.now,
        session_id: new.session_id.clone(),
        agent: None,
    };
    messages::insert(connection, &message, Some(new.words))?;
    let job = jobs::NewJob {
        conversation: message.conversation,
        kind: JobKind::Message,
        trigger: Some(placed.seq),
        session_id: &message.session_id,
        context: &new.context,
        now: new.now,
    };
    let job = jobs::insert(connection, &job)?;
    let ready = placed.first.map(|first| {
        Box::new(Job {
            id: job,
            trigger: Some(message.clone()),
            ..first
        })
    });
    Ok(Appended {
        message,
        duplicate: false,
        job: Some(job),
        ready,
    })
}

/// The position of a new message.
struct Placed {
    seq: u64,
    /// The job to answer it, if no other job stands before it and no other node works on the conversation. It still lacks
    /// its number and its message.
    first: Option<Job>,
}

/// Gives the message its sequence, and takes the lease unless another node has it. A message after the end of a session
/// opens the session again, because the visitor wants to go on.
fn placed(connection: &Connection, node: &str, new: &NewMessage) -> Result<Placed, StoreError> {
    // This statement reads everything that the job's turn needs. A second statement would cost one more for each
    // message.
    let placed = connection
        .prepare_cached(
            "UPDATE conversations
             SET last_seq = last_seq + 1, last_activity = ?2, session_id = ?3, session_open = 1,
                 lease_until = CASE WHEN lease_node IS NULL OR lease_node = ?4 OR lease_until < ?2
                     THEN ?5 ELSE lease_until END,
                 lease_node = CASE WHEN lease_node IS NULL OR lease_until < ?2
                     THEN ?4 ELSE lease_node END
             WHERE id = ?1
             RETURNING last_seq,
                 lease_node = ?4 AND NOT EXISTS (SELECT 1 FROM jobs WHERE conversation = ?1),
                 name, app, user, bot, owner, owner_name, bot_state,
                 (SELECT identity FROM users WHERE users.id = user),
                 (SELECT profile FROM users WHERE users.id = user)",
        )
        .and_then(|mut update| {
            let until = new.now.plus(LEASE);
            let message = params![new.conversation, new.now, new.session_id, node, until];
            update
                .query_row(message, |row| {
                    let seq = unsigned(row, 0)?;
                    if !row.get::<_, bool>(1)? {
                        return Ok(Placed { seq, first: None });
                    }
                    let job = Job {
                        id: JobId(0),
                        conversation: new.conversation,
                        conversation_name: row.get(2)?,
                        app: row.get(3)?,
                        user: row.get(4)?,
                        bot: row.get(5)?,
                        owner: owner(row, 6)?,
                        state: row.get(8)?,
                        identity: row.get(9)?,
                        profile: row.get(10)?,
                        kind: JobKind::Message,
                        trigger: None,
                        session_id: new.session_id.clone(),
                        context: new.context.clone(),
                        attempts: 0,
                        created: new.now,
                    };
                    let first = Some(job);
                    Ok(Placed { seq, first })
                })
                .optional()
        })
        .map_err(store_error)?;
    placed.ok_or(StoreError::Unknown {
        what: "conversation",
    })
}

/// The stored message that `new` repeats, if there is one. Rows of the first versions have no `words`, so their whole
/// body is compared. Each `max(rowid)` is one step in the index `messages_sent_again`. With `ORDER BY seq`, SQLite walks
/// through the whole conversation.
fn sent_before(
    connection: &Connection,
    new: &NewMessage,
    client_id: &str,
) -> Result<Option<StoredMessage>, StoreError> {
    const SQL: &str = concat!(
        "SELECT ",
        message_columns!(),
        " FROM messages WHERE rowid = coalesce(
              (SELECT max(rowid) FROM messages
               WHERE conversation = ?1 AND client_message_id = ?2 AND words = ?3),
              (SELECT max(rowid) FROM messages
               WHERE conversation = ?1 AND client_message_id = ?2 AND words = x'' AND body = ?4))",
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
