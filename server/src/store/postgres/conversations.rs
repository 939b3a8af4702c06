//! Statements about conversations and their sessions.

use deadpool_postgres::Client;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::convert::{Columns as _, millis, owner, text, unsigned};
use super::errors::Failure;
use super::writer::{Lock, Operation};
use crate::clock::Millis;
use crate::limits::PEOPLE_IDLE;
use crate::store::{
    Conversation, ConversationId, JobId, OpenMode, OpenSession, SessionOpened, StoreError,
};

/// The columns that [`row`] reads, in its order.
macro_rules! columns {
    () => {
        "id, name, user_id, bot, app, owner, owner_name, last_seq, session_id, session_open, last_activity"
    };
}

/// A row of `columns!`.
fn row(row: &Row) -> Result<Conversation, StoreError> {
    Ok(Conversation {
        id: row.get_or(0)?,
        name: row.get_or(1)?,
        user: row.get_or(2)?,
        bot: row.get_or(3)?,
        app: row.get_or(4)?,
        owner: owner(row, 5)?,
        last_seq: unsigned(row, 7)?,
        session_id: row.get_or(8)?,
        session_open: row.get_or(9)?,
        last_activity: row.get_or(10)?,
    })
}

pub(super) async fn conversation(
    client: &Client,
    user: &str,
    bot: &str,
) -> Result<Option<Conversation>, Failure> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM conversations WHERE user_id = $1 AND bot = $2",
    );
    let query = client.prepare_cached(SQL).await?;
    let found = client.query_opt(&query, &[&text(user), &text(bot)]).await?;
    Ok(found.as_ref().map(row).transpose()?)
}

pub(super) async fn named(client: &Client, name: &str) -> Result<Option<Conversation>, Failure> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM conversations WHERE name = $1");
    let query = client.prepare_cached(SQL).await?;
    let found = client.query_opt(&query, &[&text(name)]).await?;
    Ok(found.as_ref().map(row).transpose()?)
}

pub(super) async fn of_user(client: &Client, user: &str) -> Result<Vec<ConversationId>, Failure> {
    let sql = "SELECT id FROM conversations WHERE user_id = $1 ORDER BY id";
    let query = client.prepare_cached(sql).await?;
    let found = client.query(&query, &[&text(user)]).await?;
    let ids = found.iter().map(|row| row.get_or(0));
    Ok(ids.collect::<Result<_, StoreError>>()?)
}

/// The conversation of a user with a bot, made when there is none. On its own, before the session is opened in a batch:
/// so no batch ever waits for another to make the same conversation.
pub(super) async fn found_or_made(
    client: &Client,
    open: &OpenSession,
) -> Result<Option<ConversationId>, Failure> {
    let sql = "SELECT id FROM conversations WHERE user_id = $1 AND bot = $2";
    let query = client.prepare_cached(sql).await?;
    if let Some(found) = client.query_opt(&query, &[&open.user, &open.bot]).await? {
        return Ok(Some(found.get_or(0)?));
    }
    // The lock keeps the user until the conversation is there.
    let sql = "INSERT INTO conversations (name, user_id, bot, app, last_activity, created)
         SELECT $1, id, $3, $4, $5, $5 FROM users WHERE id = $2 FOR KEY SHARE
         ON CONFLICT (user_id, bot) DO NOTHING RETURNING id";
    let insert = client.prepare_cached(sql).await?;
    let name = &open.new_conversation_name;
    let values: [&(dyn ToSql + Sync); 5] = [name, &open.user, &open.bot, &open.app, &open.now];
    if let Some(made) = client.query_opt(&insert, &values).await? {
        return Ok(Some(made.get_or(0)?));
    }
    // There is no such user, or somebody else has just made it.
    let found = client.query_opt(&query, &[&open.user, &open.bot]).await?;
    Ok(found.map(|row| row.get_or(0)).transpose()?)
}

/// Opens a session of a conversation that is there.
pub(super) struct Open {
    conversation: ConversationId,
    asked: OpenSession,
    mode: i16,
    idle: i64,
    people_idle: i64,
}

