//! Cuts a message into blocks, line by line.
//!
//! A block without an end, for example a fence in an answer that still streams, ends with the message. `fences` decides
//! what is a fence and what only looks like one.

use super::fences::{self, Fence};
use super::{Block, Span, spans};

/// The most columns of a table. Everything beyond stays in the last cell, with its bars. A chat window shows no more,
/// and every row is padded to the length of the head.
const MAX_COLUMNS: usize = 16;

/// An indent that makes a line part of the list item above it.
const NESTED: usize = 2;

pub(super) fn parse(text: &str) -> Vec<Block> {
    parse_counting(text).0
}

/// Also gives the bytes of the lines that were looked at. Each line is looked at a few times at most, whatever the
/// text.
pub(super) fn parse_counting(text: &str) -> (Vec<Block>, usize) {
    let (fences, ends) = fences::count(text);
    let mut lines = Lines {
        rest: text,
        cut: 0,
        fences,
        ends,
        no_more_quotes: false,
        no_more_tildes: false,
        steps: text.len(),
    };
    let mut blocks = Vec::new();
    let mut paragraph = String::new();
    while let Some(line) = lines.peek() {
        let block = lines.block(line);
        if block.is_some() || line.trim().is_empty() {
            end_paragraph(&mut paragraph, &mut blocks);
        }
        if let Some(block) = block {
            blocks.push(block);
            continue;
        }
        let fence = lines.fence_within(line, line);
        if let Some(at) = fence.filter(|at| !line[..*at].trim().is_empty()) {
            add_line(&mut paragraph, &line[..at]);
            lines.cut_to(at);
        } else {
            add_line(&mut paragraph, line);
            lines.next();
        }
    }
    end_paragraph(&mut paragraph, &mut blocks);
    (blocks, lines.steps)
}

fn end_paragraph(paragraph: &mut String, blocks: &mut Vec<Block>) {
    if !paragraph.is_empty() {
        blocks.push(Block::Paragraph(spans::parse(paragraph)));
        paragraph.clear();
    }
}

fn add_line(text: &mut String, line: &str) {
    let line = line.trim();
    if !line.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(line);
    }
}

/// The rest of the message.
#[derive(Clone)]
struct Lines<'a> {
    rest: &'a str,
    /// This many columns of the line are cut off already.
    cut: usize,
    /// The number of lines that are fences, and of lines that end with a fence.
    fences: usize,
    ends: usize,
    /// A search for the end of `'''` has failed already, or a search for the end of `~~~`.
    no_more_quotes: bool,
    no_more_tildes: bool,
    steps: usize,
}

