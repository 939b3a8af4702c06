//! `GET botmessages/rtm`: the stored transcript, in the form that the official clients expect.
//!
//! In the path: clients load it at the start and when the visitor scrolls up. Pages use [`message`] for the transcript
//! in the first HTML.
//!
//! Invariants: a page is oldest first. A template is a JSON string of one level (`{"type","payload"}`), and everything
//! else is text. `_id` equals the live `messageId`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::response::Response;
use http::{HeaderMap, Uri};
use protocol::Extra;
use protocol::content::Content;
use protocol::history::{
    Direction, HistoryComponent, HistoryData, HistoryMessage, HistoryPage, MAX_LIMIT, Tag, Tags,
};
use protocol::json::Value;
use protocol::message::UserBody;
use protocol::message_ref::MessageRef;
use protocol::reply::BotMessage;
use protocol::timestamp;
use serde::Deserialize;

use super::access::bot_of_app;
use super::bearer::Bearer;
use super::limits::HISTORY_DEFAULT;
use super::token::private;
use super::{Rtm, socket};
use crate::error::ApiError;
use crate::records::{Sender, StoredMessage};
use crate::security::client_ip::Client;
use crate::store::{HistoryFrom, HistoryQuery};

/// The query as clients write it.
#[derive(Debug, Deserialize)]
pub struct HistoryParams {
    #[serde(rename = "botId")]
    bot_id: String,
    limit: Option<u32>,
    offset: Option<u64>,
    #[serde(default)]
    forward: Option<String>,
    #[serde(rename = "msgId")]
    msg_id: Option<String>,
    /// Ours: the page ends before this sequence.
    before: Option<u64>,
}

/// A page of the caller's conversation with the bot.
///
/// # Errors
/// 400 for a query that cannot be read, 401 without a valid token, 403 or 404 for the bot.
pub async fn page(
    State(rtm): State<Arc<Rtm>>,
    Extension(client): Extension<Client>,
    uri: Uri,
    headers: HeaderMap,
    Bearer(token): Bearer,
    query: Result<Query<HistoryParams>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(asked) = query.map_err(|_| {
        ApiError::Invalid("botId is needed; limit, offset and before are numbers".to_owned())
    })?;
    bot_of_app(&rtm.config(), &token.app, token.anonymous, &asked.bot_id)?;
    let page = match rtm.store.conversation(&token.user, &asked.bot_id).await? {
        None => HistoryPage {
            last_seq: Some(0),
            ..HistoryPage::default()
        },
        Some(conversation) => {
            let query = HistoryQuery {
                conversation: conversation.id,
                limit: asked.limit.unwrap_or(HISTORY_DEFAULT).clamp(1, MAX_LIMIT),
                from: asked.from(),
            };
            let stored = rtm.store.history(query).await?;
            HistoryPage {
                messages: stored.messages.iter().map(message).collect(),
                more_available: stored.more,
                last_seq: Some(stored.last_seq),
                ..HistoryPage::default()
            }
        }
    };
    Ok(private(Json(HistoryPage {
        icon: socket::icon(&rtm, &asked.bot_id, client, &headers, &uri).map(String::from),
        ..page
    })))
}

impl HistoryParams {
    fn from(&self) -> HistoryFrom {
        let forward = self.forward.as_deref() == Some("true");
        match (&self.msg_id, self.before) {
            (Some(id), _) if forward => HistoryFrom::AfterMessage(id.clone()),
            (Some(id), _) => HistoryFrom::BeforeMessage(id.clone()),
            (None, Some(before)) => HistoryFrom::Before(before),
            (None, None) => HistoryFrom::Newest {
                offset: self.offset.unwrap_or_default(),
            },
        }
    }
}

/// A stored message as the history shows it.
pub fn message(stored: &StoredMessage) -> HistoryMessage {
    let mut marks = (None, None);
    let mut attachments = None;
    let (direction, text, tags) = match stored.sender {
        Sender::Bot => {
            let answer: BotMessage = serde_json::from_str(&stored.body).unwrap_or_default();
            marks = (answer.stopped, answer.behind);
            (Direction::Outgoing, bot_text(&answer), None)
        }
        Sender::User => {
            let (text, tags, files) = user_text(&stored.body);
            attachments = files;
            (Direction::Incoming, text, tags)
        }
    };
    let (stopped, behind) = marks;
    let mut extra = Extra::new();
    extra.insert("lang".to_owned(), "en".into());
    HistoryMessage {
        id: stored.message_id.clone(),
        direction,
        components: vec![HistoryComponent {
            kind: "text".to_owned(),
            data: HistoryData {
                text,
                extra: Extra::new(),
            },
            extra: Extra::new(),
        }],
        created_on: timestamp::to_iso(stored.created.0),
        user_msg_id: stored
            .client_message_id
            .as_deref()
            .and_then(MessageRef::from_json_text),
        tags,
        attachments,
        seq: Some(stored.seq),
        stopped,
        behind,
        author: stored.agent.as_deref().map(author),
        extra,
    }
}

/// The person who wrote the message, in the form that the clients know.
fn author(agent: &str) -> Value {
    let mut author = Extra::new();
    author.insert("type".to_owned(), "AGENT".into());
    author.insert("firstName".to_owned(), agent.into());
    author.insert("lastName".to_owned(), "".into());
    Value::Object(author)
}

