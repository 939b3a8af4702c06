//! Rust text without its comments and strings, so that a word in them is no use of a module.
//!
//! In the path: `modules` and `files` search in what this returns.
//!
//! **Invariants.** Lines keep their numbers: what is taken out becomes spaces.

/// Blanks comments, strings and characters.
pub(super) fn code(text: &str) -> String {
    let mut scanner = Scanner {
        rest: text,
        out: String::with_capacity(text.len()),
    };
    let mut previous = ' ';
    while let Some(c) = scanner.rest.chars().next() {
        let word_before = previous.is_alphanumeric() || previous == '_';
        if scanner.rest.starts_with("//") {
            scanner.blank(scanner.rest.find('\n').unwrap_or(scanner.rest.len()));
        } else if scanner.rest.starts_with("/*") {
            scanner.blank(block_comment(scanner.rest));
        } else if c == '"' {
            scanner.blank(string(scanner.rest));
        } else if let Some(length) = raw_string(scanner.rest).filter(|_| !word_before) {
            scanner.blank(length);
        } else if let Some(length) = character(scanner.rest) {
            scanner.blank(length);
        } else {
            scanner.keep(c);
        }
        previous = c;
    }
    scanner.out
}

struct Scanner<'a> {
    rest: &'a str,
    out: String,
}

impl Scanner<'_> {
    fn keep(&mut self, c: char) {
        self.out.push(c);
        self.rest = &self.rest[c.len_utf8()..];
    }

    fn blank(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at(length);
        self.out
            .extend(taken.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }
}

/// Length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of a string that opens with a quote.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of `r"…"`, `r#"…"#`, `br#"…"#`; `None`: it is no raw string.
fn raw_string(text: &str) -> Option<usize> {
    let prefix = if text.starts_with("br") {
        2
    } else {
        usize::from(text.starts_with('r'))
    };
    if prefix == 0 {
        return None;
    }
    let hashes = text[prefix..]
        .bytes()
        .take_while(|byte| *byte == b'#')
        .count();
    let open = prefix + hashes;
    if !text[open..].starts_with('"') {
        return None;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    let body = open + 1;
    Some(
        text[body..]
            .find(&close)
            .map_or(text.len(), |at| body + at + close.len()),
    )
}

/// Length of `'c'` or `'\n'`; `None`: it is a lifetime or no quote at all.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    if inside.starts_with('\\') {
        return inside[2..].find('\'').map(|at| at + 4);
    }
    let c = inside.chars().next()?;
    inside[c.len_utf8()..]
        .starts_with('\'')
        .then_some(c.len_utf8() + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blanked_and_lines_stay() {
        for (text, expected) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x \" y", z)"#, "f(        , z)"),
            (r##"f(r#"x " y"#, z)"##, "f(          , z)"),
            ("f('\"', '\\'', 'a)", "f(   ,     , 'a)"),
            ("for\"x\"", "for   "),
            ("x: &'static str = \"\n\";", "x: &'static str =  \n ;"),
        ] {
            assert_eq!(code(text), expected, "{text}");
        }
    }
}
