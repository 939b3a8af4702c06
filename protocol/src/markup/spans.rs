//! The runs inside a block: strong, emphasis, code, links, images, breaks.
//!
//! One pass with a short stack of open marks. Each mark is open at most once: the inner one counts, and the outer one
//! becomes text again. So the stack stays short without counting levels.

use super::Span;
use super::brackets::{self, Bracketed};
use crate::link::{safe_image, safe_link};

/// The most marks that are open at once. With the two levels of `***`, a bare address and its text, this makes
/// [`super::MAX_DEPTH`].
const MAX_OPEN: usize = 5;

/// Steps for each byte of text. The passes below need far fewer. If one of them reads something again and again, the
/// rest of the text stays as it is.
const FUEL_PER_BYTE: usize = 32;

pub(super) fn parse(text: &str) -> Vec<Span> {
    let mut reader = Reader::new(text);
    reader.read();
    reader.spans
}

/// How many steps a text takes. `None`: the fuel ran out.
#[cfg(test)]
pub(super) fn steps(text: &str) -> Option<usize> {
    let mut reader = Reader::new(text);
    let fuel = text.len() * FUEL_PER_BYTE;
    reader.read();
    (reader.fuel > 0).then(|| fuel - reader.fuel)
}

/// What opens and closes a span.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mark {
    /// `<a href="…">`.
    Anchor,
    /// `![`.
    Image,
    /// `<i>`.
    Italic,
    /// `[`.
    Link,
    /// `*`, `_` or `~`, and how many.
    Run(u8, usize),
    /// `<b>`.
    Strong,
}

/// A mark that waits for its end.
pub(super) struct Open<'a> {
    pub(super) mark: Mark,
    /// The mark as it was written, for the case that nothing closes it.
    source: &'a str,
    /// The address of an anchor.
    url: Option<String>,
    /// Where the bracket of a link or an image stands.
    bracket: Option<usize>,
    spans: Vec<Span>,
}

pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) open: Vec<Open<'a>>,
    spans: Vec<Span>,
    fuel: usize,
    /// The links of the text, ordered by their ends.
    links: Vec<Bracketed>,
    /// Where the links begin, in order.
    openings: Vec<usize>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let (links, steps) = brackets::links(text);
        let mut openings: Vec<usize> = links.iter().map(|link| link.open).collect();
        openings.sort_unstable();
        Self {
            text,
            at: 0,
            open: Vec::new(),
            spans: Vec::new(),
            fuel: (text.len() * FUEL_PER_BYTE).saturating_sub(steps),
            links,
            openings,
        }
    }

    fn read(&mut self) {
        while self.fuel > 0
            && let Some(byte) = self.byte(self.at)
        {
            self.fuel -= 1;
            match byte {
                b'\n' => self.line_break(1),
                b'\\' => self.escape(),
                b'*' | b'_' | b'~' => self.run(byte),
                b'[' if self.opens_link(self.at) => self.push(Mark::Link, 1, None),
                b'!' if self.opens_link(self.at + 1) => self.push(Mark::Image, 2, None),
                b'[' => self.take(1),
                b'&' => self.entity(),
                b']' => self.bracket(),
                b'`' | b'\'' => self.code(byte),
                b'<' => self.tag(),
                _ => self.words(),
            }
        }
        self.take(self.text.len() - self.at);
        while !self.open.is_empty() {
            self.give_up(self.open.len() - 1);
        }
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    pub(super) fn burn(&mut self, steps: usize) {
        self.fuel = self.fuel.saturating_sub(steps);
    }

    /// Where new spans go: into the innermost open mark.
    pub(super) fn out(&mut self) -> &mut Vec<Span> {
        match self.open.last_mut() {
            Some(open) => &mut open.spans,
            None => &mut self.spans,
        }
    }

    /// The next `len` bytes are text.
    pub(super) fn take(&mut self, len: usize) {
        let text = self.text;
        let start = self.at;
        self.at += len;
        add_text(self.out(), &text[start..start + len]);
    }

    pub(super) fn add(&mut self, span: Span, len: usize) {
        self.out().push(span);
        self.at += len;
    }

    /// Text up to the next byte that may mean something.
    fn words(&mut self) {
        if let Some(len) = self.address_prefix(self.at) {
            return self.address(len);
        }
        let mut end = self.at + 1;
        while let Some(byte) = self.byte(end) {
            if b"\n\\*_~[]!`'<&".contains(&byte) || self.address_prefix(end).is_some() {
                break;
            }
            end += 1;
        }
        self.burn(end - self.at);
        self.take(end - self.at);
    }

    pub(super) fn line_break(&mut self, len: usize) {
        let out = self.out();
        if let Some(Span::Text(text)) = out.last_mut() {
            text.truncate(text.trim_end().len());
            if text.is_empty() {
                out.pop();
            }
        }
        self.add(Span::Break, len);
        while matches!(self.byte(self.at), Some(b' ' | b'\t' | b'\r')) {
            self.at += 1;
            self.burn(1);
        }
    }

    /// `*`, `_` and `~` open before a word and close after one, but never inside one: `snake_case` and `2*3*4` are
    /// words.
    fn run(&mut self, sign: u8) {
        let rest = self.text.as_bytes()[self.at..].iter();
        let run = rest.take_while(|byte| **byte == sign).count();
        self.burn(run);
        let before = self.before(self.at);
        let after = self.text[self.at + run..].chars().next();
        let known = match sign {
            b'*' => run <= 3,
            b'_' => run <= 2,
            _ => run == 1,
        };
        // Bots write "**Note:**text", so two stars may also close before a word.
        let closes = !is_blank(before) && (!is_word(after) || (sign == b'*' && run > 1));
        let opens = !is_blank(after) && !is_word(before);
        let mark = Mark::Run(sign, run);
        let index = |mark| self.open.iter().position(|open| open.mark == mark);
        if known && closes {
            if let Some(index) = index(mark) {
                return self.close(index, run);
            }
            if run == 3
                && let (Some(one), Some(two)) =
                    (index(Mark::Run(sign, 1)), index(Mark::Run(sign, 2)))
            {
                self.close(one.max(two), 0);
                return self.close(one.min(two), run);
            }
        }
        if known && opens {
            self.push(mark, run, None);
        } else {
            self.take(run);
        }
    }

    /// Whether the bracket here opens a link or an image.
    fn opens_link(&self, at: usize) -> bool {
        self.openings.binary_search(&at).is_ok()
    }

    /// `](https://…)` ends a link or an image; any other `]` is text.
    fn bracket(&mut self) {
        let Ok(found) = self.links.binary_search_by_key(&self.at, |link| link.close) else {
            return self.take(1);
        };
        let link = &self.links[found];
        let is_it = |open: &Open<'_>| open.bracket == Some(link.open);
        let Some(index) = self.open.iter().rposition(is_it) else {
            return self.take(1);
        };
        let len = 1 + link.len;
        self.open[index].url = Some(written(&link.url));
        self.close(index, len);
    }

    pub(super) fn before(&self, at: usize) -> Option<char> {
        self.text[..at].chars().next_back()
    }

    /// Opens a mark of `len` bytes. If the same mark is open already, that one becomes text.
    pub(super) fn push(&mut self, mark: Mark, len: usize, url: Option<String>) {
        if let Some(index) = self.open.iter().position(|open| open.mark == mark) {
            self.give_up(index);
        }
        if self.open.len() == MAX_OPEN {
            return self.take(len);
        }
        let source = &self.text[self.at..self.at + len];
        self.at += len;
        let bracket = matches!(mark, Mark::Image | Mark::Link).then_some(self.at - 1);
        self.open.push(Open {
            mark,
            source,
            url,
            bracket,
            spans: Vec::new(),
        });
    }

    /// Nothing closes this open mark. It becomes text, and its contents move into the mark around it.
    fn give_up(&mut self, index: usize) {
        let open = self.open.remove(index);
        self.burn(open.spans.len());
        if let Some(Span::Text(text)) = open.spans.first() {
            self.burn(text.len());
        }
        let out = match index.checked_sub(1) {
            Some(around) => &mut self.open[around].spans,
            None => &mut self.spans,
        };
        add_text(out, open.source);
        add_all(out, open.spans);
    }

    /// Closes an open mark with `len` bytes. Marks that are open inside it become text.
    pub(super) fn close(&mut self, index: usize, len: usize) {
        while self.open.len() > index + 1 {
            self.give_up(self.open.len() - 1);
        }
        let Some(open) = self.open.pop() else {
            return;
        };
        self.at += len;
        self.burn(open.spans.len());
        let Open {
            mark, url, spans, ..
        } = open;
        let span = match mark {
            Mark::Run(b'*', 3) => Span::Strong(vec![Span::Emphasis(spans)]),
            Mark::Run(b'*', _) | Mark::Run(_, 2) | Mark::Strong => Span::Strong(spans),
            Mark::Run(..) | Mark::Italic => Span::Emphasis(spans),
            Mark::Image => {
                let mut alt = String::new();
                super::words(&spans, &mut alt);
                match url.and_then(|url| safe_image(&url)) {
                    Some(url) => Span::Image { url, alt },
                    None => return add_text(self.out(), &alt),
                }
            }
            Mark::Anchor | Mark::Link => {
                let spans = without_links(spans);
                match url.and_then(|url| safe_link(&url)) {
                    Some(url) if spans.is_empty() => {
                        let spans = vec![Span::Text(url.clone())];
                        Span::Link { url, spans }
                    }
                    Some(url) => Span::Link { url, spans },
                    None => return add_all(self.out(), spans),
                }
            }
        };
        self.out().push(span);
    }
}

