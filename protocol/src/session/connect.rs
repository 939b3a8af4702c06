//! How the session gets a socket: grant, history, start, open; and the way back after a failure.

use super::{
    Attempt, Effect, Event, Moment, NewestPage, PING_AFTER_MS, Phase, Session, Timer, Typing,
};
use crate::error::Failure;
use crate::start::{ConnectionMode, socket_url};
use crate::transcript::{Author, Delivery, Entry};

/// If a step of connecting takes longer, it has failed.
const STEP_DEADLINE: Effect = Effect::Arm {
    timer: Timer::Deadline,
    after_ms: 15_000,
};
/// The first pause is at most this long, and each later one twice as long…
const BACK_OFF_BASE_MS: u64 = 500;
/// …up to this.
const BACK_OFF_MAX_MS: u64 = 30_000;
/// A connection that lasted this long was good: the back-off starts anew.
const GOOD_AFTER_MS: u64 = 10_000;
/// Hints (`online`, the page is visible again, an action of the visitor) shorten a pause, but not below this.
const HURRY_MS: u64 = 1_000;
/// After this many refusals of the token in a row, a person has to decide.
const MAX_UNAUTHORIZED: u8 = 3;
/// A token is renewed when a tenth of its life is left, but not sooner than this before its end…
const RENEW_BEFORE_MS: u64 = 5 * 60 * 1000;
/// …and never sooner than this after the last grant, however short the token lives, nor later than a browser's timer
/// can wait (24 days)…
const RENEW_AFTER_MS: std::ops::RangeInclusive<u64> = 10_000..=20 * 24 * 3_600_000;
/// …and once more after this if the renewal failed. There is a socket, so nobody waits for it.
const RENEW_AGAIN_MS: u64 = 60_000;

