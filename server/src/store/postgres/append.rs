//! The statement that appends a visitor's message, and what is to be done about it.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::answers::columns;
use super::conversations::NO_CONVERSATION;
use super::convert::{
    Columns as _, MESSAGE_COLUMNS, Node, clock, message as message_columns_of, message_columns,
    millis, owned, owner, unsigned,
};
use super::writer::{Lock, Operation};
use crate::clock::Millis;
use crate::limits::{LEASE, SENT_AGAIN_WITHIN};
use crate::store::work::Place;
use crate::store::{Appended, Job, JobId, JobKind, NewMessage, StoreError, StoredMessage};

/// Appends a visitor's message.
pub(super) struct Append {
    node: Node,
    lease: i64,
    new: NewMessage,
    /// An equal message of this moment or later is the same.
    sent_again_from: Millis,
    kind: JobKind,
    /// The answers that the bot gives at once.
    ids: Option<Vec<String>>,
    bodies: Option<Vec<String>>,
}

impl Append {
    pub(super) fn new(node: &Node, mut new: NewMessage) -> Self {
        let (ids, bodies) = new.at_once.take().map(columns).unzip();
        Self {
            node: node.clone(),
            lease: millis(LEASE),
            sent_again_from: new.now.minus(SENT_AGAIN_WITHIN),
            kind: JobKind::Message,
            ids,
            bodies,
            new: NewMessage {
                client_message_id: new.client_message_id.map(owned),
                ..new
            },
        }
    }
}

impl Operation for Append {
    type Output = Appended;

    /// `again`: the stored message that this one repeats; rows of SQLite's first versions have no words, so their body is
    /// compared. `seq + 0`: the plan must not walk backwards through the whole conversation. `found`: the conversation as
    /// the message finds it. A message after the end of a session opens the session again. All that the job's turn has to know comes with the answer, when no job stands before it and no other node
    /// works on the conversation.
    const SQL: &'static str = concat!(
        "WITH again AS (
            SELECT ",
        message_columns!(),
        " FROM messages
            WHERE conversation = $1 AND client_message_id = $3
              AND words IN ($4, ''::bytea) AND (words = $4 OR body = $5) AND created >= $9
            ORDER BY seq + 0 DESC LIMIT 1
        ), found AS (
            SELECT owner = 0 AND $13::text[] IS NOT NULL AS at_once,
                EXISTS (SELECT 1 FROM jobs WHERE conversation = $1) AS waits,
                lease_node IS NULL OR lease_node = $11 OR lease_until < ",
        clock!(),
        " AS free
            FROM conversations WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM again)
        ), next AS (
            SELECT free, waits OR NOT free AS waits, at_once AND free AND NOT waits AS at_once,
                CASE WHEN at_once AND free AND NOT waits THEN cardinality($13::text[]) ELSE 0 END AS answers
            FROM found
        ), placed AS (
            UPDATE conversations c
            SET last_seq = last_seq + 1 + answers, last_activity = $8, session_id = $6, session_open = true,
                lease_node = CASE WHEN free AND NOT at_once THEN $11 ELSE lease_node END,
                lease_until = CASE WHEN free AND NOT at_once THEN ",
        clock!(),
        " + $12::bigint ELSE lease_until END
            FROM next WHERE c.id = $1
            RETURNING last_seq - answers AS seq, name, app, user_id, bot, owner, owner_name, bot_state, waits, at_once
        ), stored AS (
            INSERT INTO messages
                (conversation, seq, message_id, author, client_message_id, body, created, session_id, words)
            SELECT $1, seq, $2, 0, $3, $5, $8, $6, CASE WHEN $3 IS NULL THEN ''::bytea ELSE $4 END
            FROM placed
        ), answered AS (
            INSERT INTO messages (conversation, seq, message_id, author, body, created, session_id)
            SELECT $1, seq + place, answer.message_id, 1, answer.body, $8, $6
            FROM placed, unnest($13::text[], $14::text[]) WITH ORDINALITY answer (message_id, body, place)
            WHERE at_once
        ), job AS (
            INSERT INTO jobs (conversation, kind, trigger_seq, session_id, context, due, created)
            SELECT $1, $10::smallint, seq, $6, $7, $8, $8 FROM placed WHERE NOT at_once RETURNING id
        )
        SELECT ",
        message_columns!("again"),
        ", placed.seq, (SELECT id FROM job), placed.waits,
            placed.name, placed.app, placed.user_id, placed.bot, placed.owner, placed.owner_name,
            placed.bot_state, u.identity, u.profile, placed.at_once
        FROM (VALUES (1)) one
        LEFT JOIN again ON true LEFT JOIN placed ON true LEFT JOIN users u ON u.id = placed.user_id",
    );

    fn lock(&self) -> Lock<'_> {
        Lock::Conversation(self.new.conversation)
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let new = &self.new;
        vec![
            &new.conversation,
            &new.message_id,
            &new.client_message_id,
            &new.words,
            &new.body,
            &new.session_id,
            &new.context,
            &new.now,
            &self.sent_again_from,
            &self.kind,
            &self.node,
            &self.lease,
            &self.ids,
            &self.bodies,
        ]
    }

    fn read(&self, rows: &[Row]) -> Result<Appended, StoreError> {
        let row = rows.first().ok_or(NO_CONVERSATION)?;
        if let Some(message) = message_columns_of(row, 0)? {
            return Ok(Appended::again(message));
        }
        let at = |column: usize| MESSAGE_COLUMNS + column;
        if row.get_or::<Option<i64>>(at(0))?.is_none() {
            return Err(NO_CONVERSATION);
        }
        let message = self.new.stored_at(unsigned(row, at(0))?);
        if row.get_or(at(12))? {
            return Ok(Appended {
                answers: self.answers(&message),
                message,
                duplicate: false,
                job: None,
                ready: None,
            });
        }
        let job: JobId = row.get_or(at(1))?;
        let waits: bool = row.get_or(at(2))?;
        let ready = (!waits).then(|| self.ready(row, at(3), job, &message));
        Ok(Appended {
            ready: ready.transpose()?.map(Box::new),
            message,
            duplicate: false,
            answers: Vec::new(),
            job: Some(job),
        })
    }
}

impl Append {
    /// The answers as they are stored behind the message.
    fn answers(&self, message: &StoredMessage) -> Vec<StoredMessage> {
        let place = Place {
            conversation: self.new.conversation,
            behind: message.seq,
            session_id: &self.new.session_id,
            agent: None,
            now: self.new.now,
        };
        let ids = self.ids.iter().flatten();
        place.stored(ids.zip(self.bodies.iter().flatten()))
    }

    /// The job to answer the message, from the columns after `first`.
    fn ready(
        &self,
        row: &Row,
        first: usize,
        id: JobId,
        message: &StoredMessage,
    ) -> Result<Job, StoreError> {
        Ok(Job {
            id,
            conversation: self.new.conversation,
            conversation_name: row.get_or(first)?,
            app: row.get_or(first + 1)?,
            user: row.get_or(first + 2)?,
            bot: row.get_or(first + 3)?,
            owner: owner(row, first + 4)?,
            state: row.get_or(first + 6)?,
            identity: row.get_or(first + 7)?,
            profile: row.get_or(first + 8)?,
            kind: self.kind,
            trigger: Some(message.clone()),
            session_id: self.new.session_id.clone(),
            context: self.new.context.clone(),
            attempts: 0,
            created: self.new.now,
        })
    }
}
