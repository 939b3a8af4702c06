//! Statements about a user as a whole: what is stored, erasing it, and users that nobody needs any more.
//!
//! What is deleted is overwritten: every connection that writes has `secure_delete` (`open.rs`).

use rusqlite::{Connection, params};

use super::access::revoke_user;
use super::convert::{integer, owner, store_error, unsigned, user as user_row};
use crate::clock::Millis;
use crate::store::{
    Dossier, EndedAccess, ExportedConversation, Forgotten, PrunedUsers, StoreError, User,
};

/// The most messages that one step of erasing removes. They take the writer a few milliseconds. A server beside this
/// process waits for that.
const FORGOTTEN: usize = 500;

/// The most users that one step looks at.
const LOOKED_AT: u32 = 500;

/// A user's conversations: all of them (`?2` is null), or the one with a bot.
const WHICH: &str = "SELECT id FROM conversations WHERE user = ?1 AND (?2 IS NULL OR bot = ?2)";

pub(super) fn dossiers(
    connection: &Connection,
    identity: &str,
    app: Option<&str>,
) -> Result<Vec<Dossier>, StoreError> {
    let read = || {
        // There are two statements, so that each is served by an index.
        let sql = match app {
            Some(_) => {
                "SELECT id, app, identity, created, profile FROM users WHERE identity = ?1 AND app = ?2"
            }
            None => {
                "SELECT id, app, identity, created, profile FROM users WHERE identity = ?1 AND ?2 IS NULL"
            }
        };
        let mut query = connection.prepare_cached(sql)?;
        let users = query.query_map(params![identity, app], |row| {
            Ok((user_row(row)?, row.get(4)?))
        })?;
        users
            .map(|user| user.and_then(|(user, profile)| dossier(connection, user, profile)))
            .collect::<rusqlite::Result<Vec<_>>>()
    };
    read().map_err(store_error)
}

fn dossier(
    connection: &Connection,
    user: User,
    profile: Option<String>,
) -> rusqlite::Result<Dossier> {
    let mut query = connection.prepare_cached(
        "SELECT id, bot, app, created, last_activity, session_id,
                (SELECT count(*) FROM messages WHERE conversation = conversations.id),
                name, bot_state, owner, owner_name
         FROM conversations WHERE user = ?1 ORDER BY id",
    )?;
    let conversations = query.query_map([&user.id], |row| {
        Ok(ExportedConversation {
            id: row.get(0)?,
            bot: row.get(1)?,
            app: row.get(2)?,
            created: row.get(3)?,
            last_activity: row.get(4)?,
            session_id: row.get(5)?,
            messages: unsigned(row, 6)?,
            name: row.get(7)?,
            state: row.get(8)?,
            owner: owner(row, 9)?,
            jobs: Vec::new(),
        })
    })?;
    let mut conversations: Vec<ExportedConversation> =
        conversations.collect::<rusqlite::Result<_>>()?;
    let mut jobs = connection
        .prepare_cached("SELECT context FROM jobs WHERE conversation = ?1 ORDER BY id")?;
    for kept in &mut conversations {
        let contexts = jobs.query_map([kept.id], |row| row.get(0))?;
        kept.jobs = contexts.collect::<rusqlite::Result<_>>()?;
    }
    let mut tokens =
        connection.prepare_cached("SELECT expires FROM tokens WHERE user = ?1 ORDER BY expires")?;
    let tokens = tokens.query_map([&user.id], |row| row.get(0))?;
    Ok(Dossier {
        tokens: tokens.collect::<rusqlite::Result<_>>()?,
        conversations,
        profile,
        user,
    })
}

pub(super) fn forget(
    connection: &Connection,
    user: &str,
    bot: Option<&str>,
    now: Millis,
) -> Result<Forgotten, StoreError> {
    let run = |sql: &str| -> rusqlite::Result<usize> {
        connection.prepare_cached(sql)?.execute(params![user, bot])
    };
    // Access goes first, and other servers get notice, so that nobody writes more while messages are removed.
    revoke_user(connection, user, now)?;
    let step = || {
        run(&format!("DELETE FROM jobs WHERE conversation IN ({WHICH})"))?;
        let messages = run(&format!(
            "DELETE FROM messages WHERE rowid IN
             (SELECT rowid FROM messages WHERE conversation IN ({WHICH}) LIMIT {FORGOTTEN})"
        ))?;
        if messages == FORGOTTEN {
            return Ok(Forgotten {
                messages,
                more: true,
                ..Forgotten::default()
            });
        }
        Ok(Forgotten {
            messages,
            conversations: run(&format!("DELETE FROM conversations WHERE id IN ({WHICH})"))?,
            users: connection.execute(
                "DELETE FROM users WHERE id = ?1
                 AND NOT EXISTS (SELECT 1 FROM conversations WHERE user = ?1)",
                [user],
            )?,
            more: false,
        })
    };
    step().map_err(store_error)
}

