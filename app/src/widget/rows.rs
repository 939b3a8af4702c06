//! From the list of messages to the rows on screen: who joins whom, where a day begins.
//!
//! Pure: the same entries give the same rows on the server and in the browser's first render.
//! A row never changes; when something about it does, its key does, and the list replaces it. Only an answer that
//! grows keeps its key, and its place on the page, until it is whole.

use protocol::content::Content;
#[cfg(any(target_arch = "wasm32", test))]
use protocol::transcript::Delivery;
use protocol::transcript::{Author, Entry};

/// Messages of one author within this time stand together.
const GROUP_MS: u64 = 5 * 60 * 1000;

/// One message with what its neighbours make of it.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four facts, each with its own class; no two of them make a state"
)]
pub(super) struct Row<'a> {
    pub(super) entry: &'a Entry,
    /// It continues the group of the row before.
    pub(super) joined: bool,
    /// A day begins with it.
    pub(super) day: bool,
    /// It is the first that the visitor has not seen.
    pub(super) news: bool,
    /// Somebody else answers from here on.
    pub(super) turn: Option<Turn<'a>>,
    /// How its choices stand, if it offers some.
    pub(super) offer: Offer<'a>,
    /// It has just come: it may move.
    pub(super) fresh: bool,
}

/// Who comes or goes before a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn<'a> {
    /// This person answers.
    To(&'a str),
    /// The bot answers again, after this person.
    From(&'a str),
}

/// How the choices of a row stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer<'a> {
    /// The visitor said this next.
    Answered(&'a str),
    /// They can be made, or there are none.
    Open,
    /// Quick replies, and the bot has offered others since, as with a second greeting: those are meant.
    Over,
}

impl Row<'_> {
    /// Everything that shows. Two rows with one key look the same, unless one of them grows.
    #[cfg(any(target_arch = "wasm32", test))]
    pub(super) fn key(&self) -> String {
        let flag = |set: bool, letter: &'static str| if set { letter } else { "" };
        let delivery = match self.entry.delivery {
            Delivery::Sending => "s",
            Delivery::Delivered => "g",
            Delivery::Read => "r",
            Delivery::Growing | Delivery::Sent | Delivery::Stopped => "",
            Delivery::Failed => "f",
        };
        let answer = match self.offer {
            Offer::Answered(answer) => answer,
            Offer::Open | Offer::Over => "",
        };
        let turn = match self.turn {
            Some(Turn::To(agent) | Turn::From(agent)) => agent,
            None => "",
        };
        let flags = [
            turn,
            flag(self.joined, "j"),
            flag(self.day, "d"),
            flag(self.news, "n"),
            flag(self.offer == Offer::Over, "o"),
            delivery,
        ]
        .concat();
        [&self.entry.key, "/", &flags, "/", answer].concat()
    }
}

/// The rows of `entries`. `day_of` gives the day of a moment, in the visitor's time zone once it is known.
pub(super) fn rows<'a>(
    entries: &'a [Entry],
    unread_from: Option<&str>,
    day_of: impl Fn(u64) -> i64,
) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::with_capacity(entries.len());
    let mut before: Option<(&Entry, i64)> = None;
    let mut speaker: Option<&str> = None;
    for entry in entries {
        let today = day_of(entry.at_ms);
        let day = before.is_none_or(|(_, day)| day != today);
        let news = unread_from == Some(entry.key.as_str());
        let agent = entry.agent.as_deref();
        let mut turn = None;
        if entry.author == Author::Bot && agent != speaker {
            turn = agent.map(Turn::To).or(speaker.map(Turn::From));
            speaker = agent;
        }
        let joined = !day
            && !news
            && turn.is_none()
            && entry.author != Author::System
            && before.is_some_and(|(before, _)| {
                before.author == entry.author && entry.at_ms.saturating_sub(before.at_ms) < GROUP_MS
            });
        rows.push(Row {
            entry,
            joined,
            day,
            news,
            turn,
            offer: Offer::Open,
            fresh: false,
        });
        before = Some((entry, today));
    }
    // From the end, because an answer stands after its question.
    let mut answer = None;
    let mut others = false;
    for row in rows.iter_mut().rev() {
        let content = &row.entry.content;
        if row.entry.author == Author::Visitor {
            answer = Some(content.plain_text());
        }
        let replies = matches!(content, Content::QuickReplies { .. });
        row.offer = match answer {
            Some(answer) if !content.buttons().is_empty() => Offer::Answered(answer),
            None if replies && others => Offer::Over,
            _ => Offer::Open,
        };
        others |= replies;
    }
    rows
}

