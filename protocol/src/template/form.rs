//! Fields to fill in: `form_template`.

use super::fields::{first, list, words};
use crate::content::{Action, Button, Template};
use crate::json::{Map, Value};
use crate::message::add;

/// The most fields of a form.
const MAX_FIELDS: usize = 50;

/// The most buttons of a form. The official client shows no more.
const MAX_BUTTONS: usize = 3;

/// What masks a password if the bot names no character.
const MASK: char = '*';

/// A form. All of its fields must be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Above the fields, with markup.
    pub heading: Option<String>,
    /// In order; at least one.
    pub fields: Vec<Field>,
    /// In order; one of them submits.
    pub buttons: Vec<FormButton>,
}

/// A field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// The name of the value in the answer.
    pub key: Option<String>,
    /// The label, without markup; may be empty.
    pub label: String,
    /// The text that an empty field shows; may be empty.
    pub placeholder: String,
    /// What the field takes.
    pub kind: FieldKind,
    /// The most letters.
    pub max_length: Option<u64>,
    /// The character that replaces each letter once the form is sent. `None`: the letters stay.
    pub masked: Option<char>,
}

/// What a field takes, as HTML names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldKind {
    /// A day.
    Date,
    /// An address for mail.
    Email,
    /// A number.
    Number,
    /// Letters that are not shown.
    Password,
    /// A telephone number.
    Tel,
    /// Letters.
    #[default]
    Text,
    /// A time of day.
    Time,
    /// An address of a page.
    Url,
}

/// What a button of a form does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormButton {
    /// Empties the fields.
    Cancel {
        /// The label.
        title: String,
    },
    /// Opens a page and sends nothing.
    Open {
        /// The label.
        title: String,
        /// http, https, mailto or tel.
        url: String,
    },
    /// Sends its payload instead of the fields; the title is shown.
    Post {
        /// The label.
        title: String,
        /// What the bot gets.
        payload: String,
    },
    /// Sends the fields.
    Submit {
        /// The label. Without one, the widget uses its own word.
        title: Option<String>,
    },
}

/// What a filled-in form sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `message.body`.
    pub body: String,
    /// `message.renderMsg`, with secrets masked.
    pub shown: String,
}

impl FieldKind {
    fn of(kind: &str) -> Self {
        match kind {
            "date" => Self::Date,
            "email" => Self::Email,
            "number" => Self::Number,
            "password" => Self::Password,
            "tel" | "phone" => Self::Tel,
            "time" => Self::Time,
            "url" => Self::Url,
            _ => Self::Text,
        }
    }

    /// The value of `type` of an HTML field.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::Email => "email",
            Self::Number => "number",
            Self::Password => "password",
            Self::Tel => "tel",
            Self::Text => "text",
            Self::Time => "time",
            Self::Url => "url",
        }
    }
}

impl Field {
    fn of(field: &Value) -> Self {
        let kind = field["type"].as_str().unwrap_or_default();
        let kind = FieldKind::of(&kind.trim().to_ascii_lowercase());
        let mask = words(&field["piiReductionChar"]).and_then(|mask| mask.chars().next());
        let text = |name: &str| words(&field[name]).unwrap_or_default();
        let max_length = words(&field["maxLength"]).and_then(|number| number.parse().ok());
        Self {
            key: words(&field["key"]),
            label: text("label"),
            placeholder: text("placeholder"),
            kind,
            max_length: max_length.filter(|most| *most > 0),
            masked: mask.or((kind == FieldKind::Password).then_some(MASK)),
        }
    }

    /// The value as it is shown once the form is sent. JavaScript counts letters in units of UTF-16.
    fn shown(&self, value: &str) -> String {
        match self.masked {
            Some(mask) => value.encode_utf16().map(|_| mask).collect(),
            None => value.to_owned(),
        }
    }
}

impl Form {
    /// Reads a template. `None`: it is another kind of template, or has no fields.
    #[must_use]
    pub fn of(template: &Template) -> Option<Self> {
        if template.name != "form_template" {
            return None;
        }
        let payload = &template.payload;
        let fields = list(&payload["formFields"], MAX_FIELDS);
        let fields: Vec<_> = fields
            .filter(|field| field.as_object().is_some())
            .map(Field::of)
            .collect();
        let mut buttons: Vec<_> = list(&payload["buttons"], MAX_BUTTONS)
            .filter_map(FormButton::of)
            .collect();
        let submits = |button: &FormButton| matches!(button, FormButton::Submit { .. });
        if !buttons.iter().any(submits) {
            let mut named = list(&payload["formFields"], 1);
            let title = named.find_map(|field| words(&field["fieldButton"]["title"]));
            buttons.insert(0, FormButton::Submit { title });
        }
        (!fields.is_empty()).then(|| Self {
            heading: first(payload, &["heading", "text", "title"]),
            fields,
            buttons,
        })
    }

