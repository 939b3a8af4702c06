//! What the visitor writes.
//!
//! The form works in three lives: posted by the browser where no script runs, caught by the script before hydration,
//! then ours (`live::composer`). The text lives in the field, never beside it, so that taking over cannot lose a letter.

#[cfg(target_arch = "wasm32")]
use super::act;
use super::{
    node::{Node, Sheet, icon},
    room::Room,
};
use crate::{
    icons::Icon,
    text::{Count, Message},
};

fn sheet() -> Sheet {
    Sheet(stylers::style_sheet!("app/src/widget/composer.css"))
}

/// The composer, with nothing in it.
pub(super) fn draw(room: &Room) -> Node {
    let sheet = sheet();
    let field = sheet
        .el("textarea", "input")
        .set("id", "message")
        .set("name", "text")
        .set("rows", "1")
        .set("autocomplete", "off")
        .label(room.say(Message::MessageLabel))
        .set("placeholder", room.say(Message::Placeholder));
    let send = sheet
        .el("button", "send")
        .set("type", "submit")
        .label(room.say(Message::Send))
        .add(icon(Icon::Send));
    sheet
        .el("form", "composer screen")
        .set("id", "composer")
        .set("method", "post")
        .set("action", &room.settings.form_action)
        // The script that catches it before hydration takes no more than this.
        .set(
            "data-composer",
            &room.settings.max_message_chars.to_string(),
        )
        .add(sheet.el("div", "field").add(field).add(send))
        .add_some(counter(room, 0))
}

/// Ends the answer that grows. It stands before the send button, and in its place while there is nothing to send.
#[cfg(target_arch = "wasm32")]
pub(super) fn stop(room: &Room) -> Node {
    sheet()
        .el("button", "send stop")
        .set("type", "button")
        .label(room.say(Message::Stop))
        .does(act::STOP)
        .add(icon(Icon::Stop))
}

/// How much may still be written, told from 80 % on.
pub(super) fn counter(room: &Room, written: u32) -> Option<Node> {
    let limit = room.settings.max_message_chars;
    let over = written > limit;
    let words = if over {
        room.count(Count::CharactersOver, written - limit)
    } else {
        room.count(Count::CharactersLeft, limit - written)
    };
    let line = sheet().el("p", "count").class_if(over, "over");
    (written > limit / 5 * 4).then(|| line.set("id", "count").say(&words))
}