pub(super) fn add_text(out: &mut Vec<Span>, text: &str) {
    match out.last_mut() {
        _ if text.is_empty() => {}
        Some(Span::Text(last)) => last.push_str(text),
        _ => out.push(Span::Text(text.to_owned())),
    }
}

fn add_all(out: &mut Vec<Span>, spans: Vec<Span>) {
    let mut spans = spans.into_iter();
    match spans.next() {
        Some(Span::Text(text)) => add_text(out, &text),
        first => out.extend(first),
    }
    out.extend(spans);
}

/// A link inside a link cannot be drawn: the outer one stays.
fn without_links(spans: Vec<Span>) -> Vec<Span> {
    let mut out = Vec::new();
    for span in spans {
        match span {
            Span::Link { spans, .. } => add_all(&mut out, without_links(spans)),
            Span::Strong(spans) => out.push(Span::Strong(without_links(spans))),
            Span::Emphasis(spans) => out.push(Span::Emphasis(without_links(spans))),
            Span::Text(text) => add_text(&mut out, &text),
            other => out.push(other),
        }
    }
    out
}

fn is_blank(c: Option<char>) -> bool {
    c.is_none_or(char::is_whitespace)
}

/// The address that was meant. Inside markup that was made for HTML, its `&` is written as an entity.
pub(super) fn written(address: &str) -> String {
    address.replace("&amp;", "&")
}

/// Whether a mark beside this character stands inside a word. Some scripts have no blanks between words (Chinese,
/// Japanese, Korean, Thai, Lao, Burmese, Khmer and others) and put markup inside a sentence, so their letters do not
/// count.
pub(super) fn is_word(c: Option<char>) -> bool {
    c.is_some_and(|c| match c {
        '\u{e00}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{1950}'..='\u{1aaf}' => false,
        '\u{c0}'..='\u{1fff}' | '\u{2c00}'..='\u{2dff}' => !ends_sentence(c),
        c => c.is_ascii_alphanumeric(),
    })
}

/// Signs of other scripts for a comma, a full stop or a quote.
pub(super) fn ends_sentence(c: char) -> bool {
    matches!(
        c,
        '\u{ab}' | '\u{bb}' // « »
            | '\u{37e}' | '\u{387}' // Greek
            | '\u{55c}'..='\u{55e}' | '\u{589}' // Armenian
            | '\u{5be}' | '\u{5c3}' // Hebrew
            | '\u{60c}' | '\u{61b}' | '\u{61f}' | '\u{6d4}' // Arabic, Urdu
            | '\u{964}' | '\u{965}' // Devanagari and its neighbours
            | '\u{e5a}' | '\u{e5b}' // Thai
            | '\u{104a}' | '\u{104b}' // Burmese
            | '\u{1361}'..='\u{1368}' // Ethiopic
            | '\u{17d4}'..='\u{17d6}' // Khmer
            | '\u{2014}' | '\u{2015}' // long dashes
            | '\u{201c}'..='\u{201e}' | '\u{2039}' | '\u{203a}' // quotes
            | '\u{203c}'..='\u{203d}' | '\u{2047}'..='\u{2049}'
    )
}
