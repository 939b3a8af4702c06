//! The empty state: who is here, what to begin with, what happens to what is written.

use super::{
    content,
    node::{Node, Sheet, icon},
    room::Room,
};
use crate::{icons::Icon, text::Message};

/// Before the first message.
pub(super) fn draw(room: &Room) -> Node {
    let sheet = Sheet(stylers::style_sheet!("app/src/widget/welcome.css"));
    let bot = &room.settings.bot;
    let tagline = match bot.tagline.as_str() {
        "" => room.say(Message::Tagline),
        tagline => tagline,
    };
    let title = sheet.el("h2", "title").auto();
    let mut starters = sheet
        .el("ul", "starters")
        .label(room.say(Message::Suggestions));
    for text in &bot.starters {
        let starter = content::choice(sheet, "starter", text)
            .add(sheet.el("span", "label").auto().say(text))
            .add(icon(Icon::Chevron));
        starters = starters.add(sheet.el("li", "choice").add(starter));
    }
    sheet
        .el("div", "welcome")
        .add(sheet.el("span", "face").add(room.avatar(None)))
        .add(title.say(room.say(Message::Greeting)))
        .add(sheet.el("p", "tagline").auto().say(tagline))
        .add_some((!bot.starters.is_empty()).then_some(starters))
        .add(sheet.el("p", "privacy").say(room.say(Message::Privacy)))
}
