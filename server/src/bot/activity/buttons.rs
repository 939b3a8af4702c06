//! Card actions become buttons, and what a button sent becomes an activity again.
//!
//! In the path: `messages` and `cards` make [`Button`]s, `said` reads back what one of them sent.
//!
//! Invariant: a value that is not a text survives the way to the visitor and back, because the button's payload is its
//! JSON.

use protocol::link::sloppy_link;
use serde_json::{Value, json};

use super::text_of;
use crate::bot::reply::Button;

/// The button of a `CardAction`. `None`: the action does nothing here.
pub(super) fn of_card_action(action: &Value) -> Option<Button> {
    let value = action.get("value").unwrap_or(&Value::Null);
    let title = text_of(action, "title").or_else(|| value.as_str());
    match text_of(action, "type")? {
        "openUrl" | "signin" | "downloadFile" | "showImage" | "playAudio" | "playVideo" => {
            open(title, value.as_str()?)
        }
        "call" => {
            let number = value.as_str()?;
            let url = if number.starts_with("tel:") {
                number.to_owned()
            } else {
                format!("tel:{number}")
            };
            open(title, &url)
        }
        "messageBack" => {
            let text = text_of(action, "text").unwrap_or_default();
            let title = title.or_else(|| text_of(action, "displayText"));
            if value.is_null() {
                return post(title, text);
            }
            let back = json!({"type": "messageBack", "text": text, "value": value});
            post(title, &back.to_string())
        }
        // The visitor says a text; the JavaScript SDK wraps it.
        "imBack" => post(
            title,
            value
                .as_str()
                .or_else(|| text_of(value, "text"))
                .or(title)?,
        ),
        "postBack" => match value {
            Value::Null => post(title, title?),
            Value::String(value) => post(title, value),
            other => post(title, &other.to_string()),
        },
        _ => None,
    }
}

/// The button of an action of an Adaptive Card. `None`: the action does nothing here.
pub(super) fn of_adaptive_action(action: &Value) -> Option<Button> {
    let title = text_of(action, "title");
    match text_of(action, "type")? {
        "Action.OpenUrl" => open(title, text_of(action, "url")?),
        "Action.Submit" => match action.get("data") {
            Some(Value::String(data)) => post(title, data),
            Some(Value::Null) | None => post(title, "{}"),
            Some(data) => post(title, &data.to_string()),
        },
        _ => None,
    }
}

/// `None` for an address that no client opens.
fn open(title: Option<&str>, url: &str) -> Option<Button> {
    let url = sloppy_link(url.trim())?;
    Some(Button::opens(title.unwrap_or(&url), url.clone()))
}

fn post(title: Option<&str>, payload: &str) -> Option<Button> {
    let title = title.filter(|title| !title.is_empty())?;
    Some(Button::sends(title, payload))
}

/// What the activity of a pressed button holds: text or value, or both.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Pressed {
    pub(super) text: Option<String>,
    pub(super) value: Option<Value>,
}

/// Reads back the payload of a pressed button. A visitor who types JSON says a text, so this is only for presses.
pub(super) fn pressed(payload: &str) -> Pressed {
    let said = || Pressed {
        text: Some(payload.to_owned()),
        value: None,
    };
    if !payload.starts_with(['{', '[']) {
        return said();
    }
    let Ok(value) = serde_json::from_str::<Value>(payload) else {
        return said();
    };
    if value.get("type") == Some(&json!("messageBack"))
        && let Some(inner) = value.get("value")
    {
        return Pressed {
            text: text_of(&value, "text").map(str::to_owned),
            value: Some(inner.clone()),
        };
    }
    Pressed {
        text: None,
        value: Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::reply::Press;

    fn payload(button: Option<Button>) -> String {
        match button.map(|button| button.press) {
            Some(Press::Sends(payload)) => payload,
            other => panic!("{other:?}"),
        }
    }

    fn posts(title: &str, payload: &str) -> Option<Button> {
        post(Some(title), payload)
    }

    #[test]
    fn actions_become_choices_and_unknown_ones_nothing() {
        for (action, choice) in [
            (
                json!({"type": "imBack", "title": "Yes", "value": "yes, please"}),
                posts("Yes", "yes, please"),
            ),
            (
                json!({"type": "imBack", "value": "yes"}),
                posts("yes", "yes"),
            ),
            (
                json!({"type": "imBack", "title": "Tea", "value": {"text": "Tea, please"}}),
                posts("Tea", "Tea, please"),
            ),
            (
                json!({"type": "postBack", "title": "A", "value": {"a": [1]}}),
                posts("A", r#"{"a":[1]}"#),
            ),
            (
                json!({"type": "postBack", "title": "A", "value": 7}),
                posts("A", "7"),
            ),
            (
                json!({"type": "openUrl", "title": "Site", "value": "https://a.test/"}),
                open(Some("Site"), "https://a.test/"),
            ),
            (
                json!({"type": "call", "title": "Call", "value": "+43 1 2"}),
                open(Some("Call"), "tel:+43 1 2"),
            ),
            (
                json!({"type": "openUrl", "title": "Site", "value": {"a": 1}}),
                None,
            ),
            (
                json!({"type": "openUrl", "title": "Site", "value": "javascript:alert(1)"}),
                None,
            ),
            (json!({"type": "imBack"}), None),
            (json!({"type": "invoke", "title": "x", "value": "y"}), None),
            (json!({"title": "x"}), None),
            (json!("x"), None),
        ] {
            assert_eq!(of_card_action(&action), choice, "{action}");
        }
    }

    #[test]
    fn values_survive_the_way_to_the_visitor_and_back() {
        let value = json!({"order": 17, "name": "Zoë", "deep": {"list": [1, null, "x"]}});
        for action in [
            json!({"type": "postBack", "title": "Go", "value": value}),
            json!({"type": "messageBack", "title": "Go", "text": "go", "value": value}),
        ] {
            let pressed = pressed(&payload(of_card_action(&action)));
            assert_eq!(pressed.value.as_ref(), Some(&value));
            assert_eq!(pressed.text.as_deref(), text_of(&action, "text"));
        }
        let submit = json!({"type": "Action.Submit", "title": "Go", "data": value});
        assert_eq!(
            pressed(&payload(of_adaptive_action(&submit))).value,
            Some(value)
        );
    }

    #[test]
    fn text_stays_text() {
        for text in ["hello", "{not json", "[x", "7", "true"] {
            assert_eq!(pressed(text).text.as_deref(), Some(text));
            assert_eq!(pressed(text).value, None);
        }
        let text_only = json!({"type": "messageBack", "title": "Go", "text": "go"});
        assert_eq!(of_card_action(&text_only), posts("Go", "go"));
    }
}
