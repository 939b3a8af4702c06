//! The transcript: the list of messages, and what comes before and after it. Its scrolling is `live::scroll`.

use super::{
    act,
    node::{Node, Sheet, icon},
    room::Room,
    row,
    rows::rows,
    typing, welcome,
    when::Now,
};
use crate::{
    chat::{Connection, Shown},
    icons::Icon,
    text::{Count, Message},
};
use protocol::transcript::Author;

fn sheet() -> Sheet {
    Sheet(stylers::style_sheet!("app/src/widget/transcript.css"))
}

/// What stands before the first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing to load any more.
    Beginning,
    /// Earlier messages are on their way.
    Loading,
    /// Earlier messages can be loaded.
    More,
    /// A known visitor's conversation is on its way.
    Skeleton,
    /// The visitor has not said anything: who this is and what could be asked stays where it is when the bot greets.
    Welcome,
}

impl Before {
    /// As the chat stands.
    pub(super) fn of(shown: &Shown, room: &Room) -> Self {
        let connecting = shown.connection == Connection::Connecting;
        if shown.entries.is_empty() && connecting && room.settings.host_identity {
            Self::Skeleton
        } else if shown.loading_older {
            Self::Loading
        } else if shown.more {
            Self::More
        } else if shown.entries.iter().all(|it| it.author == Author::Bot) {
            Self::Welcome
        } else {
            Self::Beginning
        }
    }

    /// Draws it.
    pub(super) fn draw(self, room: &Room) -> Node {
        let sheet = sheet();
        let top = sheet.el("div", "top");
        let loading = |node: Node| node.set("role", "img").label(room.say(Message::Loading));
        match self {
            Self::Beginning => top.say(room.say(Message::Beginning)),
            Self::Loading => top.add(loading(sheet.el("span", "spinner"))),
            Self::More => {
                let button = sheet.el("button", "older screen").set("type", "button");
                let button = button.does(act::OLDER).add(icon(Icon::Up));
                top.add(button.say(room.say(Message::Older)))
                    .add(sheet.el("p", "paper").say(room.say(Message::NotWhole)))
            }
            // Grey shapes. They appear after 150 ms, by style.
            Self::Skeleton => loading(sheet.el("div", ""))
                .add(sheet.el("div", "bone"))
                .add(sheet.el("div", "bone short"))
                .add(sheet.el("div", "bone own"))
                .add(sheet.el("div", "bone")),
            Self::Welcome => welcome::draw(room),
        }
    }
}

/// The list and all around it, as the chat stands.
pub(super) fn draw(room: &Room, shown: &Shown, now: Now) -> Node {
    let sheet = sheet();
    let rows = rows(&shown.entries, None, |at_ms| now.day_of(at_ms));
    let rows = rows.iter().map(|found| row::draw(room, found, now));
    let list = sheet
        .el("div", "list")
        .add(Before::of(shown, room).draw(room))
        .add_all(rows.collect())
        .add(sheet.el("div", "").set("id", "early"))
        .add_some(typing::draw(room, shown))
        .add(sheet.el("span", "").set("id", "latest"));
    let scroller = sheet
        .el("div", "scroller")
        .set("role", "log")
        .set("aria-live", "off")
        .label(room.say(Message::Conversation))
        .set("tabindex", "0");
    let stage = sheet.el("div", "stage");
    stage.add_some(pill(room, false, 0)).add(scroller.add(list))
}

/// The way to the end, for a reader who is away from it, and how many messages came meanwhile.
pub(super) fn pill(room: &Room, away: bool, missed: u32) -> Option<Node> {
    if !away {
        return None;
    }
    let button = sheet().el("button", "pill screen").set("type", "button");
    let button = button.does(act::LATEST).add(icon(Icon::Down));
    Some(if missed > 0 {
        let words = room.count(Count::NewMessages, missed);
        button.class("counts").label(&words).say(&words)
    } else {
        button.label(room.say(Message::ToLatest))
    })
}
