//! What a change of the list means for the reader. It is pure, so that it can be tested without a page.

use crate::widget::rows::Row;
use protocol::transcript::Author;

/// The keys of the first and the newest row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    first: String,
    pub(super) last: String,
}

impl Ends {
    /// The ends of these rows. `None`: there are none.
    pub(super) fn of(rows: &[Row]) -> Option<Self> {
        Some(Self {
            first: rows.first()?.entry.key.clone(),
            last: rows.last()?.entry.key.clone(),
        })
    }
}

/// What a change of the list means for its scrolling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Earlier messages came at the top, or went. The list had this height before, in pixels.
    Earlier { height: i32 },
    /// New messages came at the end.
    New {
        /// The newest was sent from this window.
        own: bool,
        /// How many came from others.
        others: u32,
    },
    /// Neither of them.
    None,
}

impl Change {
    /// This change and then the next one.
    pub(super) fn then(self, next: Self) -> Self {
        match (self, next) {
            (
                Self::New { own, others },
                Self::New {
                    own: again,
                    others: more,
                },
            ) => Self::New {
                own: own || again,
                others: others + more,
            },
            (kept, Self::None) => kept,
            (_, next) => next,
        }
    }
}

/// The change from a list with these ends to these rows. `said` is the key of the message that was last sent from this
/// window. `height` measures the list as it is now.
pub(super) fn between(
    before: Option<&Ends>,
    rows: &[Row],
    said: Option<&str>,
    height: impl FnOnce() -> i32,
) -> Change {
    match (before, Ends::of(rows)) {
        // The list was empty: this is the beginning of a conversation, or its history.
        (None, Some(_)) => Change::New {
            own: true,
            others: 0,
        },
        (Some(before), Some(now)) if before.last != now.last => Change::New {
            own: said == Some(now.last.as_str()),
            others: others_after(rows, &before.last),
        },
        (Some(before), Some(now)) if before.first != now.first => {
            Change::Earlier { height: height() }
        }
        (None | Some(_), _) => Change::None,
    }
}

/// How many rows after the one with this key came from others.
fn others_after(rows: &[Row], key: &str) -> u32 {
    let after = rows.iter().skip_while(|row| row.entry.key != key).skip(1);
    let others = after.filter(|row| row.entry.author != Author::Visitor);
    u32::try_from(others.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::widget::rows::tests::{entry, rows_of};

    fn list(authors: &[(&str, Author)]) -> Vec<Row> {
        rows_of(authors.iter().map(|(key, author)| entry(key, *author, 0)))
    }

    const BOT: Author = Author::Bot;
    const ME: Author = Author::Visitor;

    fn change(before: &[(&str, Author)], now: &[(&str, Author)], said: Option<&str>) -> Change {
        between(Ends::of(&list(before)).as_ref(), &list(now), said, || 480)
    }

    #[test]
    fn a_conversation_that_begins_shows_its_end() {
        let to_end = Change::New {
            own: true,
            others: 0,
        };
        assert_eq!(change(&[], &[("1", BOT)], None), to_end);
        assert_eq!(change(&[], &[], None), Change::None);
    }

    #[test]
    fn what_others_say_is_counted_and_what_is_said_here_is_known() {
        let before = [("1", BOT)];
        let now = [("1", BOT), ("2", ME), ("3", BOT), ("4", BOT)];
        let others = |own, others| Change::New { own, others };
        assert_eq!(change(&before, &now, None), others(false, 2));
        assert_eq!(change(&before, &now[..2], Some("2")), others(true, 0));
        assert_eq!(
            change(&before, &now[..2], None),
            others(false, 0),
            "in another window"
        );
    }

    #[test]
    fn earlier_messages_are_told_from_new_ones() {
        let before = [("2", BOT)];
        let earlier = Change::Earlier { height: 480 };
        assert_eq!(change(&before, &[("1", ME), ("2", BOT)], None), earlier);
        assert_eq!(change(&before, &before, None), Change::None);
    }

    #[test]
    fn two_changes_before_a_frame_are_both_settled() {
        let new = |own, others| Change::New { own, others };
        assert_eq!(new(true, 0).then(new(false, 2)), new(true, 2));
        assert_eq!(new(false, 1).then(Change::None), new(false, 1));
        let earlier = Change::Earlier { height: 1 };
        assert_eq!(Change::None.then(earlier), earlier);
    }
}
