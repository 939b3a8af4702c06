//! Statements about the work for bots.

use deadpool_postgres::Client;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::answers::{Change, Parts, change, insert};
use super::convert::{
    Columns as _, MESSAGE_COLUMNS, Node, clock, message, message_columns, millis, owner, unsigned,
};
use super::errors::Failure;
use super::writer::{Lock, Operation};
use crate::clock::Millis;
use crate::limits::LEASE;
use crate::store::{Completed, ConversationId, Job, JobId, NextJob, Owner, StoreError, TurnEnd};

/// The columns that [`read_next`] reads: of a job `j`, its conversation `c`, its user `u` and the message `m` that it
/// answers.
macro_rules! next_columns {
    ($owner:literal, $owner_name:literal, $state:literal) => {
        concat!(
            message_columns!("m"),
            ", j.due, j.id, j.conversation, j.kind, j.session_id, j.context, j.attempts, j.created, \
             c.user_id, c.bot, c.name, c.app, u.identity, u.profile, ",
            $owner,
            ", ",
            $owner_name,
            ", ",
            $state
        )
    };
}

const NEXT_COLUMNS: usize = MESSAGE_COLUMNS + 17;

/// What comes next in a conversation, from a row of `next_columns!`.
fn read_next(row: &Row, now: Millis) -> Result<NextJob, StoreError> {
    let at = |column: usize| MESSAGE_COLUMNS + column;
    let Some(due) = row.get_or::<Option<Millis>>(at(0))? else {
        return Ok(NextJob::Empty);
    };
    if due > now {
        return Ok(NextJob::NotBefore(due));
    }
    Ok(NextJob::Ready(Box::new(Job {
        trigger: message(row, 0)?,
        id: row.get_or(at(1))?,
        conversation: row.get_or(at(2))?,
        kind: row.get_or(at(3))?,
        session_id: row.get_or(at(4))?,
        context: row.get_or(at(5))?,
        attempts: u32::try_from(unsigned(row, at(6))?).unwrap_or(u32::MAX),
        created: row.get_or(at(7))?,
        user: row.get_or(at(8))?,
        bot: row.get_or(at(9))?,
        conversation_name: row.get_or(at(10))?,
        app: row.get_or(at(11))?,
        identity: row.get_or(at(12))?,
        profile: row.get_or(at(13))?,
        owner: owner(row, at(14))?,
        state: row.get_or(at(16))?,
    })))
}

pub(super) async fn next(
    client: &Client,
    conversation: ConversationId,
    now: Millis,
) -> Result<NextJob, Failure> {
    const SQL: &str = concat!(
        "SELECT ",
        next_columns!("c.owner", "c.owner_name", "c.bot_state"),
        " FROM jobs j JOIN conversations c ON c.id = j.conversation JOIN users u ON u.id = c.user_id
          LEFT JOIN messages m ON m.conversation = j.conversation AND m.seq = j.trigger_seq
          WHERE j.conversation = $1 ORDER BY j.id LIMIT 1",
    );
    let query = client.prepare_cached(SQL).await?;
    let first = client.query_opt(&query, &[&conversation]).await?;
    Ok(match first {
        Some(row) => read_next(&row, now)?,
        None => NextJob::Empty,
    })
}

pub(super) async fn waiting(client: &Client, node: &Node) -> Result<Vec<ConversationId>, Failure> {
    const SQL: &str = concat!(
        "SELECT DISTINCT j.conversation FROM jobs j JOIN conversations c ON c.id = j.conversation
         WHERE c.lease_node IS NULL OR c.lease_node = $1 OR c.lease_until < ",
        clock!(),
        " ORDER BY j.conversation",
    );
    let query = client.prepare_cached(SQL).await?;
    let found = client.query(&query, &[node]).await?;
    let ids = found.iter().map(|row| row.get_or(0));
    Ok(ids.collect::<Result<_, StoreError>>()?)
}

