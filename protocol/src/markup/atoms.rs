//! The small parts of a line: addresses, code, and the few known tags.

use super::Span;
use super::brackets::code_end;
use super::escapes::entity;
use super::spans::{Mark, Reader, ends_sentence, is_word, written};
use crate::find::find;
use crate::link::safe_link;

impl Reader<'_> {
    /// The length of a scheme such as `https://` at the beginning of a word.
    pub(super) fn address_prefix(&self, at: usize) -> Option<usize> {
        if !matches!(self.byte(at)?, b'h' | b'H' | b'w' | b'W') || is_word(self.before(at)) {
            return None;
        }
        let rest = &self.text.as_bytes()[at..];
        ["http://", "https://", "www."]
            .iter()
            .map(|prefix| prefix.len())
            .zip([&b"http://"[..], b"https://", b"www."])
            .find(|(len, prefix)| {
                rest.get(..*len)
                    .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
            })
            .map(|(len, _)| len)
    }

    pub(super) fn address(&mut self, prefix: usize) {
        let rest = &self.text[self.at..];
        let end = rest.find(ends_address).unwrap_or(rest.len());
        let end = entity_end(&rest[..end]);
        self.burn(end);
        let mut address = &rest[..end];
        let mut unpaired = address.matches(')').count();
        unpaired = unpaired.saturating_sub(address.matches('(').count());
        loop {
            let cut = address.trim_end_matches([
                '.', ',', ';', ':', '!', '?', '\'', '*', '_', '~', '…', '’', '‘', '–', '·',
            ]);
            match cut.strip_suffix(')') {
                Some(cut) if unpaired > 0 => {
                    unpaired -= 1;
                    address = cut;
                }
                _ => {
                    address = cut;
                    break;
                }
            }
        }
        let meant = written(address);
        match safe_link(&meant) {
            Some(url) if address.len() > prefix => {
                let spans = vec![Span::Text(meant)];
                self.add(Span::Link { url, spans }, address.len());
            }
            _ => self.take(end),
        }
    }

    /// Code between one to three backquotes, or between `'''`. If a run has no end, the search goes to the end of the
    /// text. No other run of the same length follows then, so there are at most four such searches.
    pub(super) fn code(&mut self, sign: u8) {
        let rest = &self.text[self.at..];
        let count = |text: &str| text.bytes().take_while(|byte| *byte == sign).count();
        let run = count(rest);
        if run > 3 || (sign == b'\'' && run < 3) {
            return self.take(run);
        }
        let (end, steps) = code_end(self.text, self.at, run);
        self.burn(steps);
        let Some(end) = end.map(|end| end - self.at) else {
            return self.take(run);
        };
        let code = rest[run..end - run].trim();
        if code.is_empty() {
            return self.take(end);
        }
        self.add(Span::Code(code.replace('\n', " ")), end);
    }

    /// The few tags that Kore's clients know. Any other tag is text.
    pub(super) fn tag(&mut self) {
        let rest = &self.text[self.at + 1..];
        let end = rest.bytes().position(|byte| b"<>\n".contains(&byte));
        self.burn(end.unwrap_or(rest.len()));
        let tag = &rest[..end.unwrap_or(0)];
        if tag.is_empty() || !rest[tag.len()..].starts_with('>') {
            return self.take(1);
        }
        let len = tag.len() + 2;
        if self.address_prefix(self.at + 1).is_some()
            && let Some(url) = safe_link(tag)
        {
            let spans = vec![Span::Text(tag.to_owned())];
            return self.add(Span::Link { url, spans }, len);
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let (name, ends) = match name.strip_prefix('/') {
            Some(name) => (name, true),
            None => (name.strip_suffix('/').unwrap_or(name), false),
        };
        let is = |word: &str| name.eq_ignore_ascii_case(word);
        let mark = match () {
            () if is("a") => Mark::Anchor,
            () if is("b") || is("strong") => Mark::Strong,
            () if is("i") || is("em") => Mark::Italic,
            () if is("br") && !ends => return self.line_break(len),
            () => return self.take(1),
        };
        if !ends {
            return self.push(mark, len, href(attributes));
        }
        match self.open.iter().position(|open| open.mark == mark) {
            Some(index) => self.close(index, len),
            None => self.take(len),
        }
    }
}

/// The address of `href="…"`.
fn href(attributes: &str) -> Option<String> {
    let name = "href=";
    let value = attributes.get(find(attributes, name)? + name.len()..)?;
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let value = match quote {
        Some(quote) => value[1..].split(quote).next(),
        None => value.split(' ').next(),
    };
    value.map(written)
}

/// Where an address ends because an entity such as `&gt;` follows. `&amp;` is part of the address.
fn entity_end(address: &str) -> usize {
    let ends = |(at, _): &(usize, &str)| {
        let found = entity(&address[*at..]);
        found.is_some_and(|(character, _)| ends_address(character) || character == '\'')
    };
    let mut matches = address.match_indices('&');
    matches.find(ends).map_or(address.len(), |(at, _)| at)
}

fn ends_address(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || ends_sentence(c)
        || matches!(c, '<' | '>' | '"' | '[' | ']' | '`' | '|' | '\\')
        || matches!(c, '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ff65}')
}
