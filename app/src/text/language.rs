//! Which languages there are, and which one a visitor gets. On the server only.

use super::{Count, Message, Plural, Texts, ar, de, en};
use std::borrow::Cow;

/// A language the widget speaks. To add one: a variant, its file, and the compiler asks for the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// العربية
    Arabic,
    /// English
    #[default]
    English,
    /// Deutsch
    German,
}

impl Language {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Arabic, Self::English, Self::German];

    /// Its tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Arabic => "ar",
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The language of a tag such as `de-AT`, if we speak it.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Self::ALL
            .iter()
            .copied()
            .find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The language of a tag; English where there is none, or one that we do not speak.
    pub fn for_tag(tag: Option<&str>) -> Self {
        tag.and_then(Self::of_tag).unwrap_or_default()
    }

    /// One of those that are `spoken` (all, where none is named): the one asked for by name (the host page's choice), else the
    /// first of `Accept-Language` in the order of its weights, else the first of `spoken`, else English.
    pub fn choose(spoken: &[Self], asked: Option<&str>, accept_language: Option<&str>) -> Self {
        let spoken_of_tag = |tag: &str| {
            let language = Self::of_tag(tag)?;
            (spoken.is_empty() || spoken.contains(&language)).then_some(language)
        };
        asked.and_then(spoken_of_tag).unwrap_or_else(|| {
            let mut wishes: Vec<(f32, Self)> = accept_language
                .unwrap_or_default()
                .split(',')
                .take(16)
                .filter_map(|wish| {
                    let (tag, weight) = wish.split_once(';').unwrap_or((wish, "q=1"));
                    let weight: f32 = weight.trim().strip_prefix("q=")?.parse().ok()?;
                    Some((weight, spoken_of_tag(tag)?)).filter(|(weight, _)| *weight > 0.0)
                })
                .collect();
            // Stable: equal weights keep the visitor's order.
            wishes.sort_by(|one, two| two.0.total_cmp(&one.0));
            let best = wishes.first().map(|(_, language)| *language);
            best.or(spoken.first().copied()).unwrap_or_default()
        })
    }

    /// Its strings, ready to travel.
    pub fn texts(self) -> Texts {
        Texts {
            language: Cow::Borrowed(self.tag()),
            rtl: self == Self::Arabic,
            plural: if self == Self::Arabic {
                Plural::Arabic
            } else {
                Plural::OneOther
            },
            messages: Message::ALL
                .iter()
                .map(|message| Cow::Borrowed(self.message(*message)))
                .collect(),
            counts: Count::ALL
                .iter()
                .map(|count| {
                    self.count(*count)
                        .iter()
                        .map(|form| Cow::Borrowed(*form))
                        .collect()
                })
                .collect(),
        }
    }

    fn message(self, message: Message) -> &'static str {
        match self {
            Self::Arabic => ar::message(message),
            Self::English => en::message(message),
            Self::German => de::message(message),
        }
    }

    fn count(self, count: Count) -> &'static [&'static str] {
        match self {
            Self::Arabic => ar::count(count),
            Self::English => en::count(count),
            Self::German => de::count(count),
        }
    }

    /// What a visitor is told when the bot could not answer.
    pub fn apology(self) -> &'static str {
        match self {
            Self::Arabic => ar::APOLOGY,
            Self::English => en::APOLOGY,
            Self::German => de::APOLOGY,
        }
    }

    /// What a visitor is told who has asked more than a minute allows.
    pub fn too_fast(self) -> &'static str {
        match self {
            Self::Arabic => ar::TOO_FAST,
            Self::English => en::TOO_FAST,
            Self::German => de::TOO_FAST,
        }
    }

    /// What a visitor is told when a day's questions are used up.
    pub fn day_is_over(self) -> &'static str {
        match self {
            Self::Arabic => ar::DAY_IS_OVER,
            Self::English => en::DAY_IS_OVER,
            Self::German => de::DAY_IS_OVER,
        }
    }

    /// A problem page's title and sentence, and what its way out is called.
    pub(crate) fn problem(self, problem: crate::pages::Problem) -> [&'static str; 3] {
        match self {
            Self::Arabic => ar::problem(problem),
            Self::English => en::problem(problem),
            Self::German => de::problem(problem),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_choice_comes_first_then_the_visitors_in_its_order() {
        let choose = |asked, accepted| Language::choose(&[], asked, accepted);
        assert_eq!(choose(Some("de-AT"), Some("ar")), Language::German);
        assert_eq!(
            choose(Some("tlh"), Some("ar-EG, en;q=0.8")),
            Language::Arabic
        );
        assert_eq!(
            choose(None, Some("fr, en;q=0.5, de;q=0.9")),
            Language::German
        );
        assert_eq!(choose(None, Some("de;q=0, fr")), Language::English);
        assert_eq!(choose(None, Some(";;q=,,=")), Language::English);
        assert_eq!(choose(None, None), Language::English);
    }

    #[test]
    fn only_what_a_bot_speaks_is_chosen() {
        let spoken = [Language::German, Language::English];
        let choose = |asked, accepted| Language::choose(&spoken, asked, accepted);
        assert_eq!(choose(Some("ar"), Some("en")), Language::English);
        assert_eq!(choose(None, Some("ar, fr;q=0.5")), Language::German);
        assert_eq!(choose(None, None), Language::German);
        let english = [Language::English];
        let chosen = Language::choose(&english, Some("de"), Some("de"));
        assert_eq!(chosen, Language::English);
    }
}
