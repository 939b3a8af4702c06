//! Makes the activity for a turn: what the visitor did.

use serde_json::{Map, Value, json};

use super::buttons::pressed;
use crate::bot::{File, Turn, TurnKind};

/// The channel of the conversation, as the bot sees it.
#[derive(Clone, Debug, Default)]
pub struct Channel {
    /// `webchat`, `directline`, …
    pub id: String,
    /// The bot's id.
    pub bot: String,
    /// The address at which the bot answers. `None` with Direct Line, which knows it itself.
    pub service_url: Option<String>,
    /// The time, in ISO 8601.
    pub timestamp: String,
}

/// The activity of a turn.
pub fn said(turn: &Turn, channel: &Channel) -> Value {
    let mut activity = Map::new();
    let mut put = |name: &str, value: Value| activity.insert(name.to_owned(), value);
    put("id", json!(turn.idempotence_key));
    put("channelId", json!(channel.id));
    put("timestamp", json!(channel.timestamp));
    put(
        "conversation",
        json!({"id": turn.conversation, "isGroup": false}),
    );
    put("from", visitor(turn));
    put("recipient", json!({"id": channel.bot, "role": "bot"}));
    if let Some(url) = &channel.service_url {
        put("serviceUrl", json!(url));
    }
    if let Some(language) = &turn.language {
        put("locale", json!(language));
    }
    match &turn.kind {
        TurnKind::Connect => {
            put("type", json!("conversationUpdate"));
            // Some bots greet after the one, and some after the other.
            let members = json!([{"id": channel.bot, "role": "bot"}, visitor(turn)]);
            put("membersAdded", members);
            put("channelData", channel_data(turn, None));
        }
        TurnKind::Close => {
            put("type", json!("endOfConversation"));
            put("code", json!("userCancelled"));
            put("channelData", channel_data(turn, None));
        }
        TurnKind::Message {
            body,
            rendered,
            files,
            custom_data,
        } => {
            put("type", json!("message"));
            put("textFormat", json!("plain"));
            // Only a pressed button was shown with other words than it sent.
            if rendered.is_some() {
                let pressed = pressed(body);
                if let Some(value) = pressed.value {
                    put("value", value);
                }
                if let Some(text) = pressed.text {
                    put("text", json!(text));
                }
            } else {
                put("text", json!(body));
            }
            if !files.is_empty() {
                put("attachments", files.iter().map(attachment).collect());
            }
            put("channelData", channel_data(turn, custom_data.as_ref()));
        }
    }
    Value::Object(activity)
}

fn visitor(turn: &Turn) -> Value {
    let profile = turn.visitor.profile.as_ref();
    let name = profile.and_then(|profile| profile.get("name")?.as_str());
    json!({"id": turn.visitor.id, "name": name.unwrap_or_default(), "role": "user"})
}

/// Our additions. Direct Line gives `clientActivityID` back, so that a turn can be recognised.
fn channel_data(turn: &Turn, custom_data: Option<&Value>) -> Value {
    let mut data = Map::new();
    data.insert("clientActivityID".to_owned(), json!(turn.idempotence_key));
    data.insert("app".to_owned(), json!(turn.app));
    data.insert("session".to_owned(), json!(turn.session_id));
    data.insert("identity".to_owned(), json!(turn.visitor.identity));
    if let Some(profile) = &turn.visitor.profile {
        data.insert("profile".to_owned(), profile.clone());
    }
    if let Some(custom) = custom_data {
        data.insert("customData".to_owned(), custom.clone());
    }
    Value::Object(data)
}

fn attachment(file: &File) -> Value {
    let content_type = match file.kind.as_str() {
        "image" => "image/*",
        "audio" => "audio/*",
        "video" => "video/*",
        _ => "application/octet-stream",
    };
    json!({"contentType": content_type, "contentUrl": file.reference, "name": file.name})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::tests::turn;

    fn activity(turn: &Turn) -> Value {
        let channel = Channel {
            id: "webchat".to_owned(),
            bot: "st-shop".to_owned(),
            service_url: Some("https://chat.test/api/botframework/st-shop/t/".to_owned()),
            timestamp: "2026-11-21T02:15:01.830Z".to_owned(),
        };
        said(turn, &channel)
    }

    #[test]
    fn a_message_says_who_where_and_what() {
        let mut turn = turn(TurnKind::Message {
            body: "hello".to_owned(),
            rendered: None,
            files: vec![File {
                name: "a.png".to_owned(),
                kind: "image".to_owned(),
                reference: "https://files.test/a.png".to_owned(),
            }],
            custom_data: Some(json!({"page": "/cart"})),
        });
        turn.language = Some("de-AT".to_owned());
        turn.visitor.profile = Some(json!({"name": "Zoë"}));
        let expected = json!({
            "type": "message",
            "id": "tn-1",
            "channelId": "webchat",
            "timestamp": "2026-11-21T02:15:01.830Z",
            "conversation": {"id": "cv-1", "isGroup": false},
            "from": {"id": "u-1", "name": "Zoë", "role": "user"},
            "recipient": {"id": "st-shop", "role": "bot"},
            "serviceUrl": "https://chat.test/api/botframework/st-shop/t/",
            "locale": "de-AT",
            "textFormat": "plain",
            "text": "hello",
            "attachments": [{"contentType": "image/*", "contentUrl": "https://files.test/a.png", "name": "a.png"}],
            "channelData": {"clientActivityID": "tn-1", "app": "cs-demo", "session": "ss-1",
                "identity": "visitor-1", "profile": {"name": "Zoë"}, "customData": {"page": "/cart"}}
        });
        assert_eq!(activity(&turn), expected);
    }

    #[test]
    fn who_types_json_says_text_and_who_presses_gives_a_value() {
        let of = |rendered: Option<&str>| {
            activity(&turn(TurnKind::Message {
                body: r#"{"order":17}"#.to_owned(),
                rendered: rendered.map(str::to_owned),
                files: Vec::new(),
                custom_data: None,
            }))
        };
        let (typed, pressed) = (of(None), of(Some("Order 17")));
        assert_eq!(
            (&typed["text"], &typed["value"]),
            (&json!(r#"{"order":17}"#), &Value::Null)
        );
        assert_eq!(
            (&pressed["text"], &pressed["value"]),
            (&Value::Null, &json!({"order": 17}))
        );
    }

    #[test]
    fn coming_and_going_are_activities_of_their_own() {
        let came = activity(&turn(TurnKind::Connect));
        assert_eq!(came["type"], "conversationUpdate");
        assert_eq!(came["membersAdded"][0]["id"], came["recipient"]["id"]);
        assert_eq!(came["membersAdded"][1]["id"], came["from"]["id"]);
        assert_eq!(
            activity(&turn(TurnKind::Close))["type"],
            "endOfConversation"
        );
    }
}
