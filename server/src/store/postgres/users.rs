//! Statements about a user as a whole: what is kept, forgetting it, and users that nobody needs any more.
//!
//! Locks in this order, as everywhere: the user, then conversations by their number.

use std::collections::HashMap;

use deadpool_postgres::Client;
use tokio_postgres::types::ToSql;

use super::access::revoke;
use super::convert::{Columns as _, integer, owner, text, unsigned, user as user_row};
use super::errors::Failure;
use crate::clock::Millis;
use crate::store::{
    ConversationId, Dossier, EndedAccess, ExportedConversation, Forgotten, PrunedUsers, StoreError,
    User,
};

/// Messages that one step of forgetting removes.
const FORGOTTEN: i64 = 500;

/// Users that one step looks at.
const LOOKED_AT: i64 = 500;

pub(super) async fn dossiers(
    client: &Client,
    identity: &str,
    app: Option<&str>,
) -> Result<Vec<Dossier>, Failure> {
    let sql = "SELECT id, app, identity, created, profile FROM users
         WHERE identity = $1 AND ($2::text IS NULL OR app = $2) ORDER BY id";
    let query = client.prepare_cached(sql).await?;
    let users = client.query(&query, &[&text(identity), &app]).await?;
    let mut dossiers = Vec::with_capacity(users.len());
    for row in &users {
        dossiers.push(dossier(client, user_row(row)?, row.get_or(4)?).await?);
    }
    Ok(dossiers)
}

async fn dossier(client: &Client, user: User, profile: Option<String>) -> Result<Dossier, Failure> {
    let sql = "SELECT c.id, c.bot, c.app, c.created, c.last_activity, c.session_id,
             (SELECT count(*) FROM messages WHERE conversation = c.id),
             c.name, c.bot_state, c.owner, c.owner_name
         FROM conversations c WHERE c.user_id = $1 ORDER BY c.id";
    let query = client.prepare_cached(sql).await?;
    let mut conversations = Vec::new();
    for row in client.query(&query, &[&user.id]).await? {
        conversations.push(ExportedConversation {
            id: row.get_or(0)?,
            bot: row.get_or(1)?,
            app: row.get_or(2)?,
            created: row.get_or(3)?,
            last_activity: row.get_or(4)?,
            session_id: row.get_or(5)?,
            messages: unsigned(&row, 6)?,
            name: row.get_or(7)?,
            state: row.get_or(8)?,
            owner: owner(&row, 9)?,
            jobs: Vec::new(),
        });
    }
    let ids: Vec<ConversationId> = conversations.iter().map(|it| it.id).collect();
    let sql = "SELECT conversation, context FROM jobs WHERE conversation = ANY ($1) ORDER BY id";
    let query = client.prepare_cached(sql).await?;
    let mut jobs: HashMap<ConversationId, Vec<String>> = HashMap::new();
    for row in client.query(&query, &[&ids]).await? {
        jobs.entry(row.get_or(0)?).or_default().push(row.get_or(1)?);
    }
    for kept in &mut conversations {
        kept.jobs = jobs.remove(&kept.id).unwrap_or_default();
    }
    let sql = "SELECT expires FROM tokens WHERE user_id = $1 ORDER BY expires";
    let query = client.prepare_cached(sql).await?;
    let tokens = client.query(&query, &[&user.id]).await?;
    let tokens = tokens.iter().map(|row| row.get_or(0));
    Ok(Dossier {
        tokens: tokens.collect::<Result<_, StoreError>>()?,
        conversations,
        profile,
        user,
    })
}

pub(super) async fn forget(
    client: &mut Client,
    user: &str,
    bot: Option<&str>,
    now: Millis,
) -> Result<Forgotten, Failure> {
    let (user, bot) = (text(user), bot.map(text));
    let transaction = client.transaction().await?;
    // Whoever lets the user in at this moment comes before or after this.
    let lock = "SELECT 1 FROM users WHERE id = $1 FOR UPDATE";
    transaction.query(lock, &[&user]).await?;
    let which = "SELECT id FROM conversations WHERE user_id = $1 AND ($2::text IS NULL OR bot = $2)
         ORDER BY id FOR UPDATE";
    let which = transaction.query(which, &[&user, &bot]).await?;
    let which = which.iter().map(|row| row.get_or(0));
    let which: Vec<ConversationId> = which.collect::<Result<_, StoreError>>()?;
    // First what lets somebody in, and the word to servers: nobody writes on while messages go.
    revoke(&transaction, &[user.as_ref()], now).await?;
    let jobs = "DELETE FROM jobs WHERE conversation = ANY ($1)";
    transaction.execute(jobs, &[&which]).await?;
    let some = "DELETE FROM messages WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM messages WHERE conversation = ANY ($1) LIMIT $2))";
    let messages = transaction.execute(some, &[&which, &FORGOTTEN]).await?;
    let mut forgotten = Forgotten {
        messages: count(messages),
        more: i64::try_from(messages) == Ok(FORGOTTEN),
        ..Forgotten::default()
    };
    if !forgotten.more {
        let conversations = "DELETE FROM conversations WHERE id = ANY ($1)";
        forgotten.conversations = count(transaction.execute(conversations, &[&which]).await?);
        let person = "DELETE FROM users WHERE id = $1
             AND NOT EXISTS (SELECT 1 FROM conversations WHERE user_id = $1)";
        forgotten.users = count(transaction.execute(person, &[&user]).await?);
    }
    transaction.commit().await?;
    Ok(forgotten)
}