impl<'a> Lines<'a> {
    fn peek(&mut self) -> Option<&'a str> {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        self.steps += end + 1;
        (!self.rest.is_empty()).then(|| &self.rest[..end])
    }

    fn next(&mut self) -> Option<&'a str> {
        let line = self.peek()?;
        self.rest = self.rest.get(line.len() + 1..).unwrap_or_default();
        self.cut = 0;
        self.fences -= usize::from(fences::is_fence_line(line)).min(self.fences);
        self.ends -= usize::from(fences::ends_with_fence(line)).min(self.ends);
        Some(line)
    }

    /// Cuts off the beginning of a line, so that a fence within it stands at the beginning.
    fn cut_to(&mut self, at: usize) {
        self.cut += at;
        self.rest = &self.rest[at..];
        let line = self.peek().unwrap_or_default();
        self.fences += usize::from(fences::is_fence_line(line));
    }

    /// Where a fence opens within `text`, which is the end of this line: behind "Try this:", or behind the marker of a
    /// list item.
    fn fence_within(&self, line: &str, text: &str) -> Option<usize> {
        let later = self.ends - usize::from(fences::ends_with_fence(line)).min(self.ends);
        fences::opening_within(text, later > 0)
    }

    /// Takes off the block that begins with this line. `None`: the line belongs to a paragraph.
    fn block(&mut self, line: &'a str) -> Option<Block> {
        let text = line.trim();
        match text.as_bytes().first()? {
            b'#' => {
                let heading = heading(text)?;
                self.next();
                return Some(heading);
            }
            b'-' | b'_' if is_rule(text) => {
                self.next();
                return Some(Block::Rule);
            }
            b'>' if quoted(text).is_some() => return Some(self.quote()),
            b'`' | b'\'' | b'~' if is_fence(text) => return self.code(line),
            _ => {}
        }
        match Marker::of(line) {
            Some(marker) => Some(self.list(&marker)),
            None if text.contains('|') => self.table(line),
            None => None,
        }
    }

    fn quote(&mut self) -> Block {
        let mut text = String::new();
        while let Some(line) = self.peek().and_then(|line| quoted(line.trim())) {
            add_line(&mut text, line);
            self.next();
        }
        Block::Quote(spans::parse(&text))
    }

    /// Takes off a fenced block: on one line as Kore's bots write it, or over several lines as in Markdown. `None`:
    /// this is not a fence.
    fn code(&mut self, line: &'a str) -> Option<Block> {
        let fence = Fence::of(line)?;
        if let Some((code, after)) = fence.on_one_line() {
            // With words after it, this is code inside a line.
            return after.trim().is_empty().then(|| {
                self.next();
                code_block(None, code.trim().to_owned())
            });
        }
        let vain = match fence.quote {
            b'\'' => self.no_more_quotes,
            b'~' => self.no_more_tildes,
            _ => false,
        };
        let mut lines = self.clone();
        lines.next();
        if vain || !fence.opens(lines.fences) {
            return None;
        }
        let indent = self.cut + fence.indent;
        let mut language = fence.language();
        let mut code = String::new();
        if language.is_none() && !fence.first.trim().is_empty() {
            code.push_str(fence.first.trim());
            code.push('\n');
        }
        loop {
            let Some(line) = lines.next() else {
                if fence.needs_end() {
                    match fence.quote {
                        b'\'' => self.no_more_quotes = true,
                        _ => self.no_more_tildes = true,
                    }
                    self.steps = lines.steps;
                    return None;
                }
                break;
            };
            let line = line.strip_suffix('\r').unwrap_or(line);
            let blank = line.len() - line.trim_start().len();
            let line = line.get(indent.min(blank)..).unwrap_or(line);
            if fence.is_ended_by(line) {
                break;
            }
            if let Some(last) = fence.last_code(line, lines.fences) {
                // Kore's bots close a block this way. Then the first line was not a language either.
                if let Some(first) = language.take() {
                    code.insert(0, '\n');
                    code.insert_str(0, &first);
                }
                code.push_str(last);
                break;
            }
            code.push_str(line);
            code.push('\n');
        }
        *self = lines;
        code.truncate(code.trim_end().len());
        Some(code_block(language, code))
    }

    fn list(&mut self, first: &Marker<'a>) -> Block {
        let mut items: Vec<String> = Vec::new();
        while let Some(line) = self.peek() {
            if line.trim().is_empty() {
                // Skip all blank lines at once. Otherwise a message of blank lines would be read again and again.
                let mut after = self.clone();
                while after.peek().is_some_and(|line| line.trim().is_empty()) {
                    after.next();
                }
                let goes_on = after.peek().is_some_and(|line| first.goes_on(line));
                self.steps = after.steps;
                if !goes_on {
                    break;
                }
                *self = after;
                continue;
            }
            let marker = Marker::of(line);
            let belongs = match &marker {
                Some(item) if first.is_sibling(item) => true,
                _ => !items.is_empty() && first.holds(line),
            };
            let text = marker.as_ref().map_or(line, |marker| marker.text);
            let fence = self.fence_within(line, text).filter(|_| belongs);
            if let Some(at) = fence {
                let before = &text[..at];
                match (&marker, items.last_mut()) {
                    (Some(item), _) if first.is_sibling(item) => {
                        items.push(before.trim().to_owned());
                    }
                    (_, Some(item)) => add_line(item, before),
                    _ => {}
                }
                // The code becomes a block of its own behind the item.
                self.cut_to(marker.map_or(0, |marker| marker.start) + at);
                break;
            }
            match (marker, items.last_mut()) {
                (Some(item), _) if first.is_sibling(&item) => items.push(item.text.to_owned()),
                (marker, Some(item)) if first.holds(line) => match marker {
                    Some(nested) if nested.number.is_none() => {
                        item.push_str("\n• ");
                        item.push_str(nested.text);
                    }
                    _ => add_line(item, line),
                },
                _ => break,
            }
            self.next();
        }
        Block::List {
            ordered: first.number.is_some(),
            start: first.number.unwrap_or(1),
            items: items.iter().map(|item| spans::parse(item)).collect(),
        }
    }

    fn table(&mut self, line: &'a str) -> Option<Block> {
        let mut lines = self.clone();
        lines.next();
        if !lines.peek().is_some_and(is_separator) {
            self.steps = lines.steps;
            return None;
        }
        lines.next();
        *self = lines;
        let head = cells(line, MAX_COLUMNS);
        let mut rows = Vec::new();
        while let Some(line) = self.peek() {
            if !line.contains(|c: char| c != '|' && !c.is_whitespace()) || !line.contains('|') {
                break;
            }
            let mut row = cells(line, head.len());
            row.resize(head.len(), Vec::new());
            rows.push(row);
            self.next();
        }
        Some(Block::Table { head, rows })
    }
}