    /// The answer for these values, one for each field. If every field has a key, a JSON object of the values is sent;
    /// otherwise the values with commas between them. The visitor always sees the values with commas.
    ///
    /// ```
    /// use protocol::content::Template;
    /// use protocol::{json::Value, template::Form};
    /// let payload = r#"{"formFields":[{"label":"Name"},{"type":"password","label":"PIN"}]}"#;
    /// let form = Form::of(&Template {
    ///     name: "form_template".into(),
    ///     payload: Value::parse(payload).unwrap(),
    ///     fallback: String::new(),
    /// });
    /// let answer = form.unwrap().answer(&["Ann".into(), "1234".into()]);
    /// assert_eq!(answer.body, "Ann,1234");
    /// assert_eq!(answer.shown, "Ann,****");
    /// ```
    #[must_use]
    pub fn answer(&self, values: &[String]) -> Answer {
        let values = (0..self.fields.len()).map(|at| values.get(at).cloned().unwrap_or_default());
        let values: Vec<String> = values.collect();
        let shown = self.fields.iter().zip(&values);
        let shown: Vec<String> = shown.map(|(field, value)| field.shown(value)).collect();
        Answer {
            body: self.packed(&values),
            shown: shown.join(","),
        }
    }

    /// All values in one text.
    fn packed(&self, values: &[String]) -> String {
        if !self.has_keys() {
            return values.join(",");
        }
        let mut object = Map::new();
        for (field, value) in self.fields.iter().zip(values) {
            object.insert(field.key.clone().unwrap_or_default(), value.clone().into());
        }
        Value::Object(object).to_text()
    }

    fn has_keys(&self) -> bool {
        self.fields.iter().all(|field| field.key.is_some())
    }

    /// The record of a used form: the label of each field with its value, taken from what was shown when the form was
    /// sent. A value may hold commas. If it is unclear which value belongs to which field, the record is one line
    /// without a label.
    #[must_use]
    pub fn record(&self, shown: &str) -> Vec<(String, String)> {
        // Other clients show the object.
        let by_key = self.values_by_key(shown).filter(|_| self.has_keys());
        let values = by_key.or_else(|| self.values_in_order(shown));
        let Some(values) = values else {
            return vec![(String::new(), shown.to_owned())];
        };
        let label = |field: &Field| {
            let names = [&field.label, &field.placeholder];
            let name = names.into_iter().find(|name| !name.is_empty());
            name.cloned().or(field.key.clone()).unwrap_or_default()
        };
        self.fields.iter().map(label).zip(values).collect()
    }

    fn values_by_key(&self, shown: &str) -> Option<Vec<String>> {
        let object = Value::parse(shown)?;
        let value = |field: &Field| {
            let value = object.get(field.key.as_deref()?)?;
            Some(words(value).unwrap_or_default())
        };
        self.fields.iter().map(value).collect()
    }

    fn values_in_order(&self, shown: &str) -> Option<Vec<String>> {
        if self.fields.len() == 1 {
            return Some(vec![shown.to_owned()]);
        }
        let values: Vec<_> = shown.split(',').map(str::to_owned).collect();
        (values.len() == self.fields.len()).then_some(values)
    }

    /// The record in one line, for a preview or a transcript.
    #[must_use]
    pub fn record_text(&self, shown: &str) -> String {
        let mut text = String::new();
        for (label, value) in self.record(shown) {
            let mut line = label;
            add(&mut line, ": ", &value);
            add(&mut text, ", ", &line);
        }
        text
    }
}

