//! Reads the fields of a payload, with the same care for all templates.

use crate::content::{Action, Button, scalar};
use crate::json::Value;
use crate::link::sloppy_link;

/// The most letters of a text. Longer texts are cut. The longest that the platform documents has 640.
const MAX_CHARS: usize = 4000;

/// The words of a value: a text, a number, or yes or no.
pub(super) fn words(value: &Value) -> Option<String> {
    let mut text = match value {
        Value::Bool(flag) => flag.to_string(),
        value => scalar(value)?,
    };
    if let Some((end, _)) = text.char_indices().nth(MAX_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    Some(text)
}

/// The words of the first of these fields that has any.
pub(super) fn first(object: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| words(&object[*name]))
}

/// The first values of a list. It is empty if the value is not a list.
pub(super) fn list(value: &Value, most: usize) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap_or_default().iter().take(most)
}

/// What a click on a whole card or row does: its `default_action`. It is shown with `title` if it has no title of its
/// own. An action with an address and without a type opens the address.
pub(super) fn tap(action: &Value, title: Option<&str>, sends: [&str; 3]) -> Option<Button> {
    let address = ["link", "url"].iter().find_map(|key| scalar(&action[*key]));
    let address = address.as_deref();
    let opens = match action["type"].as_str() {
        None => scalar(&action["payload"]).is_none(),
        Some(_) => action["link"].as_str().is_some(),
    };
    if let (true, Some(address)) = (opens, address) {
        let url = sloppy_link(address)?;
        let own = words(&action["title"]).or_else(|| title.map(str::to_owned));
        return Some(Button {
            title: own.unwrap_or_else(|| url.clone()),
            action: Action::Open { url },
            image: None,
        });
    }
    let mut button = match Button::sending(action, sends) {
        Some(button) => button,
        // There is only an address: the card gives it its title.
        None => Button {
            title: title?.to_owned(),
            action: Action::Open {
                url: sloppy_link(address?)?,
            },
            image: None,
        },
    };
    if let (None, Some(title)) = (scalar(&action["title"]), title) {
        title.clone_into(&mut button.title);
    }
    (button.action != Action::None {}).then_some(button)
}
