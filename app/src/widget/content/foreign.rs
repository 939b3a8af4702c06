//! What leads out of the chat or comes from elsewhere: links and pictures of a bot.

use super::tree::{Sheet, Tree};
use crate::{text::Message, widget::settings::WidgetSettings};

/// How a bot's links are opened: without access to this page, and without our recommendation.
const REL: &str = "noopener nofollow ugc";

/// A link of a bot.
pub(super) fn leaving(sheet: Sheet, class: &str, url: &str) -> Tree {
    let link = sheet.el("a", class).set("href", url);
    link.set("target", "_blank").set("rel", REL)
}

/// A picture of a bot, in the space that is kept for it.
pub(super) fn picture(
    settings: &WidgetSettings,
    sheet: Sheet,
    class: &str,
    url: &str,
    alt: &str,
) -> Tree {
    let alt = if alt.is_empty() {
        settings.texts.say(Message::Picture)
    } else {
        alt
    };
    foreign(sheet, class, url, alt, "288", "216").set("decoding", "async")
}

pub(super) fn foreign(
    sheet: Sheet,
    class: &str,
    url: &str,
    alt: &str,
    width: &str,
    height: &str,
) -> Tree {
    sheet
        .el("img", class)
        .set("src", url)
        .set("alt", alt)
        .set("width", width)
        .set("height", height)
        .set("loading", "lazy")
        .set("referrerpolicy", "no-referrer")
}
