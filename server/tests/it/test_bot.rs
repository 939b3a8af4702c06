//! A bot that does what the visitor says.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use async_trait::async_trait;
use protocol::reply::BotMessage;
use serde_json::json;
use server::bot::{Answers, Bot, BotError, Class, Recent, Turn, TurnKind};
use server::records::Owner;
use tokio::sync::Notify;

/// Greets, echoes, and can fail in every way.
#[derive(Default)]
pub(crate) struct TestBot {
    /// Turns so far.
    pub(crate) asked: AtomicUsize,
    /// Lets turns that said "wait" go on.
    pub(crate) go: Notify,
    /// The next welcome waits too.
    pub(crate) wait_to_greet: AtomicBool,
    /// The turns, as they were given.
    pub(crate) turns: Mutex<Vec<Turn>>,
    /// Turns that were dropped while they waited.
    pub(crate) dropped: AtomicUsize,
    /// It wants what is said to a person, too.
    pub(crate) carries: AtomicBool,
    /// It wants so many messages of before.
    pub(crate) recalls: AtomicU32,
}

/// Notes that a turn was dropped.
struct Dropped<'a>(&'a AtomicUsize);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Bot for TestBot {
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.turns.lock().unwrap().push(turn.clone());
        let body = match turn.kind {
            TurnKind::Connect => {
                if self.wait_to_greet.swap(false, Ordering::SeqCst) {
                    self.go.notified().await;
                }
                return answers.push(&BotMessage::text("Welcome"));
            }
            TurnKind::Close => return Ok(()),
            TurnKind::Message { body, .. } => body,
        };
        match body.as_str() {
            "silence" => Ok(()),
            "fail" => Err(BotError::failed(Class::Error, "on purpose")),
            "busy" => Err(BotError::unavailable(Class::Busy, "on purpose")),
            "panic" => panic!("on purpose"),
            "hang" => std::future::pending().await,
            "stream and hang" => {
                let _dropped = Dropped(&self.dropped);
                answers.write("Hello ")?;
                std::future::pending().await
            }
            "wait" => {
                self.go.notified().await;
                answers.push(&BotMessage::text("at last"))
            }
            "buttons" => {
                let inner = json!({"template_type": "button", "text": "Pick", "buttons": [
                    {"type": "postback", "title": "Balance", "payload": "BAL"}]});
                answers.push(&BotMessage::template(inner, "Pick"))
            }
            "look it up" => {
                answers.doing("Looking up orders …");
                self.go.notified().await;
                answers.push(&BotMessage::text("found"))
            }
            "a person please" => {
                answers.hand_over(Owner::Agent("Ann".to_owned()));
                answers.push(&BotMessage::text("One moment"))
            }
            "twice" => {
                answers.push(&BotMessage::text("one"))?;
                answers.push(&BotMessage::text("two"))
            }
            "stream" | "stream and fail" => {
                answers.write("Hel")?;
                answers.write("lo ")?;
                self.go.notified().await;
                if body != "stream" {
                    return Err(BotError::failed(Class::Error, "on purpose"));
                }
                answers.write("wörld")?;
                self.go.notified().await;
                answers.write("!")
            }
            other => answers.push(&BotMessage::text(format!("echo {other}"))),
        }
    }

    fn carries_to_agents(&self) -> bool {
        self.carries.load(Ordering::SeqCst)
    }

    fn recent(&self) -> Recent {
        Recent {
            messages: self.recalls.load(Ordering::SeqCst),
            bytes: 10_000,
        }
    }
}
