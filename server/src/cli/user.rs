//! `parlour user`: what is stored about a person, by the identity that an app vouched for, and its erasure.
//!
//! In the path: it works on the same database beside a running server. The server learns of an erasure from
//! [`Store::ended_access`].
//!
//! Invariants: the standard output of `show` and `export` is JSON. After `forget` the words are no longer in the
//! database's files, because deleted data is overwritten and the log is emptied.

use std::io::Write as _;
use std::path::Path;

use clap::{Args, Subcommand};
use protocol::timestamp::to_iso;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::say;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, ConfigError, Sources, StoreKind};
use crate::records::{Owner, Sender, StoredMessage};
use crate::start_error::StartError;
use crate::state::open_store_beside;
use crate::store::sqlite::copy::{CopyError, fold_log};
use crate::store::{Dossier, ExportedConversation, HistoryFrom, HistoryQuery, Store};

/// The number of messages that an export reads at once.
const PAGE: u32 = 500;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Say what is kept of a user, without the messages
    Show(Whom),
    /// Print everything that is kept of a user, with the messages, as JSON
    Export(Whom),
    /// Erase a user, with all messages, while the server runs; backups keep what they hold
    Forget(Whom),
}

#[derive(Debug, Args)]
pub(super) struct Whom {
    /// What the app's assertions call the user
    #[arg(value_name = "IDENTITY")]
    identity: String,
    /// Client id of the app [default: all apps]
    #[arg(long, value_name = "CLIENT_ID")]
    app: Option<String>,
    /// Only the conversation with this bot [default: all bots]
    #[arg(long, value_name = "BOT_ID")]
    bot: Option<String>,
}

pub(super) fn run(command: &UserCommand, sources: &Sources) -> Result<(), StartError> {
    let config = Config::load(sources)?;
    // PostgreSQL has no file of ours whose log keeps traces.
    let folder = Some(config.server.data.as_path());
    let folder = folder.filter(|_| config.store.kind == StoreKind::Sqlite);
    super::runtime()?.block_on(async {
        let store = open_store_beside(&config)?;
        let store = store.as_ref();
        match command {
            UserCommand::Show(whom) => {
                let users: Vec<Value> = find(store, whom).await?.iter().map(summary).collect();
                // Texts, numbers and lists can always be written.
                let text = serde_json::to_string_pretty(&json!({ "users": users }));
                print(&format!("{}\n", text.unwrap_or_default()))?;
            }
            UserCommand::Export(whom) => export(store, find(store, whom).await?).await?,
            UserCommand::Forget(whom) => forget(store, folder, whom).await?,
        }
        store.close().await.map_err(StartError::from)
    })
}

/// The selected users, each with the selected conversations.
async fn find(store: &dyn Store, whom: &Whom) -> Result<Vec<Dossier>, StartError> {
    let mut users = store.dossiers(&whom.identity, whom.app.as_deref()).await?;
    if let Some(bot) = &whom.bot {
        for user in &mut users {
            user.conversations.retain(|kept| kept.bot == *bot);
        }
        users.retain(|user| !user.conversations.is_empty());
    }
    if users.is_empty() {
        return Err(ConfigError::of(
            &whom.identity,
            "nothing is kept of this user; look at the identity, --app, --bot and --data",
        )
        .into());
    }
    Ok(users)
}

/// What is stored besides the messages.
fn summary(user: &Dossier) -> Value {
    let kept = user.conversations.iter();
    let conversations: Vec<Value> = kept
        .map(|kept| {
            let mut shown = conversation(kept);
            shown["botStateBytes"] = kept.state.as_ref().map_or(0, String::len).into();
            shown
        })
        .collect();
    let mut head = head(user);
    head["conversations"] = conversations.into();
    head
}

fn head(dossier: &Dossier) -> Value {
    let Dossier { user, tokens, .. } = dossier;
    let tokens: Vec<Value> = tokens
        .iter()
        .map(|expires| json!({ "expires": to_iso(expires.0) }))
        .collect();
    json!({
        "id": user.id,
        "app": user.app,
        "identity": user.identity,
        "created": to_iso(user.created.0),
        "profile": dossier.profile.as_deref().map(as_json),
        "accessTokens": tokens,
    })
}