/// Marks what was added at the end since `last` (the key of the newest entry before), and tells how many
/// of them somebody else said.
#[cfg(any(target_arch = "wasm32", test))]
pub(super) fn mark_fresh(rows: &mut [Row<'_>], last: &str) -> u32 {
    let mut others = 0;
    let mut seen = false;
    for row in rows {
        row.fresh = seen;
        others += u32::from(seen && row.entry.author != Author::Visitor);
        seen |= row.entry.key == last;
    }
    others
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::content::{Action, Button};

    const MINUTE: u64 = 60_000;

    fn entry(key: &str, author: Author, at_ms: u64) -> Entry {
        Entry {
            key: key.to_owned(),
            author,
            at_ms,
            content: Content::text(format!("text of {key}")),
            delivery: Delivery::Sent,
            seq: None,
            behind: None,
            message_id: None,
            agent: None,
        }
    }

    fn utc_day(at_ms: u64) -> i64 {
        i64::try_from(at_ms / 86_400_000).unwrap()
    }

    fn joined(entries: &[Entry]) -> Vec<bool> {
        rows(entries, None, utc_day)
            .iter()
            .map(|row| row.joined)
            .collect()
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
        let all = rows(&list, None, utc_day);
        let turns: Vec<_> = all.iter().map(|row| row.turn).collect();
        let (to_ann, to_bob) = (Some(Turn::To("Ann")), Some(Turn::To("Bob")));
        let from_bob = Some(Turn::From("Bob"));
        assert_eq!(
            turns,
            [None, to_ann, None, None, to_bob, None, None, from_bob]
        );
        let joined: Vec<_> = all.iter().map(|row| row.joined).collect();
        let sixth = [false, false, false, false, false, true, false, false];
        assert_eq!(joined, sixth);
        // Older messages come, and she was there before.
        assert_ne!(rows(&list[3..4], None, utc_day)[0].key(), all[3].key());
    }

    #[test]
    fn a_new_day_and_the_unread_line_begin_a_group() {
        let midnight = 86_400_000;
        let list = [
            entry("1", Author::Bot, midnight - 2),
            entry("2", Author::Bot, midnight - 1),
            entry("3", Author::Bot, midnight),
        ];
        let rows = rows(&list, Some("2"), utc_day);
        assert_eq!(
            rows.iter().map(|row| row.day).collect::<Vec<_>>(),
            [true, false, true]
        );
        assert_eq!(
            rows.iter().map(|row| row.news).collect::<Vec<_>>(),
            [false, true, false]
        );
        assert!(rows.iter().all(|row| !row.joined));
    }

    #[test]
    fn an_offer_knows_how_it_was_answered_and_its_row_is_replaced_then() {
        let mut offer = entry("1", Author::Bot, 0);
        let yes = Button {
            title: "Yes".into(),
            action: Action::Post {
                payload: "Y".into(),
            },
            image: None,
        };
        offer.content = Content::QuickReplies {
            text: "Sure?".into(),
            replies: vec![yes],
        };
        let before = rows(std::slice::from_ref(&offer), None, utc_day);
        assert_eq!(before[0].offer, Offer::Open);
        let mut reply = entry("2", Author::Visitor, 1);
        reply.content = Content::said("Yes");
        let list = [offer.clone(), reply];
        let after = rows(&list, None, utc_day);
        assert_eq!(after[0].offer, Offer::Answered("Yes"));
        assert_ne!(before[0].key(), after[0].key());
        assert_eq!(after[1].offer, Offer::Open);
    }

    #[test]
    fn of_two_greetings_only_the_last_can_be_answered() {
        let greeting = |key: &str, at_ms| Entry {
            content: Content::QuickReplies {
                text: "Hello".into(),
                replies: vec![Button {
                    title: "Hi".into(),
                    action: Action::Post {
                        payload: "hi".into(),
                    },
                    image: None,
                }],
            },
            ..entry(key, Author::Bot, at_ms)
        };
        let mut list = vec![greeting("1", 0), greeting("2", 1)];
        let offers = |list: &[Entry]| -> Vec<String> {
            let rows = rows(list, None, utc_day);
            rows.iter().map(|row| format!("{:?}", row.offer)).collect()
        };
        let alone = rows(&list[..1], None, utc_day)[0].key();
        assert_eq!(offers(&list), ["Over", "Open"]);
        assert_ne!(
            rows(&list, None, utc_day)[0].key(),
            alone,
            "it is drawn anew"
        );
        list.push(entry("3", Author::Visitor, 2));
        let answered = r#"Answered("text of 3")"#;
        assert_eq!(offers(&list), [answered, answered, "Open"]);
    }

    #[test]
    fn only_what_comes_after_the_newest_is_fresh() {
        let list = [
            entry("1", Author::Bot, 0),
            entry("2", Author::Visitor, 1),
            entry("3", Author::Bot, 2),
        ];
        let mut all = rows(&list, None, utc_day);
        assert!(all.iter().all(|row| !row.fresh));
        assert_eq!(mark_fresh(&mut all, "1"), 1);
        assert_eq!(
            all.iter().map(|row| row.fresh).collect::<Vec<_>>(),
            [false, true, true]
        );
        assert_eq!(mark_fresh(&mut all, "3"), 0);
    }
}
