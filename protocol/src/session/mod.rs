//! The widget's connection as a state machine: events in, effects out.
//!
//! In the path: the widget says what the visitor did. A driver (`app/src/transport`, the tests, the load generator)
//! carries out the effects and reports what happened.
//!
//! ```text
//! Idle ─Start─► Granting ─► Loading ─► Starting ─► Opening ─► Online
//!                  ▲           │           │          │          │ closed, dead peer
//!                  │ token ended           └──────────┴──► Waiting (back-off) ─► Starting
//!                  └───────────────────────────────────────────────┘     refused ─► Refused
//! ```
//!
//! Where another tab of the visitor leads (`tabs`), the session is `Following` instead.
//!
//! # Invariants
//! - A message stays in the outbox until it is acknowledged, comes back as an echo, or is deleted by a person. Each new
//!   socket gets the whole outbox again, in order. The server recognises duplicates by their ids.
//! - While connecting, waiting or online some timer is armed: the machine cannot stand still.
//! - The cursor is the end of the unbroken run of sequences shown: a reconnect asks for what
//!   comes after it, so nothing is missed, and [`Transcript`] lets nothing in twice.
//! - Every answer that streams ends: by its last piece, by the stored message, or by a timer.

mod agent;
mod connect;
mod event;
mod outbox;
mod say;
mod stream;
mod tabs;

pub use event::{Attempt, Connection, Effect, Event, Moment, NewestPage, Timer};
use outbox::Outbox;
pub use outbox::{GIVE_UP_AFTER_MS, MAX_SENDS, MAX_WAITING, MAX_WAITING_BYTES, Outgoing};
use say::entry_of;
use tabs::Company;

use crate::json::Value;
use crate::message::BotInfo;
use crate::message_ref::MessageRef;
use crate::reply::{Ack, DAY_IS_FULL, ErrorFrame, ServerFrame};
use crate::transcript::{Author, Entry, Transcript, own_key};

/// A message that is unacknowledged for this long means that the peer is gone.
const ACK_WITHIN_MS: u64 = 10_000;
/// After this much silence the session sends a ping…
const PING_AFTER_MS: u64 = 10_000;
/// …and an unanswered ping for this long means that the peer is gone: 22 s in all.
const PONG_WITHIN_MS: u64 = 12_000;
/// A platform that never answered a ping is taken for dead this many times. After that, the session assumes that it
/// does not answer pings.
const MAX_MUTE: u8 = 2;
/// The bot's typing is shown after this (a quick answer needs no indicator)…
const TYPING_AFTER_MS: u64 = 300;
/// …and is hidden after this long without an answer (`docs/kore-protocol.md` 4.8).
const TYPING_FOR_MS: u64 = 10_000;
/// A refused message that may be tried again waits at least this long.
const BUSY_MS: u64 = 2_000;
/// The most messages that go out at once. A server may refuse some messages of a longer burst and accept later ones.
/// Then each message waits for the acknowledgement of the one before it.
const AT_ONCE: usize = 20;
/// The most sequences beyond a gap. With more, the transcript is loaded anew.
const MAX_BEYOND_GAP: usize = 512;

/// The remainder of an id identifies its tab, so two tabs that send in the same millisecond take different ids.
const SLOTS: u64 = 128;

/// What a session starts with.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The bot, as every frame names it.
    pub bot_info: BotInfo,
    /// `{"timezone":"Europe/Berlin","locale":"de-DE"}`.
    pub meta: Option<Value>,
    /// The rows that the page came with.
    pub entries: Vec<Entry>,
    /// The last sequence that the page shows. `None`: the page shows no transcript, because the identity was unknown or
    /// because another platform keeps it. Then the transcript is loaded first.
    pub cursor: Option<u64>,
    /// What an earlier page could not send.
    pub outbox: Vec<Outgoing>,
    /// [`Session::last_id`] of an earlier page; 0 where none is known.
    pub last_id: u64,
    /// A number that differs from tab to tab, if several sessions of the visitor may speak at once.
    pub slot: Option<u64>,
}

