//! A person behind the bot, and the bot at work: who has the conversation, whether they type, what the bot is doing,
//! and which of the visitor's messages a person received and read.
//!
//! In the path: a platform says so in frames of its own (`docs/kore-protocol.md` 4.8), for example
//! `{"type":"events","message":{"type":"agent_connected","author":{"type":"AGENT","firstName":"Ann"}}}`,
//! `{"type":"events","message":{"type":"typing","author":{"type":"AGENT"}}}` and
//! `{"type":"events","message":{"type":"message_read","clientMessageId":1795227303240}}` (or `"all"`). Our platform
//! also sends `typing` for its bot, and says in `doing` what the bot is doing (`docs/protocol.md`).

use super::stream::STREAM_TIMEOUT_MS;
use super::{Effect, Session, TYPING_FOR_MS, Timer, Typing};
use crate::json::Value;
use crate::message_ref::MessageRef;
use crate::read::Read;
use crate::reply::person;
use crate::transcript::{Author, Delivery, own_key};

impl Session {
    /// The person who has the conversation, by name.
    #[must_use]
    pub fn agent(&self) -> Option<&str> {
        self.agent.as_deref()
    }

    /// What the bot is doing, in its own words.
    #[must_use]
    pub fn doing(&self) -> Option<&str> {
        let shows = matches!(self.typing, Typing::Shown | Typing::Streaming);
        self.doing.as_deref().filter(|_| shows)
    }

    /// Reads a frame of another kind: it may say who answers.
    pub(super) fn event(&mut self, frame: &Value, effects: &mut Vec<Effect>) {
        let event = &frame["message"];
        let author = &event["author"];
        // The visitor's own typing may come back from another device.
        let by_other = matches!(author["type"].as_str(), Some("AGENT" | "BOT"));
        match event["type"].as_str().unwrap_or_default() {
            _ if frame["type"].as_str() == Some("session_end") => effects.push(Effect::Ended),
            _ if frame["type"].as_str() != Some("events") => {}
            "agent_connected" => self.joined(person(author), effects),
            "agent_disconnected" => self.joined(None, effects),
            "typing" if by_other => self.types(true, event["doing"].as_str(), effects),
            "stoptyping" if by_other => self.types(false, None, effects),
            "message_delivered" => self.agent_got(event, Delivery::Delivered, effects),
            "message_read" => self.agent_got(event, Delivery::Read, effects),
            _ => {}
        }
    }

    /// From now on this person has the conversation, or the bot when there is none.
    fn joined(&mut self, agent: Option<String>, effects: &mut Vec<Effect>) {
        let left = std::mem::replace(&mut self.agent, agent.clone());
        if left == agent {
            return;
        }
        let mut rows = self.transcript.entries().iter().rev();
        let speaker = rows.find(|row| row.author == Author::Bot);
        let speaker = speaker.and_then(|row| row.agent.as_ref());
        match (agent, left) {
            // After a reconnect or a reload the visitor knows already who is speaking.
            (Some(agent), _) if speaker == Some(&agent) => {}
            (Some(agent), _) => effects.push(Effect::Joined(agent)),
            (None, Some(left)) => effects.push(Effect::Left(left)),
            (None, None) => {}
        }
        effects.push(Effect::Show);
    }

    fn types(&mut self, types: bool, doing: Option<&str>, effects: &mut Vec<Effect>) {
        let timer = Timer::Typing;
        self.doing = doing.map(str::to_owned);
        match (types, self.typing) {
            (true, Typing::Streaming) => {
                let after_ms = STREAM_TIMEOUT_MS;
                effects.push(Effect::Arm { timer, after_ms });
            }
            (false, Typing::Streaming) => {}
            (true, _) => {
                self.typing = Typing::Shown;
                let after_ms = TYPING_FOR_MS;
                effects.push(Effect::Arm { timer, after_ms });
            }
            (false, _) => {
                self.typing = Typing::Hidden;
                effects.push(Effect::Disarm(timer));
            }
        }
        effects.push(Effect::Show);
    }

