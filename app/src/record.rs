//! The conversation as a text that a visitor keeps: who said what, when, by whose clock.
//!
//! In the path: `transport/whole.rs` has read all of it and saves what [`write`] makes of it.
//!
//! Pure: the caller knows the clock and the zone.

use protocol::content::{Action, Content};
use protocol::timestamp;
use protocol::transcript::{Author, Delivery, Entry};

use crate::text::{Message, Texts};

/// Who spoke, where and when.
pub(crate) struct Heading<'a> {
    pub(crate) bot: &'a str,
    pub(crate) texts: &'a Texts,
    pub(crate) now_ms: u64,
    /// The visitor's zone by its name, where the browser knows it.
    pub(crate) zone: Option<&'a str>,
    /// The oldest message is the first that was ever said.
    pub(crate) whole: bool,
}

/// Writes it. `offset` gives the minutes east of UTC at a moment, where the visitor is.
pub(crate) fn write(about: &Heading<'_>, rows: &[Entry], offset: impl Fn(u64) -> i64) -> String {
    let texts = about.texts;
    let local = |at_ms: u64| local(at_ms, offset(at_ms));
    let distance = utc(offset(about.now_ms));
    let zone = match about.zone {
        Some(zone) => [zone, " (", &distance, ")"].concat(),
        None => distance,
    };
    let mut out = String::new();
    let mut line = |parts: &[&str]| {
        out.extend(parts.iter().copied());
        out.push('\n');
    };
    line(&[texts.say(Message::ConversationWith)]);
    line(&[texts.say(Message::SavedAt), " ", &local(about.now_ms)]);
    line(&[texts.say(Message::TimeZone), " ", &zone]);
    line(&[]);
    if !about.whole {
        line(&[texts.say(Message::NotWhole)]);
        line(&[]);
    }
    for row in rows {
        let who = match row.author {
            Author::Bot => Some(row.agent.as_deref().unwrap_or(about.bot)),
            Author::Visitor => Some(texts.say(Message::You)),
            Author::System => None,
        };
        let mark = match row.delivery {
            Delivery::Failed | Delivery::Sending => Some(Message::NotSent),
            Delivery::Stopped => Some(Message::Stopped),
            _ => None,
        };
        let mark = mark.map_or_else(String::new, |mark| [" (", texts.say(mark), ")"].concat());
        let who = who.map_or_else(String::new, |who| [who, &mark, ": "].concat());
        // What goes on in a further line stands below its first, so that no text looks like somebody's next word.
        let words = words(row).replace('\n', "\n    ");
        line(&[&local(row.at_ms), "  ", &who, words.trim_end()]);
    }
    out
}

/// What a row says, with what it offers.
fn words(row: &Entry) -> String {
    let mut words = row.content.spoken();
    match &row.content {
        Content::Image { url, .. } | Content::Link { url, .. } => add(&mut words, &["<", url, ">"]),
        _ => {}
    }
    for button in row.content.buttons() {
        add(&mut words, &["[", &button.title, "]"]);
        if let Action::Open { url } = &button.action {
            words.push_str(&[" <", url, ">"].concat());
        }
    }
    words
}

fn add(words: &mut String, parts: &[&str]) {
    if !words.is_empty() {
        words.push('\n');
    }
    words.extend(parts.iter().copied());
}

/// `2026-11-21 18:24`.
fn local(at_ms: u64, offset_minutes: i64) -> String {
    let shift = offset_minutes.saturating_mul(60_000);
    let iso = timestamp::to_iso(at_ms.saturating_add_signed(shift));
    iso.get(..16).unwrap_or(&iso).replace('T', " ")
}

/// `UTC+05:30`.
fn utc(offset_minutes: i64) -> String {
    let sign = if offset_minutes < 0 { '-' } else { '+' };
    let minutes = offset_minutes.unsigned_abs();
    format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::text::Language;
    use protocol::content::Button;

    /// 2026-11-21 23:50 UTC.
    const LATE: u64 = 1_795_305_000_000;

    fn row(author: Author, content: Content, delivery: Delivery) -> Entry {
        Entry {
            key: String::new(),
            author,
            at_ms: LATE,
            content,
            delivery,
            seq: None,
            behind: None,
            message_id: None,
            agent: None,
        }
    }

    #[test]
    fn it_names_everybody_the_local_times_and_their_zone() {
        let texts = Language::English.texts().naming("Ada");
        let about = Heading {
            bot: "Ada",
            texts: &texts,
            now_ms: LATE,
            zone: Some("Asia/Kolkata"),
            whole: false,
        };
        let offer = Content::Buttons {
            text: "**Pick** one".into(),
            buttons: vec![Button {
                title: "Read".into(),
                action: Action::Open {
                    url: "https://a.test/".into(),
                },
                image: None,
            }],
        };
        let rows = [
            row(
                Author::Visitor,
                Content::said("*two*\nlines"),
                Delivery::Failed,
            ),
            row(Author::Bot, offer, Delivery::Sent),
            row(Author::Bot, Content::text("half"), Delivery::Stopped),
            row(
                Author::System,
                Content::System {
                    text: "An agent joined".into(),
                },
                Delivery::Sent,
            ),
            Entry {
                agent: Some("Ann".into()),
                ..row(Author::Bot, Content::text("Hello"), Delivery::Sent)
            },
        ];
        let text = write(&about, &rows, |_| 330);
        let expected = "Conversation with Ada\n\
            Saved: 2026-11-22 05:20\n\
            Time zone: Asia/Kolkata (UTC+05:30)\n\
            \n\
            Earlier messages are missing here.\n\
            \n\
            2026-11-22 05:20  You (Not sent): *two*\n    lines\n\
            2026-11-22 05:20  Ada: Pick one\n    [Read] <https://a.test/>\n\
            2026-11-22 05:20  Ada (Stopped): half\n\
            2026-11-22 05:20  An agent joined\n\
            2026-11-22 05:20  Ann: Hello\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn each_time_is_told_by_the_offset_of_its_own_day() {
        assert_eq!(local(LATE, -210), "2026-11-21 20:20");
        assert_eq!(
            (utc(-210), utc(0)),
            ("UTC-03:30".into(), "UTC+00:00".into())
        );
    }
}
