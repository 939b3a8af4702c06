//! The data for the widget from the server, as JSON inside the page.
//!
//! Nothing here is secret, because everybody who reads the page reads this. The server writes it by serde, and the
//! browser reads it by name ([`protocol::read`]).

use crate::text::{Count, Message, Texts};
use leptos::prelude::{GetValue, StoredValue, WithValue};
#[cfg(any(target_arch = "wasm32", test))]
use protocol::read::Read as _;
use protocol::transcript::Entry;
use protocol::wire;
use std::sync::Arc;

/// The id of the page's element that holds the settings.
#[cfg(any(feature = "ssr", target_arch = "wasm32"))]
pub(crate) const ELEMENT: &str = "settings";

wire! {
    /// All that the widget knows from the server.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct WidgetSettings {
        /// The bot.
        pub bot: BotFace,
        /// The platform.
        pub platform: Platform,
        /// Whether it is a page of its own, or a frame on somebody's page.
        pub mode: Mode,
        /// The texts in the visitor's language.
        pub texts: Texts,
        /// The newest messages, oldest first.
        pub entries: Vec<Entry>,
        /// The sequence of the newest message; 0 without any.
        pub last_seq: u64,
        /// Whether there are messages before `entries`.
        pub more: bool,
        /// The server's clock. It is "now" until the browser's clock takes over.
        pub rendered_at_ms: u64,
        /// The host page hands over its own assertion, so the visitor is not known yet.
        pub host_identity: bool,
        /// The longest message that the composer accepts.
        pub max_message_chars: u32,
        /// The address to which the composer's form posts as long as no script runs.
        pub form_action: String,
    }
}

wire! {
    /// The bot, as the visitor sees it.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct BotFace {
        /// The name in the address: `demo` in `/chat/demo`.
        pub page: String,
        /// The bot's id on the platform.
        pub id: String,
        /// The name.
        pub name: String,
        /// One sentence about it. Empty: the usual one.
        pub tagline: String,
        /// The picture. Without one the first letter is shown.
        pub avatar: Option<String>,
        /// The first messages that a visitor may choose.
        pub starters: Vec<String>,
        /// The sources from which its texts may load pictures. Other pictures are links.
        pub text_images: Vec<String>,
    }
}

wire! {
    /// The platform's addresses.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Platform {
        /// `/api/`, or another server's.
        pub base: String,
        /// Where assertions are signed.
        pub sign_url: String,
    }
}

wire! {
    /// How the widget is shown.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum Mode {
        /// In the frame that the loader puts on a host's page.
        Embedded,
        /// On a page of its own.
        #[default]
        Standalone,
    }
}

impl WidgetSettings {
    /// The settings of this page.
    ///
    /// They are not the island's props: leptos reads props with serde's derive, whose error texts bring along the
    /// printing of floats, a twentieth of the widget.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn of_page() -> Arc<Self> {
        let document = web_sys::window().and_then(|window| window.document());
        let element = document.and_then(|document| document.get_element_by_id(ELEMENT));
        let text = element.and_then(|element| element.text_content());
        let settings = text.and_then(|text| Self::parse(&text));
        Arc::new(settings.unwrap_or_default())
    }

    /// The settings of this page, which provides them as context to its one widget.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn of_page() -> Arc<Self> {
        leptos::prelude::take_context().unwrap_or_default()
    }

    /// The text for the page's [`ELEMENT`]. It is escaped, so that it cannot end the element.
    #[cfg(feature = "ssr")]
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self)
            .unwrap_or_default()
            .replace('<', "\\u003c")
    }
}

/// The settings for components: a context that is cheap to copy.
#[derive(Clone, Copy)]
pub(crate) struct Settings(StoredValue<Arc<WidgetSettings>>);

impl Settings {
    pub(crate) fn new(settings: Arc<WidgetSettings>) -> Self {
        Self(StoredValue::new(settings))
    }

    /// All of them.
    pub(crate) fn get(self) -> Arc<WidgetSettings> {
        self.0.get_value()
    }

