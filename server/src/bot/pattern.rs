//! The patterns of a script's rules.
//!
//! There are three forms: `hello` is the whole message, `*refund*` is words anywhere in it, and `my name is *` is its
//! beginning, of which the rest is kept. Case, blanks and a closing `.`, `!` or `?` do not matter. Neither does the way
//! in which a phone or a keyboard writes a letter or a mark: `What’s up`, `hello…`, a full-width `？`, or an accent
//! behind its letter.

use icu_normalizer::ComposingNormalizerBorrowed;
use protocol::visible::is_unseen;

/// One entry of a rule's `when`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// The whole message.
    Exact(Vec<String>),
    /// Whole words, next to each other, anywhere.
    Contains(Vec<String>),
    /// The first words; at least one more must follow.
    Prefix(Vec<String>),
}

/// A visitor's message, taken apart once for all patterns.
pub(super) struct Heard<'a> {
    /// As written, without blanks around it.
    words: Vec<&'a str>,
    /// The words in their plain form.
    lower: Vec<String>,
}

impl<'a> Heard<'a> {
    pub(super) fn new(text: &'a str) -> Heard<'a> {
        let words = trim(text).split_whitespace();
        let (words, lower) = words
            .map(|word| (word, plain(word)))
            .filter(|(_, plain)| !plain.is_empty())
            .unzip();
        Heard { words, lower }
    }

    /// Whether the pattern matches. Gives the rest of the message behind a prefix, or else an empty text.
    pub(super) fn matches(&self, pattern: &Pattern) -> Option<String> {
        match pattern {
            Pattern::Exact(words) => (self.lower == *words).then(String::new),
            Pattern::Contains(words) => self
                .lower
                .windows(words.len())
                .any(|window| {
                    window
                        .iter()
                        .zip(words)
                        .all(|(heard, word)| trim(heard) == word)
                })
                .then(String::new),
            Pattern::Prefix(words) => (self.lower.len() > words.len()
                && self.lower.starts_with(words))
            .then(|| self.words[words.len()..].join(" ")),
        }
    }
}

impl Pattern {
    /// Reads a pattern. The error says what would be right.
    pub(super) fn parse(text: &str) -> Result<Pattern, String> {
        let (leading, inner) = match text.trim().strip_prefix('*') {
            Some(inner) => (true, inner),
            None => (false, text.trim()),
        };
        let (inner, trailing) = match inner.strip_suffix('*') {
            Some(inner) => (inner, true),
            None => (inner, false),
        };
        let words: Vec<String> = trim(inner)
            .split_whitespace()
            .map(plain)
            .filter(|word| !word.is_empty())
            .collect();
        if words.is_empty() {
            return Err(format!("the pattern {text:?} has no words"));
        }
        if inner.contains('*') {
            return Err(format!(
                "the pattern {text:?} may have a * at its ends only"
            ));
        }
        match (leading, trailing) {
            (false, false) => Ok(Pattern::Exact(words)),
            (true, true) => Ok(Pattern::Contains(words)),
            (false, true) => Ok(Pattern::Prefix(words)),
            (true, false) => Err(format!(
                "the pattern {text:?} has a * in front only; write \"*words*\" or \"words *\""
            )),
        }
    }
}

/// Without blanks and closing marks: "Hello!" is "hello".
fn trim(text: &str) -> &str {
    let unseen = |c: char| c.is_whitespace() || is_unseen(c);
    let trimmed = text.trim_matches(unseen);
    let bare = trimmed
        .trim_end_matches(|c: char| is_closing(c) || unseen(c))
        .trim_start_matches(['¿', '¡']);
    // A message of marks only ("?") stays as it is.
    if bare.is_empty() { trimmed } else { bare }
}

/// The marks that end a sentence, in the scripts of keyboards that have them.
fn is_closing(c: char) -> bool {
    matches!(
        c,
        '.' | '!'
            | '?'
            | ','
            | '…'
            | '‼'
            | '⁇'
            | '⁈'
            | '⁉'
            | '‽'
            | '؟'
            | '،'
            | '۔'
            | '।'
            | '॥'
            | '。'
            | '、'
            | '．'
            | '，'
            | '！'
            | '？'
            | '｡'
            | '､'
    )
}

/// The plain form of a word, in which patterns and messages are compared: lower case, composed, without variants of
/// width or font, with straight quotes and hyphens, and without invisible characters.
fn plain(word: &str) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfkc().normalize(word);
    let seen = composed.chars().filter(|c| !is_unseen(*c));
    let straight = seen.map(|c| match c {
        '‘' | '’' | '‚' | '‛' | 'ʹ' | 'ʻ' | 'ʼ' | '′' | '`' | '´' => '\'',
        '“' | '”' | '„' | '‟' | '«' | '»' | '″' => '"',
        '‐' | '‑' | '‒' | '–' | '—' | '−' => '-',
        c => c,
    });
    straight.collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hears(pattern: &str, text: &str) -> Option<String> {
        Heard::new(text).matches(&Pattern::parse(pattern).expect("a pattern"))
    }

