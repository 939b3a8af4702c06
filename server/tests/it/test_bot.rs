//! A bot that does what the visitor says.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use protocol::reply::BotMessage;
use serde_json::json;
use server::bot::{Answers, Bot, BotError, Class, Turn, TurnKind};
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
}

#[async_trait]
impl Bot for TestBot {
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
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
            "wait" => {
                self.go.notified().await;
                answers.push(&BotMessage::text("at last"))
            }
            "buttons" => {
                let inner = json!({"template_type": "button", "text": "Pick", "buttons": [
                    {"type": "postback", "title": "Balance", "payload": "BAL"}]});
                answers.push(&BotMessage::template(inner, "Pick"))
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
}
