//! What the frame and the page around it say to each other: objects `{parlour: 1, type, …}`, the same names as in
//! `frontend/scripts/loader`.
//!
//! **Invariant**: everything that the page says is checked field by field; what does not fit is dropped.

use protocol::auth::Packing;
use protocol::json::Value;
use protocol::write::{Object, Write};

/// What the page says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The answer to [`Said::Assertion`]. `None`: the page has no assertion.
    Assertion { id: u32, jwt: Option<String> },
    /// Something to do.
    Command(HostCommand),
}

/// What the page around the frame asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HostCommand {
    /// The visitor is signed out: forget who it was.
    Logout,
    /// Put this into the composer.
    Prefill(String),
    /// Say this for the visitor.
    Send(String),
    /// `auto`, `light` or `dark`.
    Theme(String),
    /// The window is closed now.
    Hidden,
    /// The window is open now.
    Shown {
        /// By the visitor's own hand, so the composer may take the focus.
        focus: bool,
    },
}

impl Heard {
    /// Reads a message of the page. `None`: it is none of ours.
    pub(super) fn of(message: &Value) -> Option<Self> {
        let text = |name: &str| Some(message[name].as_str()?.to_owned());
        if number(&message["parlour"]) != Some(1) {
            return None;
        }
        Some(Self::Command(match message["type"].as_str()? {
            "assertion" => {
                return Some(Self::Assertion {
                    id: number(&message["id"])?.try_into().ok()?,
                    jwt: text("jwt"),
                });
            }
            "hidden" => HostCommand::Hidden,
            "logout" => HostCommand::Logout,
            "prefill" => HostCommand::Prefill(text("text")?),
            "send" => HostCommand::Send(text("text")?),
            "shown" => match message["focus"] {
                Value::Bool(focus) => HostCommand::Shown { focus },
                _ => return None,
            },
            "theme" => HostCommand::Theme(
                text("theme")
                    .filter(|theme| matches!(theme.as_str(), "auto" | "light" | "dark"))?,
            ),
            _ => return None,
        }))
    }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        _ => None,
    }
}

