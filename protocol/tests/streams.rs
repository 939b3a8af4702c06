//! Streamed answers against a wire that loses, doubles and reorders pieces and is cut at any time: every answer is
//! shown once, in its place, and ends as it was stored.

use proptest::prelude::*;
use protocol::reply::{BotMessage, ServerFrame};
use protocol::session::{Attempt, Effect, Event, Moment, Session, Settings};
use protocol::transcript::Delivery;
use serde_json::json;

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    /// The bot says so many letters more; the server tells them.
    Grows(usize),
    /// The server tells all that there is so far, as to a socket that has just come.
    Whole,
    /// The answer is stored and told.
    Stored,
    /// The visitor stops it.
    Stopped,
    /// The bot's turn is run again from its beginning.
    Again,
    /// The next frame arrives; or another that is under way; or the next one twice.
    Arrives,
    Overtakes(usize),
    Twice,
    /// A piece gets lost. (Stored messages never do: the cursor brings them.)
    Lost,
    /// The socket is cut: all that is under way is lost, what was stored comes again.
    Cut,
    /// The watch over what grows runs out.
    Silence,
    /// The visitor says something, which is stored.
    Says,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (0..9_usize).prop_map(Step::Grows),
        2 => Just(Step::Whole),
        3 => Just(Step::Stored),
        1 => Just(Step::Stopped),
        1 => Just(Step::Again),
        10 => Just(Step::Arrives),
        2 => any::<usize>().prop_map(Step::Overtakes),
        2 => Just(Step::Twice),
        2 => Just(Step::Lost),
        2 => Just(Step::Cut),
        1 => Just(Step::Silence),
        2 => Just(Step::Says),
    ]
}

struct World {
    session: Session,
    attempt: Option<Attempt>,
    sent: Vec<String>,
    arrived: Vec<String>,
    /// Frames under way; pieces are `true`.
    wire: Vec<(bool, String)>,
    /// What is stored, in order.
    log: Vec<Stored>,
    streaming: Option<Streaming>,
    answers: usize,
    tries: usize,
}

struct Stored {
    frame: String,
    id: String,
    text: String,
    /// Where it is shown.
    sort_key: (usize, usize),
}

/// The answer that grows.
struct Streaming {
    id: String,
    /// How far it was told.
    sent_bytes: usize,
    text: String,
    /// So much was stored when it began.
    behind: usize,
}

const WORDS: &str = "Größe, *Maß* and 雪 — so on and on. ";

impl World {
    fn new() -> Self {
        let settings = Settings {
            cursor: Some(0),
            ..Settings::default()
        };
        let mut world = Self {
            session: Session::new(settings),
            attempt: None,
            sent: Vec::new(),
            arrived: Vec::new(),
            wire: Vec::new(),
            log: Vec::new(),
            streaming: None,
            answers: 0,
            tries: 0,
        };
        world.handle(Event::Start);
        world
    }

    /// Everything about connecting works at once.
    fn handle(&mut self, event: Event) {
        let at = Moment {
            now_ms: 1_000_000,
            entropy: 0,
        };
        for effect in self.session.handle(at, event) {
            match effect {
                Effect::Arrived { key } => self.arrived.push(key),
                Effect::Grant(attempt) => self.handle(Event::Granted(attempt, None)),
                Effect::Start(attempt) => self.handle(Event::Started(attempt, "ws://h?s=1".into())),
                Effect::Open(attempt, url) => {
                    let after = url.split("after=").nth(1).and_then(|it| it.parse().ok());
                    self.attempt = Some(attempt);
                    self.wire.clear();
                    let missed = self.log.iter().skip(after.unwrap_or(0));
                    self.wire
                        .extend(missed.map(|stored| (false, stored.frame.clone())));
                    self.handle(Event::SocketOpened(attempt));
                }
                Effect::Send(text) => self.sent.push(text),
                _ => {}
            }
        }
    }

    fn tell(&mut self, from: usize) {
        let Some(streaming) = &self.streaming else {
            return;
        };
        let mut piece = BotMessage::text(&streaming.text[from..]);
        piece.behind = Some(streaming.behind as u64);
        let frame = json!({"type": "bot_response", "messageId": streaming.id, "sM": true, "endChunk": false,
            "at": from, "message": [piece]});
        self.wire.push((true, frame.to_string()));
    }

