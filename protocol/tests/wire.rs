//! What serde writes the browser's reader reads, and what the browser writes serde reads: for every type of the wire.
//!
//! Each type has one example with all of its fields. It is changed at random: fields go, texts and numbers become
//! others. What serde can still read must be the same by all four ways.

use std::fmt::Debug;

use proptest::prelude::*;
use protocol::auth::{Authorization, GrantReply, GrantRequest, SignReply, SignRequest, UserInfo};
use protocol::content::{Action, Button, Content, File, FileKind, Template};
use protocol::error::{ErrorBody, ErrorItem};
use protocol::history::{
    Direction, HistoryComponent, HistoryData, HistoryMessage, HistoryPage, Tag, Tags,
};
use protocol::message::{BotInfo, DeliveryAck, Envelope, Stop, UserBody, UserMessage};
use protocol::read::Read;
use protocol::reply::{
    Ack, AckKind, BotMessage, BotResponse, CInfo, Component, EchoedMessage, ErrorFrame, Pong,
    Resync,
};
use protocol::start::{StartReply, StartRequest};
use protocol::theme::ActiveTheme;
use protocol::transcript::{Author, Delivery, Entry};
use protocol::write::Write;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Whether serde can read the JSON; then all four ways must agree on it.
type Agree = fn(&Value) -> bool;

fn agree<T>(json: &Value) -> bool
where
    T: Read + Write + Serialize + DeserializeOwned + PartialEq + Debug,
{
    let Ok(value) = serde_json::from_value::<T>(json.clone()) else {
        return false;
    };
    let Ok(by_serde) = serde_json::to_string(&value) else {
        panic!("serde cannot write {value:?}");
    };
    assert_eq!(T::parse(&by_serde).as_ref(), Some(&value), "{by_serde}");
    let by_write = value.to_text();
    assert_eq!(
        serde_json::from_str::<T>(&by_write).ok(),
        Some(value),
        "{by_write}"
    );
    let tree = |text: &str| serde_json::from_str::<Value>(text).ok();
    assert_eq!(tree(&by_serde), tree(&by_write));
    true
}

