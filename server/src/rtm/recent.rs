//! The messages before a turn, for bots that do not remember them.
//!
//! In the path: `answers` reads them from the store before a turn, if the bot asks for them.
//!
//! Invariants: messages are never cut. The newest are taken first, until one does not fit, and they are given oldest
//! first. What a visitor has said since the message to answer is left out, because it has its own turns.

use protocol::content::Content;
use protocol::message::UserBody;
use protocol::reply::BotMessage;

use super::limits::{RECENT_BYTES, RECENT_MESSAGES};
use crate::bot::{PastMessage, Recent, Speaker};
use crate::records::{Sender, StoredMessage};
use crate::store::{HistoryFrom, HistoryQuery, Job, Store, StoreError};

/// The messages before the job's own, oldest first.
///
/// # Errors
/// The store's.
pub(super) async fn recent(
    store: &dyn Store,
    job: &Job,
    wanted: Recent,
) -> Result<Vec<PastMessage>, StoreError> {
    let most = wanted.messages.min(RECENT_MESSAGES);
    let mut room = wanted.bytes.min(RECENT_BYTES);
    let mut said: Vec<PastMessage> = Vec::new();
    let mut from = HistoryFrom::Newest { offset: 0 };
    let most_said = usize::try_from(most).unwrap_or(usize::MAX);
    'pages: while said.len() < most_said && room > 0 {
        let query = HistoryQuery {
            conversation: job.conversation,
            from,
            limit: most,
        };
        let page = store.history(query).await?;
        let Some(oldest) = page.messages.first().map(|message| message.seq) else {
            break;
        };
        for message in page.messages.iter().rev() {
            let Some(words) = words(message, job) else {
                continue;
            };
            if words.text.len() > room || said.len() == most_said {
                break 'pages;
            }
            room -= words.text.len();
            said.push(words);
        }
        if !page.more {
            break;
        }
        from = HistoryFrom::Before(oldest);
    }
    said.reverse();
    Ok(said)
}

/// The message as it was read. `None`: there is nothing to read, or the message is not from before the job's own.
fn words(message: &StoredMessage, job: &Job) -> Option<PastMessage> {
    let answered = job.trigger.as_ref().map(|trigger| trigger.seq);
    let (by, text) = match message.sender {
        Sender::User => {
            // An answer to an earlier message may be stored after the message to answer. A visitor's message there is a
            // later one.
            if answered.is_some_and(|answered| message.seq >= answered) {
                return None;
            }
            let said: UserBody = serde_json::from_str(&message.body).ok()?;
            (Speaker::Visitor, said.shown())
        }
        Sender::Bot => {
            let answer: BotMessage = serde_json::from_str(&message.body).ok()?;
            let by = match message.agent {
                Some(_) => Speaker::Agent,
                None => Speaker::Bot,
            };
            (by, read(&Content::of_bot_message(&answer))?)
        }
    };
    let text = text.trim();
    (!text.is_empty()).then(|| PastMessage {
        by,
        text: text.to_owned(),
        at: message.created,
    })
}

/// The text with the titles of its buttons, one on each line. `None` for an apology, which the bot did not say.
fn read(content: &Content) -> Option<String> {
    if matches!(content, Content::Error { .. }) {
        return None;
    }
    let titles = content.buttons().iter().map(|button| &*button.title);
    let lines: Vec<&str> = std::iter::once(content.plain_text())
        .chain(titles)
        .collect();
    Some(lines.join("\n"))
}

#[cfg(test)]
#[path = "recent_tests.rs"]
mod tests;
