//! Turns a bot's activities within a turn into the turn's answers.
//!
//! In the path: a connector gives each activity to [`Hearing::hear`] in the order in which it came, and calls
//! [`Hearing::finish`] at the end of the turn.
//!
//! Invariants: an answer is stored as the bot last said it: an update within the turn replaces what it updates, and the
//! end of a stream replaces the pieces. A streaming answer is only ever continued. An activity that cannot be shown
//! affects nothing else: the visitor reads that something is missing, and the log says why.

use protocol::reply::BotMessage;
use serde_json::Value;

use super::messages::{NOT_SHOWN, messages};
use super::streaming::{Stage, stage};
use super::{Activity, MAX_ACTIVITIES, read_value};
use crate::bot::{Answers, BotError, Class, MAX_ANSWERS, Turn};

/// The state of one turn.
pub struct Hearing {
    bot: String,
    turn: String,
    /// The activities that are held back, so that an update can still replace them, each with its id. `None`: it cannot
    /// be read.
    held: Vec<(String, Option<Activity>)>,
    /// The text of the streaming answer that was shown.
    streamed: Option<String>,
    /// The number of activities so far.
    heard: usize,
    /// The number of messages among them.
    said: usize,
    /// The first fault.
    fault: Option<BotError>,
}

/// What an activity means for the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The bot goes on.
    Open,
    /// The bot has said a message, and waits for the visitor now.
    Awaits,
    /// The bot has ended the conversation.
    Ended,
}

impl Hearing {
    /// Nothing was heard yet.
    pub fn new(turn: &Turn) -> Self {
        Self {
            bot: turn.bot.clone(),
            turn: turn.idempotence_key.clone(),
            held: Vec::new(),
            streamed: None,
            heard: 0,
            said: 0,
            fault: None,
        }
    }

    /// Takes an activity that is not parsed yet.
    pub fn hear_value(&mut self, value: Value, answers: &mut Answers) -> Heard {
        match read_value(value) {
            Ok(activity) => {
                let id = activity.id.clone().unwrap_or_default();
                self.hear(id, activity, answers)
            }
            Err(fault) => {
                self.note(fault);
                self.heard += 1;
                self.hold(String::new(), None);
                Heard::Open
            }
        }
    }

    /// Takes an activity. An update or a deletion would name it by `id`.
    pub fn hear(&mut self, id: String, activity: Activity, answers: &mut Answers) -> Heard {
        self.heard += 1;
        match (activity.kind.as_str(), stage(&activity)) {
            ("typing", Some(Stage::Informative)) => {
                let text = activity.text.as_deref().map(str::trim);
                if let Some(text) = text.filter(|text| !text.is_empty()) {
                    answers.doing(text);
                }
            }
            ("typing", Some(Stage::Streaming)) => {
                self.flush(answers);
                self.append(activity.text.as_deref().unwrap_or_default(), answers);
            }
            ("message", stage) => {
                let awaits = activity.awaits_the_visitor();
                if self.streamed.is_some() && stage == Some(Stage::Final) {
                    self.settle(&activity, answers);
                } else {
                    self.hold(id, Some(activity));
                }
                if awaits {
                    return Heard::Awaits;
                }
            }
            ("endOfConversation", _) => {
                // Some bots say goodbye in it.
                self.hold(id, Some(activity));
                answers.close();
                return Heard::Ended;
            }
            // Typing dots are shown anyway while a turn runs. Events and traces are for programs.
            _ => {}
        }
        Heard::Open
    }

    fn hold(&mut self, id: String, activity: Option<Activity>) {
        self.said += 1;
        if self.said > MAX_ACTIVITIES {
            let reason = format!("it sent more than {MAX_ACTIVITIES} messages in one turn");
            self.note(BotError::failed(Class::TooMuch, reason));
            return;
        }
        self.held.push((id, activity));
    }

    /// Replaces an activity that is held back. False: there is none with this id.
    pub fn update(&mut self, id: &str, activity: Activity) -> bool {
        match self.held.iter_mut().find(|(held, _)| held == id) {
            Some((_, held)) => {
                *held = Some(activity);
                true
            }
            None => false,
        }
    }

    /// Deletes one. False: there is none with this id.
    pub fn delete(&mut self, id: &str) -> bool {
        let before = self.held.len();
        self.held.retain(|(held, _)| held != id);
        self.held.len() < before
    }

    /// Whether nothing was heard.
    pub fn is_empty(&self) -> bool {
        self.heard == 0
    }