fn count(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}

pub(super) async fn ended_access(client: &Client, after: u64) -> Result<Vec<EndedAccess>, Failure> {
    let sql = "SELECT number, user_id FROM erasures WHERE number > $1 ORDER BY number LIMIT $2";
    let query = client.prepare_cached(sql).await?;
    let found = client.query(&query, &[&integer(after), &LOOKED_AT]).await?;
    let read = found.iter().map(|row| {
        Ok(EndedAccess {
            number: unsigned(row, 0)?,
            user: row.get_or(1)?,
        })
    });
    Ok(read.collect::<Result<_, StoreError>>()?)
}

/// Conditions on the user `u`: nobody can come in with a token of before, and `$1` is where unused begins.
macro_rules! no_token {
    () => {
        "NOT EXISTS (SELECT 1 FROM tokens t WHERE t.user_id = u.id AND t.expires > $2)"
    };
}

/// On the conversation `c`.
macro_rules! empty {
    () => {
        "c.last_activity < $1
         AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.conversation = c.id)
         AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.conversation = c.id)"
    };
}

/// Where to remove, and where the next step looks on.
pub(super) struct Found {
    pub(super) users: Vec<String>,
    pub(super) next: Option<String>,
}

/// The users after `after` who have something to remove. Only reads.
pub(super) async fn find_unused(
    client: &Client,
    unused_since: Millis,
    now: Millis,
    after: &str,
) -> Result<Found, Failure> {
    const SQL: &str = concat!(
        "SELECT u.id, ",
        no_token!(),
        " AND (
             EXISTS (SELECT 1 FROM conversations c WHERE c.user_id = u.id AND ",
        empty!(),
        ") OR (u.created < $1 AND NOT EXISTS (SELECT 1 FROM conversations c WHERE c.user_id = u.id)))
         FROM (SELECT id, created FROM users WHERE id > $3 ORDER BY id LIMIT $4) u ORDER BY u.id",
    );
    let query = client.prepare_cached(SQL).await?;
    let of: [&(dyn ToSql + Sync); 4] = [&unused_since, &now, &after, &LOOKED_AT];
    let seen = client.query(&query, &of).await?;
    let seen = seen.iter().map(|row| Ok((row.get_or(0)?, row.get_or(1)?)));
    let seen: Vec<(String, bool)> = seen.collect::<Result<_, StoreError>>()?;
    let whole = i64::try_from(seen.len()) == Ok(LOOKED_AT);
    Ok(Found {
        next: seen.last().filter(|_| whole).map(|(id, _)| id.clone()),
        users: seen
            .into_iter()
            .filter_map(|(id, unused)| unused.then_some(id))
            .collect(),
    })
}

/// Removes the found ones, if they still are what they were. Their conversations are locked, too: a message that comes at
/// this moment comes before or after this.
pub(super) async fn remove_unused(
    client: &mut Client,
    unused_since: Millis,
    now: Millis,
    found: &Found,
) -> Result<PrunedUsers, Failure> {
    const CONVERSATIONS: &str = concat!(
        "DELETE FROM conversations c USING users u WHERE u.id = c.user_id AND u.id = ANY ($3) AND ",
        no_token!(),
        " AND ",
        empty!(),
    );
    const USERS: &str = concat!(
        "DELETE FROM users u WHERE u.id = ANY ($3) AND u.created < $1 AND ",
        no_token!(),
        " AND NOT EXISTS (SELECT 1 FROM conversations c WHERE c.user_id = u.id)",
    );
    let transaction = client.transaction().await?;
    for lock in [
        "SELECT id FROM users WHERE id = ANY ($1) ORDER BY id FOR UPDATE",
        "SELECT id FROM conversations WHERE user_id = ANY ($1) ORDER BY id FOR UPDATE",
    ] {
        transaction.query(lock, &[&found.users]).await?;
    }
    let of: [&(dyn ToSql + Sync); 3] = [&unused_since, &now, &found.users];
    let conversations = transaction.execute(CONVERSATIONS, &of).await?;
    let users = transaction.execute(USERS, &of).await?;
    transaction.commit().await?;
    Ok(PrunedUsers {
        users: count(users),
        conversations: count(conversations),
        next: found.next.clone(),
    })
}