    fn agent_got(&mut self, event: &Value, how_far: Delivery, effects: &mut Vec<Effect>) {
        let Some(id) = MessageRef::read(&event["clientMessageId"]) else {
            return;
        };
        let all = matches!(&id, MessageRef::Text(id) if id == "all");
        let key = (!all).then(|| own_key(&id));
        if self.transcript.received(key.as_deref(), how_far) {
            effects.push(Effect::Show);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::message::{BotInfo, UserBody};
    use crate::session::{Attempt, Connection, Effect, Event, Moment, Session, Settings, Timer};
    use crate::transcript::Delivery;

    const AT: Moment = Moment {
        now_ms: 1_000,
        entropy: 7,
    };

    /// A session that is online and has said `hello` with the id 1000, and the number of its attempt.
    fn online() -> (Session, Attempt) {
        let mut session = Session::new(Settings {
            bot_info: BotInfo::default(),
            cursor: Some(0),
            ..Settings::default()
        });
        let mut now = None;
        for effect in session.handle(AT, Event::Start) {
            if let Effect::Grant(attempt) = effect {
                now = Some(attempt);
            }
        }
        let attempt = now.unwrap();
        let said = Event::Said {
            id: 1_000,
            body: UserBody::text("hello"),
        };
        for event in [
            Event::Granted(attempt, None),
            Event::Started(attempt, "ws://h/?sid=x".into()),
            Event::SocketOpened(attempt),
            said,
            Event::Text(
                attempt,
                r#"{"ok":true,"type":"ack","replyto":1000,"message":"delivered","seq":1}"#.into(),
            ),
        ] {
            session.handle(AT, event);
        }
        assert_eq!(session.connection(), Connection::Online);
        (session, attempt)
    }

    fn hear(session: &mut Session, attempt: Attempt, event: &str) -> Vec<Effect> {
        let frame = format!(r#"{{"type":"events","from":"bot","message":{event}}}"#);
        session.handle(AT, Event::Text(attempt, frame))
    }

    fn delivery(session: &Session) -> Delivery {
        session.transcript().entries()[0].delivery
    }

    #[test]
    fn an_agent_gets_a_message_and_reads_it() {
        let (mut session, attempt) = online();
        assert_eq!(delivery(&session), Delivery::Sent);
        let got = r#"{"type":"message_delivered","clientMessageId":1000}"#;
        assert!(hear(&mut session, attempt, got).contains(&Effect::Show));
        assert_eq!(delivery(&session), Delivery::Delivered);
        hear(
            &mut session,
            attempt,
            r#"{"type":"message_read","clientMessageId":"all"}"#,
        );
        assert_eq!(delivery(&session), Delivery::Read);
        hear(&mut session, attempt, got);
        assert_eq!(delivery(&session), Delivery::Read, "never back");
    }

    #[test]
    fn what_is_not_stored_was_not_read() {
        let (mut session, attempt) = online();
        let said = Event::Said {
            id: 2_000,
            body: UserBody::text("on its way"),
        };
        session.handle(AT, said);
        hear(
            &mut session,
            attempt,
            r#"{"type":"message_read","clientMessageId":"all"}"#,
        );
        let rows = session.transcript().entries();
        assert_eq!(rows[0].delivery, Delivery::Read);
        assert_eq!(rows[1].delivery, Delivery::Sending);
        for odd in [
            "null",
            "{}",
            r#"{"type":"message_read"}"#,
            r#"{"type":"cobrowse"}"#,
            "7",
        ] {
            hear(&mut session, attempt, odd);
        }
        assert_eq!(
            session.transcript().entries()[1].delivery,
            Delivery::Sending
        );
    }

    #[test]
    fn an_agents_typing_shows_and_ends() {
        let (mut session, attempt) = online();
        hear(
            &mut session,
            attempt,
            r#"{"type":"stoptyping","author":{"type":"AGENT"}}"#,
        );
        assert!(!session.typing());
        hear(
            &mut session,
            attempt,
            r#"{"type":"typing","author":{"type":"USER"}}"#,
        );
        assert!(!session.typing(), "the visitor's own, from another device");
        hear(
            &mut session,
            attempt,
            r#"{"type":"typing","author":{"type":"AGENT"}}"#,
        );
        assert!(session.typing());
        hear(
            &mut session,
            attempt,
            r#"{"type":"stoptyping","author":{"type":"AGENT"}}"#,
        );
        assert!(!session.typing());
    }

    const CONNECTED: &str = r#"{"type":"agent_connected","author":{"type":"AGENT","firstName":"Ann","lastName":"Lee"}}"#;
    const DISCONNECTED: &str = r#"{"type":"agent_disconnected","author":{"type":"AGENT"}}"#;

    #[test]
    fn a_person_comes_and_goes_and_each_is_told_once() {
        let (mut session, attempt) = online();
        let agent_changes = |effects: Vec<Effect>| -> Vec<Effect> {
            let is_one = |it: &Effect| matches!(it, Effect::Joined(_) | Effect::Left(_));
            effects.into_iter().filter(is_one).collect()
        };
        let ann = "Ann Lee".to_owned();
        assert_eq!(agent_changes(hear(&mut session, attempt, DISCONNECTED)), []);
        let joined = agent_changes(hear(&mut session, attempt, CONNECTED));
        assert_eq!(joined, [Effect::Joined(ann.clone())]);
        assert_eq!(session.agent(), Some("Ann Lee"));
        assert_eq!(agent_changes(hear(&mut session, attempt, CONNECTED)), []);
        let left = agent_changes(hear(&mut session, attempt, DISCONNECTED));
        assert_eq!((session.agent(), left), (None, vec![Effect::Left(ann)]));
        // A person without a name is not announced.
        let nameless = r#"{"type":"agent_connected","author":{"type":"AGENT"}}"#;
        assert_eq!(agent_changes(hear(&mut session, attempt, nameless)), []);
    }

    #[test]
    fn a_person_who_spoke_last_is_no_news() {
        let (mut session, attempt) = online();
        let says = r#"{"type":"bot_response","messageId":"ms-2","seq":2,"fromAgent":true,
            "author":{"type":"AGENT","firstName":"Ann","lastName":"Lee"},
            "message":[{"type":"text","cInfo":{"body":"Hello"}}]}"#;
        session.handle(AT, Event::Text(attempt, says.to_owned()));
        let row = session.transcript().entries().last().unwrap();
        assert_eq!(row.agent.as_deref(), Some("Ann Lee"));
        let effects = hear(&mut session, attempt, CONNECTED);
        assert!(!effects.contains(&Effect::Joined("Ann Lee".to_owned())));
        assert_eq!(session.agent(), Some("Ann Lee"));
    }

    #[test]
    fn the_end_of_a_session_is_told() {
        let (mut session, attempt) = online();
        let end = r#"{"type":"session_end","from":"bot","sessionId":"ss-1"}"#;
        let effects = session.handle(AT, Event::Text(attempt, end.to_owned()));
        assert!(effects.contains(&Effect::Ended));
    }

    #[test]
    fn what_the_bot_does_is_shown_until_it_speaks() {
        let (mut session, attempt) = online();
        let typing = |doing: &str| {
            let author = r#""author":{"type":"BOT"}"#;
            format!(r#"{{"type":"typing",{author},"doing":{doing}}}"#)
        };
        hear(&mut session, attempt, &typing(r#""Looking up orders""#));
        assert!(session.typing());
        assert_eq!(session.doing(), Some("Looking up orders"));
        hear(&mut session, attempt, &typing("7"));
        assert_eq!((session.typing(), session.doing()), (true, None));
        hear(&mut session, attempt, &typing(r#""Asking the shop""#));
        let piece = |at: usize, text: &str| {
            format!(
                r#"{{"type":"bot_response","messageId":"ms-2","sM":true,"endChunk":false,"at":{at},
                "message":[{{"type":"text","cInfo":{{"body":"{text}"}}}}]}}"#
            )
        };
        session.handle(AT, Event::Text(attempt, piece(0, "Hel")));
        assert_eq!((session.typing(), session.doing()), (false, None));
        // The same in the middle of an answer.
        let effects = hear(&mut session, attempt, &typing(r#""Asking the shop""#));
        let timer = Timer::Typing;
        let after_ms = super::STREAM_TIMEOUT_MS;
        assert!(effects.contains(&Effect::Arm { timer, after_ms }));
        assert_eq!(session.doing(), Some("Asking the shop"));
        let effects = session.handle(AT, Event::Text(attempt, piece(3, "lo")));
        assert!(effects.contains(&Effect::Show));
        assert_eq!(session.doing(), None);
    }
}
