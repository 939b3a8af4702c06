//! What comes late or by another way than usual: told by hand, frame by frame, to a session and what it wants done.

use protocol::content::Content;
use protocol::error::Failure;
use protocol::message::UserBody;
use protocol::session::{
    Attempt, Connection, Effect, Event, Moment, NewestPage, Session, Settings, Timer,
};
use protocol::transcript::{Author, Delivery, Entry};

const NOW: u64 = 1_000_000;

/// A session whose steps of connecting work at once, but for its history: the test answers that.
struct Harness {
    session: Session,
    attempt: Attempt,
    arrived: Vec<String>,
    sent: Vec<String>,
    /// Histories that were asked for and not answered.
    asked: usize,
    /// What the other tabs hear.
    words: Vec<String>,
}

impl Harness {
    /// `cursor` as the page gives it; `None` on a platform that does not count.
    fn online(cursor: Option<u64>) -> Self {
        let mut harness = Self::new(cursor);
        harness.handle(Event::Start);
        if cursor.is_none() {
            // The page before the socket; the one after it is the test's.
            harness.history(Vec::new(), None);
        }
        assert_eq!(harness.session.connection(), Connection::Online);
        harness
    }

    fn new(cursor: Option<u64>) -> Self {
        Self {
            session: Session::new(Settings {
                cursor,
                ..Settings::default()
            }),
            attempt: Attempt::default(),
            arrived: Vec::new(),
            sent: Vec::new(),
            asked: 0,
            words: Vec::new(),
        }
    }

    fn handle(&mut self, event: Event) {
        let at = Moment {
            now_ms: NOW,
            entropy: 0,
        };
        for effect in self.session.handle(at, event) {
            match effect {
                Effect::Arrived { key } => self.arrived.push(key),
                Effect::Grant(attempt) => self.handle(Event::Granted(attempt, None)),
                Effect::Start(attempt) => self.handle(Event::Started(attempt, "ws://h?s=1".into())),
                Effect::Open(attempt, _) => {
                    self.attempt = attempt;
                    self.handle(Event::SocketOpened(attempt));
                }
                Effect::LoadHistory(attempt) => {
                    self.attempt = attempt;
                    self.asked += 1;
                }
                Effect::Send(text) => self.sent.push(text),
                Effect::Tell(word) => self.words.push(word),
                _ => {}
            }
        }
    }

    fn hear(&mut self, frame: &str) {
        self.handle(Event::Text(self.attempt, frame.to_owned()));
    }

    fn say(&mut self, id: u64) {
        let body = UserBody::text("hello");
        self.handle(Event::Said { id, body });
    }

    fn history(&mut self, entries: Vec<Entry>, last_seq: Option<u64>) {
        let page = NewestPage { entries, last_seq };
        self.handle(Event::HistoryLoaded(self.attempt, page));
    }

    fn drop(&mut self) {
        self.handle(Event::SocketClosed(self.attempt, 1006));
    }

    fn keys(&self) -> Vec<&str> {
        let rows = self.session.transcript().entries().iter();
        rows.map(|row| row.key.as_str()).collect()
    }
}

fn bot(number: u64, seq: Option<u64>, at_ms: u64) -> Entry {
    Entry {
        key: format!("ms-{number}"),
        author: Author::Bot,
        at_ms,
        content: Content::text(number.to_string()),
        delivery: Delivery::Sent,
        seq,
        behind: None,
        message_id: Some(format!("ms-{number}")),
        agent: None,
    }
}

fn bot_says(number: u64, created: &str) -> String {
    format!(
        r#"{{"type":"bot_response","messageId":"ms-{number}","createdOn":"{created}","message":[{{"type":"text","component":{{"type":"text","payload":{{"text":"{number}"}}}}}}]}}"#
    )
}

const RESYNC: &str = r#"{"type":"resync"}"#;

#[test]
fn a_page_that_comes_after_the_socket_is_gone_leaves_no_gap() {
    let mut harness = Harness::online(Some(0));
    harness.handle(Event::OlderLoaded(
        (1..=3).map(|n| bot(n, Some(n), n)).collect(),
    ));
    harness.hear(RESYNC);
    harness.drop();
    assert_eq!(harness.session.connection(), Connection::Reconnecting);
    harness.history((300..=302).map(|n| bot(n, Some(n), n)).collect(), Some(302));
    assert_eq!(harness.keys(), ["ms-300", "ms-301", "ms-302"]);
}

#[test]
fn a_history_refused_after_the_socket_is_gone_stops_nothing() {
    let mut harness = Harness::online(None);
    assert_eq!(harness.asked, 2);
    harness.drop();
    harness.handle(Event::StepFailed(harness.attempt, Failure::Refused));
    assert_eq!(harness.session.connection(), Connection::Reconnecting);
    harness.handle(Event::Fired(Timer::BackOff));
    assert_eq!(harness.session.connection(), Connection::Online);
}

