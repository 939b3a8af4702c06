//! Templates whose drawing the browser loads when it first needs it: `cards` (lists, carousels, tables) and `form`.
//!
//! The server draws them into the first page, so that they can be read at once. Hydration leaves what the server wrote as it
//! stands ([`Tree::kept`]); when the part is there, it draws the same again, and from then on the message is like any other. A
//! template that comes later shows its words until its part is there. A part that does not load is said so, and asked for again.
//!
//! A part is a function from a template to trees; it knows nothing of signals. Its style sheet travels in it.

#![cfg_attr(
    target_arch = "wasm32",
    expect(
        clippy::unnecessary_wraps,
        reason = "the error of a late function is its loader's"
    )
)]

mod cards;
mod form;
mod sheet;

use super::{
    choices,
    markup::draw_fallback,
    tree::{Sheet, Tree, icon},
};
use crate::{
    icons::Icon,
    text::Message,
    widget::{rows::Offer, settings::WidgetSettings},
};
use leptos::{prelude::*, wasm_split::SplitLoaderError};
#[cfg(feature = "ssr")]
use protocol::transcript::Entry;
use protocol::{
    content::{Content, Template},
    template::{Part, form::Answer, part_of},
};
use std::sync::Arc;

use sheet::{CARDS, FORM};

/// How far the drawing of a template has come.
#[derive(Clone)]
pub(super) enum Drawing {
    /// Its part is on its way.
    Asked,
    /// Its part did not come.
    Failed,
    /// Here it is.
    Done(Vec<Tree>),
}

/// A part of the wasm did not load.
#[derive(Clone, Copy, Debug)]
pub(super) struct NotLoaded;

impl From<SplitLoaderError> for NotLoaded {
    fn from(_: SplitLoaderError) -> Self {
        Self
    }
}

/// The template that a late part draws, and the part.
pub(super) fn of(content: &Content) -> Option<(&Template, Part)> {
    match content {
        Content::Template(template) => Some((template, part_of(&template.name)?)),
        _ => None,
    }
}

/// The template's place in the message.
pub(super) fn draw(
    settings: &WidgetSettings,
    template: &Template,
    drawing: &Drawing,
    bubble: Sheet,
) -> Vec<Tree> {
    let scope = choices::sheet();
    let texts = &settings.texts;
    let container = scope.el("div", "late");
    let waiting = |container: Tree| {
        container
            .kept()
            .add(draw_fallback(settings, template, bubble))
    };
    match drawing {
        Drawing::Done(trees) => vec![container.add_all(trees.clone())],
        Drawing::Asked => {
            let spinner = scope.el("span", "spinner").set("role", "img");
            vec![waiting(container).add(spinner.label(texts.say(Message::Loading)))]
        }
        Drawing::Failed => {
            let again = scope.el("button", "again").set("type", "button");
            let again = again
                .set("data-act", "load")
                .say(texts.say(Message::TryAgain));
            let line = scope
                .el("p", "kind")
                .set("role", "status")
                .add(icon(Icon::Alert));
            let line = line.say(texts.say(Message::NotShown)).add(again);
            vec![waiting(container), line]
        }
    }
}

/// Draws a template. In the browser its part is loaded for it, once.
pub(super) async fn load(
    part: Part,
    settings: Arc<WidgetSettings>,
    template: Template,
    offer: Offer,
) -> Drawing {
    let trees = match part {
        Part::Collection | Part::Table => late_cards(settings, template, offer).await,
        Part::Form => late_form(FormCall::Draw(settings, template, offer))
            .await
            .map(|reply| match reply {
                FormReply::Drawn(trees) => trees,
                FormReply::Answer(_) => Vec::new(),
            }),
    };
    trees.map_or(Drawing::Failed, Drawing::Done)
}

/// What a filled-in form sends for these values, one a field. `Err`: its part did not load.
pub(super) async fn answer(
    template: Template,
    values: Vec<String>,
) -> Result<Option<Answer>, NotLoaded> {
    Ok(match late_form(FormCall::Answer(template, values)).await? {
        FormReply::Answer(answer) => answer,
        FormReply::Drawn(_) => None,
    })
}

/// How a template is drawn at first: in the browser when its part is there.
#[cfg(target_arch = "wasm32")]
pub(super) fn first(_: &WidgetSettings, _: &Content, _: &Offer) -> Drawing {
    Drawing::Asked
}

/// How a template is drawn at first: on the server every part is there.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn first(settings: &WidgetSettings, content: &Content, offer: &Offer) -> Drawing {
    let Some((template, part)) = of(content) else {
        return Drawing::Asked;
    };
    Drawing::Done(match part {
        Part::Collection | Part::Table => cards::draw(settings, template, offer),
        Part::Form => form::draw(settings, template, offer),
    })
}

/// The style sheets of the parts that draw these messages, for the first page.
#[cfg(feature = "ssr")]
pub(crate) fn sheets(entries: &[Entry]) -> String {
    let parts = entries
        .iter()
        .filter_map(|entry| Some(of(&entry.content)?.1));
    let (forms, cards): (Vec<Part>, Vec<Part>) = parts.partition(|part| *part == Part::Form);
    let cards = if cards.is_empty() { "" } else { CARDS };
    let forms = if forms.is_empty() { "" } else { FORM };
    [cards, forms].concat()
}

/// What the form's part is asked for.
enum FormCall {
    Draw(Arc<WidgetSettings>, Template, Offer),
    Answer(Template, Vec<String>),
}

/// What it gives.
enum FormReply {
    Drawn(Vec<Tree>),
    Answer(Option<Answer>),
}

#[lazy(cards, fallible)]
fn late_cards(
    settings: Arc<WidgetSettings>,
    template: Template,
    offer: Offer,
) -> Result<Vec<Tree>, NotLoaded> {
    sheet::adopt(CARDS);
    Ok(cards::draw(&settings, &template, &offer))
}

#[lazy(form, fallible)]
fn late_form(call: FormCall) -> Result<FormReply, NotLoaded> {
    Ok(match call {
        FormCall::Draw(settings, template, offer) => {
            sheet::adopt(FORM);
            FormReply::Drawn(form::draw(&settings, &template, &offer))
        }
        FormCall::Answer(template, values) => FormReply::Answer(form::answer(&template, &values)),
    })
}
