//! The body of a call: Parlour's JSON of replies, and around it who speaks, and an id.

use serde_json::Value;

use crate::bot::reply::{MAX_NAME_CHARS, Reply, ReplyError};
use crate::ids::Ids;
use crate::limits::SAYING_ID_BYTES;
use crate::rtm::outside::Saying;

/// Why it cannot be read. It never repeats what was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotReadable {
    /// The reply inside cannot be read.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// An id of another type or length.
    #[error("`id` is a text of 1 to {SAYING_ID_BYTES} bytes")]
    Id,
    /// A person without a name, or of another type.
    #[error("{0} is {{\"name\": …}} with a name")]
    Agent(String),
    /// Two people speak in one request.
    #[error("the messages of one request are by one person or by the bot; send a request for each")]
    Speakers,
    /// Nothing is said or done.
    #[error("nothing is said: send `messages`, `typing`, `handover` or `close`")]
    Nothing,
}

/// Reads a body. `header_id` is the id of the request itself; an id in the body comes first. Without an id, duplicates
/// cannot be recognised.
pub(super) fn read(
    body: &[u8],
    header_id: Option<String>,
    ids: &dyn Ids,
) -> Result<Saying, NotReadable> {
    let value: Value = protocol::json::from_bytes(body).map_err(|_| ReplyError::NoJson)?;
    let reply = Reply::read(&value)?;
    let id = match &value["id"] {
        Value::Null => header_id,
        Value::String(id) => Some(id.clone()),
        _ => return Err(NotReadable::Id),
    };
    if id
        .as_ref()
        .is_some_and(|id| id.is_empty() || id.len() > SAYING_ID_BYTES)
    {
        return Err(NotReadable::Id);
    }
    let agent = speaker(&value)?;
    let says_nothing = reply.messages.is_empty()
        && reply.typing.is_none()
        && reply.hand_over.is_none()
        && !reply.close;
    if says_nothing {
        return Err(NotReadable::Nothing);
    }
    Ok(Saying {
        id: id.unwrap_or_else(|| ids.uuid()),
        messages: reply.messages,
        agent,
        hand_over: reply.hand_over,
        typing: reply.typing,
        close: reply.close,
    })
}

/// The person who speaks. The name stands once for the whole body, or in each message.
fn speaker(value: &Value) -> Result<Option<String>, NotReadable> {
    let whole = agent(&value["agent"], || "`agent`".to_owned())?;
    let Some(messages) = value["messages"].as_array() else {
        return Ok(whole);
    };
    let mut speakers = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        let own = agent(&message["agent"], || format!("`messages[{number}].agent`"))?;
        speakers.push(own.or_else(|| whole.clone()));
    }
    let first = speakers.first().cloned().unwrap_or(whole);
    if speakers.iter().any(|other| *other != first) {
        return Err(NotReadable::Speakers);
    }
    Ok(first)
}

fn agent(value: &Value, path: impl Fn() -> String) -> Result<Option<String>, NotReadable> {
    if value.is_null() {
        return Ok(None);
    }
    let name = value["name"].as_str().map(str::trim);
    let name = name.filter(|name| !protocol::visible::is_blank(name));
    let name = name.ok_or_else(|| NotReadable::Agent(path()))?;
    // A hand-over cuts the name in the same way, so it is the same person.
    Ok(Some(name.chars().take(MAX_NAME_CHARS).collect()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ids::SeededIds;

    fn of(value: &Value, header_id: Option<&str>) -> Result<Saying, NotReadable> {
        let ids = SeededIds::new(7);
        read(
            value.to_string().as_bytes(),
            header_id.map(str::to_owned),
            &ids,
        )
    }

    #[test]
    fn the_id_in_the_body_goes_before_the_one_of_the_request() {
        let id = |value: &Value, header| of(value, header).unwrap().id;
        assert_eq!(id(&json!({"id": "a", "text": "Hi"}), Some("b")), "a");
        assert_eq!(id(&json!({"text": "Hi"}), Some("b")), "b");
        let own = id(&json!({"text": "Hi"}), None);
        assert_eq!(own, "00000000-0000-4000-8000-000000000007");
        let long = "x".repeat(SAYING_ID_BYTES + 1);
        for wrong in [json!(7), json!(""), json!({}), json!(long)] {
            let body = json!({"id": wrong, "text": "Hi"});
            assert_eq!(of(&body, Some("b")).unwrap_err(), NotReadable::Id);
        }
        assert_eq!(
            of(&json!({"text": "Hi"}), Some(&long)).unwrap_err(),
            NotReadable::Id
        );
    }

    #[test]
    fn one_speaks_in_a_request() {
        let agent = |value: &Value| of(value, None).map(|saying| saying.agent);
        let (ann, bob) = (json!({"name": " Ann "}), json!({"name": "Bob"}));
        let said = |agent: &Value| json!({"text": "Hi", "agent": agent});
        let ann_named = Ok(Some("Ann".to_owned()));
        assert_eq!(agent(&said(&ann)), ann_named);
        assert_eq!(
            agent(&json!({"messages": [said(&ann), said(&ann)]})),
            ann_named
        );
        assert_eq!(agent(&json!({"typing": true, "agent": ann})), ann_named);
        assert_eq!(
            agent(&json!({"agent": ann, "messages": [{"text": "Hi"}, said(&ann)]})),
            ann_named
        );
        assert_eq!(agent(&json!({"text": "Hi"})), Ok(None));
        for two in [
            json!({"messages": [said(&ann), said(&bob)]}),
            json!({"messages": [said(&ann), {"text": "Hi"}]}),
            json!({"agent": ann, "messages": [{"text": "Hi"}, said(&bob)]}),
        ] {
            assert_eq!(agent(&two), Err(NotReadable::Speakers));
        }
        for nobody in [
            json!("Ann"),
            json!({}),
            json!({"name": " "}),
            json!({"name": 7}),
        ] {
            let wrong = agent(&said(&nobody)).unwrap_err();
            assert_eq!(wrong, NotReadable::Agent("`agent`".to_owned()));
        }
        let long = "x".repeat(2 * MAX_NAME_CHARS);
        let cut = agent(&said(&json!({"name": long}))).unwrap().unwrap();
        assert_eq!(cut.len(), MAX_NAME_CHARS);
    }

    #[test]
    fn something_is_said_or_done() {
        for nothing in [json!({}), json!({"messages": []}), json!({"close": false})] {
            assert_eq!(of(&nothing, None).unwrap_err(), NotReadable::Nothing);
        }
        assert_eq!(
            of(&json!({"typing": false}), None).unwrap().typing,
            Some(false)
        );
        assert!(of(&json!({"close": true}), None).unwrap().close);
        let wrong = read(b"{", None, &SeededIds::new(1)).unwrap_err();
        assert_eq!(wrong, NotReadable::Reply(ReplyError::NoJson));
    }
}
