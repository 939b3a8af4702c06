//! Makes the event for the bot from a stored job.

use protocol::Extra;
use protocol::message::{UserBody, UserMessage};
use serde::Deserialize;
use serde_json::Value;

use super::limits::MAX_CUSTOM_DATA_BYTES;
use super::stream::turn_id;
use crate::bot::{File, Turn, TurnKind, Visitor};
use crate::store::{Job, JobKind};

/// What the client said when it connected: the part of a job's context that a bot gets.
#[derive(Default, Deserialize)]
struct Context {
    language: Option<String>,
    #[serde(rename = "customData")]
    custom_data: Option<Value>,
}

/// The language tag that the client named.
pub(super) fn language_of(job: &Job) -> Option<String> {
    context_of(job).language
}

fn context_of(job: &Job) -> Context {
    serde_json::from_str(&job.context).unwrap_or_default()
}

/// A socket's context, together with what the page said beside this message.
pub(super) fn context_with(context: &str, custom_data: Option<Value>) -> String {
    let (Some(data), Ok(Value::Object(mut object))) = (custom_data, serde_json::from_str(context))
    else {
        return context.to_owned();
    };
    object.insert("customData".to_owned(), data);
    Value::Object(object).to_string()
}

/// The event for the bot. `None` if the stored message cannot be read.
pub(super) fn turn_of(job: &Job) -> Option<Turn> {
    let context = context_of(job);
    let kind = match job.kind {
        JobKind::Connect => TurnKind::Connect,
        JobKind::Close => TurnKind::Close,
        JobKind::Message => {
            let said: UserBody = serde_json::from_str(&job.trigger.as_ref()?.body).ok()?;
            TurnKind::Message {
                body: said.body.clone().unwrap_or_default(),
                files: files_of(&said),
                custom_data: custom_data_of(&said).or(context.custom_data),
                rendered: said.render_msg,
            }
        }
    };
    let profile = job.profile.as_deref();
    Some(Turn {
        bot: job.bot.clone(),
        app: job.app.clone(),
        visitor: Visitor {
            id: job.user.clone(),
            identity: job.identity.clone(),
            profile: profile.and_then(|text| serde_json::from_str(text).ok()),
        },
        conversation: job.conversation_name.clone(),
        session_id: job.session_id.clone(),
        kind,
        idempotence_key: turn_id(job),
        attempt: job.attempts,
        owner: job.owner.clone(),
        language: context.language,
        recent: Vec::new(),
        state: job.state.clone(),
    })
}

/// The files of a message that have a name or an address.
fn files_of(said: &UserBody) -> Vec<File> {
    let as_json = serde_json::to_value(&said.attachments).unwrap_or_default();
    let text = |file: &Value, names: [&str; 2]| {
        let found = names.iter().find_map(|name| file.get(*name)?.as_str());
        found.unwrap_or_default().to_owned()
    };
    let files = as_json.as_array().into_iter().flatten().map(|file| File {
        name: text(file, ["fileName", "name"]),
        kind: text(file, ["fileType", "type"]),
        reference: text(file, ["fileId", "fileUrl"]),
    });
    files
        .filter(|file| !file.reference.is_empty() || !file.name.is_empty())
        .collect()
}

/// The custom data that the host page put inside the message.
fn custom_data_of(said: &UserBody) -> Option<Value> {
    custom_data_in(&said.extra)
}

/// The custom data in these fields. The official client writes `customdata`, its documentation `customData`. Clients
/// send an empty object if there is none.
fn custom_data_in(extra: &Extra) -> Option<Value> {
    let found = ["customdata", "customData"]
        .iter()
        .find_map(|name| extra.get(name))?;
    let found = serde_json::to_value(found).ok()?;
    let empty = found.is_null() || found.as_object().is_some_and(serde_json::Map::is_empty);
    (!empty).then_some(found)
}

/// The custom data that the host page sent beside the message: with this frame, or else with its configuration of the
/// bot in each frame. A message with its own custom data does not need it.
pub(super) fn custom_data_beside(message: &UserMessage) -> Option<Value> {
    let of_bot = || custom_data_in(&message.bot_info.as_ref()?.extra);
    let found = custom_data_in(&message.extra).or_else(of_bot)?;
    (found.to_string().len() <= MAX_CUSTOM_DATA_BYTES).then_some(found)
}

#[cfg(test)]
mod tests {
    use protocol::message::ClientFrame;
    use serde_json::json;

    use super::*;

    fn beside(frame: &Value) -> Option<Value> {
        match ClientFrame::parse(&frame.to_string()) {
            Ok(ClientFrame::Message(message)) => custom_data_beside(&message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_page_says_beside_a_message_is_found_where_clients_put_it() {
        let bot = |data: Value| json!({"chatBot": "Shop", "taskBotId": "st-1", "customData": data});
        let frame = |more: Value| {
            let mut frame = json!({"clientMessageId": 1, "resourceid": "/bot.message", "message": {"body": "x"}});
            for (name, value) in more.as_object().unwrap() {
                frame[name] = value.clone();
            }
            frame
        };
        let gold = json!({"plan": "gold"});
        for (more, expected) in [
            (json!({}), None),
            (json!({"botInfo": bot(json!({}))}), None),
            (json!({"botInfo": bot(gold.clone())}), Some(gold.clone())),
            (
                json!({"botInfo": bot(json!({"plan": "old"})), "customdata": gold.clone()}),
                Some(gold.clone()),
            ),
            (
                json!({"botInfo": bot(json!("x".repeat(MAX_CUSTOM_DATA_BYTES)))}),
                None,
            ),
        ] {
            assert_eq!(beside(&frame(more)), expected);
        }
    }

    #[test]
    fn it_travels_with_the_job_and_a_socket_without_it_says_the_same_as_before() {
        let socket = r#"{"name":"Demo","language":"de"}"#;
        assert_eq!(context_with(socket, None), socket);
        let with = context_with(socket, Some(json!({"plan": "gold"})));
        let context: Context = serde_json::from_str(&with).unwrap();
        assert_eq!(context.language.as_deref(), Some("de"));
        assert_eq!(context.custom_data, Some(json!({"plan": "gold"})));
    }
}