    /// Ends the turn: gives what was held back, and logs what was wrong.
    pub fn finish(mut self, answers: &mut Answers) {
        self.flush(answers);
        if let Some(fault) = self.fault {
            tracing::warn!(
                bot = self.bot,
                turn = self.turn,
                class = fault.class().word(),
                error = %fault,
                "a bot said something that cannot be shown"
            );
        }
    }

    fn note(&mut self, fault: BotError) {
        self.fault.get_or_insert(fault);
    }

    fn flush(&mut self, answers: &mut Answers) {
        for (_, activity) in std::mem::take(&mut self.held) {
            for message in self.shown(activity.as_ref()) {
                self.push(&message, answers);
            }
        }
    }

    /// The messages of an activity, or a message that says that something is missing.
    fn shown(&mut self, activity: Option<&Activity>) -> Vec<BotMessage> {
        let lacking = || vec![BotMessage::text(NOT_SHOWN)];
        let Some(activity) = activity else {
            return lacking();
        };
        messages(activity).unwrap_or_else(|fault| {
            self.note(fault);
            lacking()
        })
    }

    fn push(&mut self, message: &BotMessage, answers: &mut Answers) {
        let pushed = if answers.len() + 1 < MAX_ANSWERS {
            answers.push(message)
        } else {
            Err(BotError::TooMany)
        };
        if let Err(fault) = pushed {
            self.note(fault);
            // The last answer was kept free for this. After that nothing more fits.
            drop(answers.push(&BotMessage::text(NOT_SHOWN)));
        }
    }

    /// Each activity of a stream has the whole text so far. One that arrives late is shorter and is ignored. One that
    /// was rewritten cannot be shown before the end.
    fn append(&mut self, text: &str, answers: &mut Answers) {
        let streamed = self.streamed.get_or_insert_default();
        let Some(piece) = text.strip_prefix(streamed.as_str()) else {
            return;
        };
        match answers.write(piece) {
            Ok(()) => streamed.push_str(piece),
            Err(fault) => self.note(fault),
        }
    }

