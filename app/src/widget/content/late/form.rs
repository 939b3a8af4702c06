//! Forms: fields to fill in, and the readable record of what was sent.
//!
//! The fields keep what is written in them themselves; a drawing never touches it. That all of them are filled in is the
//! browser's own check.

use crate::{
    text::Message,
    widget::{
        content::{
            choices::choices,
            markup,
            tree::{Sheet, Tree},
        },
        rows::Offer,
        settings::WidgetSettings,
    },
};
use protocol::{
    content::{Action, Button, Template},
    json::Value,
    template::{
        Form,
        form::{Answer, Field, FieldKind, FormButton},
    },
};

fn sheet() -> Sheet {
    Sheet(stylers::style_sheet!(
        "app/src/widget/content/late/form.css"
    ))
}

/// What is sent for these values. `None`: it is no form.
pub(super) fn answer(template: &Template, values: &[String]) -> Option<Answer> {
    Form::of(template).map(|form| form.answer(values))
}

/// The form, its record once it was sent, or its words where there is nothing in it to draw.
pub(super) fn draw(settings: &WidgetSettings, template: &Template, offer: &Offer) -> Vec<Tree> {
    let Some(form) = Form::of(template) else {
        return markup::draw(settings, &template.fallback);
    };
    let sheet = sheet();
    let heading = form.heading.as_deref().map(|heading| {
        let words = sheet.el("div", "heading");
        words.add_all(markup::draw(settings, heading))
    });
    let card = sheet.el("div", "form").add_some(heading);
    if let Some(record) = record(&form, offer) {
        let list = record
            .iter()
            .fold(sheet.el("dl", "record"), |list, (label, value)| {
                let value = sheet.el("dd", "value").auto().say(value);
                list.add(sheet.el("dt", "label").auto().say(label))
                    .add(value)
            });
        let sent = sheet.el("p", "sent").say(settings.texts.say(Message::Sent));
        return vec![card.add(list).add(sent)];
    }
    // Without a script the form can be read and does nothing: `dialog` leaves the page as it is.
    let fields = form.fields.iter().map(|field| draw_field(settings, field));
    let fields = sheet
        .el("form", "fields")
        .set("method", "dialog")
        .add_all(fields.collect());
    let buttons = form.buttons.iter();
    let buttons = buttons.flat_map(|button| draw_button(settings, button, offer));
    let buttons = sheet
        .el("div", "buttons")
        .set("role", "group")
        .add_all(buttons.collect());
    vec![card.add(fields.add(buttons))]
}

/// Labels and values, if what the visitor said next is this form. Where it looks like something else, it can be filled in
/// later.
fn record(form: &Form, offer: &Offer) -> Option<Vec<(String, String)>> {
    let Offer::Answered { text, payload } = offer else {
        return None;
    };
    let record = form.record(text);
    let is_this = if let Some(sent) = payload {
        // What was sent beside the words: the values by their keys.
        let sent = Value::parse(sent)?;
        let is_sent = |field: &Field| sent.get(field.key.as_deref()?);
        form.fields.iter().all(|field| is_sent(field).is_some())
    } else {
        // The words are what was sent, or hide it.
        let is_hidden = |(field, (_, value)): (&Field, &(String, String))| {
            let hides = |mask| !value.is_empty() && value.chars().all(|sign| sign == mask);
            field.masked.is_none_or(hides)
        };
        form.fields.iter().zip(&record).all(is_hidden)
    };
    (is_this && record.len() == form.fields.len()).then_some(record)
}

fn draw_field(settings: &WidgetSettings, field: &Field) -> Tree {
    let sheet = sheet();
    let name = [&field.label, &field.placeholder]
        .into_iter()
        .find(|name| !name.is_empty())
        .map_or(settings.texts.say(Message::MessageLabel), String::as_str);
    let input = sheet
        .el("input", "input")
        .set("type", field.kind.as_str())
        .set("required", "")
        .set("placeholder", &field.placeholder);
    let input = match field.max_length {
        Some(most) => input.set("maxlength", &most.to_string()),
        None => input,
    };
    let input = match field.kind {
        FieldKind::Password => input.set("autocomplete", "off"),
        FieldKind::Number => input.set("step", "any"),
        _ => input,
    };
    let label = sheet.el("span", "label").auto().say(name);
    sheet.el("label", "field").add(label).add(input)
}

fn draw_button(settings: &WidgetSettings, button: &FormButton, offer: &Offer) -> Vec<Tree> {
    let sheet = sheet();
    match button {
        FormButton::Submit { title } => {
            let title = title
                .as_deref()
                .unwrap_or(settings.texts.say(Message::Send));
            vec![
                sheet
                    .el("button", "button primary")
                    .set("type", "submit")
                    .auto()
                    .say(title),
            ]
        }
        FormButton::Cancel { title } => {
            vec![
                sheet
                    .el("button", "button")
                    .set("type", "reset")
                    .auto()
                    .say(title),
            ]
        }
        FormButton::Open { title, url } => {
            let action = Action::Open { url: url.clone() };
            draw_choice(settings, title, action, offer)
        }
        FormButton::Post { title, payload } => {
            let payload = payload.clone();
            draw_choice(settings, title, Action::Post { payload }, offer)
        }
    }
}

fn draw_choice(settings: &WidgetSettings, title: &str, action: Action, offer: &Offer) -> Vec<Tree> {
    let button = Button {
        title: title.to_owned(),
        action,
        image: None,
    };
    choices(settings, &[button], offer, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(offer: &Offer) -> String {
        let payload = r#"{"template_type":"form_template","heading":"Log in","formFields":[
            {"type":"text","label":"Name","placeholder":"Your name"},{"type":"password","label":"PIN"}]}"#;
        let template = Template {
            name: "form_template".to_owned(),
            payload: Value::parse(payload).unwrap(),
            fallback: String::new(),
        };
        let settings = WidgetSettings {
            texts: crate::text::Language::English.texts(),
            ..WidgetSettings::default()
        };
        let trees = draw(&settings, &template, offer);
        trees.iter().map(Tree::to_html).collect()
    }

    fn said(text: &str) -> Offer {
        Offer::Answered {
            text: text.to_owned(),
            payload: None,
        }
    }

    #[test]
    fn each_field_has_a_label_and_must_be_filled_in() {
        let drawn = html(&Offer::Open);
        assert_eq!(drawn.matches("<label").count(), 2);
        assert_eq!(drawn.matches("required").count(), 2);
        assert!(drawn.contains(r#"type="password""#));
    }

    #[test]
    fn a_used_form_is_a_record_and_a_secret_stays_masked() {
        let drawn = html(&said("Ann,****"));
        assert!(!drawn.contains("<input"));
        assert!(drawn.contains(">PIN<") && drawn.contains(">****<"));
    }

    #[test]
    fn who_says_something_else_can_fill_it_in_later() {
        assert!(html(&said("Why do you ask")).contains("<input"));
        assert!(
            html(&said("Well, no")).contains("<input"),
            "two parts, and no secret"
        );
    }
}