impl FormButton {
    fn of(button: &Value) -> Option<Self> {
        let kind = button["type"].as_str().unwrap_or_default().trim();
        let title = words(&button["title"]);
        match kind.to_ascii_lowercase().as_str() {
            "cancel" => title.map(|title| Self::Cancel { title }),
            "url" | "web_url" | "postback" => {
                let Button { title, action, .. } = Button::of(button)?;
                match action {
                    Action::None {} => None,
                    Action::Open { url } => Some(Self::Open { title, url }),
                    Action::Post { payload } => Some(Self::Post { title, payload }),
                }
            }
            // Every other button submits, as in the official client.
            _ => button.as_object().map(|_| Self::Submit { title }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(payload: Value) -> Option<Form> {
        Form::of(&Template {
            name: "form_template".to_owned(),
            payload: payload.into(),
            fallback: String::new(),
        })
    }

    fn answer(fields: Value, values: &[&str]) -> (String, String) {
        let form = read(json!({"formFields": fields})).expect("a form");
        let values: Vec<_> = values.iter().map(|&value| value.to_owned()).collect();
        let answer = form.answer(&values);
        (answer.body, answer.shown)
    }

    fn pair(body: &str, shown: &str) -> (String, String) {
        (body.to_owned(), shown.to_owned())
    }

    #[test]
    fn a_field_is_what_its_type_says() {
        let form = read(json!({"heading":"Log in","formFields":[
            {"type":"password","label":"PIN","placeholder":"****","key":"pin","maxLength":"4",
             "fieldButton":{"title":"Ok"}},
            {"type":"Email","label":7,"maxLength":30},
            {"type":"checkbox","maxLength":-1,"piiReductionChar":"##"},
            "x", null, []]}))
        .expect("a form");
        assert_eq!(form.heading.as_deref(), Some("Log in"));
        let pin = Field {
            key: Some("pin".to_owned()),
            label: "PIN".to_owned(),
            placeholder: "****".to_owned(),
            kind: FieldKind::Password,
            max_length: Some(4),
            masked: Some('*'),
        };
        let mail = Field {
            label: "7".to_owned(),
            kind: FieldKind::Email,
            max_length: Some(30),
            ..Field::default()
        };
        let hidden = Field {
            masked: Some('#'),
            ..Field::default()
        };
        assert_eq!(form.fields, [pin, mail, hidden]);
        let title = Some("Ok".to_owned());
        assert_eq!(form.buttons, [FormButton::Submit { title }]);
    }

    #[test]
    fn buttons_submit_cancel_open_and_send() {
        let form = read(
            json!({"formFields":[{"label":"x","fieldButton":{"title":"Ok"}}],"buttons":[
            {"type":"submit","title":"Send"}, {"type":"cancel","title":"Clear"},
            {"type":"url","title":"Help","url":"a.test/help"}, {"type":"postback","title":"4th"}]}),
        )
        .expect("a form");
        let help = FormButton::Open {
            title: "Help".to_owned(),
            url: "https://a.test/help".to_owned(),
        };
        let expected = [
            FormButton::Submit {
                title: Some("Send".to_owned()),
            },
            FormButton::Cancel {
                title: "Clear".to_owned(),
            },
            help,
        ];
        assert_eq!(form.buttons, expected);
        let only_others = read(json!({"formFields":[{"label":"x"}],"buttons":[
            {"type":"postback","title":"Skip","payload":"SKIP"},
            {"type":"url","title":"Bad","url":"javascript:x"}]}))
        .expect("a form");
        assert_eq!(only_others.buttons.len(), 2);
        assert_eq!(only_others.buttons[0], FormButton::Submit { title: None });
    }

    #[test]
    fn values_are_joined_by_commas_and_secrets_are_masked() {
        let pin = json!([{"type":"password","label":"PIN"}]);
        assert_eq!(answer(pin, &["1234"]), pair("1234", "****"));
        let fields = json!([{"label":"Name"},{"label":"Card","piiReductionChar":"#","key":"card"}]);
        let sent = answer(fields.clone(), &["Ann", "42é😀"]);
        assert_eq!(sent, pair("Ann,42é😀", "Ann,#####"));
        assert_eq!(answer(fields, &[]), pair(",", ","));
    }

    #[test]
    fn values_are_json_where_every_field_has_a_key_and_shown_as_words() {
        let fields = json!([{"label":"Name","key":"name"},{"type":"password","key":"pin"}]);
        let expected = pair(r#"{"name":"A \"n\"","pin":"12"}"#, r#"A "n",**"#);
        assert_eq!(answer(fields, &["A \"n\"", "12"]), expected);
    }

    #[test]
    fn a_used_form_is_read_out_of_what_was_shown() {
        let form = |fields: Value| read(json!({"formFields": fields})).expect("a form");
        let lines = |form: &Form, shown: &str| form.record(shown);
        let plain = form(json!([{"label":"Name"},{"placeholder":"City"}]));
        let name = |value: &str| pair("Name", value);
        assert_eq!(
            lines(&plain, "Ann,Rome"),
            [name("Ann"), pair("City", "Rome")]
        );
        assert_eq!(plain.record_text("Ann,Rome"), "Name: Ann, City: Rome");
        let unclear = [pair("", "Ann,Rome, Italy")];
        assert_eq!(lines(&plain, "Ann,Rome, Italy"), unclear);
        let single = form(json!([{"label":"Name"}]));
        assert_eq!(lines(&single, "Ann, Lee"), [name("Ann, Lee")]);
        let keyed = form(json!([{"label":"Name","key":"n"},{"key":"pin","type":"password"}]));
        let shown = r#"{"n":"Ann","pin":"**"}"#;
        assert_eq!(lines(&keyed, shown), [name("Ann"), pair("pin", "**")]);
        assert_eq!(lines(&keyed, "Ann"), [pair("", "Ann")]);
        assert_eq!(
            lines(&keyed, r#"{"n":"Ann"}"#),
            [pair("", r#"{"n":"Ann"}"#)]
        );
    }

    #[test]
    fn every_answer_can_be_read_as_a_record() {
        for keys in [true, false] {
            let field = |name: &str| {
                let key = keys.then_some(name);
                json!({"label":name,"key":key})
            };
            let form = read(json!({"formFields":[field("a"),field("b")]})).expect("a form");
            let answer = form.answer(&["x".to_owned(), "y".to_owned()]);
            assert_eq!(form.record(&answer.shown), [pair("a", "x"), pair("b", "y")]);
        }
    }

    #[test]
    fn hostile_forms_are_bounded() {
        for fields in [json!("x"), json!([]), json!([7, "x"]), json!({"a":1})] {
            assert_eq!(read(json!({"formFields": fields})), None);
        }
        let many =
            read(json!({"formFields":vec![json!({}); 1000],"buttons":vec![json!({}); 1000]}));
        let many = many.expect("a form");
        assert_eq!((many.fields.len(), many.buttons.len()), (MAX_FIELDS, 3));
    }
}
