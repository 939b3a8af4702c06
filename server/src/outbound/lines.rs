//! From bytes as they arrive to lines. [`super::events`] reads the lines as fields of events; [`Lines`] gives them
//! unchanged.
//!
//! Invariants: where the bytes are cut makes no difference. Memory is bounded by one line and one piece. Each byte is
//! looked at once.

/// A line or an event is too long. Its reader cannot be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {limit} bytes in one piece")]
pub struct TooLong {
    /// The most bytes.
    pub limit: usize,
}

/// What ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// LF, or CR LF.
    Lf,
    /// LF, CR LF, or CR alone.
    LfOrCr,
}

/// Bytes that are not read yet.
pub(super) struct Buffer {
    ends: Ends,
    limit: usize,
    bytes: Vec<u8>,
    /// Where the current line begins.
    start: usize,
    /// There is no line end before this.
    looked: usize,
    /// A CR ended the last line. An LF behind it belongs to it.
    after_cr: bool,
    /// Nothing was read yet, so a byte order mark may come.
    at_start: bool,
}

impl Buffer {
    pub(super) fn new(ends: Ends, limit: usize) -> Self {
        Self {
            ends,
            limit,
            bytes: Vec::new(),
            start: 0,
            looked: 0,
            after_cr: false,
            at_start: true,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.looked -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next complete line without its end.
    pub(super) fn line(&mut self) -> Result<Option<&[u8]>, TooLong> {
        if self.after_cr && self.start < self.bytes.len() {
            self.after_cr = false;
            if self.bytes[self.start] == b'\n' {
                self.start += 1;
                self.looked = self.start;
            }
        }
        let cr_ends = self.ends == Ends::LfOrCr;
        let is_end = |byte: &u8| *byte == b'\n' || (cr_ends && *byte == b'\r');
        let Some(found) = self.bytes[self.looked..].iter().position(is_end) else {
            self.looked = self.bytes.len();
            self.within_limit(self.start, self.looked)?;
            return Ok(None);
        };
        let (start, end) = (self.start, self.looked + found);
        self.within_limit(start, end)?;
        self.after_cr = self.bytes[end] == b'\r';
        self.start = end + 1;
        self.looked = self.start;
        let mark = std::mem::take(&mut self.at_start);
        Ok(Some(self.content(start, end, mark)))
    }

    /// The last line, without an end.
    fn rest(&mut self) -> &[u8] {
        let start = self.start;
        self.start = self.bytes.len();
        self.looked = self.start;
        let mark = std::mem::take(&mut self.at_start);
        self.content(start, self.start, mark)
    }

    /// Checks the length of the content, so that a line counts the same with and without its end.
    fn within_limit(&self, start: usize, end: usize) -> Result<(), TooLong> {
        let limit = self.limit;
        let content = self.content(start, end, self.at_start);
        let half_a_mark = self.at_start && MARK.starts_with(content);
        if content.len() > limit && !half_a_mark {
            return Err(TooLong { limit });
        }
        Ok(())
    }

    /// The content of a line: without a byte order mark and, if CR LF is one end, without the CR.
    fn content(&self, start: usize, end: usize, marked: bool) -> &[u8] {
        let mut line = &self.bytes[start..end];
        if marked {
            line = line.strip_prefix(MARK).unwrap_or(line);
        }
        if self.ends == Ends::Lf {
            line = line.strip_suffix(b"\r").unwrap_or(line);
        }
        line
    }
}

/// The byte order mark that some programs write in front of UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// Lines that are not empty: NDJSON, or text.
pub struct Lines(Buffer);

impl Lines {
    /// Each line may have at most this many bytes.
    pub fn new(max_line_bytes: usize) -> Self {
        Self(Buffer::new(Ends::Lf, max_line_bytes))
    }

    /// Adds bytes that have arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.push(bytes);
    }

    /// The next complete line; `None` until more arrives. Bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// If the line is too long, whether its end has arrived or not.
    pub fn line(&mut self) -> Result<Option<String>, TooLong> {
        while let Some(line) = self.0.line()? {
            if !line.is_empty() {
                return Ok(Some(text(line)));
            }
        }
        Ok(None)
    }

    /// The last line, if it has no end. Call it when nothing more arrives and [`Lines::line`] has given all other
    /// lines.
    pub fn finish(&mut self) -> Option<String> {
        let line = self.0.rest();
        (!line.is_empty()).then(|| text(line))
    }
}

/// Does not show the contents, because people wrote them.
impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 16;

    /// The lines of these pieces, to the end.
    fn lines<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<String>, TooLong> {
        let mut lines = Lines::new(LIMIT);
        let mut found = Vec::new();
        for piece in pieces {
            lines.push(piece);
            while let Some(line) = lines.line()? {
                found.push(line);
            }
        }
        found.extend(lines.finish());
        assert_eq!(lines.finish(), None, "the end comes once");
        Ok(found)
    }

    #[test]
    fn lines_are_told_apart() {
        for (bytes, wanted) in [
            (&b""[..], &[][..]),
            (b"\n\r\n\n", &[]),
            (b"a\nb\n", &["a", "b"]),
            (b"a\r\nb", &["a", "b"]),
            (b"a\r\n\r\nb\r\n", &["a", "b"]),
            (b"a\rb\n", &["a\rb"]),
            (b"last\r", &["last"]),
            ("\u{feff}{}\n\u{feff}{}".as_bytes(), &["{}", "\u{feff}{}"]),
            ("\u{feff}alone".as_bytes(), &["alone"]),
            ("é€😀\n".as_bytes(), &["é€😀"]),
            (b"\xff\n", &["\u{fffd}"]),
            (b"0123456789abcdef\n", &["0123456789abcdef"]),
            (b"0123456789abcdef", &["0123456789abcdef"]),
            (b"0123456789abcdef\r\n", &["0123456789abcdef"]),
            (
                "\u{feff}0123456789abcdef\r\n".as_bytes(),
                &["0123456789abcdef"],
            ),
        ] {
            let found = lines([bytes]).unwrap();
            assert_eq!(found, wanted, "{bytes:?}");
            let found = lines(bytes.chunks(1)).unwrap();
            assert_eq!(found, wanted, "{bytes:?} byte by byte");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_before_it_ends() {
        let too_long = Err(TooLong { limit: LIMIT });
        assert_eq!(lines([&b"0123456789abcdefg\n"[..]]), too_long);
        assert_eq!(lines([&b"0123456789"[..], b"0123456789"]), too_long);
        let mut endless = Lines::new(LIMIT);
        let mut pushed = 0;
        while endless.line().is_ok() {
            endless.push(b"x");
            pushed += 1;
        }
        assert_eq!(pushed, LIMIT + 1);
    }

    /// Bytes that make a difference: ends, marks, and lines about as long as they may be.
    fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            Just(b"\n".to_vec()),
            Just(b"\r".to_vec()),
            Just(MARK.to_vec()),
            (LIMIT - 2..LIMIT + 2).prop_map(|many| vec![b'x'; many]),
            any::<u8>().prop_map(|byte| vec![byte]),
        ];
        vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_lines(
            bytes in some_bytes(),
            cuts in vec(0..200_usize, 0..8),
        ) {
            let whole = lines([&bytes[..]]);
            prop_assert_eq!(&whole, &lines(bytes.chunks(1)));
            let mut cuts: Vec<_> = cuts.into_iter().map(|at| at.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for at in cuts.into_iter().chain([bytes.len()]) {
                pieces.push(&bytes[from..at]);
                from = at;
            }
            prop_assert_eq!(&whole, &lines(pieces));
        }
    }
}
