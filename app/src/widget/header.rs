//! The header: who answers, whether they are there, what else can be done.
//!
//! The menu is a native popover: the browser opens it before the wasm is there, closes it on Escape or a click
//! beside it, and keeps `aria-expanded` true.

use super::{
    act,
    node::{Node, Sheet, icon},
    room::Room,
    settings::Mode,
};
use crate::{
    chat::{Connection, Notice, Shown},
    icons::Icon,
    text::Message,
};

/// The header.
pub(super) fn draw(room: &Room, shown: &Shown) -> Node {
    let sheet = Sheet(stylers::style_sheet!("app/src/widget/header.css"));
    let embedded = room.settings.mode == Mode::Embedded;
    let tool = |label| {
        let button = sheet.el("button", "tool").set("type", "button");
        button.label(room.say(label))
    };
    let close = embedded.then(|| tool(Message::Close).does(act::CLOSE).add(icon(Icon::Close)));
    let dot = sheet
        .el("span", "dot")
        .class_if(shown.connection == Connection::Online, "online");
    let face = sheet.el("span", "face").add(room.avatar()).add(dot);
    let name = sheet.el("h1", "name").auto().say(&room.settings.bot.name);
    let status = sheet.el("p", "status").say(room.say(status(shown.notice)));
    let anew = sheet
        .el("button", "item")
        .set("type", "button")
        .set("popovertarget", "menu")
        .set("popovertargetaction", "hide")
        .does(act::NEW)
        .add(icon(Icon::New))
        .say(room.say(Message::NewConversation));
    let save = sheet
        .el("a", "item")
        .set("href", "#latest")
        .does(act::DOWNLOAD)
        .add(icon(Icon::Download))
        .say(room.say(Message::Download));
    let menu = sheet
        .el("div", "menu")
        .class_if(!embedded, "window")
        .set("id", "menu")
        .set("popover", "auto");
    let more = tool(Message::Menu).set("popovertarget", "menu");
    sheet
        .el("header", "header")
        .add(face)
        .add(sheet.el("div", "who").add(name).add(status))
        .add(
            sheet
                .el("div", "actions screen")
                .add(more.add(icon(Icon::Menu)))
                .add_some(close),
        )
        .add(menu.add(anew).add(save))
}

/// A short break is nobody's business: the words change when the notice does.
pub(super) fn status(notice: Option<Notice>) -> Message {
    match notice {
        Some(Notice::Reconnecting) => Message::Reconnecting,
        Some(Notice::NoConnection) => Message::Offline,
        _ => Message::RepliesAtOnce,
    }
}