/// What the bot got, what the visitor saw if that was different, and the files.
fn user_text(body: &str) -> (String, Option<Tags>, Option<Vec<Value>>) {
    let said: UserBody = serde_json::from_str(body).unwrap_or_default();
    let tags = said.render_msg.as_ref().map(|shown| Tags {
        alt_text: vec![Tag {
            name: "altText".to_owned(),
            value: shown.clone(),
        }],
        extra: Extra::new(),
    });
    let text = said.body.clone().unwrap_or_else(|| said.shown());
    (text, tags, said.attachments)
}

/// Text, or the template as the string of `{"type","payload"}`.
fn bot_text(answer: &BotMessage) -> String {
    let fallback = answer
        .c_info
        .as_ref()
        .and_then(|info| info.body.as_str())
        .unwrap_or_default();
    let Some(component) = &answer.component else {
        return fallback.to_owned();
    };
    match (component.kind.as_deref(), &component.payload) {
        (Some("template"), payload @ Value::Object(_)) => template_text(answer, payload),
        (_, Value::String(text)) => text.clone(),
        (_, payload) => payload["text"].as_str().unwrap_or(fallback).to_owned(),
    }
}

/// The template as the string of `{"type","payload"}`. A widget shows the bot's own words if it does not draw the
/// template. Only such a template gets its `cInfo` beside the payload, which official clients ignore there: so the
/// history shows the same words as the live frame.
fn template_text(answer: &BotMessage, payload: &Value) -> String {
    let text = payload.to_text();
    let Some(info) = &answer.c_info else {
        return text;
    };
    if Content::of_history_text(&text) == Content::of_bot_message(answer) {
        return text;
    }
    let mut fields = match payload {
        Value::Object(fields) if payload.get("payload").is_some() => fields.clone(),
        flat => {
            let mut fields = Extra::new();
            fields.insert("type".to_owned(), "template".into());
            fields.insert("payload".to_owned(), flat.clone());
            fields
        }
    };
    let mut c_info = Extra::new();
    c_info.insert("body".to_owned(), info.body.clone());
    fields.insert("cInfo".to_owned(), Value::Object(c_info));
    Value::Object(fields).to_text()
}

#[cfg(test)]
mod tests {
    use protocol::reply::Component;
    use serde_json::{Value, json};

    use super::*;
    use crate::clock::Millis;
    use crate::records::ConversationId;

    fn shown(sender: Sender, client: Option<&str>, body: &str) -> Value {
        let stored = StoredMessage {
            conversation: ConversationId(1),
            seq: 3,
            message_id: "ms-1".to_owned(),
            sender,
            client_message_id: client.map(str::to_owned),
            body: body.to_owned(),
            created: Millis(1_795_227_303_240),
            session_id: "ss-1".to_owned(),
            agent: None,
        };
        serde_json::to_value(message(&stored)).unwrap()
    }

    #[test]
    fn a_visitors_choice_keeps_payload_and_title() {
        let body = r#"{"body":"BAL","renderMsg":"Check balance"}"#;
        let expected = json!({
            "_id": "ms-1", "type": "incoming",
            "components": [{"cT": "text", "data": {"text": "BAL"}}],
            "createdOn": "2026-11-21T02:15:03.240Z", "userMsgId": 17, "lang": "en", "seq": 3,
            "tags": {"altText": [{"name": "altText", "value": "Check balance"}]}
        });
        assert_eq!(shown(Sender::User, Some("17"), body), expected);
        assert_eq!(shown(Sender::User, Some("\"17\""), body)["userMsgId"], "17");
    }

    #[test]
    fn a_template_is_a_json_string_of_one_level() {
        let inner = json!({"template_type": "button", "text": "Pick one", "buttons": []});
        let body = serde_json::to_string(&BotMessage::template(inner.clone(), "Pick one")).unwrap();
        let message = shown(Sender::Bot, None, &body);
        assert_eq!(message["type"], "outgoing");
        let text = message["components"][0]["data"]["text"].as_str().unwrap();
        let read: Value = serde_json::from_str(text).unwrap();
        assert_eq!(read, json!({"type": "template", "payload": inner}));
    }

    #[test]
    fn a_template_that_is_not_drawn_shows_the_same_words_as_when_it_came() {
        let clock = json!({"template_type": "clock", "title": "Ten past"});
        let nested = BotMessage::template(clock.clone(), "It is ten past.");
        let flat = BotMessage {
            component: Some(Component {
                kind: Some("template".to_owned()),
                payload: serde_json::from_value(clock.clone()).unwrap(),
                extra: Extra::new(),
            }),
            ..nested.clone()
        };
        for answer in [nested, flat] {
            let live = Content::of_bot_message(&answer);
            assert_eq!(live.plain_text(), "It is ten past.");
            let body = serde_json::to_string(&answer).unwrap();
            let message = shown(Sender::Bot, None, &body);
            let text = message["components"][0]["data"]["text"].as_str().unwrap();
            assert_eq!(Content::of_history_text(text), live);
            let read: Value = serde_json::from_str(text).unwrap();
            assert_eq!(
                read["payload"], clock,
                "one level, as the official clients read it"
            );
        }
    }

    #[test]
    fn text_in_each_of_its_shapes_is_text() {
        let lean = r#"{"type":"text","cInfo":{"body":"Hi"}}"#;
        let full = serde_json::to_string(&BotMessage::text("Hi")).unwrap();
        let bare = r#"{"component":{"type":"text","payload":"Hi"}}"#;
        let error = r#"{"component":{"type":"error","payload":{"text":"Hi"}}}"#;
        for body in [lean, &full, bare, error] {
            let text = &shown(Sender::Bot, None, body)["components"][0]["data"]["text"];
            assert_eq!(text, "Hi", "{body}");
        }
    }
}
