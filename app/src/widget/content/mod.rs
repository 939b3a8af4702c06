//! What a message shows: text, buttons, quick replies, a picture, a link, an error, or the fallback of a template that
//! is not drawn.
//!
//! A choice is a submit button of the composer's form: without the wasm it sends its title. With it, its payload
//! (`choice.rs`).

mod choices;
mod foreign;
mod late;
mod markup;
mod tree;

#[cfg(feature = "ssr")]
pub(crate) use late::sheets;

use super::{
    browser,
    choice::Choices,
    keyboard,
    rows::{Offer, Row},
    settings::{Settings, WidgetSettings},
};
use crate::{
    chat::{Chat, Notice},
    icons::Icon,
    text::{self, Texts},
};
use late::Drawing;
use leptos::{
    ev::{Event, MouseEvent, SubmitEvent},
    prelude::*,
    task::spawn_local,
    wasm_bindgen::JsCast,
    web_sys::Element,
};
use protocol::content::{Content, File};
use tree::{Sheet, Tree, icon};
use web_sys::HtmlInputElement;

/// What a message shows.
#[component]
pub fn Message(
    row: RwSignal<Row>,
    /// The sheet in which `.bubble` is styled.
    bubble: &'static str,
) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let settings = expect_context::<Settings>();
    let choices = expect_context::<Choices>();
    let first =
        row.with_untracked(|row| late::first(&settings.get(), &row.entry.content, &row.offer));
    let drawing = RwSignal::new(first);
    let asked = move || {
        row.with(|row| {
            let (template, part) = late::of(&row.entry.content)?;
            Some((part, template.clone(), row.offer.clone()))
        })
    };
    let load = move |asked| {
        if let Some((part, template, offer)) = asked {
            spawn_local(async move {
                drawing.set(late::load(part, settings.get(), template, offer).await);
            });
        }
    };
    // It runs again when the offer has been answered, and not when only the clock has moved on.
    Effect::new(move |before: Option<Option<_>>| {
        let now = asked();
        if before.as_ref() != Some(&now) {
            load(now.clone());
        }
        now
    });
    let clicked = move |click: MouseEvent| {
        choices.clicked(&click);
        let Some(button) = acted(&click) else { return };
        match button.get_attribute("data-act").as_deref() {
            Some("copy") => copy(&button, chat, settings),
            Some("back") => turn(&button, -1.0),
            Some("forth") => turn(&button, 1.0),
            Some("load") => {
                drawing.set(Drawing::Asked);
                load(untrack(asked));
            }
            _ => {}
        }
    };
    let submitted = move |event: SubmitEvent| {
        event.prevent_default();
        let template = row.with_untracked(|row| Some(late::of(&row.entry.content)?.0.clone()));
        if let (Some(form), Some(template)) = (target(&event), template) {
            let values = values_of(&form);
            spawn_local(async move {
                match late::answer(template, values).await {
                    // If it is not accepted, nothing is lost, because the fields stay as they are.
                    Ok(Some(answer)) => {
                        if chat.choose(answer.shown, answer.body) {
                            keyboard::to_composer();
                        }
                    }
                    Ok(None) => {}
                    Err(_) => drawing.set(Drawing::Failed),
                }
            });
        }
    };
    let tree = move || {
        row.with(|row| match late::of(&row.entry.content) {
            Some((template, _)) => drawing
                .with(|drawing| late::draw(&settings.get(), template, drawing, Sheet(bubble))),
            None => draw(
                &settings.get(),
                &row.entry.content,
                &row.offer,
                Sheet(bubble),
            ),
        })
    };
    let scope = stylers::style_sheet!("app/src/widget/content/content.css");
    view! { class = scope,
        <div class="content" on:click=clicked on:submit=submitted>
            {tree}
        </div>
    }
}

/// The clicked button, if it has an act.
fn acted(click: &MouseEvent) -> Option<Element> {
    target(click)?.closest("[data-act]").ok()?
}

fn target(event: &Event) -> Option<Element> {
    event.target()?.dyn_into().ok()
}

/// The values of a form's fields, in order.
fn values_of(form: &Element) -> Vec<String> {
    let fields = form.get_elements_by_tag_name("input");
    let fields = (0..fields.length()).filter_map(|position| fields.item(position));
    let fields = fields.filter_map(|field| field.dyn_into::<HtmlInputElement>().ok());
    fields.map(|field| field.value()).collect()
}

