//! Buttons and pictures of any platform as Kore's templates, which the official clients draw too.

use protocol::link::{safe_image, sloppy_link};
use protocol::reply::BotMessage;
use protocol::visible::is_blank;
use serde_json::{Value, json};

use super::{ReplyError, field, fits, list, object, text};

/// The most buttons. More would be a list to choose from. A phone shows six.
pub const MAX_BUTTONS: usize = 20;

/// A button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// The label.
    pub title: String,
    /// What pressing it does.
    pub press: Press,
}

/// What a press does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Press {
    /// The bot gets this as the visitor's message, and the visitor sees the title.
    Sends(String),
    /// A page opens, and the bot gets nothing.
    Opens(String),
}

impl Button {
    /// A button that sends.
    pub fn sends(title: impl Into<String>, payload: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            press: Press::Sends(payload.into()),
        }
    }

    /// A button that opens a page.
    pub fn opens(title: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            press: Press::Opens(url.into()),
        }
    }
}

/// `[{"title": …, "payload": …} | {"title": …, "url": …}]`. Without a payload the title is sent.
pub(super) fn read(value: &Value, path: &str) -> Result<Vec<Button>, ReplyError> {
    let listed = list(value, path)?;
    if listed.len() > MAX_BUTTONS {
        let path = path.to_owned();
        return Err(ReplyError::TooManyButtons { path });
    }
    let button = |(number, value): (usize, &Value)| {
        let path = format!("{path}[{number}]");
        let fields = object(value, &path)?;
        let get = |name: &str| {
            let value = field(fields, name);
            value
                .map(|value| text(value, &format!("{path}.{name}")))
                .transpose()
        };
        let title = get("title")?.unwrap_or_default();
        Ok(match (get("url")?, get("payload")?) {
            (Some(url), _) => Button::opens(title, url),
            (None, payload) => Button::sends(title, payload.unwrap_or(title)),
        })
    };
    listed.iter().enumerate().map(button).collect()
}

/// A text with buttons that stay usable: Kore's `button` template. Errors name `path`.
///
/// # Errors
/// If there are too many, one has no title, or one opens what no client may open.
pub fn with_buttons(said: &str, buttons: &[Button], path: &str) -> Result<BotMessage, ReplyError> {
    let kore = |title: &str, press: &Press| match press {
        Press::Sends(payload) => json!({"type": "postback", "title": title, "payload": payload}),
        Press::Opens(url) => json!({"type": "web_url", "title": title, "url": url}),
    };
    choice("button", "buttons", said, buttons, path, kore)
}

/// A text with quick replies, which go away once one is pressed: Kore's `quick_replies` template.
///
/// # Errors
/// As [`with_buttons`].
pub fn quick_replies(said: &str, replies: &[Button], path: &str) -> Result<BotMessage, ReplyError> {
    let kore = |title: &str, press: &Press| match press {
        Press::Sends(payload) => {
            json!({"content_type": "text", "title": title, "payload": payload})
        }
        Press::Opens(url) => json!({"content_type": "web_url", "title": title, "url": url}),
    };
    choice("quick_replies", "quick_replies", said, replies, path, kore)
}

fn choice(
    template: &str,
    list: &str,
    said: &str,
    buttons: &[Button],
    path: &str,
    kore: impl Fn(&str, &Press) -> Value,
) -> Result<BotMessage, ReplyError> {
    if buttons.len() > MAX_BUTTONS {
        let path = path.to_owned();
        return Err(ReplyError::TooManyButtons { path });
    }
    if buttons.is_empty() {
        if is_blank(said) {
            let path = path.to_owned();
            return Err(ReplyError::Silent { path });
        }
        return fits(BotMessage::text(said), path);
    }
    let mut made = Vec::with_capacity(buttons.len());
    for (number, button) in buttons.iter().enumerate() {
        if is_blank(&button.title) {
            let path = format!("{path}[{number}].title");
            return Err(ReplyError::Silent { path });
        }
        let press = match &button.press {
            Press::Opens(url) => {
                let path = || format!("{path}[{number}].url");
                let url = sloppy_link(url).ok_or_else(|| ReplyError::Address { path: path() })?;
                &Press::Opens(url)
            }
            sends @ Press::Sends(_) => sends,
        };
        made.push(kore(&button.title, press));
    }
    let inner = json!({"template_type": template, "text": said, list: made});
    let fallback = if is_blank(said) {
        let titles: Vec<_> = buttons.iter().map(|button| &*button.title).collect();
        titles.join(", ")
    } else {
        said.to_owned()
    };
    fits(BotMessage::template(inner, fallback), path)
}

/// A picture. `alt` describes it for those who do not see it.
///
/// # Errors
/// If it is not at a web address.
pub fn image(url: &str, alt: &str, path: &str) -> Result<BotMessage, ReplyError> {
    // A bitmap inside the address would be stored with every transcript.
    let url = safe_image(url).filter(|url| !url.starts_with("data:"));
    let url = url.ok_or_else(|| ReplyError::Address {
        path: path.to_owned(),
    })?;
    let payload = json!({"url": url, "name": alt});
    let fallback = if is_blank(alt) { &*url } else { alt };
    fits(BotMessage::media("image", payload, fallback), path)
}