pub(super) async fn postpone(
    client: &Client,
    node: &Node,
    job: JobId,
    attempts: u32,
    due: Millis,
) -> Result<(), Failure> {
    let sql = "UPDATE jobs j SET attempts = $2, due = $3 FROM conversations c
         WHERE j.id = $1 AND c.id = j.conversation AND (c.lease_node IS NULL OR c.lease_node = $4)";
    let update = client.prepare_cached(sql).await?;
    client
        .execute(&update, &[&job, &i64::from(attempts), &due, node])
        .await?;
    Ok(())
}

/// Ends a job with its answers.
pub(super) struct Complete {
    job: JobId,
    node: Node,
    lease: i64,
    now: Millis,
    change: Change,
}

impl Complete {
    pub(super) fn new(node: &Node, job: JobId, end: TurnEnd, now: Millis) -> Self {
        Self {
            job,
            node: node.clone(),
            lease: millis(LEASE),
            now,
            change: Change::new(Parts {
                answers: end.answers,
                agent: None,
                only_if: Some(end.owner),
                effects: end.effects,
                now,
            }),
        }
    }
}

impl Operation for Complete {
    type Output = Completed;

    /// `was`: the job, unless it is done already. `done`: it ends, unless another node has the lease. Without a further
    /// job the lease goes back: with what changes, or by `returned` if nothing does. The other rows are those from before
    /// this statement, so what it changes is taken from `changed`.
    const SQL: &'static str = concat!(
        "WITH was AS (
            SELECT id, conversation FROM jobs WHERE id = $12
        ), done AS (
            DELETE FROM jobs j USING conversations c
            WHERE j.id = $12 AND c.id = j.conversation AND (c.lease_node IS NULL OR c.lease_node = $13)
            RETURNING j.conversation, j.session_id
        ), changed AS (",
        change!(
            concat!(
                ", lease_until = ",
                clock!(),
                " + $14::bigint, lease_node = CASE WHEN EXISTS (
                    SELECT 1 FROM jobs j WHERE j.conversation = c.id AND j.id <> $12) THEN $13 END"
            ),
            "done.conversation",
            "done.session_id",
            "FROM done",
            ""
        ),
        "), returned AS (
            UPDATE conversations c SET lease_node = NULL FROM done
            WHERE c.id = done.conversation AND c.lease_node IS NOT NULL
              AND NOT EXISTS (SELECT 1 FROM changed)
              AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.conversation = c.id AND j.id <> $12)
        ), stored AS (",
        insert!("changed.id", "done.session_id", "changed, done"),
        ")
        SELECT ",
        next_columns!(
            "coalesce(changed.owner, c.owner)",
            "CASE WHEN changed.id IS NULL THEN c.owner_name ELSE changed.owner_name END",
            "CASE WHEN changed.id IS NULL THEN c.bot_state ELSE changed.bot_state END"
        ),
        ", done.conversation, done.session_id, changed.last_seq, c.owner, c.owner_name
        FROM was JOIN conversations c ON c.id = was.conversation
        JOIN users u ON u.id = c.user_id
        LEFT JOIN done ON true LEFT JOIN changed ON true
        LEFT JOIN LATERAL (
            SELECT * FROM jobs WHERE conversation = was.conversation AND id <> $12 ORDER BY id LIMIT 1
        ) j ON true
        LEFT JOIN messages m ON m.conversation = j.conversation AND m.seq = j.trigger_seq",
    );

    fn lock(&self) -> Lock<'_> {
        Lock::Job(self.job)
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let mut parameters = self.change.parameters();
        let more: [&(dyn ToSql + Sync); 3] = [&self.job, &self.node, &self.lease];
        parameters.extend(more);
        parameters
    }

    fn read(&self, rows: &[Row]) -> Result<Completed, StoreError> {
        let Some(row) = rows.first() else {
            return Ok(Completed::default());
        };
        let at = |column: usize| NEXT_COLUMNS + column;
        let Some(conversation) = row.get_or::<Option<ConversationId>>(at(0))? else {
            return Err(StoreError::LeaseLost);
        };
        let session: String = row.get_or(at(1))?;
        let last: Option<i64> = row.get_or(at(2))?;
        let (answers, refused): (_, Option<Owner>) = match last {
            Some(_) => {
                let last = unsigned(row, at(2))?;
                (self.change.stored(conversation, &session, last), None)
            }
            None if self.change.is_nothing() => (Vec::new(), None),
            None => (Vec::new(), Some(owner(row, at(3))?)),
        };
        Ok(Completed {
            answers,
            refused,
            next: Some(read_next(row, self.now)?),
        })
    }
}