#[test]
fn frames_of_a_platform_that_does_not_count_stand_as_they_come_whatever_the_clocks_say() {
    let mut harness = Harness::online(None);
    harness.history(Vec::new(), None);
    harness.hear(&bot_says(1, "1970-01-01T00:00:01.000Z"));
    harness.say(NOW);
    harness.hear(&format!(r#"{{"ok":true,"type":"ack","replyto":{NOW}}}"#));
    harness.hear(&bot_says(2, "1970-01-01T00:00:02.000Z"));
    assert_eq!(harness.keys(), ["ms-1", &format!("own-{NOW}"), "ms-2"]);
}

#[test]
fn what_came_meanwhile_is_told_also_when_a_page_brings_it() {
    let mut harness = Harness::online(None);
    harness.history(vec![bot(1, None, 1)], None);
    assert!(harness.arrived.is_empty(), "{:?}", harness.arrived);
    harness.drop();
    harness.handle(Event::Fired(Timer::BackOff));
    harness.history(
        vec![bot(1, None, 1), bot(2, None, 2), bot(3, None, 3)],
        None,
    );
    assert_eq!(harness.arrived, ["ms-2", "ms-3"]);
}

#[test]
fn a_refused_message_does_not_hold_up_the_next_ones() {
    let mut harness = Harness::online(Some(0));
    for id in 1..=2 {
        harness.say(id);
    }
    let refused = |id: u64, code: u64| {
        format!(r#"{{"type":"error","replyto":{id},"errors":[{{"msg":"No.","code":{code}}}]}}"#)
    };
    harness.hear(&refused(1, 503));
    harness.hear(&refused(2, 503));
    harness.handle(Event::Fired(Timer::Ack));
    assert_eq!(harness.sent.len(), 3, "one at a time from now on");
    harness.hear(&refused(1, 40001));
    assert_eq!(harness.sent.len(), 4);
    assert!(harness.sent[3].contains(r#""clientMessageId":2"#));
}

#[test]
fn a_message_that_somebody_has_read_is_not_sent_again() {
    let mut harness = Harness::online(None);
    harness.say(7);
    let unsent = harness.session.outbox().to_vec();
    harness.hear(r#"{"ok":true,"type":"ack","replyto":7}"#);
    harness.hear(r#"{"type":"events","message":{"type":"message_read","clientMessageId":7}}"#);
    let sent = harness.sent.len();
    harness.handle(Event::Kept(unsent));
    assert_eq!(harness.sent.len(), sent);
    assert!(harness.session.outbox().is_empty());
}

#[test]
fn a_tab_that_follows_hears_of_marks_and_of_what_its_leader_missed() {
    let mut leader = Harness::online(None);
    leader.history(Vec::new(), None);
    let mut follower = Harness::new(None);
    follower.handle(Event::Start);
    follower.handle(Event::Follow);
    follower.history(Vec::new(), None);
    let asked = follower.asked;
    let exchange = |leader: &mut Harness, follower: &mut Harness| {
        while !(leader.words.is_empty() && follower.words.is_empty()) {
            for word in std::mem::take(&mut follower.words) {
                leader.handle(Event::Heard(word));
            }
            for word in std::mem::take(&mut leader.words) {
                follower.handle(Event::Heard(word));
            }
        }
    };
    exchange(&mut leader, &mut follower);
    leader.say(7);
    leader.hear(r#"{"ok":true,"type":"ack","replyto":7}"#);
    leader.hear(r#"{"type":"events","message":{"type":"message_read","clientMessageId":7}}"#);
    exchange(&mut leader, &mut follower);
    let row = &follower.session.transcript().entries()[0];
    assert_eq!(row.delivery, Delivery::Read);
    assert_eq!(follower.asked, asked);
    leader.drop();
    exchange(&mut leader, &mut follower);
    leader.handle(Event::Fired(Timer::BackOff));
    exchange(&mut leader, &mut follower);
    assert_eq!(follower.session.connection(), Connection::Online);
    assert_eq!(follower.asked, asked + 1);
}

#[test]
fn an_emoji_cut_between_two_pieces_is_whole_again() {
    let piece = |text: &str, end: bool| {
        format!(
            r#"{{"type":"bot_response","messageId":"ms-1","sM":true,"endChunk":{end},
                "message":[{{"type":"text","component":{{"type":"text","payload":{{"text":"{text}"}}}},
                "cInfo":{{"body":"{text}"}}}}]}}"#
        )
    };
    let mut harness = Harness::online(None);
    harness.history(Vec::new(), None);
    harness.hear(&piece(r"thanks \ud83d", false));
    harness.hear(&piece(r"\ude00 and \ud83d", false));
    harness.hear(&piece(r"\ude01", false));
    harness.hear(&piece(r" or half \ud83d", true));
    let rows = harness.session.transcript().entries();
    let text = "thanks 😀 and 😁 or half \u{fffd}";
    assert_eq!(rows[0].content, Content::text(text));
    assert_eq!(rows.len(), 1);
}

#[test]
fn half_a_character_costs_no_frame() {
    let mut harness = Harness::online(Some(0));
    harness.hear(
        r#"{"type":"bot_response","messageId":"ms-\ud83d","icon":"\ude00","x\ud83d":1,"seq":1,
        "message":[{"type":"text","component":{"type":"text","payload":{"text":"Hi \ud83d"}}}]}"#,
    );
    let rows = harness.session.transcript().entries();
    assert_eq!(rows[0].content, Content::text("Hi \u{fffd}"));
    harness.say(7);
    harness.hear(r#"{"type":"ack","ok":true,"replyto":7,"message":"\ud83d","seq":2}"#);
    assert_eq!(harness.session.outbox().len(), 0);
}
