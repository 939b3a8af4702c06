//! From JSON text to a value and back (RFC 8259).

use super::halves::{HIGH, LOW, whole};
use super::{Map, Number, Torn, Value};

/// How deep values may nest, as in `serde_json`. The reader is recursive, so the limit keeps it from a stack overflow.
const MAX_DEPTH: u8 = 127;

impl Value {
    /// Reads a value. `None`: the text is not JSON, or nests deeper than 127 levels.
    ///
    /// ```
    /// use protocol::json::Value;
    /// let value = Value::parse(r#"{"text":"a\n\u00e9","seq":9007199254740993}"#).unwrap();
    /// assert_eq!(value["text"].as_str(), Some("a\né"));
    /// assert_eq!(value.to_text(), r#"{"text":"a\né","seq":9007199254740993}"#);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::read_all(text, false)
    }

    /// Reads a frame that may hold a piece of a longer text. Half a character at the end of a text is kept, so that the
    /// next piece can complete it.
    #[must_use]
    pub fn parse_piece(text: &str) -> Option<Self> {
        Self::read_all(text, true)
    }

    fn read_all(text: &str, keeps_halves: bool) -> Option<Self> {
        let mut reader = Reader {
            text,
            at: 0,
            keeps_halves,
        };
        let value = reader.value(MAX_DEPTH)?;
        reader.blank();
        (reader.at == text.len()).then_some(value)
    }

    /// The value as JSON text, without blanks.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        write(self, &mut out);
        out
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    keeps_halves: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    /// Skips blanks and then this byte. False: another byte stands there.
    fn mark(&mut self, byte: u8) -> bool {
        self.blank();
        self.eat(byte)
    }

    fn value(&mut self, depth: u8) -> Option<Value> {
        self.blank();
        match self.peek()? {
            b'n' => self.word("null", Value::Null),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'"' => {
                let read = self.string()?;
                let torn = self.keeps_halves && (read.first.is_some() || read.last.is_some());
                Some(if torn {
                    Value::Torn(read)
                } else {
                    Value::String(read.text)
                })
            }
            b'[' => {
                let depth = depth.checked_sub(1)?;
                let mut values = Vec::new();
                self.list(b']', |reader| {
                    values.push(reader.value(depth)?);
                    Some(())
                })?;
                Some(Value::Array(values))
            }
            b'{' => {
                let depth = depth.checked_sub(1)?;
                let mut fields = Map::new();
                self.list(b'}', |reader| {
                    reader.blank();
                    let name = reader.string()?.text;
                    if !reader.mark(b':') {
                        return None;
                    }
                    fields.insert(name, reader.value(depth)?);
                    Some(())
                })?;
                Some(Value::Object(fields))
            }
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        for byte in word.bytes() {
            if !self.eat(byte) {
                return None;
            }
        }
        Some(value)
    }

    /// Reads from the opening bracket, which the caller has seen, past the closing one.
    fn list(&mut self, end: u8, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        if self.mark(end) {
            return Some(());
        }
        loop {
            item(self)?;
            if !self.mark(b',') {
                return self.eat(end).then_some(());
            }
        }
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        let text = self.text.get(start..self.at)?;
        Some(Value::Number(Number(text.to_owned())))
    }

    /// Reads one digit or more.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn string(&mut self) -> Option<Torn> {
        if !self.eat(b'"') {
            return None;
        }
        let mut out = String::new();
        let (mut first, mut last) = (None, None);
        loop {
            let start = self.at;
            while !matches!(self.peek()?, b'"' | b'\\' | 0..0x20) {
                self.at += 1;
            }
            out.push_str(self.text.get(start..self.at)?);
            if self.at > start {
                last = None;
            }
            if self.eat(b'"') {
                return Some(Torn {
                    text: out,
                    first: first.filter(|half| LOW.contains(half)),
                    last: last.filter(|half| HIGH.contains(half)),
                });
            }
            if !self.eat(b'\\') {
                return None;
            }
            let escape = self.peek()?;
            self.at += 1;
            last = None;
            out.push(match escape {
                b'"' | b'\\' | b'/' => escape.into(),
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => match self.unicode()? {
                    Ok(character) => character,
                    Err(half) => {
                        if out.is_empty() {
                            first = Some(half);
                        }
                        last = Some(half);
                        char::REPLACEMENT_CHARACTER
                    }
                },
                _ => return None,
            });
        }
    }

    /// Reads a character by its number, or by the numbers of its two halves. The error is a lone half.
    fn unicode(&mut self) -> Option<Result<char, u16>> {
        let first = self.hex()?;
        let at = self.at;
        if HIGH.contains(&first) && self.eat(b'\\') && self.eat(b'u') {
            let second = self.hex()?;
            if let Some(whole) = whole(first, second) {
                return Some(Ok(whole));
            }
        }
        self.at = at;
        Some(char::from_u32(first.into()).ok_or(first))
    }

    fn hex(&mut self) -> Option<u16> {
        let mut number = 0;
        for _ in 0..4 {
            let digit = char::from(self.peek()?).to_digit(16)?;
            number = number << 4 | u16::try_from(digit).ok()?;
            self.at += 1;
        }
        Some(number)
    }
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => out.push_str(number.as_str()),
        Value::String(text) => write_text(text, out),
        Value::Torn(torn) => write_text(&torn.text, out),
        Value::Array(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(value, out);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (index, (name, value)) in object.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(name, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            '\n' => out.push_str("\\n"),
            '\0'..' ' => {
                out.push_str("\\u00");
                for digit in [u32::from(character) >> 4, u32::from(character) & 15] {
                    out.extend(char::from_digit(digit, 16));
                }
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}
