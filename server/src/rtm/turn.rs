//! A stored job becomes the event that its bot is given.

use protocol::message::UserBody;
use serde::Deserialize;
use serde_json::Value;

use super::stream::turn_id;
use crate::bot::{File, Turn, TurnKind, Visitor};
use crate::store::{Job, JobKind};

/// What the client said when it connected: the part of a job's context that a bot is told.
#[derive(Default, Deserialize)]
struct Context {
    language: Option<String>,
}

/// The event for the bot. `None` when the stored message cannot be read.
pub(super) fn turn_of(job: &Job) -> Option<Turn> {
    let kind = match job.kind {
        JobKind::Connect => TurnKind::Connect,
        JobKind::Close => TurnKind::Close,
        JobKind::Message => {
            let said: UserBody = serde_json::from_str(&job.trigger.as_ref()?.body).ok()?;
            TurnKind::Message {
                body: said.body.clone().unwrap_or_default(),
                files: files_of(&said),
                custom_data: custom_data_of(&said),
                rendered: said.render_msg,
            }
        }
    };
    let context: Context = serde_json::from_str(&job.context).unwrap_or_default();
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

/// What the host page sent along: the official client writes `customdata`, its documentation `customData`.
fn custom_data_of(said: &UserBody) -> Option<Value> {
    let found = said
        .extra
        .get("customdata")
        .or_else(|| said.extra.get("customData"))?;
    serde_json::to_value(found).ok()
}
