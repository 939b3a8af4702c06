//! Several tabs of one visitor: one tab leads and has the socket, the others follow it.
//!
//! In the path: the driver says who leads ([`Event::Lead`], [`Event::Follow`]) and carries the messages between tabs
//! ([`Effect::Tell`], [`Event::Heard`]). A tab that is alone sends none.
//!
//! # Invariants
//! - What a visitor does in one tab is sent to all tabs, and each takes it in once. So every tab has the same outbox.
//!   Only the leader sends it to the server.
//! - The leader forwards the frames of its socket unchanged. What the leader itself sent, it forwards in the form in
//!   which the server tells other devices. So a tab needs no earlier knowledge.
//! - A follower that hears nothing asks the leader. A leader that does not answer loses the lead. The question says
//!   what the follower shows, and the answer brings what it lacks.

use super::{
    Attempt, Connection, Effect, Event, Moment, Outgoing, PING_AFTER_MS, Phase, Session, Timer,
};
use crate::json::Value;
use crate::message_ref::MessageRef;
use crate::read::Fields;
use crate::reply::ServerFrame;
use crate::transcript::{Delivery, own_key};
use crate::write::Object;

/// A leader has this long to answer. After that it is frozen, or has gone without a word.
const ANSWER_WITHIN_MS: u64 = 4_000;
/// The most frames that are kept for a tab that lacks them. A tab that lacks more loads a page.
const RETOLD: usize = 64;

/// What a session knows of its visitor's other tabs.
#[derive(Debug, Default)]
pub(super) struct Company {
    /// There is another tab, so it is worth telling it.
    pub(super) there: bool,
    /// The state of the leader's connection, and whether its bot types.
    pub(super) stands: Option<(Connection, bool)>,
    /// The state that was last sent to the other tabs.
    reported: Option<(Connection, bool)>,
    /// The latest frames with their sequences, oldest first.
    frames: Vec<(u64, String)>,
}

impl Session {
    /// Another tab has the lead from now on: no socket here.
    pub(super) fn follow(&mut self, at: Moment, effects: &mut Vec<Effect>) {
        self.leave(effects);
        self.attempt = Attempt(self.attempt.0.wrapping_add(1));
        self.last_attempt_ms = at.now_ms;
        self.phase = Phase::Following;
        self.company.stands = None;
        if self.cursor.is_none() {
            self.needs_history = true;
            effects.push(Effect::LoadHistory(self.attempt));
        }
        self.ask(effects);
        effects.push(Effect::Show);
    }

    /// Whether another tab leads.
    pub(super) fn follows(&self) -> bool {
        self.phase == Phase::Following
    }

    /// From now on this tab leads. It asks the other tabs what they know.
    pub(super) fn hail(&mut self, effects: &mut Vec<Effect>) {
        self.company.reported = None;
        let mut word = Object::new();
        word.put("hail", &true);
        tell(word, effects);
    }

    /// Tells the leader what this tab shows and what it wants sent, and expects an answer.
    pub(super) fn ask(&mut self, effects: &mut Vec<Effect>) {
        self.awaiting_pong = true;
        let mut word = Object::new();
        word.put("hello", &true);
        word.put_some("cursor", self.cursor.as_ref());
        word.put("unsent", &self.outbox.all().to_vec());
        tell(word, effects);
        effects.push(Effect::Arm {
            timer: Timer::Ping,
            after_ms: ANSWER_WITHIN_MS,
        });
    }

    /// The leader has been silent for too long.
    pub(super) fn silence(&mut self, effects: &mut Vec<Effect>) {
        if self.awaiting_pong {
            effects.push(Effect::Steal);
        }
        if self.needs_history {
            effects.push(Effect::LoadHistory(self.attempt));
        }
        self.ask(effects);
    }

    /// Tells the others what the visitor does here.
    pub(super) fn tell_said(&self, id: u64, effects: &mut Vec<Effect>) {
        let message = self.outbox.all().iter().find(|message| message.id == id);
        let (Some(message), true) = (message, self.in_company()) else {
            return;
        };
        let mut word = Object::new();
        word.put("said", message);
        tell(word, effects);
    }

    /// Tells the others about an act on one message, or about an act on none.
    pub(super) fn tell_act(&self, act: &str, id: u64, effects: &mut Vec<Effect>) {
        if self.in_company() {
            let mut word = Object::new();
            word.put(act, &id);
            tell(word, effects);
        }
    }

