//! Rows that stream: an answer that comes in pieces.
//!
//! In the path: the session hands in each piece. The stored message, which comes through [`Transcript::insert`],
//! replaces the pieces.
//!
//! # Invariants
//! - A row stays where it began, if the server says where that is, also after it is stored. What is said in the
//!   meantime comes below it. If the server does not say it, the row stays where it is until it is stored.
//! - A piece that says where it begins can come twice, late or never. The text is always a part of what was said. A
//!   piece that does not say so is taken for the next one.
//! - A text has at most [`MAX_JOINED_BYTES`].
//! - A character that was cut in two is whole again with its second piece. Until then the text shows U+FFFD.

use super::{Delivery, Entry, Transcript};
use crate::content::{Content, Piece};
use crate::json::whole;

/// The longest text that is joined from pieces. The rest comes with the stored message.
pub const MAX_JOINED_BYTES: usize = 64 * 1024;

/// The first half of a character, at the end of the text of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Half {
    key: String,
    /// The length of the row's text at that time. If the text is longer, it went on without the other half.
    len: usize,
    unit: u16,
}

/// What happened to a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceOutcome {
    /// It was the last piece, and the row is complete.
    Ended,
    /// The row shows it already.
    Known,
    /// The piece was added to the row.
    Shown,
    /// Something before it is missing, so it cannot be shown.
    Torn,
}

impl Transcript {
    /// Adds a piece to its row. `row` (see [`Entry::streaming`]) is used if there is no such row yet. `at` is where the
    /// piece begins in the text, if the server says so.
    pub fn add_piece<'a>(
        &mut self,
        row: Entry,
        at: Option<u64>,
        piece: impl Into<Piece<'a>>,
        end: bool,
    ) -> PieceOutcome {
        let piece = piece.into();
        let (seq, behind, at_ms) = (row.seq, row.behind, row.at_ms);
        let half = self.half.clone().filter(|half| half.key == row.key);
        let index = match self.find(&row) {
            Some(index) => index,
            None if at.is_some_and(|at| at > 0) => return PieceOutcome::Torn,
            None => {
                let row = Entry { seq: None, ..row };
                let index = self.index_for(&row);
                self.entries.insert(index, row);
                index
            }
        };
        let known = &mut self.entries[index];
        match known.delivery {
            Delivery::Streaming => {}
            // The row was stopped, but the answer goes on.
            Delivery::Stopped if known.seq.is_none() && at.is_some() => {}
            Delivery::Stopped if known.seq.is_none() => return PieceOutcome::Torn,
            _ => return PieceOutcome::Known,
        }
        let Content::Text { text } = &mut known.content else {
            return PieceOutcome::Known;
        };
        let mut from = at.map_or(text.len(), |at| usize::try_from(at).unwrap_or(usize::MAX));
        let half = half.filter(|half| half.len == text.len());
        let joined = half.and_then(|half| join(half.unit, text, from, &piece));
        let piece = match &joined {
            Some((index, joined)) => {
                from = *index;
                Piece {
                    text: joined,
                    ..piece
                }
            }
            None => piece,
        };
        let Piece {
            text: piece, last, ..
        } = piece;
        let to = from.saturating_add(piece.len());
        if to > MAX_JOINED_BYTES || !text.is_char_boundary(from) {
            return PieceOutcome::Torn;
        }
        let shown = at.is_some() && text.get(from..to) == Some(piece);
        if !shown || end {
            text.truncate(from);
            text.push_str(piece);
        }
        if let Some(unit) = last.filter(|_| to == text.len()) {
            self.half = Some(Half {
                key: known.key.clone(),
                len: to,
                unit,
            });
        }
        if end {
            let mut whole = self.entries.remove(index);
            // A platform that stores nothing may stream the text of a template.
            if whole.content.plain_text().trim_start().starts_with('{') {
                whole.content = Content::of_history_text(whole.content.plain_text());
            }
            whole.delivery = Delivery::Sent;
            whole.seq = seq;
            whole.behind = behind;
            whole.at_ms = at_ms;
            let index = if seq.is_some() {
                self.index_for(&whole)
            } else {
                index
            };
            self.entries.insert(index, whole);
            return PieceOutcome::Ended;
        }
        let lives =
            std::mem::replace(&mut known.delivery, Delivery::Streaming) != Delivery::Streaming;
        if known.behind != behind {
            // The turn is run again, and the answer begins anew.
            let mut row = self.entries.remove(index);
            row.behind = behind;
            let index = self.index_for(&row);
            self.entries.insert(index, row);
        } else if shown && !lives {
            return PieceOutcome::Known;
        }
        PieceOutcome::Shown
    }

    /// The row that is streaming.
    #[must_use]
    pub fn streaming(&self) -> Option<&Entry> {
        let mut rows = self.entries.iter().rev();
        rows.find(|entry| entry.delivery == Delivery::Streaming)
    }

    /// Stops all streaming rows: they stay as they are. Gives their keys.
    pub fn stop_streaming(&mut self) -> Vec<String> {
        let mut stopped = Vec::new();
        for entry in &mut self.entries {
            if entry.delivery == Delivery::Streaming {
                entry.delivery = Delivery::Stopped;
                stopped.push(entry.key.clone());
            }
        }
        stopped
    }
}

