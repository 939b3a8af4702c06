//! Buttons and quick replies: what a visitor may choose. `widget/choice.rs` handles them.

use super::{
    foreign::{foreign, leaving},
    tree::{Sheet, Tree, icon},
};
use crate::{
    icons::Icon,
    text::Message,
    widget::{rows::Offer, settings::WidgetSettings},
};
use protocol::content::{Action, Button};

/// The style sheet of everything that a message shows beside its text.
pub(super) fn sheet() -> Sheet {
    Sheet(stylers::style_sheet!("app/src/widget/content/content.css"))
}

/// One quick reply can be chosen: the others are disabled after it. Buttons can be pressed again.
pub(super) fn choices(
    settings: &WidgetSettings,
    buttons: &[Button],
    offer: &Offer,
    chips: bool,
) -> Vec<Tree> {
    let sheet = sheet();
    let class = if chips { "chip" } else { "action" };
    let used = *offer != Offer::Open;
    let draw = |button: &Button| {
        let title = button.title.as_str();
        let thumb = button
            .image
            .as_deref()
            .map(|url| foreign(sheet, "thumb", url, "", "24", "24"));
        let label = sheet.el("span", "label").auto().say(title);
        let inside = |tree: Tree| tree.add_some(thumb).add(label);
        let payload = match &button.action {
            Action::None {} => {
                let words = if chips { "" } else { "words" };
                return inside(sheet.el("div", words));
            }
            Action::Open { url } => {
                return inside(leaving(sheet, class, url))
                    .add(icon(Icon::Open))
                    .whisper(sheet, settings.texts.say(Message::NewTab));
            }
            Action::Post { payload } => payload,
        };
        let chosen = offer.is_for(title, payload);
        let button = sheet
            .el("button", class)
            .set("type", "submit")
            .set("form", "composer")
            .set("name", "choice")
            .set("value", title)
            .set("data-payload", payload)
            .class_if(used, "used")
            .class_if(chosen, "chosen");
        let button = inside(if chips && used {
            button.set("disabled", "")
        } else {
            button
        });
        if chosen {
            let words = settings.texts.say(Message::Chosen);
            button.add(icon(Icon::Check)).whisper(sheet, words)
        } else {
            button
        }
    };
    buttons.iter().map(draw).collect()
}
