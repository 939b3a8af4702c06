//! Fences around code. Some text only looks like a fence: three backquotes inside a sentence, or at the end of a line
//! of code.
//!
//! There are two ways to write a fence. In Markdown a fence stands on a line of its own. Kore's bots may begin and end
//! the code on the lines of the fences. A line of code that ends with three backquotes looks like Kore's closing fence,
//! and is taken for it unless another fence follows that can end the block.

/// The longest text behind a fence that is taken for its info string.
const MAX_INFO: usize = 80;

/// A fence that may open here.
pub(super) struct Fence<'a> {
    /// A backquote, a single quote or a tilde.
    pub(super) quote: u8,
    /// Blanks before it.
    pub(super) indent: usize,
    /// The quotes of the fence.
    quotes: &'a str,
    /// The text behind the quotes.
    pub(super) first: &'a str,
}

impl<'a> Fence<'a> {
    /// Three quotes or more at the beginning of a line.
    pub(super) fn of(line: &'a str) -> Option<Self> {
        let text = line.trim_start();
        let quote = *text.as_bytes().first()?;
        let run = text.bytes().take_while(|byte| *byte == quote).count();
        if run < 3 || !b"`'~".contains(&quote) {
            return None;
        }
        // Single quotes and tildes have no longer fences.
        let (quotes, first) = text.split_at(if quote == b'`' { run } else { 3 });
        Some(Self {
            quote,
            indent: line.len() - text.len(),
            quotes,
            first,
        })
    }

    /// Code that ends on the line on which it begins, and the text behind it.
    pub(super) fn on_one_line(&self) -> Option<(&'a str, &'a str)> {
        let mut run = 0;
        let last = self.first.bytes().position(|byte| {
            run = if byte == self.quote { run + 1 } else { 0 };
            run == self.quotes.len()
        });
        let end = last? + 1 - self.quotes.len();
        let (code, after) = self.first.split_at(end);
        (self.quote != b'~').then(|| (code, &after[self.quotes.len()..]))
    }

    /// Whether a block begins here. `later` is the number of fences on the lines behind this one.
    pub(super) fn opens(&self, later: usize) -> bool {
        let is_info = self.first.trim().is_empty() || self.language().is_some();
        match self.quote {
            b'`' => is_info || !self.first.starts_with([' ', '\t']) || later % 2 == 1,
            b'~' => is_info,
            _ => true,
        }
    }

    /// Whether this is only a fence if something ends it. Other fences may be ended by text that still streams in.
    pub(super) fn needs_end(&self) -> bool {
        match self.quote {
            b'`' => false,
            b'~' => self.first.trim().is_empty(),
            _ => true,
        }
    }

    /// The info string of the code: its language, a path, a title.
    pub(super) fn language(&self) -> Option<String> {
        let info = self.first.trim();
        (self.quote != b'\'' && is_info(info)).then(|| info.to_owned())
    }

    /// Whether this line ends the block and holds nothing else.
    pub(super) fn is_ended_by(&self, line: &str) -> bool {
        let line = line.trim();
        line.len() >= self.quotes.len() && line.bytes().all(|byte| byte == self.quote)
    }

    /// The last code of the block, if the closing fence stands on the same line. `later` is the number of fences behind
    /// it.
    pub(super) fn last_code<'line>(&self, line: &'line str, later: usize) -> Option<&'line str> {
        let ends = self.quote == b'\'' || (self.quote == b'`' && later.is_multiple_of(2));
        line.trim_end().strip_suffix(self.quotes).filter(|_| ends)
    }
}

/// How many lines are fences, and how many end with one.
pub(super) fn count(text: &str) -> (usize, usize) {
    let (mut fences, mut ends) = (0, 0);
    for line in text.split('\n') {
        fences += usize::from(is_fence_line(line));
        ends += usize::from(ends_with_fence(line));
    }
    (fences, ends)
}

/// Whether a line begins a block of code, or is nothing but the end of one.
pub(super) fn is_fence_line(line: &str) -> bool {
    let text = line.trim_start();
    text.starts_with("```") && !text.trim_start_matches('`').contains('`')
}

/// Whether a line ends with three backquotes.
pub(super) fn ends_with_fence(line: &str) -> bool {
    line.trim_end().ends_with("```")
}

/// Where a fence opens within a line, for example behind "Try this:". `ended`: a later line ends with a fence.
/// Otherwise the sentence only talks about a fence.
pub(super) fn opening_within(text: &str, ended: bool) -> Option<usize> {
    let mut matches = text.match_indices("```");
    let mut open = None;
    for (at, _) in &mut matches {
        open = if open.is_none() { Some(at) } else { None };
    }
    let at = open?;
    let info = text[at..].trim_start_matches('`').trim();
    (ended && (info.is_empty() || is_info(info))).then_some(at)
}

/// Whether this is an info string such as `rust`, `src/main.rs`, `ts title="a.ts"` or `js {1,3}`: one word, and behind
/// it only attributes.
fn is_info(info: &str) -> bool {
    let mut words = info.split_whitespace();
    let Some(first) = words.next() else {
        return false;
    };
    let in_word = |c: char| c.is_alphanumeric() || "+-#._/:@".contains(c);
    let is_attribute = |word: &str| {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        !value.is_empty()
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(in_word)
    };
    let is_path =
        |word: &str| word.chars().all(in_word) && word.trim_end_matches('.').contains(['/', '.']);
    // The words of a quoted title.
    let mut in_title = false;
    let mut says_more = |word: &str| {
        let quotes = word.matches('"').count();
        let was = in_title;
        in_title ^= quotes % 2 == 1;
        was || is_attribute(word) || is_path(word) || (word.starts_with('{') && word.ends_with('}'))
    };
    info.len() <= MAX_INFO && first.chars().all(in_word) && words.all(&mut says_more) && !in_title
}