    /// A sentence in the visitor's language.
    pub(crate) fn say(self, message: Message) -> String {
        self.0.with_value(|it| it.texts.say(message).to_owned())
    }

    /// A sentence about a person.
    pub(crate) fn about(self, message: Message, agent: &str) -> String {
        self.0.with_value(|it| it.texts.about(message, agent))
    }

    /// A sentence with a number.
    pub(crate) fn count(self, count: Count, n: u32) -> String {
        self.0.with_value(|it| it.texts.count(count, n))
    }

    /// Whether the widget stands in the loader's frame.
    pub(crate) fn is_embedded(self) -> bool {
        self.0.with_value(|it| it.mode == Mode::Embedded)
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::text::Language;
    use protocol::content::{Action, Button, Content, File, FileKind, Template};
    use protocol::json::Value;
    use protocol::transcript::{Author, Delivery};

    fn row(content: Content, author: Author, delivery: Delivery) -> Entry {
        Entry {
            key: "ms-1".into(),
            author,
            at_ms: 1_795_227_303_240,
            content,
            delivery,
            seq: Some(7),
            behind: None,
            message_id: None,
            agent: None,
        }
    }

    #[test]
    fn the_browser_reads_what_the_server_writes() {
        let text = || "**Hi** “you” </script><!--".to_owned();
        let url = || "https://a.test/".to_owned();
        let button = |action, image| Button {
            title: text(),
            action,
            image,
        };
        let post = Action::Post { payload: text() };
        let buttons = vec![
            button(post, None),
            button(Action::None {}, None),
            button(Action::Open { url: url() }, Some(url())),
        ];
        let (text, url) = (text(), url());
        let contents = [
            Content::text(text.clone()),
            Content::System { text: text.clone() },
            Content::Buttons {
                text: text.clone(),
                buttons: buttons.clone(),
            },
            Content::QuickReplies {
                text: text.clone(),
                replies: buttons,
            },
            Content::Image {
                url: url.clone(),
                alt: text.clone(),
            },
            Content::Link {
                url: url.clone(),
                title: text.clone(),
            },
            Content::Error { text: text.clone() },
            Content::Said {
                text: text.clone(),
                payload: Some(text.clone()),
                files: vec![File {
                    name: text.clone(),
                    url: Some(url.clone()),
                    kind: FileKind::Image,
                }],
            },
            Content::Template(Template {
                name: "table".into(),
                payload: Value::parse(r#"{"columns":[["Name"]],"rows":7}"#).unwrap(),
                fallback: text.clone(),
            }),
        ];
        let authors = [Author::Bot, Author::System, Author::Visitor];
        let deliveries = [
            Delivery::Failed,
            Delivery::Sending,
            Delivery::Sent,
            Delivery::Stopped,
        ];
        let entries: Vec<_> = contents
            .into_iter()
            .zip(authors.into_iter().cycle())
            .zip(deliveries.into_iter().cycle())
            .map(|((content, author), delivery)| row(content, author, delivery))
            .collect();
        for (language, mode) in [
            (Language::Arabic, Mode::Embedded),
            (Language::English, Mode::Standalone),
        ] {
            let settings = WidgetSettings {
                bot: BotFace {
                    avatar: Some(url.clone()),
                    starters: vec![text.clone()],
                    text_images: vec![url.clone()],
                    ..BotFace::default()
                },
                platform: Platform::default(),
                mode,
                texts: language.texts(),
                entries: entries.clone(),
                last_seq: 8,
                more: true,
                rendered_at_ms: 1_795_227_303_240,
                host_identity: false,
                max_message_chars: 4000,
                form_action: "/chat/demo".into(),
            };
            let written = settings.to_text();
            assert!(!written.contains('<'));
            let by_write = protocol::write::Write::to_text(&settings);
            let by_serde: WidgetSettings = serde_json::from_str(&by_write).expect("settings");
            assert_eq!(by_serde, settings);
            assert_eq!(WidgetSettings::parse(&written), Some(settings));
        }
    }
}
