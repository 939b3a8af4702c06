//! The sentences that we say for an agent, in the visitor's language.

use std::collections::BTreeMap;

use app::text::Language;

use crate::bot::Turn;

/// Sentences of one turn.
#[derive(Clone, Copy)]
pub(in crate::bot) struct Words<'a> {
    language: Language,
    /// The names of tools for visitors, by tool.
    titles: &'a BTreeMap<String, String>,
}

impl<'a> Words<'a> {
    /// In the language of this turn's visitor, or else in English.
    pub(in crate::bot) fn of(turn: &Turn, titles: &'a BTreeMap<String, String>) -> Self {
        Self {
            language: Language::for_tag(turn.language.as_deref()),
            titles,
        }
    }

    /// Says what the agent does while it uses this tool. `offered` is the agent's own title for the tool.
    pub(in crate::bot) fn looking_up(self, tool: &str, offered: Option<&str>) -> String {
        let title = self.titles.get(tool).map(String::as_str).or(offered);
        match (self.language, title.map(short)) {
            (Language::English, Some(title)) => format!("Looking up {title} …"),
            (Language::English, None) => "Looking something up …".to_owned(),
            (Language::German, Some(title)) => format!("Ich sehe nach: {title} …"),
            (Language::German, None) => "Ich sehe nach …".to_owned(),
            (Language::Arabic, Some(title)) => format!("جارٍ البحث: {title} …"),
            (Language::Arabic, None) => "جارٍ البحث …".to_owned(),
        }
    }

    /// Asks whether the agent may use this tool.
    pub(in crate::bot) fn may_i(self, tool: &str, offered: Option<&str>) -> String {
        let title = self.titles.get(tool).map(String::as_str).or(offered);
        let title = title.map_or_else(|| spaced(&short(tool)), short);
        match self.language {
            Language::English => format!("May I do this: {title}?"),
            Language::German => format!("Darf ich das tun: {title}?"),
            Language::Arabic => format!("هل يمكنني تنفيذ هذا: {title}؟"),
        }
    }

    /// A question about which the agent has said nothing.
    pub(in crate::bot) fn go_on(self) -> &'static str {
        match self.language {
            Language::English => "May I go on?",
            Language::German => "Darf ich weitermachen?",
            Language::Arabic => "هل أتابع؟",
        }
    }

    /// The labels for yes and no.
    pub(in crate::bot) fn yes_and_no(self) -> [&'static str; 2] {
        match self.language {
            Language::English => ["Yes", "No"],
            Language::German => ["Ja", "Nein"],
            Language::Arabic => ["نعم", "لا"],
        }
    }

    /// The heading of a list of links.
    pub(in crate::bot) fn sources(self) -> &'static str {
        match self.language {
            Language::English => "Sources:",
            Language::German => "Quellen:",
            Language::Arabic => "المصادر:",
        }
    }

    /// The text for a file without a web address.
    pub(in crate::bot) fn no_file(self) -> &'static str {
        match self.language {
            Language::English => "(A file that cannot be shown here.)",
            Language::German => "(Eine Datei, die sich hier nicht zeigen lässt.)",
            Language::Arabic => "(ملف لا يمكن عرضه هنا.)",
        }
    }
}

/// As much of a title as fits into a line.
fn short(title: &str) -> String {
    title.chars().take(100).collect()
}

/// `cancelOrder` and `cancel_order` as words.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    let mut small = false;
    for letter in name.chars() {
        if letter == '_' || letter == '-' {
            words.push(' ');
            small = false;
            continue;
        }
        if letter.is_uppercase() && small {
            words.push(' ');
            words.extend(letter.to_lowercase());
        } else {
            words.push(letter);
        }
        small = letter.is_lowercase() || letter.is_numeric();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::TurnKind;
    use crate::bot::tests::turn;

    #[test]
    fn a_tool_has_a_title_or_none() {
        let titles = BTreeMap::from([("find".to_owned(), "Bestellungen".to_owned())]);
        let mut turn = turn(TurnKind::text("hi"));
        let words = Words::of(&turn, &titles);
        assert_eq!(words.looking_up("other", None), "Looking something up …");
        assert_eq!(words.looking_up("other", Some("maps")), "Looking up maps …");
        assert_eq!(
            words.may_i("cancel_HTTPOrder2Go", None),
            "May I do this: cancel HTTPOrder2 go?"
        );
        turn.language = Some("de-AT".to_owned());
        let words = Words::of(&turn, &titles);
        assert_eq!(
            words.looking_up("find", Some("orders")),
            "Ich sehe nach: Bestellungen …"
        );
        assert_eq!(words.may_i("find", None), "Darf ich das tun: Bestellungen?");
    }
}
