//! From bytes as they arrive to server-sent events, as the HTML standard reads them (section 9.2.6, "Interpreting an
//! event stream").
//!
//! Invariants: where the bytes are cut makes no difference. Memory is bounded by one event and one piece.

use super::lines::{Buffer, Ends, TooLong, text};

/// One event.
#[derive(Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// The name; `message` if the event has none.
    pub name: String,
    /// The `data` lines, joined by line feeds.
    pub data: String,
    /// The last id of the stream. It may come from an earlier event.
    pub id: String,
}

/// Shows the size instead of the data, because people wrote it.
impl std::fmt::Debug for SseEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SseEvent")
            .field("name", &self.name)
            .field("bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// Reads events.
pub struct SseReader {
    lines: Buffer,
    limit: usize,
    name: String,
    /// The data, with a line feed behind each line.
    data: String,
    id: String,
    retry: Option<u64>,
}

impl SseReader {
    /// Each event may have at most this many bytes in a line, and in its data.
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            lines: Buffer::new(Ends::LfOrCr, max_event_bytes),
            limit: max_event_bytes,
            name: String::new(),
            data: String::new(),
            id: String::new(),
            retry: None,
        }
    }

    /// Adds bytes that have arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.lines.push(bytes);
    }

    /// The next complete event; `None` until more arrives. Bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// If the event is too long, whether its end has arrived or not.
    pub fn event(&mut self) -> Result<Option<SseEvent>, TooLong> {
        while let Some(line) = self.lines.line()? {
            if line.is_empty() {
                let name = std::mem::take(&mut self.name);
                let mut data = std::mem::take(&mut self.data);
                // Without data there is no event.
                if data.pop().is_some() {
                    return Ok(Some(SseEvent {
                        name: if name.is_empty() {
                            "message".to_owned()
                        } else {
                            name
                        },
                        data,
                        id: self.id.clone(),
                    }));
                }
                continue;
            }
            let (field, value) = match line.iter().position(|byte| *byte == b':') {
                Some(colon) => {
                    let value = &line[colon + 1..];
                    (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
                }
                None => (line, &[][..]),
            };
            match field {
                b"event" => self.name = text(value),
                b"data" => {
                    if self.data.len() + value.len() > self.limit {
                        return Err(TooLong { limit: self.limit });
                    }
                    self.data.push_str(&text(value));
                    self.data.push('\n');
                }
                b"id" if !value.contains(&0) => self.id = text(value),
                b"retry" if value.iter().all(u8::is_ascii_digit) => {
                    self.retry = text(value).parse().ok().or(self.retry);
                }
                // A comment or an unknown field.
                _ => {}
            }
        }
        Ok(None)
    }

    /// How many milliseconds to wait before asking again, when the stream has said so (`retry`).
    pub fn retry(&self) -> Option<u64> {
        self.retry
    }
}

