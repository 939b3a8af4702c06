//! Statements about answers, and about who gives them.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::conversations::NO_CONVERSATION;
use super::convert::{
    Columns as _, MESSAGE_COLUMNS, integer, message, message_columns, owned, owner, owner_columns,
    unsigned,
};
use super::writer::{Lock, Operation};
use crate::clock::Millis;
use crate::store::work::Place;
use crate::store::{
    AnswersAppended, ConversationId, Effects, NewAnswer, NewAnswers, Owner, StoreError,
    StoredMessage,
};

/// What a [`Change`] is made of.
pub(super) struct Parts {
    pub(super) answers: Vec<NewAnswer>,
    /// The person who wrote them.
    pub(super) agent: Option<String>,
    /// When set: nothing is stored if the conversation has another owner.
    pub(super) only_if: Option<Owner>,
    pub(super) effects: Effects,
    pub(super) now: Millis,
}

/// Answers for a conversation, and what changes with them, as parameters of `change!` and `insert!`.
pub(super) struct Change {
    count: i64,
    ids: Vec<String>,
    bodies: Vec<String>,
    agent: Option<String>,
    only_if: Option<i16>,
    only_if_name: Option<String>,
    state: Option<String>,
    to: Option<i16>,
    to_name: Option<String>,
    closes: bool,
    now: Millis,
}

/// Changes a conversation, if its owner is the right one. Parameters 1 to 8 of a [`Change`]. PostgreSQL reads the conditions
/// first, so the types of parameters stand there.
macro_rules! change {
    ($set:expr, $conversation:literal, $session:literal, $from:literal, $and:literal) => {
        concat!(
            "UPDATE conversations c SET last_seq = c.last_seq + $1, last_activity = $2,
                bot_state = CASE WHEN $3 IS NULL THEN c.bot_state ELSE nullif($3, '') END,
                owner = coalesce($4, c.owner),
                owner_name = CASE WHEN $4 IS NULL THEN c.owner_name ELSE $5::text END,
                session_open = c.session_open
                    AND NOT ($6 AND c.session_id IS NOT DISTINCT FROM ",
            $session,
            ")",
            $set,
            " ",
            $from,
            " WHERE c.id = ",
            $conversation,
            " AND ($1::bigint > 0 OR $3::text IS NOT NULL OR $4::smallint IS NOT NULL OR $6::boolean)
              AND ($7::smallint IS NULL
                   OR (c.owner = $7 AND c.owner_name IS NOT DISTINCT FROM $8::text)) ",
            $and,
            " RETURNING c.id, c.last_seq, c.owner, c.owner_name, c.bot_state"
        )
    };
}
pub(super) use change;

/// Stores the answers behind what was there before `changed`. Parameters 9 to 11 of a [`Change`].
macro_rules! insert {
    ($conversation:literal, $session:literal, $from:literal) => {
        concat!(
            "INSERT INTO messages (conversation, seq, message_id, author, body, created, session_id, agent)
             SELECT ",
            $conversation,
            ", changed.last_seq - $1 + answer.place, answer.message_id, 1, answer.body, $2, ",
            $session,
            ", $9::text FROM ",
            $from,
            ", unnest($10::text[], $11::text[]) WITH ORDINALITY answer (message_id, body, place)"
        )
    };
}
pub(super) use insert;

/// Ids and bodies of answers, as parameters.
pub(super) fn columns(answers: Vec<NewAnswer>) -> (Vec<String>, Vec<String>) {
    let owned = |answer: NewAnswer| (owned(answer.message_id), owned(answer.body));
    answers.into_iter().map(owned).unzip()
}

impl Change {
    pub(super) fn new(parts: Parts) -> Self {
        let (only_if, only_if_name) = parts.only_if.as_ref().map(owner_columns).unzip();
        let Effects {
            state,
            owner,
            closes,
            tokens: _,
        } = parts.effects;
        let (to, to_name) = owner.as_ref().map(owner_columns).unzip();
        let (ids, bodies) = columns(parts.answers);
        Self {
            count: integer(ids.len() as u64),
            ids,
            bodies,
            agent: parts.agent.map(owned),
            only_if,
            only_if_name: only_if_name.flatten(),
            state: state.map(owned),
            to,
            to_name: to_name.flatten(),
            closes,
            now: parts.now,
        }
    }

    /// Is there nothing to change?
    pub(super) fn is_nothing(&self) -> bool {
        self.count == 0 && self.state.is_none() && self.to.is_none() && !self.closes
    }

    pub(super) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.count,
            &self.now,
            &self.state,
            &self.to,
            &self.to_name,
            &self.closes,
            &self.only_if,
            &self.only_if_name,
            &self.agent,
            &self.ids,
            &self.bodies,
        ]
    }

    /// The answers as they were stored, of which the last has this sequence.
    pub(super) fn stored(
        &self,
        conversation: ConversationId,
        session: &str,
        last: u64,
    ) -> Vec<StoredMessage> {
        let place = Place {
            conversation,
            behind: last - self.ids.len() as u64,
            session_id: session,
            agent: self.agent.as_deref(),
            now: self.now,
        };
        place.stored(self.ids.iter().zip(&self.bodies))
    }
}

