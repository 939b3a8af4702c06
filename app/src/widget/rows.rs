//! Makes the rows on screen from the list of messages: groups, the beginning of days, and times.
//!
//! This is pure: the same entries give the same rows on the server and in hydration. A row keeps its element as long as
//! its message is shown. What may change about it is a signal, which [`update`] sets when it does.

use super::when::{Day, Now, Time};
use crate::chat::in_order;
use leptos::prelude::*;
use protocol::content::Content;
use protocol::transcript::{Author, Entry};
use std::sync::Arc;

/// Messages of one author within this time stand together.
const GROUP_MS: u64 = 5 * 60 * 1000;

/// One message with what follows from its neighbours and the clock.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) entry: Arc<Entry>,
    /// It continues the group of the row before.
    pub(super) joined: bool,
    /// The day that begins with it, if one does.
    pub(super) day: Option<Day>,
    /// It is the first message that the visitor has not seen.
    pub(super) unread: bool,
    /// Somebody else answers from here on.
    pub(super) hand_over: Option<HandOver>,
    /// The state of its choices, if it offers some.
    pub(super) offer: Offer,
    /// Its time.
    pub(super) time: Time,
}

/// Who comes or goes before a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HandOver {
    /// This person answers.
    To(String),
    /// The bot answers again, after this person.
    From(String),
}

/// The state of the choices of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// The visitor said this after it.
    Answered {
        /// The words that were shown.
        text: String,
        /// The payload that the bot got, if it is known and differs.
        payload: Option<String>,
    },
    /// They can be chosen, or there are none.
    Open,
    /// They are quick replies, and the bot has offered others since, for example with a second greeting.
    Over,
}

impl Offer {
    /// Whether the visitor has chosen the button of this title and payload.
    pub(super) fn is_for(&self, title: &str, payload: &str) -> bool {
        match self {
            Self::Answered {
                payload: Some(chosen),
                ..
            } => chosen == payload,
            Self::Answered { text, .. } => text == title,
            Self::Open | Self::Over => false,
        }
    }
}

/// A row in the list: its key, and what may change about it.
#[derive(Clone)]
pub(super) struct KeyedRow {
    pub(super) key: String,
    pub(super) row: ArcRwSignal<Row>,
    /// It came while the list was there, so it may be animated.
    pub(super) is_new: bool,
}

/// The rows as a new list, none of them marked as new.
pub(super) fn keyed(rows: Vec<Row>) -> Vec<KeyedRow> {
    update(&[], rows, None)
}

/// The list for these rows. A row that was in it keeps its signal, which is set if something has changed. A row behind
/// `newest`, the key of the last row before, is new.
pub(super) fn update(before: &[KeyedRow], rows: Vec<Row>, newest: Option<&str>) -> Vec<KeyedRow> {
    let mut find = in_order(before, |keyed: &KeyedRow| &keyed.key);
    let mut is_new = false;
    let mut list = Vec::with_capacity(rows.len());
    for row in rows {
        let key = &row.entry.key;
        let is_newest = newest == Some(key.as_str());
        list.push(match find(key) {
            Some(known) => {
                if known.row.with_untracked(|now| *now != row) {
                    known.row.set(row);
                }
                known.clone()
            }
            None => KeyedRow {
                key: key.clone(),
                row: ArcRwSignal::new(row),
                is_new,
            },
        });
        is_new |= is_newest;
    }
    list
}

/// The rows of `entries`, with their times at this moment.
pub(super) fn rows(entries: &[Arc<Entry>], unread_from: Option<&str>, now: Now) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::with_capacity(entries.len());
    let mut before: Option<(&Entry, i64)> = None;
    let mut speaker: Option<&str> = None;
    for entry in entries {
        let today = now.day_of(entry.at_ms);
        let begins_day = before.is_none_or(|(_, day)| day != today);
        let unread = unread_from == Some(entry.key.as_str());
        let agent = entry.agent.as_deref();
        let mut hand_over = None;
        if entry.author == Author::Bot && agent != speaker {
            let from = speaker.map(|speaker| HandOver::From(speaker.to_owned()));
            hand_over = agent.map(|agent| HandOver::To(agent.to_owned())).or(from);
            speaker = agent;
        }
        let joined = !begins_day
            && !unread
            && hand_over.is_none()
            && entry.author != Author::System
            && before.is_some_and(|(before, _)| {
                before.author == entry.author && entry.at_ms.saturating_sub(before.at_ms) < GROUP_MS
            });
        rows.push(Row {
            entry: Arc::clone(entry),
            joined,
            day: begins_day.then(|| now.day(entry.at_ms)),
            unread,
            hand_over,
            offer: Offer::Open,
            time: now.time(entry.at_ms),
        });
        before = Some((entry, today));
    }
    settle_offers(&mut rows);
    rows
}