    /// The end of a stream replaces the pieces.
    fn settle(&mut self, activity: &Activity, answers: &mut Answers) {
        self.streamed = None;
        let mut messages = self.shown(Some(activity)).into_iter();
        if let Some(first) = messages.next()
            && let Err(fault) = answers.end_as(&first)
        {
            self.note(fault);
        }
        for message in messages {
            self.push(&message, answers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;
    use crate::bot::TurnKind;
    use crate::bot::tests::turn;

    fn begin() -> (Hearing, Answers) {
        (Hearing::new(&turn(TurnKind::text("hi"))), Answers::new())
    }

    fn hear(hearing: &mut Hearing, answers: &mut Answers, json: &str) -> Heard {
        let id = format!("a-{}", hearing.heard);
        hearing.hear(id, read(json.as_bytes()).unwrap(), answers)
    }

    fn texts(hearing: Hearing, mut answers: Answers) -> Vec<String> {
        hearing.finish(&mut answers);
        answers.end().unwrap();
        let read = |body: &String| -> Value { serde_json::from_str(body).unwrap() };
        let text = |body| read(body)["cInfo"]["body"].as_str().unwrap().to_owned();
        answers.into_bodies().iter().map(text).collect()
    }

    fn stream(kind: &str, stage: &str, text: &str) -> String {
        let entity = serde_json::json!({"type": "streaminfo", "streamType": stage});
        serde_json::json!({"type": kind, "text": text, "entities": [entity]}).to_string()
    }

    #[test]
    fn a_stream_grows_and_its_end_has_the_last_word() {
        let (mut hearing, mut answers) = begin();
        let progress = answers.progress();
        let (h, a) = (&mut hearing, &mut answers);
        hear(h, a, r#"{"type":"message","text":"First"}"#);
        hear(h, a, &stream("typing", "informative", "Looking"));
        assert_eq!(progress.borrow().doing.as_deref(), Some("Looking"));
        for text in ["Once", "Once upon", "Once", "Twice [1]", "Once upon a"] {
            hear(h, a, &stream("typing", "streaming", text));
        }
        let streamed = progress.borrow().answers.clone();
        assert_eq!(
            (streamed[0].index, streamed[0].text.as_str()),
            (1, "Once upon a")
        );
        hear(h, a, &stream("message", "final", "Once upon a time"));
        hear(h, a, r#"{"type":"message","text":"Last"}"#);
        let said = texts(hearing, answers);
        assert_eq!(said, ["First", "Once upon a time", "Last"]);
    }

    #[test]
    fn a_stream_without_an_end_is_kept_as_it_grew() {
        let (mut hearing, mut answers) = begin();
        hear(
            &mut hearing,
            &mut answers,
            &stream("typing", "streaming", "half"),
        );
        assert_eq!(texts(hearing, answers), ["half"]);
    }

    #[test]
    fn a_stream_that_grows_too_long_keeps_what_was_shown() {
        let (mut hearing, mut answers) = begin();
        let (h, a) = (&mut hearing, &mut answers);
        hear(h, a, &stream("typing", "streaming", "Begin"));
        let long = format!("Begin{}", "x".repeat(70_000));
        hear(h, a, &stream("typing", "streaming", &long));
        hear(h, a, &stream("message", "final", &long));
        hear(h, a, r#"{"type":"message","text":"More"}"#);
        assert_eq!(h.fault, Some(BotError::TooBig));
        assert_eq!(texts(hearing, answers), ["Begin", "More"]);
    }

    #[test]
    fn an_update_takes_the_place_and_a_deletion_the_message() {
        let (mut hearing, mut answers) = begin();
        let (h, a) = (&mut hearing, &mut answers);
        for text in ["one", "two", "three"] {
            hear(h, a, &format!(r#"{{"type":"message","text":"{text}"}}"#));
        }
        let activity = || read(br#"{"type":"message","text":"new"}"#).unwrap();
        assert!(h.update("a-1", activity()));
        assert!(h.delete("a-2"));
        assert!(!h.update("a-9", activity()) && !h.delete("a-2"));
        assert_eq!(texts(hearing, answers), ["one", "new"]);
    }

    #[test]
    fn the_ends_of_a_turn_are_heard() {
        let (mut hearing, mut answers) = begin();
        let (h, a) = (&mut hearing, &mut answers);
        for (json, heard) in [
            (r#"{"type":"typing"}"#, Heard::Open),
            (r#"{"type":"trace","text":"inner"}"#, Heard::Open),
            (r#"{"type":"event","name":"x","value":1}"#, Heard::Open),
            (r#"{"type":"message","text":"a"}"#, Heard::Open),
            (
                r#"{"type":"message","text":"b","inputHint":"ignoringInput"}"#,
                Heard::Open,
            ),
            (
                r#"{"type":"message","text":"c","inputHint":"expectingInput"}"#,
                Heard::Awaits,
            ),
            (r#"{"type":"endOfConversation","text":"Bye"}"#, Heard::Ended),
        ] {
            assert_eq!(hear(h, a, json), heard, "{json}");
        }
        assert!(answers.effects().closes);
        assert_eq!(texts(hearing, answers), ["a", "b", "c", "Bye"]);
    }

    #[test]
    fn what_cannot_be_shown_costs_only_itself() {
        let (mut hearing, mut answers) = begin();
        let (h, a) = (&mut hearing, &mut answers);
        hear(h, a, r#"{"type":"message","text":"before"}"#);
        h.hear_value(serde_json::json!({"type": 7}), a);
        let action = r#"{"type":"imBack","title":"a","value":"a"}"#;
        let many = vec![action; 10_000].join(",");
        hear(
            h,
            a,
            &format!(
                r#"{{"type":"message","text":"x","suggestedActions":{{"actions":[{many}]}}}}"#
            ),
        );
        let long = "x".repeat(70_000);
        hear(h, a, &format!(r#"{{"type":"message","text":"{long}"}}"#));
        hear(h, a, r#"{"type":"message","text":"after"}"#);
        let said = texts(hearing, answers);
        assert_eq!(said, ["before", NOT_SHOWN, NOT_SHOWN, NOT_SHOWN, "after"]);
    }

    #[test]
    fn a_bot_that_does_not_stop_is_stopped() {
        let (mut hearing, mut answers) = begin();
        for number in 0..1_000 {
            let json = format!(r#"{{"type":"message","text":"{number}"}}"#);
            hear(&mut hearing, &mut answers, &json);
        }
        assert_eq!(hearing.held.len(), MAX_ACTIVITIES);
        assert_eq!(
            hearing.fault.as_ref().map(BotError::class),
            Some(Class::TooMuch)
        );
        let said = texts(hearing, answers);
        assert_eq!(
            (said.len(), said[18].as_str(), said[19].as_str()),
            (MAX_ANSWERS, "18", NOT_SHOWN)
        );
    }
}
