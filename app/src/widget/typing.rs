//! "Is typing": the dots at the end of the transcript. What a screen reader says of it when it begins is said by the
//! window's live region, which is there before.

use super::{
    node::{Node, Sheet},
    room::Room,
};
use crate::text::Message;

/// The dots.
pub(super) fn draw(room: &Room) -> Node {
    let sheet = Sheet(stylers::style_sheet!("app/src/widget/typing.css"));
    let words = room.say(Message::Typing);
    let mut dots = sheet.el("div", "dots").set("role", "img").label(words);
    for _ in 0..3 {
        dots = dots.add(sheet.el("span", "dot"));
    }
    sheet
        .el("div", "typing")
        .add(sheet.el("span", "face").add(room.avatar()))
        .add(dots)
}