/// Stores answers that come outside a turn.
pub(super) struct AppendAnswers {
    conversation: ConversationId,
    change: Change,
}

impl AppendAnswers {
    pub(super) fn new(new: NewAnswers) -> Self {
        Self {
            conversation: new.conversation,
            change: Change::new(Parts {
                answers: new.answers,
                agent: new.agent,
                only_if: new.only_if,
                effects: new.effects,
                now: new.now,
            }),
        }
    }
}

impl Operation for AppendAnswers {
    type Output = AnswersAppended;

    /// A row for each answer that the conversation has already, or one without.
    const SQL: &'static str = concat!(
        "WITH before AS (
            SELECT id, owner, owner_name, coalesce(session_id, '') AS session_id
            FROM conversations WHERE id = $12
        ), again AS (
            SELECT ",
        message_columns!(),
        " FROM messages WHERE conversation = $12 AND message_id = ANY ($10)
        ), changed AS (",
        change!(
            "",
            "before.id",
            "before.session_id",
            "FROM before",
            "AND NOT EXISTS (SELECT 1 FROM again)"
        ),
        "), stored AS (",
        insert!("changed.id", "before.session_id", "changed, before"),
        ")
        SELECT ",
        message_columns!("again"),
        ", before.owner, before.owner_name, before.session_id, changed.last_seq
        FROM before LEFT JOIN changed ON true LEFT JOIN again ON true ORDER BY again.seq",
    );

    fn lock(&self) -> Lock<'_> {
        Lock::Conversation(self.conversation)
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let mut parameters = self.change.parameters();
        parameters.push(&self.conversation);
        parameters
    }

    fn read(&self, rows: &[Row]) -> Result<AnswersAppended, StoreError> {
        let row = rows.first().ok_or(NO_CONVERSATION)?;
        let at = |column: usize| MESSAGE_COLUMNS + column;
        let before = owner(row, at(0))?;
        let again = rows.iter().filter_map(|row| message(row, 0).transpose());
        let again = again.collect::<Result<Vec<_>, _>>()?;
        if !again.is_empty() {
            return Ok(AnswersAppended::Stored {
                messages: again,
                duplicate: true,
                before,
            });
        }
        let messages = if row.get_or::<Option<i64>>(at(3))?.is_some() {
            let session: String = row.get_or(at(2))?;
            let last = unsigned(row, at(3))?;
            self.change.stored(self.conversation, &session, last)
        } else if self.change.is_nothing() {
            Vec::new()
        } else {
            return Ok(AnswersAppended::NotOwner(before));
        };
        Ok(AnswersAppended::Stored {
            messages,
            duplicate: false,
            before,
        })
    }
}

/// Gives a conversation to somebody else.
pub(super) struct SetOwner {
    conversation: ConversationId,
    only_if: Option<i16>,
    only_if_name: Option<String>,
    to: i16,
    to_name: Option<String>,
    now: Millis,
}

impl SetOwner {
    pub(super) fn new(
        conversation: ConversationId,
        only_if: Option<&Owner>,
        to: &Owner,
        now: Millis,
    ) -> Self {
        let (only_if, only_if_name) = only_if.map(owner_columns).unzip();
        let (to, to_name) = owner_columns(to);
        Self {
            conversation,
            only_if,
            only_if_name: only_if_name.flatten(),
            to,
            to_name,
            now,
        }
    }
}

impl Operation for SetOwner {
    type Output = Option<Owner>;

    const SQL: &'static str = "
        WITH before AS (
            SELECT owner, owner_name FROM conversations WHERE id = $1
        ), changed AS (
            UPDATE conversations SET owner = $2, owner_name = $3, last_activity = $4
            WHERE id = $1
              AND ($5::smallint IS NULL OR (owner = $5 AND owner_name IS NOT DISTINCT FROM $6::text))
            RETURNING id
        )
        SELECT owner, owner_name, EXISTS (SELECT 1 FROM changed) FROM before";

    fn lock(&self) -> Lock<'_> {
        Lock::Conversation(self.conversation)
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.conversation,
            &self.to,
            &self.to_name,
            &self.now,
            &self.only_if,
            &self.only_if_name,
        ]
    }

    fn read(&self, rows: &[Row]) -> Result<Option<Owner>, StoreError> {
        let row = rows.first().ok_or(NO_CONVERSATION)?;
        let changed: bool = row.get_or(2)?;
        changed.then(|| owner(row, 0)).transpose()
    }
}