/// See the [module](self).
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each named and explained"
)]
pub struct Session {
    bot_info: BotInfo,
    meta: Option<Value>,
    transcript: Transcript,
    outbox: Outbox,
    /// Send one message at a time, until the outbox is empty.
    careful: bool,
    last_id: u64,
    slot: Option<u64>,
    phase: Phase,
    attempt: Attempt,
    /// The number of failed attempts in a row. It is the exponent of the back-off.
    failures: u32,
    /// The number of refusals of the token in a row. Without a limit, getting a new grant each time would be a tight
    /// loop.
    unauthorized: u8,
    has_token: bool,
    /// There has been a socket, so the next one is a reconnect.
    was_online: bool,
    online_since_ms: u64,
    last_attempt_ms: u64,
    wants_new: bool,
    needs_history: bool,
    /// If the server counts: the end of the unbroken run of sequences shown.
    cursor: Option<u64>,
    /// The sequences that are shown beyond it, in order.
    beyond_gap: Vec<u64>,
    awaiting_pong: bool,
    /// This platform answers pings, so silence after a ping means something…
    pongs: bool,
    /// …and how many times a silence was believed although no ping was ever answered.
    mute: u8,
    typing: Typing,
    /// What the bot is doing, in its own words.
    doing: Option<String>,
    /// The person who has the conversation.
    agent: Option<String>,
    company: Company,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Following,
    Granting,
    Idle,
    Loading,
    Online,
    Opening,
    Refused,
    Starting,
    Waiting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typing {
    Hidden,
    /// Until [`TYPING_AFTER_MS`] has passed.
    Soon,
    Shown,
    /// An answer is streaming, which shows it.
    Streaming,
}

impl Session {
    /// A session that is not started yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let mut transcript = Transcript::new(settings.entries);
        for message in &settings.outbox {
            transcript.insert(entry_of(message));
        }
        Self {
            bot_info: settings.bot_info,
            meta: settings.meta,
            transcript,
            outbox: Outbox::new(settings.outbox),
            careful: false,
            last_id: settings.last_id,
            slot: settings.slot,
            phase: Phase::Idle,
            attempt: Attempt::default(),
            failures: 0,
            unauthorized: 0,
            has_token: false,
            was_online: false,
            online_since_ms: 0,
            last_attempt_ms: 0,
            wants_new: false,
            needs_history: settings.cursor.is_none(),
            cursor: settings.cursor,
            beyond_gap: Vec::new(),
            awaiting_pong: false,
            pongs: false,
            mute: 0,
            typing: Typing::Hidden,
            doing: None,
            agent: None,
            company: Company::default(),
        }
    }

    /// The rows, oldest first.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// What is not acknowledged yet, oldest first. The driver must keep it.
    #[must_use]
    pub fn outbox(&self) -> &[Outgoing] {
        self.outbox.all()
    }

    /// Whether another message fits. If not, the composer keeps the text.
    #[must_use]
    pub fn has_room(&self) -> bool {
        !self.outbox.is_full()
    }

    /// An id for the next message: the time, or a later value than every known id. So a clock that was set back cannot
    /// make a new message look like an old one.
    #[must_use]
    pub fn next_id(&self, now_ms: u64) -> u64 {
        let entries = self.transcript.entries().iter();
        let own = entries.filter_map(|entry| entry.key.strip_prefix("own-")?.parse::<u64>().ok());
        let first = now_ms.max(own.max().unwrap_or(0).max(self.last_id).saturating_add(1));
        let Some(slot) = self.slot else { return first };
        first.saturating_add((slot % SLOTS + SLOTS - first % SLOTS) % SLOTS)
    }

    /// The latest id that was given out. It is kept beside the outbox.
    #[must_use]
    pub fn last_id(&self) -> u64 {
        self.last_id
    }

    /// Whether the bot is working on an answer.
    #[must_use]
    pub fn typing(&self) -> bool {
        match self.company.stands.filter(|_| self.follows()) {
            Some((_, typing)) => typing,
            None => self.typing == Typing::Shown,
        }
    }

    /// How the connection stands.
    #[must_use]
    pub fn connection(&self) -> Connection {
        match self.phase {
            Phase::Following => match self.company.stands {
                Some((stands, _)) => stands,
                None => Connection::Connecting,
            },
            Phase::Online => Connection::Online,
            Phase::Refused => Connection::Refused,
            Phase::Waiting => Connection::Reconnecting,
            _ if self.was_online || self.failures > 0 => Connection::Reconnecting,
            _ => Connection::Connecting,
        }
    }