    fn store(&mut self, id: &str, text: &str, behind: Option<usize>, frame: &serde_json::Value) {
        let seq = self.log.len() + 1;
        self.log.push(Stored {
            frame: frame.to_string(),
            id: id.to_owned(),
            text: text.to_owned(),
            sort_key: (behind.unwrap_or(seq), seq),
        });
        self.wire.push((false, frame.to_string()));
    }

    fn store_answer(&mut self, stopped: bool) {
        let Some(streaming) = self.streaming.take() else {
            return;
        };
        let Streaming {
            id, text, behind, ..
        } = streaming;
        let mut message = BotMessage::text(&text);
        message.stopped = stopped.then_some(true);
        message.behind = Some(behind as u64);
        let frame = json!({"type": "bot_response", "messageId": id, "message": [message],
            "seq": self.log.len() + 1});
        // The client trims a text; ours have a word at each end.
        self.store(&id, text.trim(), Some(behind), &frame);
    }

    fn arrive(&mut self, frame: &str) {
        let read = ServerFrame::parse(frame);
        assert!(read.is_some(), "every frame of the server's can be read");
        if let Some(attempt) = self.attempt {
            self.handle(Event::Text(attempt, frame.to_owned()));
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Grows(letters) => {
                let streaming = self.streaming.get_or_insert_with(|| {
                    self.answers += 1;
                    Streaming {
                        id: format!("ms-{}", self.answers),
                        sent_bytes: 0,
                        text: "A".to_owned(),
                        behind: self.log.len(),
                    }
                });
                let begin = streaming.text.chars().count();
                streaming.text.extend(
                    WORDS
                        .chars()
                        .cycle()
                        .skip(begin + self.tries)
                        .take(*letters),
                );
                let from = std::mem::replace(&mut streaming.sent_bytes, streaming.text.len());
                self.tell(from);
            }
            Step::Whole => self.tell(0),
            Step::Stored => self.store_answer(false),
            Step::Stopped => self.store_answer(true),
            Step::Again => {
                self.tries += 1;
                if let Some(streaming) = &mut self.streaming {
                    (streaming.sent_bytes, streaming.text) = (0, "A".to_owned());
                    streaming.behind = self.log.len();
                }
            }
            Step::Arrives if !self.wire.is_empty() => {
                let (_, frame) = self.wire.remove(0);
                self.arrive(&frame);
            }
            Step::Overtakes(which) if !self.wire.is_empty() => {
                let (_, frame) = self.wire.remove(which % self.wire.len());
                self.arrive(&frame);
            }
            Step::Twice if !self.wire.is_empty() => {
                let (_, frame) = self.wire[0].clone();
                self.arrive(&frame);
            }
            Step::Lost if self.wire.first().is_some_and(|(piece, _)| *piece) => {
                self.wire.remove(0);
            }
            Step::Cut => self.cut(),
            Step::Silence => self.handle(Event::Fired(protocol::session::Timer::Typing)),
            Step::Says => {
                let seq = self.log.len() + 1;
                let id = format!("u-{seq}");
                let frame = json!({"type": "user_message", "message": {"body": "hi"}, "id": seq,
                    "clientMessageId": format!("other-{seq}"), "messageId": id, "seq": seq});
                self.store(&id, "hi", None, &frame);
            }
            Step::Arrives | Step::Overtakes(_) | Step::Twice | Step::Lost => {}
        }
        let entries = self.session.transcript().entries();
        let mut keys: Vec<_> = entries.iter().map(|entry| &entry.key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), entries.len(), "twice: {entries:#?}");
        let keys = entries.iter().map(|entry| {
            let seq = entry.seq.unwrap_or(u64::MAX);
            (entry.behind.unwrap_or(seq), seq)
        });
        assert!(keys.is_sorted(), "out of order: {entries:#?}");
    }

    fn cut(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            self.wire.clear();
            self.handle(Event::SocketClosed(attempt, 1006));
            self.handle(Event::Fired(protocol::session::Timer::BackOff));
        }
    }

    fn settle(&mut self) {
        self.store_answer(false);
        self.cut();
        while !self.wire.is_empty() {
            self.step(&Step::Arrives);
        }
        self.handle(Event::Fired(protocol::session::Timer::Typing));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_ends_as_it_was_stored(steps in prop::collection::vec(step(), 0..80)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.settle();
        let entries = world.session.transcript().entries();
        let shown: Vec<_> = entries.iter().map(|entry| entry.content.plain_text()).collect();
        world.log.sort_by_key(|stored| stored.sort_key);
        let stored: Vec<_> = world.log.iter().map(|stored| stored.text.as_str()).collect();
        prop_assert_eq!(shown, stored);
        prop_assert!(entries.iter().all(|entry| entry.seq.is_some()));
        prop_assert!(entries.iter().all(|entry| entry.delivery != Delivery::Streaming));
        // Told once to those who cannot see it; one that was taken for dead was told as far as it came.
        let silences = steps.iter().filter(|step| matches!(step, Step::Silence)).count() + 1;
        for Stored { id, .. } in world.log.iter().filter(|stored| stored.id.starts_with("ms-")) {
            let times = world.arrived.iter().filter(|key| *key == id).count();
            prop_assert!((1..=1 + silences).contains(&times), "{} arrived {} times", id, times);
        }
    }

    /// Without a place on the pieces (Kore's own platform), in order and unbroken.
    #[test]
    fn pieces_without_a_place_add_up(pieces in prop::collection::vec("[a-zä ]{0,5}", 1..20)) {
        let mut world = World::new();
        for (number, piece) in pieces.iter().enumerate() {
            let frame = json!({"type": "bot_response", "messageId": "ms-s", "sM": true,
                "endChunk": number + 1 == pieces.len(), "message": [BotMessage::text(piece)]});
            world.arrive(&frame.to_string());
        }
        let entries = world.session.transcript().entries();
        prop_assert_eq!(entries.len(), 1);
        prop_assert_eq!(entries[0].content.plain_text(), pieces.concat());
        prop_assert_eq!(&entries[0].delivery, &Delivery::Sent);
        prop_assert_eq!(&world.arrived, &["ms-s"]);
    }

    /// As a program cuts it that counts as JavaScript does: an emoji may be cut in two.
    #[test]
    fn a_text_that_is_cut_inside_of_characters_is_whole_again(
        text in "[a-zä 重😀👩\u{200d}\u{1f3fd}]{1,20}",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
        with_at in any::<bool>(),
    ) {
        let units: Vec<u16> = text.encode_utf16().collect();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(units.len() + 1)).collect();
        cuts.extend([0, units.len()]);
        cuts.sort_unstable();
        let mut world = World::new();
        for piece in cuts.windows(2) {
            let escaped = |unit: &u16| format!("\\u{unit:04x}");
            let text: String = units[piece[0]..piece[1]].iter().map(escaped).collect();
            let end = piece[1] == units.len();
            let at = String::from_utf16_lossy(&units[..piece[0]]).len();
            let at = if with_at { format!(r#""at":{at},"#) } else { String::new() };
            world.arrive(&format!(
                r#"{{"type":"bot_response","messageId":"ms-s","sM":true,"endChunk":{end},{at}
                    "message":[{{"type":"text","component":{{"type":"text","payload":{{"text":"{text}"}}}}}}]}}"#
            ));
        }
        let entries = world.session.transcript().entries();
        prop_assert_eq!(entries.len(), 1);
        prop_assert_eq!(entries[0].content.plain_text(), text);
    }
}

#[test]
fn stop_names_the_answer_and_is_sent_while_it_grows_only() {
    let mut world = World::new();
    world.handle(Event::Stop);
    assert!(!world.session.may_stop());
    for step in [Step::Grows(5), Step::Arrives] {
        world.step(&step);
    }
    assert!(world.session.may_stop());
    world.handle(Event::Stop);
    assert_eq!(world.sent, [r#"{"type":"stop","messageId":"ms-1"}"#]);
    for step in [Step::Stopped, Step::Arrives] {
        world.step(&step);
    }
    assert!(!world.session.may_stop());
    let entries = world.session.transcript().entries();
    assert_eq!(entries[0].delivery, Delivery::Stopped);
    world.handle(Event::Stop);
    assert_eq!(world.sent.len(), 1);
}

#[test]
fn an_answer_that_breaks_off_is_shown_as_stopped_and_told() {
    let mut world = World::new();
    for step in [Step::Grows(5), Step::Arrives, Step::Cut, Step::Silence] {
        world.step(&step);
    }
    let entries = world.session.transcript().entries();
    assert_eq!(entries[0].delivery, Delivery::Stopped);
    assert_eq!(world.arrived, ["ms-1"]);
}
