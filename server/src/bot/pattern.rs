//! What a rule of a script listens to.
//!
//! Three shapes, no expressions: `hello` is the whole message, `*refund*` is words anywhere in it,
//! `my name is *` is how it begins, and the rest is kept. Case, blanks and a closing `.`, `!`, `?`
//! do not matter.

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
    /// The same in small letters.
    lower: Vec<String>,
}

impl<'a> Heard<'a> {
    pub(super) fn new(text: &'a str) -> Heard<'a> {
        let words: Vec<&str> = trim(text).split_whitespace().collect();
        let lower = words.iter().map(|word| word.to_lowercase()).collect();
        Heard { words, lower }
    }

    /// Does the pattern match? Then the rest of the message behind a prefix, else nothing.
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
    /// Reads a pattern; the error says what would be right.
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
            .map(str::to_lowercase)
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
    let trimmed = text.trim();
    let bare = trimmed
        .trim_end_matches(|c: char| matches!(c, '.' | '!' | '?' | ',' | '…') || c.is_whitespace());
    // A message of marks only ("?") stays what it is.
    if bare.is_empty() { trimmed } else { bare }
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