pub(super) fn ended_access(
    connection: &Connection,
    after: u64,
) -> Result<Vec<EndedAccess>, StoreError> {
    let read = || {
        let mut query = connection.prepare_cached(
            "SELECT number, user FROM erasures WHERE number > ?1 ORDER BY number LIMIT ?2",
        )?;
        let rows = query.query_map(params![integer(after), LOOKED_AT], |row| {
            Ok(EndedAccess {
                number: unsigned(row, 0)?,
                user: row.get(1)?,
            })
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    read().map_err(store_error)
}

/// A condition on the user `u`: no old token lets the user in. `?1` is the moment since when the user must be unused.
const NO_TOKEN: &str =
    "NOT EXISTS (SELECT 1 FROM tokens WHERE tokens.user = u.id AND expires > ?2)";
/// A condition on the conversation `c`.
const EMPTY: &str = "c.last_activity < ?1
    AND NOT EXISTS (SELECT 1 FROM messages WHERE conversation = c.id)
    AND NOT EXISTS (SELECT 1 FROM jobs WHERE conversation = c.id)";

/// What to remove, and where the next step continues.
pub(super) struct Found {
    pub(super) users: Vec<String>,
    pub(super) next: Option<String>,
}

/// The users after `after` with something to remove. It only reads.
pub(super) fn find_unused(
    connection: &Connection,
    unused_since: Millis,
    now: Millis,
    after: &str,
) -> Result<Found, StoreError> {
    let look = || {
        let mut query = connection.prepare_cached(&format!(
            "SELECT u.id, {NO_TOKEN} AND (
                 EXISTS (SELECT 1 FROM conversations c WHERE c.user = u.id AND {EMPTY})
                 OR (u.created < ?1 AND NOT EXISTS (SELECT 1 FROM conversations c WHERE c.user = u.id)))
             FROM (SELECT id, created FROM users WHERE id > ?3 ORDER BY id LIMIT ?4) u
             ORDER BY u.id"
        ))?;
        let rows = query.query_map(params![unused_since, now, after, LOOKED_AT], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    let seen = look().map_err(store_error)?;
    let whole = u32::try_from(seen.len()) == Ok(LOOKED_AT);
    Ok(Found {
        next: seen.last().filter(|_| whole).map(|(id, _)| id.clone()),
        users: seen
            .into_iter()
            .filter_map(|(id, unused)| unused.then_some(id))
            .collect(),
    })
}

/// Removes what was found, if it has not changed since.
pub(super) fn remove_unused(
    connection: &Connection,
    unused_since: Millis,
    now: Millis,
    found: &Found,
) -> Result<PrunedUsers, StoreError> {
    let remove = || {
        let mut conversations = connection.prepare_cached(&format!(
            "DELETE FROM conversations WHERE id IN (
                 SELECT c.id FROM conversations c JOIN users u ON u.id = c.user
                 WHERE c.user = ?3 AND {NO_TOKEN} AND {EMPTY})"
        ))?;
        let mut users = connection.prepare_cached(&format!(
            "DELETE FROM users AS u WHERE u.id = ?3 AND u.created < ?1 AND {NO_TOKEN}
             AND NOT EXISTS (SELECT 1 FROM conversations c WHERE c.user = u.id)"
        ))?;
        let mut pruned = PrunedUsers {
            next: found.next.clone(),
            ..PrunedUsers::default()
        };
        for id in &found.users {
            pruned.conversations += conversations.execute(params![unused_since, now, id])?;
            pruned.users += users.execute(params![unused_since, now, id])?;
        }
        Ok(pruned)
    };
    remove().map_err(store_error)
}
