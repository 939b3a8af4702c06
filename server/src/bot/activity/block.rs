//! The contents of a card, before it becomes a message.
//!
//! In the path: `cards` and `adaptive` read a card into a [`Block`]; `messages` makes Kore messages of it.

use serde_json::Value;

use super::buttons::of_card_action;
use super::list_of;
use crate::bot::reply::{Button, MAX_BUTTONS};
use crate::bot::{BotError, Class};

const MAX_PICTURES: usize = 10;

/// What a card says and shows.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Block {
    /// Paragraphs.
    pub(super) lines: Vec<String>,
    /// Address and description.
    pub(super) pictures: Vec<(String, String)>,
    /// Title and address.
    pub(super) links: Vec<(String, String)>,
    pub(super) buttons: Vec<Button>,
    /// Whether something in the card is not shown here.
    pub(super) lacks: bool,
}

impl Block {
    pub(super) fn say(&mut self, text: Option<&str>) {
        if let Some(text) = text {
            self.lines.push(text.to_owned());
        }
    }

    pub(super) fn strong(&mut self, text: Option<&str>) {
        if let Some(text) = text {
            self.lines.push(format!("**{}**", text.trim_matches('*')));
        }
    }

    pub(super) fn picture(&mut self, url: Option<&str>, alt: Option<&str>) {
        match url.filter(|url| is_address(url)) {
            Some(url) if self.pictures.len() < MAX_PICTURES => self
                .pictures
                .push((url.to_owned(), alt.unwrap_or_default().to_owned())),
            Some(_) => self.lacks = true,
            // The picture is written into the card (`data:`), or is missing.
            None => self.lacks |= url.is_some(),
        }
    }

    pub(super) fn offer(&mut self, button: Option<Button>) {
        match button {
            Some(button) => self.buttons.push(button),
            None => self.lacks = true,
        }
    }

    pub(super) fn offer_all(&mut self, card: &Value) {
        for action in list_of(card, "buttons") {
            self.offer(of_card_action(action));
        }
    }

    pub(super) fn bounded(self) -> Result<Self, BotError> {
        if self.buttons.len() > MAX_BUTTONS {
            let reason = format!("a card has more than {MAX_BUTTONS} buttons");
            return Err(BotError::failed(Class::TooMuch, reason));
        }
        Ok(self)
    }
}

/// `Key: value`, or only the part that exists.
pub(super) fn pair(key: Option<&str>, value: Option<&str>) -> Option<String> {
    match (key, value) {
        (Some(key), Some(value)) => Some(format!("{}: {value}", key.trim_end_matches(':'))),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}

/// Whether the address may stand in a message. The widget checks again whether it is safe to open.
pub(super) fn is_address(url: &str) -> bool {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|it| it.eq_ignore_ascii_case("https") || it.eq_ignore_ascii_case("http"))
}