impl std::fmt::Debug for SseReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SseReader").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 32;

    /// The name, data and id of each event.
    type Expected = Vec<(String, String, String)>;

    fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Expected, TooLong> {
        let mut events = SseReader::new(LIMIT);
        let mut found = Vec::new();
        for piece in pieces {
            events.push(piece);
            while let Some(event) = events.event()? {
                found.push((event.name, event.data, event.id));
            }
        }
        Ok(found)
    }

    fn owned(list: &[(&str, &str, &str)]) -> Expected {
        let owned = |(name, data, id): &(&str, &str, &str)| {
            (String::from(*name), String::from(*data), String::from(*id))
        };
        list.iter().map(owned).collect()
    }

    #[test]
    fn events_are_read_as_the_standard_has_it() {
        for (text, wanted) in [
            // The examples of the standard.
            (
                "data: YHOO\ndata: +2\ndata: 10\n\n",
                &[("message", "YHOO\n+2\n10", "")][..],
            ),
            (
                ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
                &[
                    ("message", "first event", "1"),
                    ("message", "second event", ""),
                    ("message", " third event", ""),
                ],
            ),
            (
                "data\n\ndata\ndata\n\ndata:",
                &[("message", "", ""), ("message", "\n", "")],
            ),
            (
                "data:test\n\ndata: test\n\n",
                &[("message", "test", ""), ("message", "test", "")],
            ),
            // Names, ids, and lines that are ignored.
            ("event: add\ndata: 1\n\n", &[("add", "1", "")]),
            ("event: add\n\ndata: 1\n\n", &[("message", "1", "")]),
            ("event: a\nevent:\ndata: 1\n\n", &[("message", "1", "")]),
            ("id: 7\n\ndata: 1\n\n", &[("message", "1", "7")]),
            (
                "id: 7\ndata: 1\n\nid: a\0b\ndata: 2\n\n",
                &[("message", "1", "7"), ("message", "2", "7")],
            ),
            ("Data: 1\n\nfoo: 1\ndatum: 2\n\n", &[]),
            (
                ": OPENROUTER PROCESSING\n\ndata: 1\n\n",
                &[("message", "1", "")],
            ),
            // Line ends.
            ("data: 1\r\ndata: 2\r\n\r\n", &[("message", "1\n2", "")]),
            ("data: 1\rdata: 2\r\r", &[("message", "1\n2", "")]),
            (
                "data: 1\r\n\ndata: 2\n\r\n",
                &[("message", "1", ""), ("message", "2", "")],
            ),
            (
                "data: 1\n\rdata: 2\n\r",
                &[("message", "1", ""), ("message", "2", "")],
            ),
            // A byte order mark at the beginning, once.
            ("\u{feff}data: 1\n\n", &[("message", "1", "")]),
            ("\u{feff}\u{feff}data: 1\n\n", &[]),
            ("data: \u{feff}é€😀\n\n", &[("message", "\u{feff}é€😀", "")]),
            // Events that are cut off.
            ("data: 1\n", &[]),
            ("data: 1", &[]),
            ("data: 1\n\ndata: 2", &[("message", "1", "")]),
        ] {
            assert_eq!(
                events([text.as_bytes()]).unwrap(),
                owned(wanted),
                "{text:?}"
            );
            let single = events(text.as_bytes().chunks(1)).unwrap();
            assert_eq!(single, owned(wanted), "{text:?} byte by byte");
        }
    }

    #[test]
    fn a_stream_says_when_to_come_back() {
        let mut events = SseReader::new(LIMIT);
        events.push(b"retry: 1500\nretry: soon\nretry: -1\nretry\nretry: 99999999999999999999\n\n");
        assert_eq!(events.event(), Ok(None));
        assert_eq!(events.retry(), Some(1_500));
    }

    #[test]
    fn too_much_in_one_event_is_refused() {
        let too_long = Err(TooLong { limit: LIMIT });
        let long = format!("data: {}\n\n", "x".repeat(LIMIT));
        assert_eq!(events([long.as_bytes()]), too_long);
        assert_eq!(
            events([&b": a comment without an end ........."[..]]),
            too_long
        );
        let many = "data: 0123456789\n".repeat(4);
        assert_eq!(events([many.as_bytes()]), too_long);
        // Empty lines of data count, too.
        let many = "data\n".repeat(LIMIT + 2);
        assert_eq!(events([many.as_bytes()]), too_long);
        let several = "data: 0123456789\n\n".repeat(4);
        assert_eq!(events([several.as_bytes()]).unwrap().len(), 4);
    }

    #[test]
    fn what_was_said_is_not_shown() {
        let mut events = SseReader::new(LIMIT);
        events.push(b"data: my secret\n\n");
        let event = events.event().unwrap().unwrap();
        let debug = format!("{event:?} {events:?}");
        assert!(!debug.contains("secret"), "{debug}");
    }

    fn a_line() -> impl Strategy<Value = String> {
        let field = prop_oneof![
            Just("data:"),
            Just("data: "),
            Just("data"),
            Just("event: "),
            Just("id: "),
            Just(":"),
            Just(""),
        ];
        let end = prop_oneof![
            Just("\n"),
            Just("\r"),
            Just("\r\n"),
            Just("\n\n"),
            Just("\r\n\r\n")
        ];
        (field, "[a-z:é😀\u{feff}]{0,6}|x{24,34}", end)
            .prop_map(|(field, value, end)| format!("{field}{value}{end}"))
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_events(
            lines in proptest::collection::vec(a_line(), 0..12),
            marked in any::<bool>(),
            cuts in proptest::collection::vec(0..200_usize, 0..10),
        ) {
            let text = format!("{}{}", if marked { "\u{feff}" } else { "" }, lines.concat());
            let bytes = text.as_bytes();
            let whole = events([bytes]);
            prop_assert_eq!(&whole, &events(bytes.chunks(1)));
            let mut cuts: Vec<_> = cuts.into_iter().map(|at| at.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for at in cuts.into_iter().chain([bytes.len()]) {
                pieces.push(&bytes[from..at]);
                from = at;
            }
            prop_assert_eq!(&whole, &events(pieces));
        }

        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(events([&bytes[..]]), events(bytes.chunks(1)));
        }
    }
}
