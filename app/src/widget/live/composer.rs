//! The field: what is in it, and how it is sent.

use super::{Live, keys};
use crate::widget::{browser, composer};
use protocol::visible::is_blank;
use web_sys::KeyboardEvent;

/// What an input method reports while it composes, in browsers that do not set `isComposing` in time.
const COMPOSING: u32 = 229;

impl Live {
    /// Shows what the field holds: its height, how much room is left, whether it can be sent. True: it can.
    pub(super) fn measure(&self) -> bool {
        let parts = &self.parts;
        let text = parts.field.value();
        // Characters; 0 for nothing that is seen.
        let written = if is_blank(&text) {
            0
        } else {
            u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
        };
        let limit = self.room.settings.max_message_chars;
        let sendable = (1..=limit).contains(&written);
        let disabled = if sendable { "false" } else { "true" };
        // An attribute of a plain name is always taken.
        let _ = parts.send.set_attribute("aria-disabled", disabled);
        let counter = composer::counter(&self.room, written);
        if counter.is_some() {
            let _ = parts.field.set_attribute("aria-describedby", "count");
        } else {
            let _ = parts.field.remove_attribute("aria-describedby");
        }
        parts.counter.put(counter);
        browser::grow(&parts.field);
        sendable
    }

    /// Sends what the field holds; asked of the field itself, because a script may have filled it without an event.
    pub(super) fn send(&self) {
        if !self.measure() {
            if let Some(count) = keys::part("#count") {
                let much = count.text_content().unwrap_or_default();
                self.room.chat.announce(&much);
            }
            return;
        }
        let field = &self.parts.field;
        // What is not taken (too much is waiting already) stays in the field.
        if self.room.chat.send(field.value()) {
            field.set_value("");
            self.measure();
        }
        keys::to_composer();
    }

    /// A key in the field.
    pub(super) fn pressed_in_field(&self, event: &KeyboardEvent) {
        if event.key() != "Enter" || event.is_composing() || event.key_code() == COMPOSING {
            return;
        }
        let always = event.ctrl_key() || event.meta_key();
        if always || !(event.shift_key() || browser::touch()) {
            event.prevent_default();
            self.send();
        }
    }
}
