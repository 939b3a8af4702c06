//! A message cut into blocks, line by line.
//!
//! A block that does not end (a fence while its text still streams in) ends with the message.

use super::{Block, Span, spans};
use crate::find::find;

/// Columns beyond these stay in the last cell, bars and all: a chat window shows no more, and
/// every row is padded to the head.
const MAX_COLUMNS: usize = 16;

/// An indent that makes a line part of the list item above it.
const NESTED: usize = 2;

pub(super) fn parse(text: &str) -> Vec<Block> {
    parse_counting(text).0
}

/// With the bytes of lines that were looked at: each line a few times, whatever the text.
pub(super) fn parse_counting(text: &str) -> (Vec<Block>, usize) {
    let mut lines = Lines {
        rest: text,
        no_more_quotes: false,
        steps: 0,
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
        let end = unclosed_fence(line).unwrap_or(line.len());
        add_line(&mut paragraph, &line[..end]);
        if end == line.len() {
            lines.next();
        } else {
            lines.rest = &lines.rest[end..];
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

/// Where a fence opens in the middle of a line, after "Try this:".
fn unclosed_fence(line: &str) -> Option<usize> {
    let (mut open, mut from) = (None, 0);
    while let Some(found) = find(&line[from..], "```") {
        open = match open {
            None => Some(from + found),
            Some(_) => None,
        };
        from += found + 3;
    }
    open
}

/// What is left of the message.
#[derive(Clone)]
struct Lines<'a> {
    rest: &'a str,
    /// A `'''` was already sought to the end in vain.
    no_more_quotes: bool,
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
        Some(line)
    }

    /// The block that begins with this line, taken off; `None` for a line of a paragraph.
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
            quote @ (b'`' | b'\'') if is_fence(text) => return self.code(line, *quote),
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

    /// A fence: on one line as Kore's bots write it, or over several as in Markdown.
    fn code(&mut self, line: &'a str, quote: u8) -> Option<Block> {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        // Single quotes know no longer fences.
        let limit = if quote == b'`' { usize::MAX } else { 3 };
        let run = text.bytes().take_while(|byte| *byte == quote);
        let (fence, first) = text.split_at(run.take(limit).count());
        let mut run = 0;
        let last = first.bytes().position(|byte| {
            run = if byte == quote { run + 1 } else { 0 };
            run == fence.len()
        });
        if let Some(end) = last.map(|last| last + 1 - fence.len()) {
            let (code, after) = first.split_at(end);
            // With words after it, it is code inside a line.
            return after[fence.len()..].trim().is_empty().then(|| {
                self.next();
                code_block(None, code.trim().to_owned())
            });
        }
        if quote == b'\'' && self.no_more_quotes {
            return None;
        }
        let mut lines = self.clone();
        lines.next();
        let first = first.trim();
        let mut language = (quote == b'`' && is_language(first)).then(|| first.to_owned());
        let mut code = String::new();
        if language.is_none() && !first.is_empty() {
            code.push_str(first);
            code.push('\n');
        }
        loop {
            let Some(line) = lines.next() else {
                if quote == b'\'' {
                    self.no_more_quotes = true;
                    self.steps = lines.steps;
                    return None;
                }
                break;
            };
            let line = line.strip_suffix('\r').unwrap_or(line);
            let blank = line.len() - line.trim_start().len();
            let line = line.get(indent.min(blank)..).unwrap_or(line);
            if let Some(last) = line.trim_end().strip_suffix(fence) {
                if !last.trim().is_empty() {
                    // Kore's way to close: then the first line was no language either.
                    if let Some(first) = language.take() {
                        code.insert(0, '\n');
                        code.insert_str(0, &first);
                    }
                    code.push_str(last);
                }
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
                // All blank lines at once, or a message of them would be read again and again.
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
            match (Marker::of(line), items.last_mut()) {
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
        let item = rest.strip_prefix([' ', '\t'])?.trim();
        (!item.is_empty()).then_some(Self {
            indent: indent(line),
            number,
            text: item,
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
        indent(line) >= self.indent + NESTED && !is_fence(line.trim_start())
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
    text.starts_with("```") || text.starts_with("'''")
}

fn is_language(word: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"+-#._".contains(&byte);
    !word.is_empty() && word.len() <= 20 && word.bytes().all(known)
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
