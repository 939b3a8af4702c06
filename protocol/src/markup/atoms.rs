//! What stands for itself inside a line: addresses, code, escapes, and the few tags.

use super::Span;
use super::spans::{Mark, Reader, add_text, is_word};
use crate::find::find;
use crate::link::safe_link;

impl Reader<'_> {
    /// The length of `https://` and its like at the beginning of a word.
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
        self.burn(end);
        let mut address = &rest[..end];
        let mut unpaired = address.matches(')').count();
        unpaired = unpaired.saturating_sub(address.matches('(').count());
        loop {
            let cut = address.trim_end_matches([
                '.', ',', ';', ':', '!', '?', '\'', '*', '_', '~', '…', '”', '’',
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
        match safe_link(address) {
            Some(url) if address.len() > prefix => {
                let spans = vec![Span::Text(address.to_owned())];
                self.add(Span::Link { url, spans }, address.len());
            }
            _ => self.take(end),
        }
    }

    /// `\*` is a star. `\d(date,"format")` and its like show the date: the server knows no time
    /// zone and no language.
    pub(super) fn escape(&mut self) {
        let rest = &self.text[self.at + 1..];
        let name = ["dt(", "d(", "t(", "#(", "$("]
            .iter()
            .find(|name| rest.starts_with(**name));
        if let Some(name) = name {
            let inner = &rest[name.len()..];
            // Ends at the next backslash, so that no byte is read for two calls.
            let end = inner.bytes().position(|byte| b")\\\n".contains(&byte));
            let end = end.unwrap_or(inner.len());
            self.burn(end);
            if inner[end..].starts_with(')') {
                let inner = &inner[..end];
                let len = 1 + name.len() + inner.len() + 1;
                let comma = match *name {
                    "#(" => None,
                    "$(" => inner.rfind(','),
                    _ => inner.find(','),
                };
                let (value, option) = inner.split_at(comma.unwrap_or(inner.len()));
                let out = self.out();
                add_text(out, value.trim());
                if *name == "$(" && option.len() > 1 {
                    add_text(out, " ");
                    add_text(out, option[1..].trim());
                }
                self.at += len;
                return;
            }
        }
        match rest.as_bytes().first() {
            Some(byte) if b"*_~[]!`'|#<>".contains(byte) => {
                self.at += 1;
                self.take(1);
            }
            _ => self.take(1),
        }
    }

    /// One to three backquotes, or `'''`. A run without an end is sought to the end of the text,
    /// but then no other run of its length follows: there are four such searches at most.
    pub(super) fn code(&mut self, sign: u8) {
        let rest = &self.text[self.at..];
        let count = |text: &str| text.bytes().take_while(|byte| *byte == sign).count();
        let run = count(rest);
        if run > 3 || (sign == b'\'' && run < 3) {
            return self.take(run);
        }
        let mut end = run;
        while let Some(found) = rest[end..].bytes().position(|byte| byte == sign) {
            end += found;
            let other = count(&rest[end..]);
            if other == run {
                break;
            }
            end += other;
        }
        self.burn(end);
        // Without an end, this is behind the last run of another length.
        if count(&rest[end..]) != run {
            return self.take(run);
        }
        let code = rest[run..end].trim();
        if code.is_empty() {
            return self.take(end + run);
        }
        self.add(Span::Code(code.replace('\n', " ")), end + run);
    }

    /// The few tags that Kore's clients know; any other is text.
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
            Some(place) => self.close(place, len),
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
    value.map(str::to_owned)
}

fn ends_address(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '<' | '>' | '"' | '[' | ']' | '`' | '|' | '\\')
        || matches!(c, '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ff65}')
}
