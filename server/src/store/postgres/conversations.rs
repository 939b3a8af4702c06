//! Statements about conversations and their sessions.

use deadpool_postgres::Client;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::answers::columns;
use super::convert::{Columns as _, Node, clock, millis, owner, text, unsigned};
use super::errors::Failure;
use super::writer::{Lock, Operation};
use crate::clock::Millis;
use crate::limits::PEOPLE_IDLE;
use crate::store::work::Place;
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
    node: Node,
    /// The greeting that the bot gives at once.
    ids: Option<Vec<String>>,
    bodies: Option<Vec<String>>,
}

impl Open {
    pub(super) fn new(node: &Node, conversation: ConversationId, mut asked: OpenSession) -> Self {
        let (ids, bodies) = asked.at_once.take().map(columns).unzip();
        Self {
            conversation,
            node: node.clone(),
            ids,
            bodies,
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
    /// bot's. An open `ON_CONNECT` job that is the last of the conversation is used again. `greets`: the greeting is stored
    /// in the place of a job.
    const SQL: &'static str = concat!(
        "WITH before AS (
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
        ), asked AS (
            SELECT *, $9::text[] IS NOT NULL AND NOT goes_on
                AND (lease_node IS NULL OR lease_node = $8 OR lease_until < ",
        clock!(),
        ") AND NOT EXISTS (SELECT 1 FROM jobs WHERE conversation = $1) AS greets
            FROM before
        ), opened AS (
            UPDATE conversations c SET last_activity = $4, session_open = true,
                last_seq = c.last_seq + CASE WHEN b.greets THEN cardinality($9::text[]) ELSE 0 END,
                session_id = CASE WHEN b.goes_on THEN c.session_id ELSE $2 END,
                owner = CASE WHEN b.goes_on THEN c.owner ELSE 0 END,
                owner_name = CASE WHEN b.goes_on THEN c.owner_name END
            FROM asked b WHERE c.id = b.id
            RETURNING c.session_id, b.last_seq, c.owner, c.owner_name, b.greets
        ), greeted AS (
            INSERT INTO messages (conversation, seq, message_id, author, body, created, session_id)
            SELECT $1, last_seq + place, answer.message_id, 1, answer.body, $4, $2
            FROM opened, unnest($9::text[], $10::text[]) WITH ORDINALITY answer (message_id, body, place)
            WHERE greets
        ), again AS (
            UPDATE jobs SET session_id = $2, context = $3, attempts = 0, due = $4
            WHERE id = (SELECT max(id) FROM jobs WHERE conversation = $1) AND kind = 0
              AND NOT (SELECT goes_on FROM before)
            RETURNING id
        ), made AS (
            INSERT INTO jobs (conversation, kind, session_id, context, due, created)
            SELECT $1, 0, $2, $3, $4, $4 FROM asked
            WHERE NOT goes_on AND NOT greets AND NOT EXISTS (SELECT 1 FROM again)
            RETURNING id
        )
        SELECT session_id, last_seq, owner, owner_name,
            coalesce((SELECT id FROM again), (SELECT id FROM made)), greets
        FROM opened",
    );

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
            &self.node,
            &self.ids,
            &self.bodies,
        ]
    }

    fn read(&self, rows: &[Row]) -> Result<SessionOpened, StoreError> {
        let row = rows.first().ok_or(NO_CONVERSATION)?;
        let last_seq = unsigned(row, 1)?;
        let greets: bool = row.get_or(5)?;
        let greeting = || {
            let place = Place {
                conversation: self.conversation,
                behind: last_seq,
                session_id: &self.asked.new_session_id,
                agent: None,
                now: self.asked.now,
            };
            let ids = self.ids.iter().flatten();
            place.stored(ids.zip(self.bodies.iter().flatten()))
        };
        Ok(SessionOpened {
            conversation: self.conversation,
            session_id: row.get_or(0)?,
            last_seq,
            owner: owner(row, 2)?,
            job: row.get_or(4)?,
            greeting: greets.then(greeting),
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
