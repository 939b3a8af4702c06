//! The frames that say who answers: a person comes or goes, somebody types, the session is ended.
//!
//! In the path: `live` gives each event of the bus to [`Presence::frames`], and first of all, when the socket opens,
//! who has the conversation. The frames are Kore's (`docs/kore-protocol.md` 4.8); `doing` is ours.
//!
//! Invariant: a socket gets each person once, however often the event comes, and never a person who has gone.

use protocol::message::BotInfo;
use serde::Serialize;

use super::conversation::Listener;
use super::who::Who;
use crate::bus::Event;
use crate::records::Owner;

/// The person that one socket knows of.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// The person who has the conversation.
    agent: Option<Box<str>>,
}

/// `{"type":"events","from":"bot","message":{"type":…,"author":{…}},"botInfo":{…},"sessionId":…}`.
#[derive(Serialize)]
struct Events<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    from: &'static str,
    message: EventMessage<'a>,
    #[serde(rename = "botInfo")]
    bot_info: &'a BotInfo,
    #[serde(rename = "sessionId")]
    session_id: &'a str,
}

#[derive(Serialize)]
struct EventMessage<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    author: Who<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doing: Option<&'a str>,
}

impl<'a> EventMessage<'a> {
    fn of_agent(kind: &'static str, name: &'a str) -> Self {
        Self {
            kind,
            author: Who::agent(name),
            doing: None,
        }
    }
}

/// `{"type":"session_end","from":"bot","botInfo":{…},"sessionId":…}`.
#[derive(Serialize)]
struct SessionEnd<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    from: &'static str,
    #[serde(rename = "botInfo")]
    bot_info: &'a BotInfo,
    #[serde(rename = "sessionId")]
    session_id: &'a str,
}

impl Presence {
    /// The frames for this event on a socket of this session. There are none if the client knows it already, or learns
    /// it in another way.
    pub(super) fn frames(
        &mut self,
        listener: &Listener,
        session_id: &str,
        event: &Event,
    ) -> Vec<String> {
        let bot_info = &listener.bot;
        let frame = |frame: EventMessage<'_>| {
            let events = Events {
                kind: "events",
                from: "bot",
                message: frame,
                bot_info,
                session_id,
            };
            serde_json::to_string(&events).ok()
        };
        let frames = match event {
            Event::Owner(owner) => {
                let name = match owner {
                    Owner::Agent(name) => Some(name.as_str()),
                    Owner::Bot | Owner::Queue => None,
                };
                if self.agent.as_deref() == name {
                    return Vec::new();
                }
                let gone = std::mem::replace(&mut self.agent, name.map(Box::from));
                let gone = gone
                    .and_then(|gone| frame(EventMessage::of_agent("agent_disconnected", &gone)));
                let come =
                    name.and_then(|name| frame(EventMessage::of_agent("agent_connected", name)));
                [gone, come]
            }
            Event::Typing(typing) => {
                let author = match &typing.agent {
                    Some(name) => Who::agent(name),
                    None => Who::bot(bot_info),
                };
                let kind = if typing.types { "typing" } else { "stoptyping" };
                let doing = typing.doing.as_deref();
                let frame = frame(EventMessage {
                    kind,
                    author,
                    doing,
                });
                [frame, None]
            }
            Event::SessionEnded(id) if **id == *session_id => {
                let end = SessionEnd {
                    kind: "session_end",
                    from: "bot",
                    bot_info,
                    session_id,
                };
                [serde_json::to_string(&end).ok(), None]
            }
            Event::Access
            | Event::Look
            | Event::Streaming(_)
            | Event::SessionEnded(_)
            | Event::Stop(_)
            | Event::Stored(_) => return Vec::new(),
        };
        frames.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::bus::Typing;
    use crate::rtm::conversation::bot_info;

    fn listener() -> Listener {
        Listener {
            bot: bot_info("Test Bot", "st-test"),
            icon: None,
        }
    }

    fn frames_of(presence: &mut Presence, event: Event) -> Vec<Value> {
        let frames = presence.frames(&listener(), "ss-1", &event);
        let read = |frame: &String| serde_json::from_str(frame).unwrap();
        frames.iter().map(read).collect()
    }

    fn ann() -> Event {
        Event::Owner(Owner::Agent("Ann".to_owned()))
    }

    #[test]
    fn a_person_is_told_as_the_clients_know_it_and_once() {
        let mut presence = Presence::default();
        let expected = json!({
            "type": "events", "from": "bot", "sessionId": "ss-1",
            "message": {"type": "agent_connected",
                        "author": {"id": "Ann", "type": "AGENT", "firstName": "Ann", "lastName": ""}},
            "botInfo": {"chatBot": "Test Bot", "taskBotId": "st-test"},
        });
        assert_eq!(frames_of(&mut presence, ann()), [expected]);
        assert!(frames_of(&mut presence, ann()).is_empty());
        let bob = Event::Owner(Owner::Agent("Bob".to_owned()));
        let frames = frames_of(&mut presence, bob);
        let said = |frame: &Value| {
            let message = &frame["message"];
            let (kind, name) = (&message["type"], &message["author"]["firstName"]);
            format!("{kind} {name}").replace('"', "")
        };
        let words: Vec<_> = frames.iter().map(said).collect();
        assert_eq!(words, ["agent_disconnected Ann", "agent_connected Bob"]);
        let frames = frames_of(&mut presence, Event::Owner(Owner::Queue));
        assert_eq!(said(&frames[0]), "agent_disconnected Bob");
        assert!(frames_of(&mut presence, Event::Owner(Owner::Bot)).is_empty());
    }

    #[test]
    fn who_types_and_what_the_bot_does_is_told_and_the_end_of_this_session() {
        let mut presence = Presence::default();
        let typing = |agent: Option<&str>, types, doing: Option<&str>| {
            Event::Typing(Typing {
                agent: agent.map(Into::into),
                types,
                doing: doing.map(Into::into),
            })
        };
        let message =
            |presence: &mut Presence, event| frames_of(presence, event)[0]["message"].clone();
        assert_eq!(
            message(&mut presence, typing(None, true, Some("Looking up"))),
            json!({"type": "typing", "doing": "Looking up",
                   "author": {"type": "BOT", "firstName": "Test Bot", "lastName": ""}})
        );
        let stops = message(&mut presence, typing(Some("Ann"), false, None));
        assert_eq!(stops["type"], "stoptyping");
        assert_eq!(stops["author"]["type"], "AGENT");
        let end = |id: &str| Event::SessionEnded(id.into());
        assert!(frames_of(&mut presence, end("ss-2")).is_empty());
        assert_eq!(
            frames_of(&mut presence, end("ss-1")),
            [
                json!({"type": "session_end", "from": "bot", "sessionId": "ss-1",
                    "botInfo": {"chatBot": "Test Bot", "taskBotId": "st-test"}})
            ]
        );
    }
}
