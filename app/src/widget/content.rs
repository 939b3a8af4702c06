//! What a bot shows: text, buttons, quick replies, a picture, a link, an error; the fallback of what we do not draw.
//!
//! A choice is a submit button of the composer's form: without the wasm it sends its title. With it, its payload.

use super::{
    markup,
    node::{Node, Sheet, icon},
    room::Room,
    rows::Offer,
};
use crate::{icons::Icon, text::Message};
use protocol::content::{Action, Button, Content};

/// How links of a bot are opened: elsewhere, without a handle on this page, without our praise.
const REL: &str = "noopener nofollow ugc";

/// What the message shows. `bubble` is the sheet in which `.bubble` is styled; `offer`: how its choices stand.
pub(super) fn draw(room: &Room, content: &Content, offer: Offer<'_>, bubble: Sheet) -> Vec<Node> {
    let sheet = Sheet(stylers::style_sheet!("app/src/widget/content.css"));
    let said = |text: &str| bubble.el("div", "bubble").add_all(markup::draw(room, text));
    match content {
        Content::Text { text } | Content::System { text } | Content::Said { text, .. } => {
            vec![said(text)]
        }
        Content::Template(template) => vec![said(&template.fallback)],
        Content::Error { text } => {
            let words = bubble.el("div", "").add_all(markup::draw(room, text));
            let fault = bubble.el("div", "bubble fault").add(icon(Icon::Alert));
            vec![fault.add(words)]
        }
        Content::Buttons { text, buttons } => {
            let words = sheet.el("div", "words").add_all(markup::draw(room, text));
            let actions = sheet.el("div", "").set("role", "group");
            let actions = actions.add_all(choices(room, sheet, buttons, offer, false));
            let card = sheet.el("div", "card");
            vec![
                card.add_some((!text.is_empty()).then_some(words))
                    .add(actions),
            ]
        }
        Content::QuickReplies { text, replies } => {
            let chips = sheet.el("div", "chips").set("role", "group");
            let chips = chips.label(room.say(Message::Suggestions));
            let chips = chips.add_all(choices(room, sheet, replies, offer, true));
            let mut parts = Vec::new();
            if !text.is_empty() {
                parts.push(said(text));
            }
            parts.push(chips);
            parts
        }
        Content::Image { url, alt } => {
            let photo = picture(room, sheet, "photo", url, alt);
            vec![leaving(sheet, "picture", url).add(photo)]
        }
        Content::Link { url, title } => {
            let link = leaving(sheet, "action", url)
                .add(sheet.el("span", "label").auto().say(title))
                .add(icon(Icon::Open))
                .whisper(sheet, room.say(Message::NewTab));
            vec![sheet.el("div", "card").add(link)]
        }
    }
}

/// A link of a bot.
pub(super) fn leaving(sheet: Sheet, class: &str, url: &str) -> Node {
    let link = sheet.el("a", class).set("href", url);
    link.set("target", "_blank").set("rel", REL)
}

/// A picture of a bot, in the space that is kept for it.
pub(super) fn picture(room: &Room, sheet: Sheet, class: &str, url: &str, alt: &str) -> Node {
    let alt = if alt.is_empty() {
        room.say(Message::Picture)
    } else {
        alt
    };
    foreign(sheet, class, url, alt, "288", "216").set("decoding", "async")
}

fn foreign(sheet: Sheet, class: &str, url: &str, alt: &str, width: &str, height: &str) -> Node {
    sheet
        .el("img", class)
        .set("src", url)
        .set("alt", alt)
        .set("width", width)
        .set("height", height)
        .set("loading", "lazy")
        .set("referrerpolicy", "no-referrer")
}

/// A submit button of the composer's form.
pub(super) fn choice(sheet: Sheet, class: &str, text: &str) -> Node {
    sheet
        .el("button", class)
        .set("type", "submit")
        .set("form", "composer")
        .set("name", "choice")
        .set("value", text)
}

/// Chips are chosen once: the others are switched off after it. Rows as often as one likes. All of them stand in one
/// element, in their order: `live` finds the payload by it.
fn choices(
    room: &Room,
    sheet: Sheet,
    buttons: &[Button],
    offer: Offer<'_>,
    chips: bool,
) -> Vec<Node> {
    let class = if chips { "chip" } else { "action" };
    let used = offer != Offer::Open;
    let draw = |button: &Button| {
        let title = button.title.as_str();
        let thumb = button
            .image
            .as_deref()
            .map(|url| foreign(sheet, "thumb", url, "", "24", "24"));
        let label = sheet.el("span", "label").auto().say(title);
        let inside = |node: Node| node.add_some(thumb).add(label);
        if matches!(button.action, Action::None {}) {
            let words = if chips { "" } else { "words" };
            return inside(sheet.el("div", words));
        }
        if let Action::Open { url } = &button.action {
            return inside(leaving(sheet, class, url))
                .add(icon(Icon::Open))
                .whisper(sheet, room.say(Message::NewTab));
        }
        let chosen = offer == Offer::Answered(title);
        let button = choice(sheet, class, title)
            .class_if(used, "used")
            .class_if(chosen, "chosen");
        let button = inside(if chips && used {
            button.set("disabled", "")
        } else {
            button
        });
        if chosen {
            let words = room.say(Message::Chosen);
            button.add(icon(Icon::Check)).whisper(sheet, words)
        } else {
            button
        }
    };
    buttons.iter().map(draw).collect()
}