/// Turns a carousel to the next or the previous cards.
fn turn(button: &Element, forth: f64) {
    let turns = button.parent_element();
    let deck = turns.and_then(|turns| turns.previous_element_sibling());
    if let Some(deck) = deck {
        let onwards = if keyboard::is_rtl() { -forth } else { forth };
        let width = f64::from(deck.client_width());
        deck.scroll_by_with_x_and_y(onwards * width * 0.8, 0.0);
    }
}

/// Copies the code beside this button.
fn copy(button: &Element, chat: Chat, settings: Settings) {
    let bar = button.parent_element();
    let code = bar.and_then(|bar| bar.next_element_sibling());
    if !code.is_some_and(|code| browser::copy(&code)) {
        return chat.mention(Notice::NotCopied);
    }
    // Only the eye sees this; the button keeps its name. The clipboard holds one thing, so only one button is marked.
    if let Ok(Some(before)) = document().query_selector(".copied") {
        // A class without blanks is always taken.
        let _ = before.class_list().remove_1("copied");
    }
    let _ = button.class_list().add_1("copied");
    chat.announce(&settings.say(text::Message::Copied));
}

/// The elements of a message. `offer`: whether its choices can be made.
fn draw(settings: &WidgetSettings, content: &Content, offer: &Offer, bubble: Sheet) -> Vec<Tree> {
    let sheet = choices::sheet();
    let texts = &settings.texts;
    let said = |text: &str| {
        bubble
            .el("div", "bubble")
            .add_all(markup::draw(settings, text))
    };
    match content {
        Content::System { text } => vec![bubble.el("p", "notice").auto().say(text)],
        Content::Said { text, files, .. } => {
            let words = bubble.el("div", "bubble").auto().say(text);
            let words = (!text.is_empty()).then_some(words);
            let files = files
                .iter()
                .map(|file| attachment(texts, sheet, bubble, file));
            words.into_iter().chain(files).collect()
        }
        Content::Text { text } => vec![said(text)],
        Content::Template(template) => {
            let kind = [texts.say(text::Message::Template), " ", &template.name].concat();
            let kind = sheet.el("p", "kind").say(&kind);
            vec![markup::draw_fallback(settings, template, bubble), kind]
        }
        Content::Error { text } => {
            let words = bubble.el("div", "").add_all(markup::draw(settings, text));
            let fault = bubble.el("div", "bubble fault").add(icon(Icon::Alert));
            vec![fault.add(words)]
        }
        Content::Buttons { text, buttons } => {
            let words = sheet
                .el("div", "words")
                .add_all(markup::draw(settings, text));
            let actions = sheet.el("div", "").set("role", "group");
            let actions = actions.add_all(choices::choices(settings, buttons, offer, false));
            let card = sheet.el("div", "card");
            vec![
                card.add_some((!text.is_empty()).then_some(words))
                    .add(actions),
            ]
        }
        Content::QuickReplies { text, replies } => {
            let chips = sheet.el("div", "chips").set("role", "group");
            let chips = chips.label(texts.say(text::Message::Suggestions));
            let chips = chips.add_all(choices::choices(settings, replies, offer, true));
            let mut parts = Vec::new();
            if !text.is_empty() {
                parts.push(said(text));
            }
            parts.push(chips);
            parts
        }
        Content::Image { url, alt } => {
            let photo = foreign::picture(settings, sheet, "photo", url, alt);
            vec![foreign::leaving(sheet, "picture", url).add(photo)]
        }
        Content::Link { url, title } => {
            let link = foreign::leaving(sheet, "action", url)
                .add(sheet.el("span", "label").auto().say(title))
                .add(icon(Icon::Open))
                .whisper(sheet, texts.say(text::Message::NewTab));
            vec![sheet.el("div", "card").add(link)]
        }
    }
}

/// A file that the visitor sent: a link if it can be opened, or else its name.
fn attachment(texts: &Texts, sheet: Sheet, bubble: Sheet, file: &File) -> Tree {
    let name = sheet.el("span", "label").auto().say(&file.name);
    let shown = match &file.url {
        Some(url) => foreign::leaving(sheet, "file", url)
            .add(name)
            .whisper(sheet, texts.say(text::Message::NewTab)),
        None => name,
    };
    bubble.el("div", "bubble").add(shown)
}