/// Completes a character of which `text` ends with the first half. Gives where it begins, and the piece with the whole
/// character. Servers count a half as nothing, as U+FFFD or as half of the character, so `from` may be any of these.
fn join(high: u16, text: &str, from: usize, piece: &Piece<'_>) -> Option<(usize, String)> {
    let whole = whole(high, piece.first?)?;
    let before = text.strip_suffix(char::REPLACEMENT_CHARACTER)?.len();
    let rest = piece.text.strip_prefix(char::REPLACEMENT_CHARACTER)?;
    let here = before..=before + whole.len_utf8();
    here.contains(&from).then(|| {
        let mut joined = String::from(whole);
        joined.push_str(rest);
        (before, joined)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::UserBody;
    use crate::transcript::Author;

    fn row(id: &str, seq: Option<u64>) -> Entry {
        Entry {
            key: id.to_owned(),
            author: Author::Bot,
            at_ms: 5,
            content: Content::text(""),
            delivery: Delivery::Streaming,
            seq,
            behind: None,
            message_id: Some(id.to_owned()),
            agent: None,
        }
    }

    fn stored(id: &str, seq: u64, text: &str) -> Entry {
        Entry {
            content: Content::text(text),
            delivery: Delivery::Sent,
            ..row(id, Some(seq))
        }
    }

    fn shown(transcript: &Transcript) -> Vec<(&str, &str, Delivery)> {
        let rows = transcript.entries().iter();
        rows.map(|row| (row.key.as_str(), row.content.plain_text(), row.delivery))
            .collect()
    }

    #[test]
    fn pieces_that_come_twice_or_late_change_nothing() {
        let mut list = Transcript::new(vec![stored("a", 1, "one")]);
        for (at, piece, outcome) in [
            (3, "lo", PieceOutcome::Torn),
            (0, "Hel", PieceOutcome::Shown),
            (3, "lo ", PieceOutcome::Shown),
            (0, "Hel", PieceOutcome::Known),
            (99, "x", PieceOutcome::Torn),
            (6, "wörld", PieceOutcome::Shown),
            (8, "?", PieceOutcome::Torn),
            (3, "lo ", PieceOutcome::Known),
        ] {
            let now = list.add_piece(row("b", None), Some(at), piece, false);
            assert_eq!(now, outcome, "{at} {piece}");
        }
        assert_eq!(shown(&list)[1], ("b", "Hello wörld", Delivery::Streaming));
        assert!(list.insert(stored("b", 2, "Hello wörld!")), "it is new");
        assert!(!list.insert(stored("b", 2, "Hello wörld!")));
        assert_eq!(
            list.add_piece(row("b", None), Some(0), "Hel", false),
            PieceOutcome::Known
        );
        assert_eq!(shown(&list)[1], ("b", "Hello wörld!", Delivery::Sent));
    }

    #[test]
    fn a_turn_that_runs_again_begins_again_in_the_same_row() {
        let mut list = Transcript::default();
        list.add_piece(row("b", None), Some(0), "The first try", false);
        assert_eq!(list.stop_streaming(), ["b"]);
        assert_eq!(
            list.add_piece(row("b", None), Some(0), "The s", false),
            PieceOutcome::Shown
        );
        list.add_piece(row("b", None), Some(5), "econd", false);
        assert_eq!(shown(&list), [("b", "The second", Delivery::Streaming)]);
    }

    #[test]
    fn a_platform_that_counts_nothing_adds_up_the_pieces() {
        let mut list = Transcript::default();
        for piece in ["Hel", "lo ", "wor"] {
            assert_eq!(
                list.add_piece(row("b", None), None, piece, false),
                PieceOutcome::Shown
            );
        }
        assert_eq!(
            list.add_piece(row("b", None), None, "ld", true),
            PieceOutcome::Ended
        );
        assert_eq!(
            list.add_piece(row("b", None), None, "ld", true),
            PieceOutcome::Known
        );
        assert_eq!(shown(&list), [("b", "Hello world", Delivery::Sent)]);
    }

    #[test]
    fn a_character_that_was_cut_in_two_is_whole_again() {
        let first = || Piece {
            last: Some(0xd83d),
            ..Piece::from("a \u{fffd}")
        };
        let second = || Piece {
            first: Some(0xde00),
            ..Piece::from("\u{fffd} b")
        };
        // A server may count a half in any of these ways.
        for at in [None, Some(2), Some(4), Some(5)] {
            let mut list = Transcript::default();
            list.add_piece(row("b", None), at.and(Some(0)), first(), false);
            assert_eq!(shown(&list)[0].1, "a \u{fffd}");
            let outcome = list.add_piece(row("b", None), at, second(), false);
            assert_eq!(outcome, PieceOutcome::Shown);
            assert_eq!(shown(&list)[0].1, "a 😀 b");
            list.add_piece(row("b", None), at.and(Some(8)), "!", true);
            assert_eq!(shown(&list)[0].1, "a 😀 b!");
        }
        // An empty piece between the halves changes nothing.
        let mut list = Transcript::default();
        list.add_piece(row("b", None), None, first(), false);
        list.add_piece(row("b", None), None, "", false);
        list.add_piece(row("b", None), None, second(), false);
        assert_eq!(shown(&list)[0].1, "a 😀 b");
        // Halves of two rows, of two characters, or with something between them stay halves.
        let mut list = Transcript::default();
        list.add_piece(row("b", None), None, first(), false);
        list.add_piece(row("c", None), None, second(), false);
        list.add_piece(row("b", None), None, "x", false);
        list.add_piece(row("b", None), None, second(), false);
        list.add_piece(row("b", None), None, first(), false);
        list.add_piece(row("b", None), None, first(), true);
        let texts: Vec<_> = shown(&list).into_iter().map(|(_, text, _)| text).collect();
        assert_eq!(
            texts,
            ["a \u{fffd}x\u{fffd} ba \u{fffd}a \u{fffd}", "\u{fffd} b"]
        );
    }

    #[test]
    fn an_end_behind_a_gap_is_told_from_one_that_makes_the_text_whole() {
        let mut list = Transcript::default();
        list.add_piece(row("b", None), Some(0), "Hel", false);
        let end = row("b", Some(2));
        assert_eq!(
            list.add_piece(end.clone(), Some(5), "!", true),
            PieceOutcome::Torn
        );
        assert_eq!(
            list.add_piece(end, Some(3), "lo", true),
            PieceOutcome::Ended
        );
        assert_eq!(shown(&list), [("b", "Hello", Delivery::Sent)]);
        assert_eq!(list.entries()[0].seq, Some(2));
        // A lost connection tore it off, so nobody knows what is missing.
        list.add_piece(row("c", None), None, "Hel", false);
        list.stop_streaming();
        assert_eq!(
            list.add_piece(row("c", None), None, "lo", true),
            PieceOutcome::Torn
        );
    }

    fn keys(list: &Transcript) -> Vec<&str> {
        list.entries().iter().map(|row| row.key.as_str()).collect()
    }

    fn began_behind(behind: u64, row: Entry) -> Entry {
        Entry {
            behind: Some(behind),
            ..row
        }
    }

    #[test]
    fn what_is_said_meanwhile_stands_below_the_answer_that_grows_and_stays_there() {
        let mut list = Transcript::new(vec![stored("a", 1, "one")]);
        list.add_piece(began_behind(1, row("b", None)), Some(0), "Hel", false);
        list.insert(Entry::own(7, &UserBody::text("hi"), 5));
        list.add_piece(began_behind(1, row("b", None)), Some(3), "lo", false);
        assert_eq!(keys(&list), ["a", "b", "own-7"]);
        list.delivered("own-7", Some(2), None);
        assert_eq!(keys(&list), ["a", "b", "own-7"]);
        list.insert(began_behind(1, stored("b", 3, "Hello")));
        list.insert(stored("d", 4, "more"));
        assert_eq!(keys(&list), ["a", "b", "own-7", "d"]);
        let again = Transcript::new(list.entries().to_vec());
        assert_eq!(keys(&again), keys(&list));
    }

    #[test]
    fn an_answer_begins_above_what_is_on_its_way_and_below_what_was_stored_before_it() {
        let mut list = Transcript::new(vec![stored("a", 1, "one"), stored("b", 2, "two")]);
        list.insert(Entry::own(7, &UserBody::text("hi"), 5));
        list.add_piece(began_behind(2, row("c", None)), Some(0), "Hel", false);
        assert_eq!(keys(&list), ["a", "b", "c", "own-7"]);
        // The turn is run again after a crash, and by then what was said is stored.
        list.delivered("own-7", Some(3), None);
        list.add_piece(began_behind(3, row("c", None)), Some(0), "Hel", false);
        assert_eq!(keys(&list), ["a", "b", "own-7", "c"]);
    }

    #[test]
    fn a_platform_that_does_not_count_leaves_it_where_it_began() {
        let mut list = Transcript::new(vec![Entry::own(6, &UserBody::text("stream"), 5)]);
        list.add_piece(row("b", None), None, "Hel", false);
        list.insert(Entry::own(7, &UserBody::text("hi"), 5));
        list.delivered("own-7", None, None);
        list.add_piece(row("b", None), None, "lo", true);
        assert_eq!(keys(&list), ["own-6", "b", "own-7"]);
    }

    #[test]
    fn a_text_has_an_end() {
        let mut list = Transcript::default();
        let kilobyte = "x".repeat(1024);
        for _ in 0..100 {
            list.add_piece(row("b", None), None, kilobyte.as_str(), false);
        }
        assert_eq!(shown(&list)[0].1.len(), MAX_JOINED_BYTES);
    }
}