impl Open {
    pub(super) fn new(conversation: ConversationId, asked: OpenSession) -> Self {
        Self {
            conversation,
            mode: match asked.mode {
                OpenMode::Default | OpenMode::Reconnect => 0,
                OpenMode::StartNew => 1,
                OpenMode::StartNewResumeAgent => 2,
                OpenMode::StartNewUnlessUnused => 3,
            },
            idle: millis(asked.idle),
            people_idle: millis(asked.idle.max(PEOPLE_IDLE)),
            asked,
        }
    }
}

impl Operation for Open {
    type Output = SessionOpened;

    /// `goes_on`: the active session is continued. A person or the queue had the session before a new one, which is the
    /// bot's. An open `ON_CONNECT` job that is the last of the conversation is used again.
    const SQL: &'static str = "
        WITH before AS (
            SELECT *, session_open AND session_id IS NOT NULL
                AND $4 - last_activity <= CASE WHEN owner = 0 THEN $5::bigint ELSE $6::bigint END
                AND CASE $7::smallint
                    WHEN 0 THEN true
                    WHEN 1 THEN false
                    WHEN 2 THEN owner <> 0
                    ELSE owner <> 0 OR session_id IS DISTINCT FROM (
                        SELECT m.session_id FROM messages m WHERE m.conversation = $1 AND m.author = 0
                        ORDER BY m.seq DESC LIMIT 1)
                    END AS goes_on
            FROM conversations WHERE id = $1
        ), opened AS (
            UPDATE conversations c SET last_activity = $4, session_open = true,
                session_id = CASE WHEN b.goes_on THEN c.session_id ELSE $2 END,
                owner = CASE WHEN b.goes_on THEN c.owner ELSE 0 END,
                owner_name = CASE WHEN b.goes_on THEN c.owner_name END
            FROM before b WHERE c.id = b.id
            RETURNING c.session_id, c.last_seq, c.owner, c.owner_name, b.goes_on
        ), again AS (
            UPDATE jobs SET session_id = $2, context = $3, attempts = 0, due = $4
            WHERE id = (SELECT max(id) FROM jobs WHERE conversation = $1) AND kind = 0
              AND NOT (SELECT goes_on FROM before)
            RETURNING id
        ), made AS (
            INSERT INTO jobs (conversation, kind, session_id, context, due, created)
            SELECT $1, 0, $2, $3, $4, $4 FROM before WHERE NOT goes_on AND NOT EXISTS (SELECT 1 FROM again)
            RETURNING id
        )
        SELECT session_id, last_seq, owner, owner_name,
            coalesce((SELECT id FROM again), (SELECT id FROM made))
        FROM opened";

    fn lock(&self) -> Lock<'_> {
        Lock::Conversation(self.conversation)
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.conversation,
            &self.asked.new_session_id,
            &self.asked.context,
            &self.asked.now,
            &self.idle,
            &self.people_idle,
            &self.mode,
        ]
    }

    fn read(&self, rows: &[Row]) -> Result<SessionOpened, StoreError> {
        let row = rows.first().ok_or(NO_CONVERSATION)?;
        Ok(SessionOpened {
            conversation: self.conversation,
            session_id: row.get_or(0)?,
            last_seq: unsigned(row, 1)?,
            owner: owner(row, 2)?,
            job: row.get_or(4)?,
            greeting: None,
        })
    }
}

pub(super) const NO_CONVERSATION: StoreError = StoreError::Unknown {
    what: "conversation",
};

/// Ends the active session.
pub(super) struct Close {
    pub(super) conversation: ConversationId,
    pub(super) now: Millis,
}

impl Operation for Close {
    type Output = Option<JobId>;

    const SQL: &'static str = "
        WITH closed AS (
            UPDATE conversations SET session_open = false WHERE id = $1 AND session_open
            RETURNING session_id
        )
        INSERT INTO jobs (conversation, kind, session_id, context, due, created)
        SELECT $1, 2, coalesce(session_id, ''), '', $2, $2 FROM closed RETURNING id";

    fn lock(&self) -> Lock<'_> {
        Lock::Conversation(self.conversation)
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![&self.conversation, &self.now]
    }

    fn read(&self, rows: &[Row]) -> Result<Option<JobId>, StoreError> {
        rows.first().map(|row| row.get_or(0)).transpose()
    }
}
