//! What a bot is told of what was said before, on a store of its own.

use serde_json::json;

use super::*;
use crate::clock::Millis;
use crate::records::ConversationId;
use crate::rtm::apology::apology;
use crate::state::test_state;
use crate::store::{
    Fingerprint, JobKind, NewAnswer, NewAnswers, NewMessage, NextJob, OpenMode, OpenSession,
    TurnEnd,
};

const NOW: Millis = Millis(1_800_000_000_000);

/// A conversation in a store of its own.
struct Talk {
    store: std::sync::Arc<dyn Store>,
    id: ConversationId,
    count: u32,
}

impl Talk {
    async fn start() -> Self {
        let store = std::sync::Arc::clone(&test_state("").store);
        let user = store.user("cs-1", "ann", "u-1", NOW).await.unwrap();
        let open = OpenSession {
            user: user.id,
            bot: "st-1".to_owned(),
            app: "cs-1".to_owned(),
            mode: OpenMode::Default,
            new_session_id: "ss-1".to_owned(),
            new_conversation_name: "cv-1".to_owned(),
            idle: std::time::Duration::from_mins(1),
            now: NOW,
            context: "{}".to_owned(),
            at_once: None,
        };
        let opened = store.open_session(open).await.unwrap();
        let job = opened.job.unwrap();
        store
            .complete_job(job, TurnEnd::default(), NOW)
            .await
            .unwrap();
        Self {
            store,
            id: opened.conversation,
            count: 0,
        }
    }

    async fn visitor(&mut self, body: serde_json::Value) {
        self.count += 1;
        let body = body.to_string();
        let message = NewMessage {
            conversation: self.id,
            message_id: format!("ms-{}", self.count),
            client_message_id: None,
            words: Fingerprint::of(&body),
            body,
            session_id: "ss-1".to_owned(),
            context: "{}".to_owned(),
            at_once: None,
            now: NOW,
        };
        self.store.append_message(message).await.unwrap();
    }

    async fn job(&self) -> Job {
        match self.store.next_job(self.id, NOW).await.unwrap() {
            NextJob::Ready(job) => *job,
            other => panic!("no job but {other:?}"),
        }
    }

    fn answer(&mut self, body: String) -> NewAnswer {
        self.count += 1;
        let message_id = format!("ms-{}", self.count);
        NewAnswer { message_id, body }
    }

    /// Ends the first job with these answers.
    async fn bot(&mut self, bodies: Vec<String>) {
        let answers = bodies.into_iter().map(|body| self.answer(body)).collect();
        let end = TurnEnd {
            answers,
            ..TurnEnd::default()
        };
        let job = self.job().await.id;
        self.store.complete_job(job, end, NOW).await.unwrap();
    }

    async fn recent(&self, messages: u32, bytes: usize) -> Vec<(Speaker, String)> {
        let wanted = Recent { messages, bytes };
        let said = recent(self.store.as_ref(), &self.job().await, wanted).await;
        let said = said.unwrap().into_iter();
        said.map(|said| (said.by, said.text)).collect()
    }
}

fn text(words: &str) -> String {
    serde_json::to_string(&BotMessage::text(words)).unwrap()
}

fn by(speaker: Speaker, words: &str) -> (Speaker, String) {
    (speaker, words.to_owned())
}

#[tokio::test]
async fn both_sides_are_told_as_they_were_read_and_by_whom() {
    let mut talk = Talk::start().await;
    talk.visitor(json!({"body": "hello"})).await;
    let buttons = json!({"template_type": "button", "text": "Pick **one**", "buttons": [
        {"type": "postback", "title": "Balance", "payload": "BAL"},
        {"type": "web_url", "title": "Site", "url": "https://a.test/"}]});
    let buttons = serde_json::to_string(&BotMessage::template(buttons, "Pick")).unwrap();
    let sorry = apology(JobKind::Message, None, None).unwrap();
    talk.bot(vec![buttons, sorry]).await;
    let late = talk.answer(text("I am Ann, a person."));
    let late = NewAnswers {
        conversation: talk.id,
        answers: vec![late],
        agent: Some("Ann".to_owned()),
        only_if: None,
        effects: crate::records::Effects::default(),
        now: NOW,
    };
    talk.store.append_answers(late).await.unwrap();
    talk.visitor(json!({"body": "BAL", "renderMsg": "Balance"}))
        .await;
    talk.bot(vec![text("12 euros")]).await;
    talk.visitor(json!({"body": "thanks"})).await;
    let expected = [
        by(Speaker::Visitor, "hello"),
        by(Speaker::Bot, "Pick **one**\nBalance\nSite"),
        by(Speaker::Agent, "I am Ann, a person."),
        by(Speaker::Visitor, "Balance"),
        by(Speaker::Bot, "12 euros"),
    ];
    assert_eq!(talk.recent(100, 10_000).await, expected);
    assert_eq!(talk.recent(2, 10_000).await, expected[3..]);
    assert_eq!(talk.recent(0, 10_000).await, []);
}

#[tokio::test]
async fn answers_that_came_since_are_told_and_messages_that_wait_are_not() {
    let mut talk = Talk::start().await;
    for words in ["one", "two", "three"] {
        talk.visitor(json!({"body": words})).await;
    }
    assert_eq!(talk.recent(100, 10_000).await, []);
    talk.bot(vec![text("to one")]).await;
    let expected = [by(Speaker::Visitor, "one"), by(Speaker::Bot, "to one")];
    assert_eq!(talk.recent(100, 10_000).await, expected);
    // Also where a page holds nothing but what waits.
    assert_eq!(talk.recent(2, 10_000).await, expected);
    assert_eq!(talk.recent(1, 10_000).await, expected[1..]);
}

#[tokio::test]
async fn whole_messages_from_the_newest_backwards_until_one_does_not_fit() {
    let mut talk = Talk::start().await;
    for words in ["aa", "a long one of before", "é"] {
        talk.visitor(json!({"body": words})).await;
        talk.bot(vec![text("ok")]).await;
    }
    talk.visitor(json!({"body": "now"})).await;
    let newest = [by(Speaker::Visitor, "é"), by(Speaker::Bot, "ok")];
    assert_eq!(talk.recent(100, 4).await, newest);
    assert_eq!(talk.recent(100, 3).await, newest[1..]);
    assert_eq!(talk.recent(100, 1).await, []);
    // Nothing older is put in the place of what does not fit.
    assert_eq!(talk.recent(100, 12).await.len(), 3);
}

#[tokio::test]
async fn a_long_conversation_is_read_page_by_page() {
    let mut talk = Talk::start().await;
    let long = "x".repeat(30_000);
    for number in 0..40 {
        talk.visitor(json!({"body": format!("{number}")})).await;
        talk.bot(vec![text(&long)]).await;
    }
    talk.visitor(json!({"body": "now"})).await;
    let all = talk.recent(1_000, RECENT_BYTES).await;
    // More than a page of the store holds.
    let bytes: usize = all.iter().map(|(_, text)| text.len()).sum();
    assert!(bytes > crate::store::PAGE_BYTES, "{bytes}");
    assert!(bytes <= RECENT_BYTES);
    assert_eq!(talk.recent(50, RECENT_BYTES).await.len(), 50);
}