    fn in_company(&self) -> bool {
        self.company.there || self.follows()
    }

    /// Tells the others the state of the connection, if it differs from what was last sent.
    pub(super) fn tell_state(&mut self, effects: &mut Vec<Effect>) {
        let now = (self.connection(), self.typing());
        if !self.follows() && self.company.there && self.company.reported.replace(now) != Some(now)
        {
            tell(self.state(), effects);
        }
    }

    fn state(&self) -> Object {
        let mut word = Object::new();
        let state = match self.connection() {
            Connection::Connecting => "connecting",
            Connection::Online => "online",
            Connection::Reconnecting => "reconnecting",
            Connection::Refused => "refused",
        };
        word.put("state", &state.to_owned());
        word.put("typing", &self.typing());
        word.put_some("agent", self.agent.as_ref());
        word.put_some("cursor", self.cursor.as_ref());
        word
    }

    /// A frame came over this tab's own socket. The others get it unchanged.
    pub(super) fn text(&mut self, at: Moment, text: &str, effects: &mut Vec<Effect>) {
        let Some(frame) = ServerFrame::parse(text) else {
            return;
        };
        if self.phase == Phase::Online {
            match &frame {
                ServerFrame::BotResponse(frame) => self.relay(frame.seq, text.to_owned(), effects),
                ServerFrame::UserMessage(frame) => self.relay(frame.seq, text.to_owned(), effects),
                ServerFrame::Other(_) | ServerFrame::Resync(_) => {
                    self.relay(None, text.to_owned(), effects);
                }
                _ => {}
            }
        }
        self.frame(at, frame, effects);
    }

    /// The server stored what this tab sent. The others learn of it as other devices do.
    pub(super) fn relay_stored(&mut self, message: &Outgoing, effects: &mut Vec<Effect>) {
        let key = own_key(&message.id.into());
        let row = self.transcript.entries().iter().rev();
        let Some(row) = row.into_iter().find(|row| row.key == key) else {
            return;
        };
        let seq = row.seq;
        let mut echo = Object::new();
        echo.put("type", &"user_message".to_owned());
        echo.put("message", &message.body);
        echo.put("id", &message.id);
        echo.put("clientMessageId", &message.id);
        echo.put_some("messageId", row.message_id.as_ref());
        echo.put_some("seq", seq.as_ref());
        let text = echo.done().to_text();
        self.relay(seq, text, effects);
    }

    fn relay(&mut self, seq: Option<u64>, text: String, effects: &mut Vec<Effect>) {
        if self.company.there {
            tell_frame(&text, effects);
        }
        let frames = &mut self.company.frames;
        if let Some(seq) = seq
            && frames.iter().all(|(known, _)| *known != seq)
        {
            if frames.len() >= RETOLD {
                frames.remove(0);
            }
            frames.push((seq, text));
        }
    }

    /// Another tab said this.
    pub(super) fn heard(&mut self, at: Moment, text: &str, effects: &mut Vec<Effect>) {
        let Some(word) = Value::parse(text) else {
            return;
        };
        let Some(fields) = Fields::of(&word) else {
            return;
        };
        if self.phase == Phase::Idle {
            return;
        }
        self.company.there = true;
        // An act of the visitor concerns every tab.
        if let Some(message) = fields.get::<Outgoing>("said") {
            self.adopt(at, vec![message], effects);
        }
        if let Some(id) = fields.get("retry") {
            self.revive(id, effects);
        }
        if let Some(id) = fields.get("delete") {
            self.delete(id, effects);
        }
        if self.follows() {
            self.heard_leader(at, &fields, effects);
        } else {
            self.heard_follower(at, &fields, effects);
        }
    }

    fn heard_leader(&mut self, at: Moment, fields: &Fields<'_>, effects: &mut Vec<Effect>) {
        if fields.get::<bool>("hail").is_some() {
            self.ask(effects);
            return;
        }
        if let Some(id) = fields.get("failed")
            && self.outbox.has(id)
        {
            self.outbox.fail(id);
            self.transcript
                .mark(&own_key(&MessageRef::from(id)), Delivery::Failed);
            effects.push(Effect::Show);
        }
        let frame = fields.get::<String>("frame");
        let state = fields.get::<String>("state");
        if frame.is_none() && state.is_none() {
            return;
        }
        self.awaiting_pong = false;
        effects.push(Effect::Arm {
            timer: Timer::Ping,
            after_ms: PING_AFTER_MS,
        });
        if let Some(frame) = frame.as_deref().and_then(ServerFrame::parse) {
            self.take(at, frame, effects);
        }
        if let Some(state) = state {
            self.heard_state(at, &state, fields, effects);
        }
    }

