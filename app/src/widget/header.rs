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
    let face = sheet.el("span", "face").add(room.avatar(None)).add(dot);
    let name = sheet.el("h1", "name").auto().say(&room.settings.bot.name);
    let status = sheet.el("p", "status").say(&status(room, shown));
    // Each closes the menu.
    let item = |does, sign, label| {
        let button = sheet.el("button", "item").set("type", "button");
        let button = button.set("popovertarget", "menu");
        let button = button.set("popovertargetaction", "hide").does(does);
        button.add(icon(sign)).say(room.say(label))
    };
    let items = vec![
        item(act::NEW, Icon::New, Message::NewConversation),
        item(act::DOWNLOAD, Icon::Download, Message::Download),
        item(act::PRINT, Icon::Print, Message::Print),
    ];
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
        .add(menu.add_all(items))
}

/// Who answers, and how the connection stands. A short break is nobody's business: the words change when the notice about it does, whatever
/// else is told meanwhile.
pub(super) fn status(room: &Room, shown: &Shown) -> String {
    match (words(shown), &shown.agent) {
        (Message::RepliesAtOnce, Some(agent)) => room.about(Message::WithAgent, agent),
        (words, _) => room.say(words).to_owned(),
    }
}

fn words(shown: &Shown) -> Message {
    match (shown.connection, shown.standing) {
        (Connection::Online, _) => Message::RepliesAtOnce,
        (Connection::Refused, _) | (_, Some(Notice::Refused)) => Message::Unavailable,
        (Connection::Offline, _) | (_, Some(Notice::NoConnection)) => Message::Offline,
        (_, Some(Notice::Reconnecting)) => Message::Reconnecting,
        (Connection::Connecting | Connection::Reconnecting { .. }, _) => Message::RepliesAtOnce,
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::{chat::Chat, text::Language, widget::WidgetSettings};
    use std::sync::Arc;

    #[test]
    fn a_person_is_named_while_messages_go_through() {
        let settings = WidgetSettings {
            texts: Language::English.texts(),
            ..WidgetSettings::default()
        };
        let chat = Chat::from_settings(&settings);
        let mut shown = chat.shown();
        let settings = Arc::new(settings);
        let room = Room { chat, settings };
        shown.agent = Some("Ann".to_owned());
        shown.connection = Connection::Online;
        assert_eq!(status(&room, &shown), "You are connected with Ann");
        shown.connection = Connection::Offline;
        assert_eq!(status(&room, &shown), "Offline");
    }

    #[test]
    fn the_status_follows_the_connection_whatever_else_is_told() {
        let lost = Connection::Reconnecting { since_ms: 0 };
        for (connection, standing, expected) in [
            (Connection::Connecting, None, Message::RepliesAtOnce),
            (Connection::Online, None, Message::RepliesAtOnce),
            (lost, None, Message::RepliesAtOnce),
            (lost, Some(Notice::Reconnecting), Message::Reconnecting),
            (lost, Some(Notice::NoConnection), Message::Offline),
            (Connection::Offline, None, Message::Offline),
            (
                Connection::Refused,
                Some(Notice::Refused),
                Message::Unavailable,
            ),
            // Tried again, and not there yet.
            (
                Connection::Connecting,
                Some(Notice::Refused),
                Message::Unavailable,
            ),
        ] {
            for passing in [None, Some(Notice::Full), Some(Notice::NotKept)] {
                let mut shown = Chat::from_settings(&WidgetSettings::default()).shown();
                shown.connection = connection;
                shown.standing = standing;
                shown.passing = passing;
                assert_eq!(words(&shown), expected, "{connection:?} {standing:?}");
            }
        }
    }
}