    #[test]
    fn an_exact_pattern_is_the_whole_message() {
        for text in [
            "hello", "Hello", "  HELLO ", "hello!", "Hello...", "hello ?",
        ] {
            assert_eq!(hears("hello", text).as_deref(), Some(""), "{text:?}");
        }
        for text in ["hello there", "say hello", "hell", ""] {
            assert_eq!(hears("hello", text), None, "{text:?}");
        }
        assert!(hears("quick  replies", "Quick\n replies").is_some());
        assert!(hears("?", "?").is_some());
        assert!(hears("STRASSE", "strasse").is_some());
        assert!(hears("Été", "ÉTÉ!").is_some());
    }

    #[test]
    fn a_text_is_heard_as_phones_and_keyboards_write_it() {
        for (pattern, text) in [
            ("what's up", "What’s up"),
            ("what’s up", "What's up?"),
            ("what's up", "whatʼs up"),
            ("who are you", "who are you ？"),
            ("who are you", "ｗｈｏ　ａｒｅ　ｙｏｕ？"),
            ("who are you?", "Who are you"),
            ("hello", "hello…"),
            ("hello", "hello...!"),
            ("hello", "\u{feff}hello\u{200b}"),
            ("hello", "hel\u{ad}lo"),
            ("quick replies", "quick\u{a0}replies"),
            ("quick replies", "quick\u{202f}replies\u{a0}!"),
            ("café", "cafe\u{301}"),
            ("cafe\u{301}", "CAFÉ"),
            ("*café*", "un cafe\u{301}, por favor"),
            ("qué tal", "¿Qué tal?"),
            ("say \"hi\"", "say “hi”"),
            ("e-mail", "e\u{2011}mail"),
            ("i ❤ you", "I ❤\u{fe0f} you"),
            ("office", "oﬃce"),
            ("سلام", "سلام؟"),
            ("你好", "你好。"),
        ] {
            assert_eq!(
                hears(pattern, text).as_deref(),
                Some(""),
                "{pattern:?} {text:?}"
            );
        }
        // The kept rest is as it was written.
        assert_eq!(
            hears("i'm *", "I’m  Zoe\u{308} O’Neill…").as_deref(),
            Some("Zoe\u{308} O’Neill")
        );
        assert_eq!(hears("hello", "\u{200b}"), None);
        assert_eq!(hears("cafe", "café"), None, "an accent is a letter");
    }

    #[test]
    fn a_contained_pattern_is_whole_words() {
        assert!(hears("*help*", "can you help me?").is_some());
        assert!(hears("*help*", "Help!").is_some());
        assert!(hears("*help*", "well, help, please").is_some());
        assert_eq!(hears("*help*", "helpless"), None);
        assert!(hears("*how are you*", "hi, how are you today").is_some());
        assert_eq!(hears("*how are you*", "how you are"), None);
    }

    #[test]
    fn a_prefix_keeps_the_rest_as_written() {
        assert_eq!(
            hears("my name is *", "My name is  Ann Lee.").as_deref(),
            Some("Ann Lee")
        );
        assert_eq!(
            hears("template*", "template listView").as_deref(),
            Some("listView")
        );
        assert_eq!(hears("template *", "template"), None);
        assert_eq!(hears("template *", "templates x"), None);
    }

    #[test]
    fn a_wrong_pattern_says_what_would_be_right() {
        for wrong in ["", "*", "**", "* *", "a * b", "*end"] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong:?}");
        }
        let error = Pattern::parse("*end").expect_err("is refused");
        assert!(error.contains("words *"), "{error}");
    }
}