    fn heard_state(
        &mut self,
        at: Moment,
        state: &str,
        fields: &Fields<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let stands = match state {
            "online" => Connection::Online,
            "reconnecting" => Connection::Reconnecting,
            "refused" => Connection::Refused,
            _ => Connection::Connecting,
        };
        let stood = self.company.stands;
        self.company.stands = Some((stands, fields.get_or_default("typing")));
        self.agent = fields.get("agent");
        effects.push(Effect::Show);
        // A leader without sequences has loaded what it missed after a reconnect, and forwards nothing of it.
        if self.cursor.is_none()
            && stands == Connection::Online
            && stood.is_some_and(|(stood, _)| stood != Connection::Online)
        {
            self.needs_history = true;
            effects.push(Effect::LoadHistory(self.attempt));
        }
        let answer = fields.get::<Vec<Outgoing>>("unsent");
        let behind = fields.get::<u64>("cursor") > self.cursor;
        match answer {
            // Everything that could be forwarded has been. The rest is in the history.
            Some(unsent) => {
                if behind && !self.needs_history {
                    self.needs_history = true;
                    effects.push(Effect::LoadHistory(self.attempt));
                }
                for message in &unsent {
                    if self.outbox.has(message.id)
                        && message.failed != self.outbox.failed(message.id)
                    {
                        let key = own_key(&message.id.into());
                        if message.failed {
                            self.outbox.fail(message.id);
                            self.transcript.mark(&key, Delivery::Failed);
                        } else {
                            self.outbox.revive(message.id);
                            self.transcript.mark(&key, Delivery::Sending);
                        }
                    }
                }
                self.adopt(at, unsent, effects);
            }
            None if behind => self.ask(effects),
            None => {}
        }
    }

    fn heard_follower(&mut self, at: Moment, fields: &Fields<'_>, effects: &mut Vec<Effect>) {
        if fields.get::<u64>("anew").is_some() {
            self.connect(at, Event::NewConversation, effects);
        }
        if fields.get::<u64>("again").is_some() {
            self.connect(at, Event::Reconnect, effects);
        }
        if let Some(id) = fields.get::<String>("stop") {
            self.send_stop(&id, effects);
        }
        if fields.get::<Value>("said").is_some() || fields.get::<u64>("retry").is_some() {
            self.hurry(at, effects);
            // This answer shows the follower that somebody leads.
            tell(self.state(), effects);
        }
        if fields.get::<bool>("hello").is_none() {
            return;
        }
        let unsent: Vec<Outgoing> = fields.get_or_default("unsent");
        for message in &unsent {
            if self.is_stored(message.id) {
                self.relay_stored(message, effects);
            }
        }
        self.adopt(at, unsent, effects);
        if let (Some(shown), Some(cursor)) = (fields.get::<u64>("cursor"), self.cursor)
            && shown < cursor
        {
            let lacks = |seq: u64| seq > shown && seq <= cursor;
            let mut frames = self.company.frames.iter().filter(|(seq, _)| lacks(*seq));
            if frames.clone().count() as u64 == cursor - shown {
                for (_, text) in &mut frames {
                    tell_frame(text, effects);
                }
            }
        }
        let mut word = self.state();
        word.put("unsent", &self.outbox.all().to_vec());
        tell(word, effects);
    }
}

/// Asks the leader to stop the answer with this id.
pub(super) fn tell_stop(id: &str, effects: &mut Vec<Effect>) {
    let mut word = Object::new();
    word.put("stop", &id.to_owned());
    tell(word, effects);
}

fn tell_frame(text: &str, effects: &mut Vec<Effect>) {
    let mut word = Object::new();
    word.put("frame", &text.to_owned());
    tell(word, effects);
}

fn tell(word: Object, effects: &mut Vec<Effect>) {
    effects.push(Effect::Tell(word.done().to_text()));
}
