//! "Is typing": the dots at the end of the transcript, and what the bot does meanwhile. What a screen reader says of it when
//! it begins is said by the window's live region, which is there before.

use super::{
    node::{Node, Sheet},
    room::Room,
};
use crate::{chat::Shown, text::Message};

/// The dots, where somebody types or is at something.
pub(super) fn draw(room: &Room, shown: &Shown) -> Option<Node> {
    if !shown.typing && shown.doing.is_none() {
        return None;
    }
    let sheet = Sheet(stylers::style_sheet!("app/src/widget/typing.css"));
    let words = words(room, shown);
    let mut dots = sheet.el("div", "dots").set("role", "img").label(&words);
    for _ in 0..3 {
        dots = dots.add(sheet.el("span", "dot"));
    }
    let doing = shown.doing.as_ref();
    let doing = doing.map(|doing| sheet.el("p", "doing").auto().say(doing));
    let face = room.avatar(shown.agent.as_deref());
    let typing = sheet
        .el("div", "typing")
        .add(sheet.el("span", "face").add(face))
        .add(dots)
        .add_some(doing);
    Some(typing)
}

/// Who types, in words.
fn words(room: &Room, shown: &Shown) -> String {
    match &shown.agent {
        Some(agent) => room.about(Message::AgentTyping, agent),
        None => room.say(Message::Typing).to_owned(),
    }
}
