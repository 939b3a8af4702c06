//! What the visitor should know: one slim row above the composer, a sentence and a way out.

use super::{
    act,
    node::{Node, Sheet, icon},
    room::Room,
};
use crate::{chat::Notice, icons::Icon, text::Message};

/// The row.
pub(super) fn draw(room: &Room, notice: Notice, person: &str) -> Node {
    let sheet = Sheet(stylers::style_sheet!("app/src/widget/notice.css"));
    let (sign, words, way_out) = match notice {
        Notice::Reconnecting => (Icon::Offline, Message::Reconnecting, None),
        Notice::NoConnection => (
            Icon::Offline,
            Message::NoConnection,
            Some((Message::RetryNow, act::RECONNECT)),
        ),
        Notice::DayFull => (Icon::Alert, Message::DayFull, None),
        Notice::Ended => (Icon::Check, Message::Ended, None),
        Notice::Full => (Icon::Alert, Message::Full, None),
        Notice::Joined => (Icon::Check, Message::WithAgent, None),
        Notice::Left => (Icon::Check, Message::AgentLeft, None),
        Notice::Loading => (Icon::Clock, Message::LoadingAll, None),
        Notice::NotCopied => (Icon::Alert, Message::NotCopied, None),
        Notice::NotKept => (Icon::Alert, Message::NotKept, None),
        Notice::NotLoaded => (Icon::Alert, Message::NotLoaded, None),
        Notice::Refused => (
            Icon::Alert,
            Message::Refused,
            Some((Message::TryAgain, act::RECONNECT)),
        ),
    };
    let way_out = way_out.map(|(label, does)| {
        let button = sheet.el("button", "act").set("type", "button");
        button.does(does).say(room.say(label))
    });
    sheet
        .el("div", "notice")
        .class_if(notice == Notice::Refused, "bad")
        .add(icon(sign))
        .add(sheet.el("span", "words").say(&room.about(words, person)))
        .add_some(way_out)
}