/// Every type with an example that has all of its fields; `x` is a field without a name here.
#[rustfmt::skip]
fn examples() -> Vec<(Agree, Value)> {
    let bot = json!({"chatBot": "Bot", "taskBotId": "st-1", "uiVersion": "v3", "x": [1, {"y": null}]});
    let body = json!({"body": "BAL", "renderMsg": "Balance", "attachments": [{"fileName": "a"}], "x": {}});
    let component = json!({"type": "text", "payload": {"text": "Hi", "n": 7}, "x": "y"});
    let info = json!({"body": "Hi", "x": true});
    let message = json!({"type": "text", "component": component, "cInfo": info, "stopped": true, "behind": 7, "x": 1});
    let data = json!({"text": "Hi", "x": 1});
    let part = json!({"cT": "text", "data": data, "x": 1});
    let tags = json!({"altText": [{"name": "altText", "value": "Hi"}], "x": []});
    let stored = json!({"_id": "ms-1", "type": "incoming", "components": [part], "createdOn": "2026", "userMsgId": 7,
        "tags": tags, "attachments": [{"fileName": "a"}], "seq": 7, "stopped": false, "behind": 3, "author": {"a": "b"},
        "lang": "en"});
    let item = json!({"msg": "no", "code": 401});
    let user = json!({"userId": "u-1", "accountId": "a", "orgId": "o", "identity": "i", "enrollType": "free",
        "managedBy": "m", "fName": "A", "lName": "B"});
    let bearer = json!({"accessToken": "t", "token_type": "bearer", "expiresDate": "2026", "issuedDate": "2025"});
    let post = json!({"kind": "Post", "payload": "BAL"});
    let button = json!({"title": "Balance", "action": post, "image": "https://a.test/a.png"});
    let file = json!({"name": "a.png", "url": "https://a.test/a.png", "kind": "Image"});
    let content = json!({"kind": "Text", "text": "Hi"});
    let mut all: Vec<(Agree, Value)> = vec![
        (agree::<BotInfo>, bot.clone()),
        (agree::<UserBody>, body.clone()),
        (agree::<UserMessage>, json!({"clientMessageId": 7, "resourceid": "/bot.message", "message": body, "botInfo": bot,
            "client": "sdk", "meta": {"locale": "en"}, "id": "7", "x": 1})),
        (agree::<DeliveryAck>, json!({"type": "ack", "replyto": 7, "status": "delivered", "key": "k"})),
        (agree::<Stop>, json!({"type": "stop", "messageId": "ms-1"})),
        (agree::<Envelope>, json!({"type": "ping", "event": "typing", "resourceid": "/bot.message", "clientMessageId": 7,
            "id": 8, "x": 1})),
        (agree::<Ack>, json!({"ok": true, "replyto": 7, "message": "delivered", "type": "ack", "seq": 7, "messageId": "ms-1"})),
        (agree::<BotResponse>, json!({"type": "bot_response", "from": "bot", "message": [message], "messageId": "ms-1",
            "botInfo": bot, "createdOn": "2026", "icon": "i", "timestamp": 7, "sM": true, "endChunk": false, "at": 3,
            "seq": 9, "author": {"firstName": "Ann"}, "key": "k"})),
        (agree::<BotMessage>, message),
        (agree::<Component>, component),
        (agree::<CInfo>, info),
        (agree::<EchoedMessage>, json!({"type": "user_message", "from": "self", "message": body, "id": 7, "botInfo": bot,
            "clientMessageId": 8, "messageId": "ms-1", "seq": 9, "x": 1})),
        (agree::<Pong>, json!({"type": "pong", "ok": true, "replyto": "7"})),
        (agree::<Resync>, json!({"type": "resync"})),
        (agree::<ErrorFrame>, json!({"type": "error", "replyto": 7, "errors": [item]})),
        (agree::<ErrorBody>, json!({"errors": [item]})),
        (agree::<ErrorItem>, item),
        (agree::<HistoryPage>, json!({"messages": [stored], "icon": "i", "moreAvailable": true, "lastSeq": 7, "botId": "b"})),
        (agree::<HistoryMessage>, stored),
        (agree::<HistoryComponent>, part),
        (agree::<HistoryData>, data),
        (agree::<Tags>, tags),
        (agree::<Tag>, json!({"name": "altText", "value": "Hi"})),
        (agree::<StartRequest>, json!({"botInfo": bot, "language": "en", "token": {}})),
        (agree::<StartReply>, json!({"url": "wss://a.test/?sid=1", "nonce": "n"})),
        (agree::<ActiveTheme>, json!({"activeTheme": true, "v3": {}})),
        (agree::<SignRequest>, json!({"clientId": "cs-1", "clientSecret": "s", "identity": "i", "aud": "a",
            "isAnonymous": true, "bot": "b", "visitor": "v", "keepVisitor": false})),
        (agree::<SignReply>, json!({"jwt": "j", "visitor": "v"})),
        (agree::<GrantRequest>, json!({"assertion": "a", "botInfo": bot, "token": {}})),
        (agree::<GrantReply>, json!({"authorization": bearer, "userInfo": user, "x": 1})),
        (agree::<Authorization>, bearer),
        (agree::<UserInfo>, user),
        (agree::<Button>, button.clone()),
        (agree::<File>, file.clone()),
        (agree::<Template>, json!({"name": "list", "payload": {"elements": [1]}, "fallback": "words"})),
        (agree::<Entry>, json!({"key": "ms-1", "author": "Bot", "at_ms": 7, "content": content, "delivery": "Sent", "seq": 7,
            "behind": 3, "message_id": "ms-1", "agent": "Ann"})),
    ];
    for action in [post, json!({"kind": "None"}), json!({"kind": "Open", "url": "https://a.test"})] {
        all.push((agree::<Action>, action));
    }
    for content in [
        content,
        json!({"kind": "Buttons", "text": "t", "buttons": [button]}),
        json!({"kind": "Error", "text": "t"}),
        json!({"kind": "Image", "url": "https://a.test/a.png", "alt": "a"}),
        json!({"kind": "Link", "url": "https://a.test", "title": "t"}),
        json!({"kind": "QuickReplies", "text": "t", "replies": [button]}),
        json!({"kind": "Said", "text": "t", "payload": "p", "files": [file]}),
        json!({"kind": "System", "text": "t"}),
        json!({"kind": "Template", "name": "list", "payload": {"a": [1]}, "fallback": "t"}),
    ] {
        all.push((agree::<Content>, content));
    }
    let words: [(Agree, &[&str]); 5] = [
        (agree::<AckKind>, &["ack"]),
        (agree::<Direction>, &["incoming", "outgoing"]),
        (agree::<Author>, &["Bot", "System", "Visitor"]),
        (agree::<Delivery>, &["Delivered", "Failed", "Read", "Sending", "Sent", "Stopped", "Streaming"]),
        (agree::<FileKind>, &["Audio", "Document", "Image", "Video"]),
    ];
    for (agree, words) in words {
        all.extend(words.iter().map(|&word| (agree, Value::from(word))));
    }
    all
}

/// What happens to one field.
#[derive(Clone, Debug)]
enum Change {
    Drop,
    Keep,
    Number(u64),
    Text(String),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        1 => Just(Change::Drop),
        4 => Just(Change::Keep),
        1 => any::<u64>().prop_map(Change::Number),
        2 => any::<String>().prop_map(Change::Text),
    ]
}

/// Changes the fields of a value, each in its turn; numbers and texts keep their JSON type.
fn changed(value: &Value, changes: &mut impl Iterator<Item = Change>) -> Option<Value> {
    let change = changes.next().unwrap_or(Change::Keep);
    Some(match (value, change) {
        (_, Change::Drop) => return None,
        (Value::String(_), Change::Text(text)) => text.into(),
        (Value::Number(_), Change::Number(number)) => number.into(),
        (Value::Array(values), _) => {
            let values = values.iter();
            values.filter_map(|value| changed(value, changes)).collect()
        }
        (Value::Object(fields), _) => {
            let fields = fields.iter();
            let kept =
                fields.filter_map(|(name, value)| Some((name.clone(), changed(value, changes)?)));
            Value::Object(kept.collect())
        }
        (value, _) => value.clone(),
    })
}

#[test]
fn every_example_is_read_and_written_the_same_by_both_ends() {
    for (agree, example) in examples() {
        assert!(agree(&example), "serde cannot read {example}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_serde_reads_is_the_same_to_both_ends(
        changes in prop::collection::vec(change(), 0..60),
    ) {
        for (agree, example) in examples() {
            if let Some(value) = changed(&example, &mut changes.clone().into_iter()) {
                agree(&value);
            }
        }
    }
}