impl Session {
    /// Handles every event about getting and losing the connection.
    pub(super) fn connect(&mut self, at: Moment, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Start if self.phase == Phase::Idle => self.begin(at, effects),
            // A token is good for any attempt by now. A tab that has become a follower in the meantime has it, too.
            Event::Granted(attempt, lasts_ms) => self.granted(attempt, lasts_ms, effects),
            Event::NotGranted(attempt, failure)
                if attempt == self.attempt
                    && (self.phase == Phase::Granting || self.follows() && self.needs_history) =>
            {
                self.step_failed(at, failure, effects);
            }
            Event::Fired(Timer::Token) => self.renew(effects),
            Event::Follow => self.follow(at, effects),
            Event::Lead => {
                if self.follows() {
                    self.begin(at, effects);
                }
                self.hail(effects);
            }
            Event::HistoryLoaded(attempt, page) if attempt == self.attempt => {
                self.history(page, effects);
            }
            Event::Started(attempt, url) if self.is_at(attempt, Phase::Starting) => {
                self.phase = Phase::Opening;
                let url = self.socket_url(&url);
                effects.push(Effect::Open(attempt, url));
                effects.push(STEP_DEADLINE);
            }
            Event::SocketOpened(attempt) if self.is_at(attempt, Phase::Opening) => {
                self.opened(at, effects);
            }
            Event::SocketClosed(attempt, _) if attempt == self.attempt => match self.phase {
                Phase::Opening | Phase::Online => self.lost(at, effects),
                _ => {}
            },
            Event::StepFailed(attempt, failure) if attempt == self.attempt => {
                self.step_failed(at, failure, effects);
            }
            Event::Fired(Timer::Deadline) => match self.phase {
                Phase::Granting | Phase::Loading | Phase::Starting | Phase::Opening => {
                    self.lost(at, effects);
                }
                _ => {}
            },
            Event::Fired(Timer::BackOff) if self.phase == Phase::Waiting => self.begin(at, effects),
            Event::NewConversation if self.follows() => self.tell_act("anew", 0, effects),
            Event::Reconnect if self.follows() => self.tell_act("again", 0, effects),
            Event::Reconnect if self.phase == Phase::Refused => {
                self.unauthorized = 0;
                self.has_token = false;
                self.begin(at, effects);
            }
            Event::Network { online: true } | Event::Woken | Event::Reconnect => {
                self.hurry(at, effects);
            }
            Event::NewConversation => {
                self.wants_new = true;
                self.begin(at, effects);
            }
            _ => {}
        }
    }

    /// The connection, or the attempt to get one, has failed: pause and try again.
    pub(super) fn lost(&mut self, at: Moment, effects: &mut Vec<Effect>) {
        let held = at.now_ms.saturating_sub(self.online_since_ms);
        if self.phase == Phase::Online && held >= GOOD_AFTER_MS {
            self.failures = 0;
        }
        self.leave(effects);
        self.phase = Phase::Waiting;
        let longest = BACK_OFF_BASE_MS << self.failures.min(10);
        self.failures += 1;
        // Full jitter, so that not everybody comes back to a restarted server at once.
        let after_ms = at.entropy % (longest.min(BACK_OFF_MAX_MS) + 1);
        effects.extend([
            Effect::Arm {
                timer: Timer::BackOff,
                after_ms,
            },
            Effect::Show,
        ]);
    }

    /// A hint that the network may work again, or that the visitor waits.
    pub(super) fn hurry(&mut self, at: Moment, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Waiting => {
                let since = at.now_ms.saturating_sub(self.last_attempt_ms);
                if since >= HURRY_MS {
                    self.begin(at, effects);
                } else {
                    let after_ms = HURRY_MS - since;
                    effects.push(Effect::Arm {
                        timer: Timer::BackOff,
                        after_ms,
                    });
                }
            }
            Phase::Following if !self.awaiting_pong => self.ask(effects),
            // Ask whether the socket is still alive after sleep or a change of network.
            Phase::Online
                if !self.awaiting_pong
                    && at.now_ms.saturating_sub(self.online_since_ms) > HURRY_MS =>
            {
                self.ping(effects);
            }
            _ => {}
        }
    }

    fn is_at(&self, attempt: Attempt, phase: Phase) -> bool {
        attempt == self.attempt && self.phase == phase
    }

    /// Begins a new attempt, with the first step that is needed.
    fn begin(&mut self, at: Moment, effects: &mut Vec<Effect>) {
        self.leave(effects);
        self.attempt = Attempt(self.attempt.0.wrapping_add(1));
        self.last_attempt_ms = at.now_ms;
        self.next_step(effects);
        effects.push(Effect::Show);
    }

    fn next_step(&mut self, effects: &mut Vec<Effect>) {
        let attempt = self.attempt;
        let (phase, effect) = if !self.has_token {
            (Phase::Granting, Effect::Grant(attempt))
        } else if self.needs_history && !self.was_online {
            (Phase::Loading, Effect::LoadHistory(attempt))
        } else {
            (Phase::Starting, Effect::Start(attempt))
        };
        self.phase = phase;
        effects.push(effect);
        effects.push(STEP_DEADLINE);
    }

    fn granted(&mut self, attempt: Attempt, lasts_ms: Option<u64>, effects: &mut Vec<Effect>) {
        self.has_token = true;
        effects.push(match lasts_ms {
            Some(lasts_ms) => {
                let (earliest, latest) = RENEW_AFTER_MS.into_inner();
                let before = (lasts_ms / 10).min(RENEW_BEFORE_MS);
                Effect::Arm {
                    timer: Timer::Token,
                    after_ms: (lasts_ms - before).clamp(earliest, latest),
                }
            }
            None => Effect::Disarm(Timer::Token),
        });
        match self.phase {
            _ if attempt != self.attempt => {}
            Phase::Granting => self.next_step(effects),
            Phase::Following | Phase::Online if self.needs_history => {
                effects.push(Effect::LoadHistory(attempt));
            }
            _ => {}
        }
    }

    /// Gets a new token while the old one is still valid, beside everything else.
    fn renew(&mut self, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Granting | Phase::Idle | Phase::Refused => {}
            // The next attempt begins with the renewal.
            Phase::Waiting => self.has_token = false,
            _ => effects.extend([
                Effect::Grant(self.attempt),
                Effect::Arm {
                    timer: Timer::Token,
                    after_ms: RENEW_AGAIN_MS,
                },
            ]),
        }
    }

    /// Drops everything that there is of a connection.
    pub(super) fn leave(&mut self, effects: &mut Vec<Effect>) {
        self.awaiting_pong = false;
        for timer in [Timer::Ack, Timer::BackOff, Timer::Deadline, Timer::Ping] {
            effects.push(Effect::Disarm(timer));
        }
        // A streamed answer continues after a reconnect. Without sequences nobody could tell what was missed.
        if self.typing == Typing::Streaming && self.cursor.is_none() {
            self.broke_off(effects);
        }
        if self.typing != Typing::Streaming {
            self.typing = Typing::Hidden;
            effects.push(Effect::Disarm(Timer::Typing));
        }
        self.outbox.off_wire();
        if matches!(self.phase, Phase::Opening | Phase::Online) {
            effects.push(Effect::Close);
        }
    }

    fn socket_url(&self, url: &str) -> String {
        let mode = if self.wants_new {
            ConnectionMode::StartNew
        } else if self.was_online {
            ConnectionMode::Reconnect
        } else {
            ConnectionMode::Default
        };
        socket_url(url, mode, self.cursor)
    }

    fn history(&mut self, page: NewestPage, effects: &mut Vec<Effect>) {
        // A row is new only if it comes after a complete row of the server.
        let is_whole =
            |row: &&Entry| row.message_id.is_some() && row.delivery != Delivery::Streaming;
        let known = self.transcript.entries().iter().rev().find(is_whole);
        let known = known.map(|row| row.key.clone());
        if self.phase != Phase::Loading && page.last_seq.is_some() {
            self.transcript.replace(page.entries, page.last_seq);
        } else {
            for entry in page.entries {
                self.transcript.insert(entry);
            }
        }
        self.forget_stored(effects);
        self.cursor = page.last_seq.or(self.cursor);
        self.close_gap();
        self.needs_history = false;
        self.unauthorized = 0;
        self.watch_stream(effects);
        effects.push(Effect::Show);
        if let Some(known) = known {
            let rows = self.transcript.entries();
            let index = rows.iter().rposition(|row| row.key == known);
            for row in &rows[index.map_or(0, |index| index + 1)..] {
                if row.author == Author::Bot && is_whole(&row) {
                    let key = row.key.clone();
                    effects.push(Effect::Arrived { key });
                }
            }
        }
        if self.phase == Phase::Loading {
            self.next_step(effects);
        }
    }

    /// Drops from the outbox what the history holds.
    fn forget_stored(&mut self, effects: &mut Vec<Effect>) {
        let ids: Vec<u64> = self.outbox.all().iter().map(|message| message.id).collect();
        for id in ids {
            if self.is_stored(id)
                && let Some(message) = self.outbox.take(id)
            {
                effects.push(Effect::Forget(id));
                if !self.follows() {
                    self.relay_stored(&message, effects);
                }
            }
        }
    }

    fn opened(&mut self, at: Moment, effects: &mut Vec<Effect>) {
        self.phase = Phase::Online;
        self.was_online = true;
        self.wants_new = false;
        self.unauthorized = 0;
        self.online_since_ms = at.now_ms;
        self.awaiting_pong = false;
        // A server says it again on each socket.
        self.agent = None;
        effects.push(Effect::Disarm(Timer::Deadline));
        effects.push(Effect::Arm {
            timer: Timer::Ping,
            after_ms: PING_AFTER_MS,
        });
        if self.cursor.is_none() {
            // This platform does not count, so nothing will be replayed. Only a page that is loaded now, while the
            // socket is open, leaves no gap.
            self.needs_history = true;
            effects.push(Effect::LoadHistory(self.attempt));
        }
        self.flush(effects);
        effects.push(Effect::Show);
    }

    fn step_failed(&mut self, at: Moment, failure: Failure, effects: &mut Vec<Effect>) {
        if self.phase == Phase::Waiting {
            // It came too late: the next attempt asks for everything again.
            self.has_token &= failure != Failure::Reauthorize;
            return;
        }
        if self.follows() || self.phase == Phase::Online {
            // Only the history can fail here. It is requested again with the next ping. The token may have ended in the
            // meantime.
            self.needs_history = failure != Failure::Refused;
            if failure == Failure::Reauthorize && self.unauthorized < MAX_UNAUTHORIZED {
                self.unauthorized += 1;
                effects.push(Effect::Grant(self.attempt));
            }
            return;
        }
        match failure {
            Failure::Retry => self.lost(at, effects),
            // Without a history people can still talk.
            Failure::Refused if self.phase == Phase::Loading => {
                self.needs_history = false;
                self.next_step(effects);
            }
            Failure::Reauthorize if self.unauthorized < MAX_UNAUTHORIZED => {
                self.unauthorized += 1;
                self.has_token = false;
                if self.unauthorized == 1 {
                    self.begin(at, effects);
                } else {
                    self.lost(at, effects);
                }
            }
            Failure::Reauthorize | Failure::Refused => {
                self.leave(effects);
                self.phase = Phase::Refused;
                effects.push(Effect::Show);
            }
        }
    }
}