    /// Takes in an event and gives the effects, in order.
    pub fn handle(&mut self, at: Moment, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Said { id, body } => self.said(at, id, body, &mut effects),
            Event::Retry(id) => {
                if self.revive(id, &mut effects) {
                    self.tell_act("retry", id, &mut effects);
                }
                self.hurry(at, &mut effects);
            }
            Event::Delete(id) => {
                if self.delete(id, &mut effects) {
                    self.tell_act("delete", id, &mut effects);
                }
            }
            Event::Heard(text) => self.heard(at, &text, &mut effects),
            Event::Text(attempt, text) if attempt == self.attempt => {
                self.text(at, &text, &mut effects);
            }
            Event::Kept(messages) => self.adopt(at, messages, &mut effects),
            Event::KeepNewest(count) => {
                if self.transcript.keep_newest(count) {
                    effects.push(Effect::Show);
                }
            }
            Event::OlderLoaded(entries) => {
                for entry in entries {
                    self.transcript.insert(entry);
                }
                effects.push(Effect::Show);
            }
            Event::Fired(timer) => self.fired(at, timer, &mut effects),
            Event::Stop => self.stop(&mut effects),
            event => self.connect(at, event, &mut effects),
        }
        self.tell_state(&mut effects);
        effects
    }

    fn frame(&mut self, at: Moment, frame: ServerFrame, effects: &mut Vec<Effect>) {
        if self.phase != Phase::Online {
            return;
        }
        self.awaiting_pong = false;
        effects.push(Effect::Arm {
            timer: Timer::Ping,
            after_ms: PING_AFTER_MS,
        });
        self.take(at, frame, effects);
    }

    /// Handles a frame from this tab's socket or from the leader's.
    fn take(&mut self, at: Moment, frame: ServerFrame, effects: &mut Vec<Effect>) {
        match frame {
            ServerFrame::Ack(ack) => self.acknowledged(ack, effects),
            ServerFrame::BotResponse(response)
                if response.streaming == Some(true) && response.message_id.is_some() =>
            {
                self.add_piece(at, &response, effects);
            }
            ServerFrame::BotResponse(response) => {
                let entry = Entry::of_bot_response(&response, at.now_ms);
                self.see(response.seq, effects);
                self.doing = None;
                if self.typing != Typing::Hidden {
                    self.typing = Typing::Hidden;
                    effects.extend([Effect::Disarm(Timer::Typing), Effect::Show]);
                }
                if !entry.content.is_empty() {
                    self.show(entry, effects);
                }
                self.watch_stream(effects);
            }
            ServerFrame::UserMessage(echo) => {
                let id = echo.client_message_id.as_ref().unwrap_or(&echo.id);
                if let Some(id) = id.as_millis()
                    && self.outbox.remove(id)
                {
                    effects.push(Effect::Forget(id));
                }
                self.see(echo.seq, effects);
                self.show(Entry::of_echo(&echo, at.now_ms), effects);
            }
            ServerFrame::Error(error) => self.refused_frame(&error, effects),
            ServerFrame::Pong(_) => self.pongs = true,
            ServerFrame::Resync(_) => self.reload(effects),
            ServerFrame::Other(frame) => self.event(&frame, effects),
        }
    }

    fn acknowledged(&mut self, ack: Ack, effects: &mut Vec<Effect>) {
        self.see(ack.seq, effects);
        let Some(id) = ack.replyto.as_ref().and_then(MessageRef::as_millis) else {
            return;
        };
        let Some(message) = self.outbox.take(id) else {
            return;
        };
        self.transcript
            .delivered(&own_key(&id.into()), ack.seq, ack.message_id);
        self.relay_stored(&message, effects);
        effects.extend([Effect::Forget(id), Effect::Show]);
        if self.careful {
            self.flush(effects);
        }
        if self.outbox.unsent_count() > 0 {
            // The timer runs already. It will send what the server was too busy for.
        } else if self.outbox.awaits_ack() {
            effects.push(Effect::Arm {
                timer: Timer::Ack,
                after_ms: ACK_WITHIN_MS,
            });
        } else {
            effects.push(Effect::Disarm(Timer::Ack));
        }
        if self.typing == Typing::Hidden {
            self.doing = None;
            self.typing = Typing::Soon;
            effects.push(Effect::Arm {
                timer: Timer::Typing,
                after_ms: TYPING_AFTER_MS,
            });
        }
    }

    /// The server refused a frame: try it later (503), or never.
    fn refused_frame(&mut self, error: &ErrorFrame, effects: &mut Vec<Effect>) {
        let Some(id) = error.replyto.as_ref().and_then(MessageRef::as_millis) else {
            return;
        };
        if !self.outbox.has(id) {
            return;
        }
        let says = |code: u64| {
            let mut errors = error.errors.iter();
            errors.any(|error| error.code == MessageRef::from(code))
        };
        if says(503) {
            self.outbox.take_back(id);
            self.careful = true;
            effects.push(Effect::Arm {
                timer: Timer::Ack,
                after_ms: BUSY_MS,
            });
        } else {
            self.fail(id, effects);
            if says(DAY_IS_FULL) {
                effects.push(Effect::DayFull);
            }
            self.flush(effects);
        }
    }

    fn show(&mut self, entry: Entry, effects: &mut Vec<Effect>) {
        let key = entry.key.clone();
        let tell = entry.author != Author::Visitor;
        if self.transcript.arrive(entry) && tell {
            effects.push(Effect::Arrived { key });
        }
        effects.push(Effect::Show);
    }

    /// Notes a sequence that is shown, and moves the cursor over the unbroken run.
    fn see(&mut self, seq: Option<u64>, effects: &mut Vec<Effect>) {
        let Some(seq) = seq else { return };
        if self.cursor.is_none_or(|cursor| seq > cursor) {
            // It nearly always goes to the end. A set would cost eight kilobytes of the widget.
            let index = self.beyond_gap.iter().rposition(|other| *other <= seq);
            if index.is_none_or(|index| self.beyond_gap[index] != seq) {
                self.beyond_gap
                    .insert(index.map_or(0, |index| index + 1), seq);
            }
        }
        self.close_gap();
        if self.beyond_gap.len() > MAX_BEYOND_GAP {
            self.reload(effects);
        }
    }

    /// What was missed cannot be replayed piece by piece: load the newest page instead.
    fn reload(&mut self, effects: &mut Vec<Effect>) {
        self.cursor = None;
        self.beyond_gap.clear();
        self.needs_history = true;
        effects.push(Effect::LoadHistory(self.attempt));
    }

    fn close_gap(&mut self) {
        let Some(cursor) = &mut self.cursor else {
            return;
        };
        self.beyond_gap.retain(|seq| {
            if cursor.checked_add(1) == Some(*seq) {
                *cursor = *seq;
            }
            *seq > *cursor
        });
    }

    fn fired(&mut self, at: Moment, timer: Timer, effects: &mut Vec<Effect>) {
        match (timer, self.phase) {
            (Timer::Ack, Phase::Online)
                if self.outbox.unsent_count() > 0
                    && !(self.careful && self.outbox.is_on_wire()) =>
            {
                self.flush(effects);
            }
            (Timer::Ack, Phase::Online) if self.outbox.awaits_ack() => self.lost(at, effects),
            (Timer::Ping, Phase::Online) => {
                if self.awaiting_pong && (self.pongs || self.mute < MAX_MUTE) {
                    self.mute += u8::from(!self.pongs);
                    self.lost(at, effects);
                } else {
                    self.ping(effects);
                    if self.needs_history {
                        effects.push(Effect::LoadHistory(self.attempt));
                    }
                }
            }
            (Timer::Typing, _) if self.typing == Typing::Streaming => self.broke_off(effects),
            (Timer::Ping, Phase::Following) => self.silence(effects),
            (Timer::Typing, _) => {
                self.typing = match self.typing {
                    Typing::Soon => {
                        effects.push(Effect::Arm {
                            timer,
                            after_ms: TYPING_FOR_MS,
                        });
                        Typing::Shown
                    }
                    _ => Typing::Hidden,
                };
                effects.push(Effect::Show);
            }
            (Timer::BackOff | Timer::Deadline | Timer::Token, _) => {
                self.connect(at, Event::Fired(timer), effects);
            }
            _ => {}
        }
    }

    fn ping(&mut self, effects: &mut Vec<Effect>) {
        self.awaiting_pong = true;
        effects.push(Effect::Send(r#"{"type":"ping"}"#.to_owned()));
        effects.push(Effect::Arm {
            timer: Timer::Ping,
            after_ms: PONG_WITHIN_MS,
        });
    }
}
