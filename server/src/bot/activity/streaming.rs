//! The stage of an answer that streams, as its activities say it.
//!
//! Microsoft 365 Agents put it into an entity of the type `streaminfo`, older bots and Direct Line into `channelData`.

use serde_json::Value;

use super::{Activity, text_of};

/// How far an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// What the bot is doing before it answers.
    Informative,
    /// The whole text so far.
    Streaming,
    /// The final answer.
    Final,
}

/// The stage. `None`: the activity is not part of a stream.
pub(super) fn stage(activity: &Activity) -> Option<Stage> {
    let entities = activity.entities.iter().flatten();
    let of_entities = entities
        .filter(|entity| {
            text_of(entity, "type").is_some_and(|kind| kind.eq_ignore_ascii_case("streaminfo"))
        })
        .find_map(named);
    of_entities.or_else(|| named(&activity.channel_data))
}

fn named(object: &Value) -> Option<Stage> {
    match text_of(object, "streamType")? {
        "informative" => Some(Stage::Informative),
        "streaming" => Some(Stage::Streaming),
        "final" => Some(Stage::Final),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_places_are_read() {
        for (json, expected) in [
            (
                r#"{"type":"typing","entities":[{"type":"mention"},{"type":"streaminfo","streamType":"streaming"}]}"#,
                Some(Stage::Streaming),
            ),
            (
                r#"{"type":"typing","channelData":{"streamType":"informative","streamSequence":1}}"#,
                Some(Stage::Informative),
            ),
            (
                r#"{"type":"message","entities":[{"type":"streamInfo","streamType":"final"}]}"#,
                Some(Stage::Final),
            ),
            (r#"{"type":"typing","channelData":{"streamType":7}}"#, None),
            (r#"{"type":"typing","channelData":"streaming"}"#, None),
            (r#"{"type":"typing"}"#, None),
        ] {
            let activity = super::super::read(json.as_bytes()).unwrap();
            assert_eq!(stage(&activity), expected, "{json}");
        }
    }
}