fn conversation(kept: &ExportedConversation) -> Value {
    let jobs: Vec<Value> = kept.jobs.iter().map(|context| as_json(context)).collect();
    json!({
        "name": kept.name,
        "bot": kept.bot,
        "app": kept.app,
        "owner": match &kept.owner {
            Owner::Bot => json!({ "kind": "bot" }),
            Owner::Queue => json!({ "kind": "queue" }),
            Owner::Agent(name) => json!({ "kind": "agent", "name": name }),
        },
        "created": to_iso(kept.created.0),
        "lastActivity": to_iso(kept.last_activity.0),
        "sessionId": kept.session_id,
        "messageCount": kept.messages,
        "openAnswers": jobs,
    })
}

/// What is stored as JSON text, or the text itself.
fn as_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// Exports page by page, because a long conversation need not fit into memory.
async fn export(store: &dyn Store, users: Vec<Dossier>) -> Result<(), StartError> {
    print("{\"users\":[")?;
    for (index, user) in users.iter().enumerate() {
        print(&opened(index, &head(user), "conversations"))?;
        for (index, kept) in user.conversations.iter().enumerate() {
            let mut exported = conversation(kept);
            exported["botState"] = kept.state.as_deref().into();
            print(&opened(index, &exported, "messages"))?;
            let (mut after, mut more, mut separator) = (0, true, "\n");
            while more {
                let page = store
                    .history(HistoryQuery {
                        conversation: kept.id,
                        from: HistoryFrom::After(after),
                        limit: PAGE,
                    })
                    .await?;
                for stored in &page.messages {
                    print(&format!("{separator}{}", message(stored)))?;
                    (after, separator) = (stored.seq, ",\n");
                }
                more = page.more && !page.messages.is_empty();
            }
            print("]}")?;
        }
        print("]}")?;
    }
    print("]}\n")
}

/// An object of a list whose inner list `inner` stays open.
fn opened(index: usize, object: &Value, inner: &str) -> String {
    let text = object.to_string();
    let open = text.strip_suffix('}').unwrap_or(&text);
    let separator = if index == 0 { "" } else { "," };
    format!("{separator}\n{open},\"{inner}\":[")
}

fn message(stored: &StoredMessage) -> String {
    let raw = |text: &str| RawValue::from_string(text.to_owned()).ok();
    // The stored JSON is printed unchanged, so a number stays exact.
    let body = raw(&stored.body).map_or_else(
        || Value::from(&*stored.body).to_string(),
        |it| it.get().to_owned(),
    );
    let client = stored.client_message_id.as_deref().and_then(raw);
    let client = client.map_or_else(|| "null".to_owned(), |it| it.get().to_owned());
    let rest = json!({
        "seq": stored.seq,
        "messageId": stored.message_id,
        "author": match stored.sender {
            Sender::User => "user",
            Sender::Bot => "bot",
        },
        "agent": stored.agent,
        "created": to_iso(stored.created.0),
        "sessionId": stored.session_id,
    })
    .to_string();
    let open = rest.strip_suffix('}').unwrap_or(&rest);
    format!("{open},\"clientMessageId\":{client},\"body\":{body}}}")
}

async fn forget(store: &dyn Store, folder: Option<&Path>, whom: &Whom) -> Result<(), StartError> {
    let users = match find(store, whom).await {
        Ok(users) => users,
        Err(nobody) => {
            // This is the second try, after a reader held the log.
            folder.map_or(Ok(()), fold_log)?;
            return Err(nobody);
        }
    };
    let (mut messages, mut conversations, mut gone) = (0, 0, 0);
    for user in users {
        loop {
            let step = store
                .forget(&user.user.id, whom.bot.as_deref(), SystemClock.now())
                .await?;
            messages += step.messages;
            conversations += step.conversations;
            gone += step.users;
            if !step.more {
                break;
            }
            // Lets the server beside this process go first.
            tokio::task::yield_now().await;
        }
    }
    folder.map_or(Ok(()), fold_log)?;
    say(&format!(
        "Erased {gone} users, {conversations} conversations, {messages} messages. A running server ends their sockets within seconds; backups keep what they hold."
    ));
    Ok(())
}

/// Prints to the standard output. An export that is cut off must not look complete.
fn print(text: &str) -> Result<(), StartError> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| {
            CopyError::Unwritable {
                path: "the standard output".into(),
                reason: error.to_string(),
            }
            .into()
        })
}
