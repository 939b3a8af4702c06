//! Characters that stand for others: `\*`, Kore's calls (`\d(…)`), and the entities of HTML.

use super::spans::{Reader, add_text};

/// A longer name is not the name of a known entity.
const MAX_ENTITY: usize = 10;

/// The longest value of a call: a date in words.
const MAX_VALUE: usize = 64;

/// The entities that bots write. Any other entity stays as it is.
const ENTITIES: [(&str, char); 46] = [
    ("amp", '&'),
    ("apos", '\''),
    ("bull", '•'),
    ("cent", '¢'),
    ("check", '✓'),
    ("copy", '©'),
    ("darr", '↓'),
    ("deg", '°'),
    ("divide", '÷'),
    ("emsp", '\u{2003}'),
    ("ensp", '\u{2002}'),
    ("euro", '€'),
    ("frac12", '½'),
    ("frac14", '¼'),
    ("frac34", '¾'),
    ("ge", '≥'),
    ("gt", '>'),
    ("hellip", '…'),
    ("iexcl", '¡'),
    ("iquest", '¿'),
    ("laquo", '«'),
    ("larr", '←'),
    ("ldquo", '“'),
    ("le", '≤'),
    ("lsquo", '‘'),
    ("lt", '<'),
    ("mdash", '—'),
    ("middot", '·'),
    ("nbsp", '\u{a0}'),
    ("ndash", '–'),
    ("ne", '≠'),
    ("para", '¶'),
    ("plusmn", '±'),
    ("pound", '£'),
    ("quot", '"'),
    ("raquo", '»'),
    ("rarr", '→'),
    ("rdquo", '”'),
    ("reg", '®'),
    ("rsquo", '’'),
    ("sect", '§'),
    ("shy", '\u{ad}'),
    ("times", '×'),
    ("trade", '™'),
    ("uarr", '↑'),
    ("yen", '¥'),
];

impl Reader<'_> {
    /// Reads a backslash. `\*` is a star, and the same is true for every other mark behind a backslash. A call such as
    /// `\d(date,"format")` shows the date as it is, because the server knows neither the time zone nor the language.
    pub(super) fn escape(&mut self) {
        let rest = &self.text[self.at + 1..];
        let name = ["dt(", "d(", "t(", "#(", "$("]
            .iter()
            .find(|name| rest.starts_with(**name));
        if let Some(name) = name {
            let inner = &rest[name.len()..];
            // The search ends at the next backslash, so that no byte is read for two calls.
            let end = inner.bytes().position(|byte| b")\\\n".contains(&byte));
            let end = end.unwrap_or(inner.len());
            self.burn(end);
            if inner[end..].starts_with(')')
                && let Some(shown) = value_of(name, &inner[..end])
            {
                add_text(self.out(), &shown);
                self.at += 1 + name.len() + end + 1;
                return;
            }
        }
        // A path of a Windows server begins with two backslashes, so they stay.
        match rest.as_bytes().first() {
            Some(byte) if byte.is_ascii_punctuation() && *byte != b'\\' => {
                self.at += 1;
                self.take(1);
            }
            _ => self.take(1),
        }
    }

    /// `&amp;` becomes `&`, and only once: `&amp;lt;` becomes the text `&lt;`.
    pub(super) fn entity(&mut self) {
        match entity(&self.text[self.at..]) {
            Some((character, len)) => {
                add_text(self.out(), character.encode_utf8(&mut [0; 4]));
                self.at += len;
            }
            None => self.take(1),
        }
    }
}

/// The character of the entity that `text` begins with, and its length.
pub(super) fn entity(text: &str) -> Option<(char, usize)> {
    let name = text.strip_prefix('&')?;
    let end = name
        .bytes()
        .take(MAX_ENTITY)
        .position(|byte| byte == b';')?;
    let name = name.get(..end)?;
    let character = match name.strip_prefix('#') {
        Some(number) => {
            let hex = number.strip_prefix(['x', 'X']);
            let (digits, radix) = hex.map_or((number, 10), |hex| (hex, 16));
            let is_number = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
            let number = u32::from_str_radix(digits, radix)
                .ok()
                .filter(|_| is_number)?;
            char::from_u32(number).filter(|character| !character.is_control())?
        }
        None => ENTITIES.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((character, end + 2))
}

/// What a call shows. `None`: this is not a value, so the text is not a call but a regular expression or a path.
fn value_of(name: &str, inner: &str) -> Option<String> {
    let comma = match name {
        "#(" => None,
        "$(" => inner.rfind(',').filter(|comma| {
            let currency = inner[comma + 1..].trim();
            !currency.is_empty() && !currency.contains(char::is_numeric)
        }),
        _ => inner.find(','),
    };
    let (value, option) = inner.split_at(comma.unwrap_or(inner.len()));
    let value = value.trim();
    let plausible = match name {
        "#(" | "$(" => is_number(value),
        _ => is_time(value),
    };
    if !plausible || value.len() > MAX_VALUE {
        return None;
    }
    let currency = option.strip_prefix(',').filter(|_| name == "$(");
    Some(match currency.map(str::trim) {
        Some(currency) => [value, " ", currency].concat(),
        None => value.to_owned(),
    })
}

fn is_number(value: &str) -> bool {
    value.contains(char::is_numeric)
        && value
            .chars()
            .all(|c| c.is_numeric() || " .,'+-".contains(c))
}

/// Whether this is a date or a time: two numbers, or one long number (milliseconds), or a number with the name of a
/// month or with AM or PM. It may hold no other words than those of a date.
fn is_time(value: &str) -> bool {
    let known = |c: char| c.is_alphanumeric() || " :./+-".contains(c);
    let mut numbers = value
        .split(|c: char| !c.is_numeric())
        .filter(|run| !run.is_empty());
    let words = || {
        value
            .split(|c: char| !c.is_alphabetic())
            .filter(|word| !word.is_empty())
    };
    let Some(first) = numbers.next() else {
        return false;
    };
    let two = numbers.next().is_some();
    value.chars().all(known)
        && words().all(|word| is_word_of_time(word) || is_beside_time(word))
        && (two || first.len() >= 9 || words().any(is_word_of_time))
}

fn is_word_of_time(word: &str) -> bool {
    const NAMES: [&str; 19] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mon",
        "tue", "wed", "thu", "fri", "sat", "sun",
    ];
    let starts = |name: &str| {
        word.get(..3)
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    NAMES.iter().any(|name| starts(name)) || is_one_of(word, &["am", "pm"])
}

fn is_beside_time(word: &str) -> bool {
    is_one_of(
        word,
        &["t", "z", "gmt", "utc", "st", "nd", "rd", "th", "of", "at"],
    )
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|known| word.eq_ignore_ascii_case(known))
}
