//! Choices of the visitor: a starter, a button, a quick reply. Each is a submit button named `choice` in the composer's
//! form, so it works without the wasm. With the wasm, the button's own payload (`data-payload`) goes to the bot.

use super::keyboard;
use crate::chat::Chat;
use leptos::{ev::MouseEvent, prelude::*, wasm_bindgen::JsCast, web_sys::Element};

/// Two choices within this time count as one: the second press of a double click, whatever is under the pointer by
/// then.
const ONE_CHOICE_MS: f64 = 400.0;

/// What a visitor chose, and when.
#[derive(Clone, Copy)]
pub(super) struct Choices {
    chat: Chat,
    /// When the last choice was made, by the clock of events.
    last: StoredValue<f64>,
}

impl Choices {
    pub(super) fn new(chat: Chat) -> Self {
        Self {
            chat,
            last: StoredValue::new(f64::NEG_INFINITY),
        }
    }

    /// Makes the choice of the clicked button, if it is one. If it is not accepted, nothing is lost, because the button
    /// stays.
    pub(super) fn clicked(self, click: &MouseEvent) {
        let target = click.target().and_then(|target| target.dyn_into().ok());
        let target: Option<Element> = target;
        let Some(button) = target.and_then(|target| target.closest("[name=choice]").ok()?) else {
            return;
        };
        click.prevent_default();
        if !self.is_chosen_twice(click) {
            let title = button.get_attribute("value").unwrap_or_default();
            let _ = match button.get_attribute("data-payload") {
                Some(payload) => self.chat.choose(title, payload),
                None => self.chat.send(title),
            };
        }
        keyboard::to_composer();
    }

    /// Whether this is the second press of a double click: as the browser counts it by the visitor's settings, or by
    /// time if the browser does not count it.
    fn is_chosen_twice(self, click: &MouseEvent) -> bool {
        let now = click.time_stamp();
        let soon = now - self.last.get_value() < ONE_CHOICE_MS;
        self.last.set_value(now);
        click.detail() > 1 || soon
    }
}
