//! `[bots.…]`: the bots.

use app::BasePath;
use app::pages::Theme;
use app::text::Language;
use figment::value::magic::RelativePathBuf;
use secrecy::SecretString;
use serde::Deserialize;

use super::apology::Apology;
use super::connectors::{
    AgentStream, BotFramework, BotKit, DirectLine, KoreWebhook, N8n, OpenAi, Rasa, Webhook,
};
use super::values::ImageSource;
use crate::theme::Brand;

/// `[bots.<id>.limits]`: limits for a bot that costs money. 0: no limit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BotLimits {
    /// Turns of one visitor in a minute.
    pub visitor_turns_per_minute: u32,
    /// Turns of one visitor in a day.
    pub visitor_turns_per_day: u32,
    /// Turns from one address in a minute.
    pub address_turns_per_minute: u32,
    /// Turns from one address in a day.
    pub address_turns_per_day: u32,
    /// Turns of all visitors in a minute.
    pub turns_per_minute: u32,
    /// Turns of all visitors in a day.
    pub turns_per_day: u32,
    /// Tokens of a language model in a day. The turn that exceeds them is the last.
    pub tokens_per_day: u64,
}

impl Default for BotLimits {
    /// These limits are above what a visitor who types without a pause needs, or an office behind one address.
    fn default() -> Self {
        Self {
            visitor_turns_per_minute: 20,
            visitor_turns_per_day: 500,
            address_turns_per_minute: 300,
            address_turns_per_day: 5000,
            turns_per_minute: 0,
            turns_per_day: 0,
            tokens_per_day: 0,
        }
    }
}

/// `[bots.<id>]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bot {
    /// Name in addresses.
    pub page: PageName,
    /// Name in the header.
    pub name: String,
    /// Line below the name.
    #[serde(default)]
    pub tagline: String,
    /// The address of the picture, or empty.
    #[serde(default)]
    pub avatar: String,
    /// Brand colour.
    #[serde(default)]
    pub brand: Brand,
    /// Light, dark or the visitor's choice.
    #[serde(default)]
    pub theme: Theme,
    /// The first questions that are offered.
    #[serde(default)]
    pub starters: Vec<String>,
    /// The kind of bot.
    #[serde(default)]
    pub kind: BotKind,
    /// The script's file. Without one the demo's script is used.
    #[serde(default)]
    pub script: Option<RelativePathBuf>,
    /// The limits. Without them a bot with a connector has the usual ones.
    #[serde(default)]
    pub limits: Option<BotLimits>,
    /// The languages of the widget's own texts, the default first. Without them it has all languages, and the visitor's
    /// is used.
    #[serde(default)]
    pub languages: Vec<Spoken>,
    /// The messages for visitors when the bot could not answer, by language.
    #[serde(default)]
    pub apology: Apology,
    /// Whether visitors may be anonymous.
    #[serde(default = "super::apps::yes")]
    pub anonymous: bool,
    /// The sources from which templates may load pictures.
    #[serde(default = "any_https")]
    pub image_sources: Vec<ImageSource>,
    /// The sources from which texts may load pictures. Other pictures are links.
    #[serde(default)]
    pub text_image_sources: Vec<ImageSource>,
    /// Keys with which the bot may say something outside its turns. Without them it may not.
    #[serde(default)]
    pub key: Option<SecretString>,
    /// File with them.
    #[serde(default)]
    pub key_file: Option<RelativePathBuf>,
    /// Connector: a language model in the shape of OpenAI's API.
    #[serde(default)]
    pub openai: Option<Box<OpenAi>>,
    /// Connector: a signed webhook.
    #[serde(default)]
    pub webhook: Option<Box<Webhook>>,
    /// Connector: a flow of n8n.
    #[serde(default)]
    pub n8n: Option<Box<N8n>>,
    /// Connector: a Rasa assistant.
    #[serde(default)]
    pub rasa: Option<Box<Rasa>>,
    /// Connector: a Kore bot behind its webhook channel.
    #[serde(default)]
    pub kore_webhook: Option<Box<KoreWebhook>>,
    /// Connector: a bot made with the Bot Framework or the Microsoft 365 Agents SDK.
    #[serde(default)]
    pub bot_framework: Option<Box<BotFramework>>,
    /// Connector: a bot behind Direct Line.
    #[serde(default)]
    pub direct_line: Option<Box<DirectLine>>,
    /// Connector: an agent that speaks AG-UI.
    #[serde(default)]
    pub ag_ui: Option<Box<AgentStream>>,
    /// Connector: an agent that answers with a UI message stream of the AI SDK.
    #[serde(default)]
    pub ai_sdk: Option<Box<AgentStream>>,
    /// Connector: an app made with Kore's `BotKit`.
    #[serde(default)]
    pub botkit: Option<Box<BotKit>>,
}

impl Bot {
    /// The bot of the first start: the demo script under the page `demo`.
    pub(crate) fn demo() -> Result<Self, String> {
        Ok(Self {
            page: PageName::try_from("demo".to_owned())?,
            name: "Parlour".to_owned(),
            tagline: "Answers at once".to_owned(),
            avatar: String::new(),
            brand: Brand::default(),
            theme: Theme::default(),
            starters: ["What can you do?", "Show me buttons", "Tell me a joke"]
                .map(str::to_owned)
                .into(),
            kind: BotKind::default(),
            script: None,
            limits: None,
            languages: Vec::new(),
            apology: Apology::default(),
            anonymous: true,
            image_sources: any_https(),
            text_image_sources: Vec::new(),
            key: None,
            key_file: None,
            openai: None,
            webhook: None,
            n8n: None,
            rasa: None,
            kore_webhook: None,
            bot_framework: None,
            direct_line: None,
            ag_ui: None,
            ai_sdk: None,
            botkit: None,
        })
    }