/// What the frame says.
#[derive(Clone, Copy)]
pub(super) enum Said<'a> {
    /// Please give an assertion; the answer has this id.
    Assertion { id: u32 },
    /// Please close the window.
    Close,
    /// The platform refuses the visitor's identity.
    Expired,
    /// Everything about the visitor is forgotten.
    Forgotten,
    /// The page gave something else than an assertion. Its form is told, never the token.
    Packed(Packing),
    /// The frame listens now; `name` names the window.
    Ready { name: &'a str },
    /// A message has come.
    Received { id: &'a str },
    /// The server has stored the visitor's message.
    Sent { id: &'a str },
    /// So many messages came while nobody looked.
    Unread {
        count: u32,
        /// Who said the newest one, and its words, for a page that shows them.
        newest: Option<(&'a str, &'a str)>,
    },
}

impl Said<'_> {
    /// As the page hears it.
    pub(super) fn to_message(self) -> Value {
        let (kind, fields) = match self {
            Self::Assertion { id } => ("assertion", vec![("id", id.write())]),
            Self::Close => ("close", vec![]),
            Self::Expired => ("expired", vec![]),
            Self::Forgotten => ("forgotten", vec![]),
            Self::Packed(packing) => (
                "error",
                vec![
                    ("code", "assertion".into()),
                    ("form", packing.name().into()),
                ],
            ),
            Self::Ready { name } => ("ready", vec![("name", name.into())]),
            Self::Received { id } => ("received", vec![("id", id.into())]),
            Self::Sent { id } => ("sent", vec![("id", id.into())]),
            Self::Unread { count, newest } => {
                let mut fields = vec![("count", count.write())];
                if let Some((name, text)) = newest {
                    fields.extend([("name", name.into()), ("text", text.into())]);
                }
                ("unread", fields)
            }
        };
        let mut message = Object::new();
        message.put("parlour", &1_u32);
        message.put("type", &Value::from(kind));
        for (name, value) in fields {
            message.put(name, &value);
        }
        message.done()
    }
}

/// What the loader wrote into the frame's address: the page's origin, still escaped, and whether the page wants no words of
/// messages (`preview=off`).
pub(super) fn of_address(query: &str) -> Option<(&str, bool)> {
    let query = query.strip_prefix('?')?;
    let field = |wanted: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find_map(|(name, value)| (name == wanted).then_some(value))
    };
    Some((field("origin")?, field("preview") == Some("off")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &str) -> Option<Heard> {
        Heard::of(&Value::parse(text).unwrap())
    }

    #[test]
    fn each_word_of_the_page_is_understood() {
        let word = |command| Some(Heard::Command(command));
        for (text, expected) in [
            (
                r#"{"parlour":1,"type":"hidden"}"#,
                word(HostCommand::Hidden),
            ),
            (
                r#"{"parlour":1,"type":"logout"}"#,
                word(HostCommand::Logout),
            ),
            (
                r#"{"parlour":1,"type":"prefill","text":"Order 7"}"#,
                word(HostCommand::Prefill("Order 7".to_owned())),
            ),
            (
                r#"{"parlour":1,"type":"send","text":""}"#,
                word(HostCommand::Send(String::new())),
            ),
            (
                r#"{"parlour":1,"type":"shown","focus":true}"#,
                word(HostCommand::Shown { focus: true }),
            ),
            (
                r#"{"parlour":1,"type":"theme","theme":"dark"}"#,
                word(HostCommand::Theme("dark".to_owned())),
            ),
            (
                r#"{"parlour":1,"type":"assertion","id":3,"jwt":"eyJ.a.b"}"#,
                Some(Heard::Assertion {
                    id: 3,
                    jwt: Some("eyJ.a.b".to_owned()),
                }),
            ),
            // A page that has none.
            (
                r#"{"parlour":1,"type":"assertion","id":3,"jwt":null}"#,
                Some(Heard::Assertion { id: 3, jwt: None }),
            ),
        ] {
            assert_eq!(heard(text), expected, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_dropped() {
        for text in [
            "null",
            "[1]",
            r#""hidden""#,
            r#"{"type":"hidden"}"#,
            r#"{"parlour":2,"type":"hidden"}"#,
            r#"{"parlour":"1","type":"hidden"}"#,
            r#"{"parlour":1,"type":"erase"}"#,
            r#"{"parlour":1,"type":"send"}"#,
            r#"{"parlour":1,"type":"send","text":7}"#,
            r#"{"parlour":1,"type":"shown","focus":"yes"}"#,
            r#"{"parlour":1,"type":"theme","theme":"url(x)"}"#,
            r#"{"parlour":1,"type":"assertion","id":-1,"jwt":"a"}"#,
            r#"{"parlour":1,"type":"assertion","id":4294967296,"jwt":"a"}"#,
        ] {
            assert_eq!(heard(text), None, "{text}");
        }
    }

    #[test]
    fn the_page_is_told_in_the_names_that_the_loader_knows() {
        let told = |said: Said<'_>| said.to_message().to_text();
        let newest = Some(("Ada", "Hello"));
        for (said, expected) in [
            (Said::Assertion { id: 2 }, r#""type":"assertion","id":2"#),
            (Said::Close, r#""type":"close""#),
            (
                Said::Packed(Packing::Html),
                r#""type":"error","code":"assertion","form":"html""#,
            ),
            (
                Said::Ready { name: "Ada" },
                r#""type":"ready","name":"Ada""#,
            ),
            (Said::Sent { id: "7" }, r#""type":"sent","id":"7""#),
            (
                Said::Unread {
                    count: 0,
                    newest: None,
                },
                r#""type":"unread","count":0"#,
            ),
            (
                Said::Unread { count: 2, newest },
                r#""type":"unread","count":2,"name":"Ada","text":"Hello""#,
            ),
        ] {
            assert_eq!(told(said), [r#"{"parlour":1,"#, expected, "}"].concat());
        }
    }

    #[test]
    fn the_address_names_the_page() {
        let origin = "https%3A%2F%2Fshop.example";
        let query = ["?origin=", origin, "&preview=off&lang=de"].concat();
        assert_eq!(of_address(&query), Some((origin, true)));
        assert_eq!(of_address("?preview=on&origin=a"), Some(("a", false)));
        assert_eq!(of_address("?lang=de"), None);
        assert_eq!(of_address(""), None);
    }
}
