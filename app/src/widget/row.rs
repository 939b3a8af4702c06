//! One message: its place in the group, its bubble, its time and state.
//!
//! A row never changes (see `rows`) but for the words of its time and for an answer that grows, which `live::list`
//! puts right.

use super::{
    act, content,
    node::{Node, PLAIN, Sheet, icon},
    room::Room,
    rows::{Row, Turn},
    when::{self, Now},
};
use crate::{icons::Icon, text::Message};
#[cfg(feature = "ssr")]
use leptos::prelude::*;
use protocol::{
    content::Content,
    transcript::{Author, Delivery},
};

fn sheet() -> Sheet {
    Sheet(stylers::style_sheet!("app/src/widget/row.css"))
}

/// One message.
pub(super) fn draw(room: &Room, row: &Row<'_>, now: Now) -> Node {
    let sheet = sheet();
    let entry = row.entry;
    let texts = &room.settings.texts;
    let mine = entry.author == Author::Visitor;
    let bot = entry.author == Author::Bot;
    let system = entry.author == Author::System;
    let growing = entry.delivery == Delivery::Growing;
    let failed = entry.delivery == Delivery::Failed;

    let agent = entry.agent.as_deref();
    let who = match (entry.author, agent) {
        (Author::Bot, Some(agent)) => Some(room.about(Message::AgentSaid, agent)),
        (Author::Bot, None) => Some(room.say(Message::BotSaid).to_owned()),
        (Author::Visitor, _) => Some(room.say(Message::YouSaid).to_owned()),
        (Author::System, _) => None,
    };
    // For the eye: it was just said.
    let by = agent.filter(|_| !row.joined).map(|agent| {
        let by = sheet.el("span", "by screen").auto().say(agent);
        by.set("aria-hidden", "true")
    });
    let said = sheet
        .el("div", "said")
        .add_some(who.map(|who| sheet.el("span", "who quiet").say(&who)))
        .add_some(by);
    let said = match &entry.content {
        Content::System { text } => said.add(sheet.el("p", "notice").auto().say(text)),
        Content::Said { .. } => said.add(
            sheet
                .el("div", "bubble")
                .auto()
                .say(&entry.content.spoken()),
        ),
        content => said.add_all(content::draw(room, content, row.offer, sheet)),
    };
    let meta = sheet.el("div", "meta");
    let time = || {
        sheet
            .el("time", "time")
            .set("datetime", &when::machine(entry.at_ms))
            .set("title", &now.in_full(entry.at_ms, texts))
            .say(&now.time(entry.at_ms, texts))
    };
    let meta = match entry.delivery {
        _ if system => meta,
        Delivery::Sending => meta.add(icon(Icon::Clock)).say(room.say(Message::Sending)),
        Delivery::Failed => {
            let way_out = |does, label| {
                let button = sheet.el("button", "again").set("type", "button");
                button.does(does).say(room.say(label))
            };
            meta.add(icon(Icon::Alert))
                .say(room.say(Message::NotSent))
                .add(way_out(act::RETRY, Message::Retry))
                .add(way_out(act::DELETE, Message::Delete))
        }
        Delivery::Sent if mine => meta
            .add(time())
            .add(icon(Icon::Check))
            .whisper(PLAIN, room.say(Message::Sent)),
        Delivery::Delivered | Delivery::Read => {
            let seen = entry.delivery == Delivery::Read;
            let word = if seen {
                Message::Seen
            } else {
                Message::Delivered
            };
            meta.add(time()).add(icon(Icon::Check)).say(room.say(word))
        }
        Delivery::Growing => meta,
        Delivery::Sent => meta.add(time()),
        Delivery::Stopped => meta.add(time()).say(room.say(Message::Stopped)),
    };
    let day = row
        .day
        .then(|| sheet.el("p", "day").say(&now.day(entry.at_ms, texts)));
    let news = row
        .news
        .then(|| sheet.el("p", "news").say(room.say(Message::NewMessages)));
    let turn = row.turn.map(|turn| {
        let words = match turn {
            Turn::To(agent) => room.about(Message::WithAgent, agent),
            Turn::From(agent) => room.about(Message::AgentLeft, agent),
        };
        sheet.el("p", "turn").say(&words)
    });
    let face = (bot && !row.joined).then(|| sheet.el("span", "face").add(room.avatar(agent)));
    let article = sheet
        .el("article", "row")
        .class_if(row.joined, "joined")
        .class_if(row.fresh, "fresh")
        .class_if(mine, "mine")
        .class_if(bot, "bot")
        .class_if(failed, "failed")
        .class_if(entry.delivery == Delivery::Sending, "sending")
        .class_if(system, "system")
        .class_if(growing, "growing")
        .set("tabindex", "-1")
        .set("data-key", &entry.key)
        .add_some(day)
        .add_some(news)
        .add_some(turn)
        .add(sheet.el("div", "line").add_some(face).add(said.add(meta)));
    if growing {
        article.set("aria-busy", "true")
    } else {
        article
    }
}

/// The bubble that the script before hydration copies for a message sent before the wasm is there. It looks as
/// every row does; it stands in the page outside the island.
#[cfg(feature = "ssr")]
#[component]
pub fn EarlyBubble() -> impl IntoView {
    let scope = sheet().0;
    view! { class = scope,
        <template id="early-bubble">
            <div class="row fresh mine">
                <div class="line">
                    <div class="said">
                        <div class="bubble" dir="auto" data-text=""></div>
                    </div>
                </div>
            </div>
        </template>
    }
}
