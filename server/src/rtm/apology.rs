//! The message for a visitor when an answer did not come.
//!
//! In the path: `answers` stores it when a turn has failed for good.
//!
//! Invariant: the message says nothing about the fault.

use app::text::Language;
use protocol::Extra;
use protocol::reply::{BotMessage, CInfo, Component};

use crate::config;
use crate::store::JobKind;

/// One message for a turn of this kind, in the language that the client named. A goodbye gets none, because nobody
/// waits for its answer.
pub(super) fn apology(
    kind: JobKind,
    bot: Option<&config::Bot>,
    language: Option<&str>,
) -> Option<String> {
    if kind == JobKind::Close {
        return None;
    }
    let text = text(bot, language);
    let message = BotMessage {
        kind: Some("text".to_owned()),
        component: Some(Component {
            kind: Some("error".to_owned()),
            payload: serde_json::json!({"type": "error", "text": text, "color": "#b91c1c"}).into(),
            extra: Extra::new(),
        }),
        c_info: Some(CInfo {
            body: text.into(),
            extra: Extra::new(),
        }),
        stopped: None,
        behind: None,
        extra: Extra::new(),
    };
    serde_json::to_string(&message).ok()
}

/// The operator's words in the visitor's language, or else our words in that language. If we do not know the language,
/// the same two in the bot's first language.
fn text<'a>(bot: Option<&'a config::Bot>, language: Option<&str>) -> &'a str {
    let of_bot = |tag: &str| bot.and_then(|bot| bot.apology.of_tag(tag));
    let in_language =
        |tag: &str| of_bot(tag).or_else(|| Language::of_tag(tag).map(Language::apology));
    let first = bot.and_then(|bot| bot.languages.first());
    let first = first.map_or_else(Language::default, |spoken| spoken.0);
    language
        .and_then(in_language)
        .or_else(|| of_bot(first.tag()))
        .unwrap_or_else(|| first.apology())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Apology, Bot, Spoken};

    fn bot(texts: &[(&str, &str)], languages: &[Language]) -> Bot {
        let texts = texts
            .iter()
            .map(|(tag, text)| ((*tag).to_owned(), (*text).to_owned()));
        Bot {
            apology: Apology::try_from(texts.collect::<std::collections::BTreeMap<_, _>>())
                .unwrap(),
            languages: languages.iter().copied().map(Spoken).collect(),
            ..Bot::demo().unwrap()
        }
    }

    #[test]
    fn it_is_in_the_visitors_language_and_in_the_operators_words_where_there_are_some() {
        let plain = bot(&[], &[]);
        let german = bot(&[("fr", "Pardon !"), ("de", "Ohje.")], &[Language::German]);
        for (bot, language, expected) in [
            (&plain, Some("de-AT"), Language::German.apology()),
            (&plain, Some("ar"), Language::Arabic.apology()),
            (&plain, Some("tlh"), Language::English.apology()),
            (&plain, None, Language::English.apology()),
            (&german, Some("de"), "Ohje."),
            (&german, Some("FR_ca"), "Pardon !"),
            (&german, Some("ar"), Language::Arabic.apology()),
            (&german, Some("tlh"), "Ohje."),
            (&german, None, "Ohje."),
        ] {
            assert_eq!(text(Some(bot), language), expected, "{language:?}");
        }
        assert_eq!(text(None, Some("de")), Language::German.apology());
    }

    #[test]
    fn a_goodbye_is_not_excused() {
        let bot = Bot::demo().unwrap();
        assert_eq!(apology(JobKind::Close, Some(&bot), None), None);
        for kind in [JobKind::Connect, JobKind::Message] {
            let said = apology(kind, Some(&bot), Some("de")).unwrap();
            let said: BotMessage = serde_json::from_str(&said).unwrap();
            let shown = protocol::content::Content::of_bot_message(&said);
            let text = Language::German.apology().to_owned();
            assert_eq!(shown, protocol::content::Content::Error { text });
        }
    }
}