    /// The picture's address. An address without a host is one of our own files.
    pub fn avatar_at(&self, base: &BasePath) -> Option<String> {
        let avatar = self.avatar.as_str();
        let ours = !avatar.starts_with("//") && url::Url::parse(avatar).is_err();
        match avatar {
            "" => None,
            _ if ours => Some(base.at(avatar.trim_start_matches('/'))),
            _ => Some(avatar.to_owned()),
        }
    }

    /// The names of this bot's connector tables. At most one is allowed.
    pub(super) fn connectors(&self) -> Vec<&'static str> {
        let tables = [
            ("openai", self.openai.is_some()),
            ("webhook", self.webhook.is_some()),
            ("n8n", self.n8n.is_some()),
            ("rasa", self.rasa.is_some()),
            ("kore_webhook", self.kore_webhook.is_some()),
            ("bot_framework", self.bot_framework.is_some()),
            ("direct_line", self.direct_line.is_some()),
            ("ag_ui", self.ag_ui.is_some()),
            ("ai_sdk", self.ai_sdk.is_some()),
            ("botkit", self.botkit.is_some()),
        ];
        let there = tables.into_iter().filter(|(_, there)| *there);
        there.map(|(name, _)| name).collect()
    }

    /// The limits. A bot that only has a script costs no money, so it has no limits unless it names some.
    pub fn limits(&self) -> Option<BotLimits> {
        let usual = || (!self.connectors().is_empty()).then(BotLimits::default);
        self.limits.clone().or_else(usual)
    }

    /// Checks the table of the connector beyond what serde checks. The error is the key below the bot, and what is
    /// wrong with it.
    pub(super) fn check_connector(&self) -> Result<(), (String, String)> {
        let below = |table: &str, (key, what): (String, String)| (format!("{table}.{key}"), what);
        if let Some(it) = &self.bot_framework {
            it.check().map_err(|wrong| below("bot_framework", wrong))?;
        }
        if let Some(it) = &self.direct_line {
            it.check().map_err(|wrong| below("direct_line", wrong))?;
        }
        if let Some(openai) = &self.openai {
            openai.check().map_err(|wrong| below("openai", wrong))?;
        }
        if let Some(webhook) = &self.webhook {
            webhook.check().map_err(|wrong| below("webhook", wrong))?;
        }
        if let Some(n8n) = &self.n8n {
            n8n.check().map_err(|wrong| below("n8n", wrong))?;
        }
        if let Some(rasa) = &self.rasa {
            rasa.check().map_err(|wrong| below("rasa", wrong))?;
        }
        if let Some(hook) = &self.kore_webhook {
            hook.check().map_err(|wrong| below("kore_webhook", wrong))?;
        }
        if let Some(ag_ui) = &self.ag_ui {
            ag_ui.check().map_err(|wrong| below("ag_ui", wrong))?;
        }
        if let Some(ai_sdk) = &self.ai_sdk {
            ai_sdk.check().map_err(|wrong| below("ai_sdk", wrong))?;
        }
        Ok(())
    }

    /// The script's file, relative to the folder of the file that names it. `None`: the demo's script.
    pub fn script_file(&self) -> Option<std::path::PathBuf> {
        let script = self.script.as_ref()?;
        if script.original().as_os_str().is_empty() {
            None
        } else {
            Some(script.relative())
        }
    }
}

fn any_https() -> Vec<ImageSource> {
    vec![ImageSource::any_https()]
}

/// A language of the widget by its tag: `de`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Spoken(pub Language);

impl TryFrom<String> for Spoken {
    type Error = String;

    fn try_from(tag: String) -> Result<Self, String> {
        Language::of_tag(&tag).map(Self).ok_or_else(|| {
            let known: Vec<_> = Language::ALL.iter().map(|known| known.tag()).collect();
            let known = known.join(", ");
            format!("`{tag}` is no language of the widget; it speaks {known}")
        })
    }
}

/// A bot's name in addresses: lower-case letters, digits and dashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct PageName(String);

impl PageName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PageName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fits = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits {
            Ok(Self(text))
        } else {
            Err(format!(
                "`{text}` cannot stand in an address; use 1 to 64 small letters, digits and dashes"
            ))
        }
    }
}

/// The kinds of bots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BotKind {
    /// A file of rules.
    #[default]
    Scripted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_without_a_host_is_a_file_of_ours() {
        let base = BasePath::new("/p/").unwrap();
        for (avatar, address) in [
            ("", None),
            ("ada.png", Some("/p/ada.png")),
            ("/ada.png", Some("/p/ada.png")),
            ("https://cdn.test/ada.png", Some("https://cdn.test/ada.png")),
            ("//cdn.test/ada.png", Some("//cdn.test/ada.png")),
        ] {
            let bot = Bot {
                avatar: avatar.to_owned(),
                ..Bot::demo().unwrap()
            };
            assert_eq!(bot.avatar_at(&base).as_deref(), address);
        }
    }
}