/// The first open job for a node, with the lease of its conversation.
pub(super) struct Take {
    conversation: ConversationId,
    node: Node,
    lease: i64,
    now: Millis,
}

impl Take {
    pub(super) fn new(node: &Node, conversation: ConversationId, now: Millis) -> Self {
        Self {
            conversation,
            node: node.clone(),
            lease: millis(LEASE),
            now,
        }
    }
}

impl Operation for Take {
    type Output = Option<NextJob>;

    /// Without a job the lease goes back.
    const SQL: &'static str = concat!(
        "WITH taken AS (
            UPDATE conversations SET lease_node = $2, lease_until = ",
        clock!(),
        " + $3::bigint
            WHERE id = $1 AND EXISTS (SELECT 1 FROM jobs WHERE conversation = $1)
              AND (lease_node IS NULL OR lease_node = $2 OR lease_until < ",
        clock!(),
        ")
            RETURNING id
        ), returned AS (
            UPDATE conversations SET lease_node = NULL
            WHERE id = $1 AND lease_node = $2 AND NOT EXISTS (SELECT 1 FROM jobs WHERE conversation = $1)
        )
        SELECT ",
        next_columns!("c.owner", "c.owner_name", "c.bot_state"),
        ", EXISTS (SELECT 1 FROM taken)
        FROM jobs j JOIN conversations c ON c.id = j.conversation JOIN users u ON u.id = c.user_id
        LEFT JOIN messages m ON m.conversation = j.conversation AND m.seq = j.trigger_seq
        WHERE j.conversation = $1 ORDER BY j.id LIMIT 1",
    );

    fn lock(&self) -> Lock<'_> {
        Lock::Conversation(self.conversation)
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![&self.conversation, &self.node, &self.lease]
    }

    fn read(&self, rows: &[Row]) -> Result<Option<NextJob>, StoreError> {
        let Some(row) = rows.first() else {
            return Ok(Some(NextJob::Empty));
        };
        let taken: bool = row.get_or(NEXT_COLUMNS)?;
        taken.then(|| read_next(row, self.now)).transpose()
    }
}

/// Conversations whose lease this node has, locked in the order in which batches lock them.
macro_rules! held {
    ($which:literal) => {
        concat!(
            "(SELECT id FROM conversations WHERE lease_node = $1 AND id = ANY (",
            $which,
            ") ORDER BY id FOR UPDATE)"
        )
    };
}

/// Keeps the leases of this node for another while.
pub(super) async fn renew(
    client: &Client,
    node: &Node,
    held: &[ConversationId],
) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "UPDATE conversations SET lease_until = ",
        clock!(),
        " + $3::bigint WHERE id IN ",
        held!("$2"),
    );
    let update = client.prepare_cached(SQL).await?;
    let values: [&(dyn ToSql + Sync); 3] = [node, &held, &millis(LEASE)];
    client.execute(&update, &values).await?;
    Ok(())
}

/// Gives back all leases of this node.
pub(super) async fn give_back(client: &Client, node: &Node) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "UPDATE conversations SET lease_node = NULL WHERE id IN ",
        held!("ARRAY(SELECT conversation FROM jobs)"),
    );
    client.execute(SQL, &[node]).await?;
    Ok(())
}