/// `- text`, `* text`, `1. text` or `1) text`.
struct Marker<'a> {
    indent: usize,
    number: Option<u32>,
    /// Where the text of the item begins in the line.
    start: usize,
    text: &'a str,
}

impl<'a> Marker<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let text = line.trim_start();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = match digits {
            0 => (None, text.strip_prefix(['-', '*'])?),
            1..=3 => {
                let rest = text[digits..].strip_prefix(['.', ')'])?;
                (Some(text[..digits].parse().ok()?), rest)
            }
            _ => return None,
        };
        let item = rest.strip_prefix([' ', '\t'])?.trim_start();
        (!item.is_empty()).then_some(Self {
            indent: indent(line),
            number,
            start: line.len() - item.len(),
            text: item.trim_end(),
        })
    }

    /// Whether `other` is an item of the list that begins with `self`.
    fn is_sibling(&self, other: &Self) -> bool {
        other.indent < self.indent + NESTED && self.number.is_some() == other.number.is_some()
    }

    /// Whether the list that begins with `self` has more in this line.
    fn goes_on(&self, line: &'a str) -> bool {
        self.holds(line) || Marker::of(line).is_some_and(|item| self.is_sibling(&item))
    }

    /// Whether a line belongs to an item of the list that begins with `self`.
    fn holds(&self, line: &str) -> bool {
        indent(line) >= self.indent + NESTED && !is_fence(line)
    }
}

fn indent(line: &str) -> usize {
    let blanks = line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t'));
    blanks.map(|byte| if byte == b'\t' { 4 } else { 1 }).sum()
}

/// `# Title`, `## Title`, … and Kore's `#h1Title`.
fn heading(text: &str) -> Option<Block> {
    let rest = text.trim_start_matches('#');
    let mut level = text.len() - rest.len();
    let title = match (level, rest.as_bytes()) {
        (1, [b'h', digit @ b'1'..=b'6', ..]) => {
            level = usize::from(digit - b'0');
            &rest[2..]
        }
        (1..=6, [b' ' | b'\t', ..]) => {
            // "# Title #", but not "# C#".
            let open = rest.trim_end_matches('#');
            if open.ends_with(' ') { open } else { rest }
        }
        _ => return None,
    };
    let title = title.trim();
    (!title.is_empty()).then(|| Block::Heading {
        level: u8::try_from(level).unwrap_or(6),
        spans: spans::parse(title),
    })
}

/// `---` or `___`. Not `***`: that is also how a masked secret looks.
fn is_rule(text: &str) -> bool {
    text.len() >= 3 && (text.bytes().all(|b| b == b'-') || text.bytes().all(|b| b == b'_'))
}

/// The rest of `> text` or `>>text`; ">5" is text.
fn quoted(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('>')?;
    let marked = rest.is_empty() || rest.starts_with(['>', ' ', '\t']);
    marked.then(|| rest.trim_start_matches(['>', ' ', '\t']))
}

fn is_fence(text: &str) -> bool {
    Fence::of(text).is_some()
}

fn code_block(language: Option<String>, text: String) -> Block {
    Block::Code { language, text }
}

/// `|---|:--:|`.
fn is_separator(line: &str) -> bool {
    line.bytes().all(|byte| b"-:| \t\r".contains(&byte)) && line.contains('-') && line.contains('|')
}

/// The cells of a row, at most `limit`: what is over stays in the last one.
fn cells(line: &str, limit: usize) -> Vec<Vec<Span>> {
    let line = line.trim();
    let line = line.strip_prefix('|').unwrap_or(line);
    let line = match line.strip_suffix('|') {
        Some(cut) if !cut.ends_with('\\') => cut,
        _ => line,
    };
    let mut cells = Vec::new();
    let mut start = 0;
    for (at, byte) in line.bytes().enumerate() {
        let escaped = at > 0 && line.as_bytes()[at - 1] == b'\\';
        if byte == b'|' && !escaped && cells.len() + 1 < limit {
            cells.push(spans::parse(line[start..at].trim()));
            start = at + 1;
        }
    }
    cells.push(spans::parse(line[start..].trim()));
    cells
}
