//! A person behind the bot: whether they type, and what of the visitor's messages they got and saw.
//!
//! In the path: a platform with live agents says so in frames of its own (`kore-protocol.md` 4.8),
//! `{"type":"events","message":{"type":"typing","author":{"type":"AGENT"}}}` and
//! `{"type":"events","message":{"type":"message_read","clientMessageId":1795227303240}}` (or `"all"`).

use super::{Effect, Session, TYPING_FOR_MS, Timer, Typing};
use crate::json::Value;
use crate::message_ref::MessageRef;
use crate::read::Read;
use crate::transcript::{Delivery, own_key};

impl Session {
    /// A frame of no other kind: what it says of an agent, if it does.
    pub(super) fn agent(&mut self, frame: &Value, effects: &mut Vec<Effect>) {
        let event = &frame["message"];
        let by_agent = event["author"]["type"].as_str() == Some("AGENT");
        match event["type"].as_str().unwrap_or_default() {
            _ if frame["type"].as_str() != Some("events") => {}
            "typing" if by_agent => self.agent_types(true, effects),
            "stoptyping" if by_agent => self.agent_types(false, effects),
            "message_delivered" => self.agent_got(event, Delivery::Delivered, effects),
            "message_read" => self.agent_got(event, Delivery::Read, effects),
            _ => {}
        }
    }

    fn agent_types(&mut self, types: bool, effects: &mut Vec<Effect>) {
        if self.typing == Typing::Streaming {
            return;
        }
        let timer = Timer::Typing;
        if types {
            self.typing = Typing::Shown;
            let after_ms = TYPING_FOR_MS;
            effects.push(Effect::Arm { timer, after_ms });
        } else {
            self.typing = Typing::Hidden;
            effects.push(Effect::Disarm(timer));
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
    use crate::session::{Attempt, Connection, Effect, Event, Moment, Session, Settings};
    use crate::transcript::Delivery;

    const AT: Moment = Moment {
        now_ms: 1_000,
        entropy: 7,
    };

    /// A session that is online and has said `hello` with the id 1000; its attempt.
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
}