/// It goes from the end, because an answer stands after its question.
fn settle_offers(rows: &mut [Row]) {
    let mut answer: Option<Arc<Entry>> = None;
    let mut others = false;
    for row in rows.iter_mut().rev() {
        let content = &row.entry.content;
        let replies = matches!(content, Content::QuickReplies { .. });
        row.offer = match &answer {
            Some(answer) if offers_something(content) => answered(&answer.content),
            None if replies && others => Offer::Over,
            _ => Offer::Open,
        };
        others |= replies;
        if row.entry.author == Author::Visitor {
            answer = Some(Arc::clone(&row.entry));
        }
    }
}

/// Whether there is something to choose or to fill in. What a template offers, only its part of the wasm knows.
fn offers_something(content: &Content) -> bool {
    !content.buttons().is_empty() || matches!(content, Content::Template(_))
}

/// The answer that this message is.
fn answered(content: &Content) -> Offer {
    let payload = match content {
        Content::Said { payload, .. } => payload.clone(),
        _ => None,
    };
    Offer::Answered {
        text: content.plain_text().to_owned(),
        payload,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use protocol::content::{Action, Button};
    use protocol::transcript::Delivery;

    const MINUTE: u64 = 60_000;

    pub(in crate::widget) fn entry(key: &str, author: Author, at_ms: u64) -> Entry {
        let text = format!("text of {key}");
        Entry {
            key: key.to_owned(),
            author,
            at_ms,
            content: match author {
                Author::Visitor => Content::said(&text),
                Author::Bot | Author::System => Content::text(text),
            },
            delivery: Delivery::Sent,
            seq: None,
            behind: None,
            message_id: None,
            agent: None,
        }
    }

    pub(in crate::widget) fn rows_of(entries: impl IntoIterator<Item = Entry>) -> Vec<Row> {
        rows_since(entries, None)
    }

    fn rows_since(entries: impl IntoIterator<Item = Entry>, unread_from: Option<&str>) -> Vec<Row> {
        let entries: Vec<_> = entries.into_iter().map(Arc::new).collect();
        rows(&entries, unread_from, Now::rendered_at(0))
    }

    fn joined(entries: &[Entry]) -> Vec<bool> {
        let rows = rows_of(entries.to_vec());
        rows.iter().map(|row| row.joined).collect()
    }

    #[test]
    fn messages_of_one_author_within_five_minutes_stand_together() {
        let list = [
            entry("1", Author::Bot, 0),
            entry("2", Author::Bot, 4 * MINUTE),
            entry("3", Author::Visitor, 5 * MINUTE),
            entry("4", Author::Visitor, 10 * MINUTE),
        ];
        assert_eq!(joined(&list), [false, true, false, false]);
    }

    #[test]
    fn a_notice_that_nobody_said_stands_alone() {
        let list = [
            entry("1", Author::System, 0),
            entry("2", Author::System, 1),
            entry("3", Author::Bot, 2),
        ];
        assert_eq!(joined(&list), [false, false, false]);
    }

    #[test]
    fn who_comes_and_who_goes_stands_between_their_rows_and_not_the_visitors() {
        let by = |key: &str, agent: Option<&str>| Entry {
            agent: agent.map(str::to_owned),
            ..entry(key, Author::Bot, 0)
        };
        let list = [
            by("1", None),
            by("2", Some("Ann")),
            entry("3", Author::Visitor, 0),
            by("4", Some("Ann")),
            by("5", Some("Bob")),
            by("6", Some("Bob")),
            entry("7", Author::Visitor, 0),
            by("8", None),
        ];
        let all = rows_of(list);
        let hand_overs: Vec<_> = all.iter().map(|row| row.hand_over.clone()).collect();
        let to = |name: &str| Some(HandOver::To(name.to_owned()));
        let from_bob = Some(HandOver::From("Bob".to_owned()));
        assert_eq!(
            hand_overs,
            [None, to("Ann"), None, None, to("Bob"), None, None, from_bob]
        );
        let joined: Vec<_> = all.iter().map(|row| row.joined).collect();
        let sixth = [false, false, false, false, false, true, false, false];
        assert_eq!(joined, sixth);
    }

    #[test]
    fn a_new_day_and_the_unread_line_begin_a_group() {
        let midnight = 86_400_000;
        let list = [
            entry("1", Author::Bot, midnight - 2),
            entry("2", Author::Bot, midnight - 1),
            entry("3", Author::Bot, midnight),
        ];
        let rows = rows_since(list, Some("2"));
        let begins_day = rows.iter().map(|row| row.day.is_some());
        assert_eq!(begins_day.collect::<Vec<_>>(), [true, false, true]);
        let unread = rows.iter().map(|row| row.unread);
        assert_eq!(unread.collect::<Vec<_>>(), [false, true, false]);
        assert!(rows.iter().all(|row| !row.joined));
    }

    fn replies(key: &str, title: &str, payload: &str) -> Entry {
        let action = Action::Post {
            payload: payload.into(),
        };
        Entry {
            content: Content::QuickReplies {
                text: "Sure?".into(),
                replies: vec![Button {
                    title: title.into(),
                    action,
                    image: None,
                }],
            },
            ..entry(key, Author::Bot, 0)
        }
    }

    #[test]
    fn an_offer_knows_how_it_was_answered() {
        let offer = replies("1", "Yes", "Y");
        assert_eq!(rows_of([offer.clone()])[0].offer, Offer::Open);
        let said = Entry {
            content: Content::said("Yes"),
            ..entry("2", Author::Visitor, 1)
        };
        let rows = rows_of([offer, said]);
        assert!(rows[0].offer.is_for("Yes", "Y"));
        assert!(!rows[0].offer.is_for("No", "N"));
        assert_eq!(rows[1].offer, Offer::Open);
    }

    #[test]
    fn of_two_buttons_of_one_title_the_one_is_chosen_whose_payload_was_sent() {
        let offer = Offer::Answered {
            text: "More".into(),
            payload: Some("more-2".into()),
        };
        assert!(offer.is_for("More", "more-2"));
        assert!(!offer.is_for("More", "more-1"));
    }

    #[test]
    fn of_two_greetings_only_the_last_can_be_answered() {
        let mut list = vec![replies("1", "Hi", "hi"), replies("2", "Hi", "hi")];
        let offers = |list: &[Entry]| -> Vec<Offer> {
            let rows = rows_of(list.to_vec());
            rows.into_iter().map(|row| row.offer).collect()
        };
        assert_eq!(offers(&list), [Offer::Over, Offer::Open]);
        list.push(entry("3", Author::Visitor, 2));
        let answered = answered(&list[2].content);
        assert_eq!(offers(&list), [answered.clone(), answered, Offer::Open]);
    }

    #[test]
    fn a_row_stays_itself_whatever_happens_around_it() {
        let mut list = vec![entry("1", Author::Bot, 0), entry("2", Author::Bot, 1)];
        let before = keyed(rows_of(list.clone()));
        assert!(before.iter().all(|row| !row.is_new));
        list.insert(0, entry("0", Author::Bot, 0));
        list.push(entry("3", Author::Visitor, 2));
        list[2].delivery = Delivery::Stopped;
        let after = update(&before, rows_of(list), Some("2"));
        let keys: Vec<_> = after.iter().map(|row| row.key.as_str()).collect();
        assert_eq!(keys, ["0", "1", "2", "3"]);
        let is_new: Vec<_> = after.iter().map(|row| row.is_new).collect();
        assert_eq!(is_new, [false, false, false, true]);
        // The signals are the same as before, and report what changed.
        assert!(before[0].row.with_untracked(|row| row.joined));
        let stopped = before[1].row.with_untracked(|row| row.entry.delivery);
        assert_eq!(stopped, Delivery::Stopped);
    }
}
