//! One connection to the broker, from its first word to its end.
//!
//! In the path: [`super::link`] makes a [`Session`] of each connection. One future writes and one reads, side by side, so
//! that neither a broker that does not read nor one that talks without end stops the other.
//!
//! Invariants: a listener counts as known to the broker only when the broker has answered a ping that was sent after the
//! subscription. A broker that says nothing for three beats is gone.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::Reason;
use super::broker::{Incoming, LinkError, MAX_MESSAGE, Wire};
use super::link::{Line, Outgoing};
use super::wire::{self, Said};
use crate::limits::RATES_TOLD_EVERY;
use crate::records::ConversationId;

/// Messages that go out together.
const TOGETHER: usize = 256;
/// Beats without a sign of life.
const MISSED: u32 = 3;
/// An empty buffer keeps so much room.
const KEPT_ROOM: usize = 64 * 1024;
/// How often an ending node looks whether anybody may still say something.
const LAST_LOOK: Duration = Duration::from_millis(50);

/// One connection.
pub(super) struct Session<'a> {
    line: &'a Line,
    state: Mutex<State>,
    /// The broker wants a pong.
    asked: Notify,
}

/// What reader and writer share.
struct State {
    /// For each ping that is not answered: what the broker knows when it is.
    pings: VecDeque<Vec<ConversationId>>,
    /// Beats since the broker said something. Counted, not timed: a process that stood still itself blames nobody.
    missed: u32,
    is_up: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(line: &'a Line) -> Self {
        let state = State {
            pings: VecDeque::new(),
            missed: 0,
            is_up: false,
        };
        Self {
            line,
            state: Mutex::new(state),
            asked: Notify::new(),
        }
    }

    /// Speaks until the connection breaks, or the server has ended.
    pub(super) async fn speak(
        &self,
        wire: Box<dyn Wire>,
        outgoing: &mut mpsc::Receiver<Outgoing>,
    ) -> Result<(), LinkError> {
        let (reading, writing) = tokio::io::split(wire);
        tokio::select! {
            ended = self.write(writing, outgoing) => ended,
            ended = self.read(reading) => ended,
        }
    }

    async fn write(
        &self,
        mut wire: impl AsyncWrite + Unpin,
        outgoing: &mut mpsc::Receiver<Outgoing>,
    ) -> Result<(), LinkError> {
        let line = self.line;
        let broker = line.settings.broker;
        let mut out = Vec::new();
        let mut subscribed = HashSet::new();
        broker.subscribe(&self.subject(None), 0, &mut out);
        // Before the broker counts as there: whoever hears of a node misses it when it falls silent.
        self.say(&Said::Here, &mut out);
        self.say(&Said::Joined, &mut out);
        line.limits.forget_used();
        self.tell_changes(&mut subscribed, &mut out);
        let mut beat = interval(line.beat);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tell = interval(RATES_TOLD_EVERY);
        tell.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut together = Vec::new();
        let mut ending = false;
        loop {
            self.send(&mut wire, &mut out).await?;
            tokio::select! {
                () = line.inboxes.wait() => self.tell_changes(&mut subscribed, &mut out),
                _ = outgoing.recv_many(&mut together, TOGETHER) => {
                    self.publish(&mut together, &mut out);
                }
                () = self.asked.notified() => broker.pong(&mut out),
                _ = beat.tick() => self.beat(&mut out)?,
                _ = tell.tick() => self.tell_limits(&mut out),
                () = line.shutdown.cancelled(), if !ending => ending = true,
                () = tokio::time::sleep(LAST_LOOK), if ending => {
                    // Sockets and turns that end have something to say yet. This task is one, too.
                    if line.shutdown.running() <= 1 && outgoing.is_empty() {
                        self.tell_limits(&mut out);
                        self.say(&Said::Gone, &mut out);
                        return self.send(&mut wire, &mut out).await;
                    }
                }
            }
        }
    }

    async fn send(
        &self,
        wire: &mut (impl AsyncWrite + Unpin),
        out: &mut Vec<u8>,
    ) -> Result<(), LinkError> {
        if out.is_empty() {
            return Ok(());
        }
        let writing = async {
            wire.write_all(out).await?;
            wire.flush().await
        };
        let written = timeout(self.line.beat * MISSED, writing).await;
        written.map_err(|_late| LinkError::Silent)??;
        out.clear();
        out.shrink_to(KEPT_ROOM);
        Ok(())
    }

    /// Tells the broker to which conversations somebody has begun to listen, and to which nobody listens any more.
    fn tell_changes(&self, subscribed: &mut HashSet<ConversationId>, out: &mut Vec<u8>) {
        let broker = self.line.settings.broker;
        let mut wanted = Vec::new();
        for (conversation, listens) in self.line.inboxes.changed() {
            let subject = self.subject(Some(conversation));
            if !listens {
                if subscribed.remove(&conversation) {
                    broker.unsubscribe(&subject, conversation.0, out);
                }
                continue;
            }
            if subscribed.insert(conversation) {
                broker.subscribe(&subject, conversation.0, out);
            }
            wanted.push(conversation);
        }
        if wanted.is_empty() && self.lock().is_up {
            return;
        }
        self.ping(wanted, out);
    }

    fn ping(&self, known_after: Vec<ConversationId>, out: &mut Vec<u8>) {
        self.lock().pings.push_back(known_after);
        self.line.settings.broker.ping(out);
    }

    fn publish(&self, together: &mut Vec<Outgoing>, out: &mut Vec<u8>) {
        let counters = self.line.link.counters();
        for outgoing in together.drain(..) {
            self.line.link.taken(&outgoing);
            let subject = self.subject(Some(outgoing.conversation));
            let before = out.len();
            let broker = self.line.settings.broker;
            broker.publish(&subject, &outgoing.payload, out);
            let bytes = (out.len() - before) as u64;
            counters.sent.fetch_add(1, Ordering::Relaxed);
            counters.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// Tells the other nodes.
    fn say(&self, said: &Said, out: &mut Vec<u8>) {
        let payload = wire::write(self.line.link.node(), said);
        let broker = self.line.settings.broker;
        broker.publish(&self.subject(None), &payload, out);
    }

    /// Tells the other nodes what was let through here, and how things stand if one of them has asked.
    fn tell_limits(&self, out: &mut Vec<u8>) {
        let limits = &self.line.limits;
        let used = limits.take_used();
        if !used.is_empty() {
            self.say(&Said::Used(used), out);
        }
        if self.line.asked.swap(false, Ordering::Relaxed) {
            let standing = limits.standing();
            if !standing.is_empty() {
                self.say(&Said::Standing(standing), out);
            }
        }
    }

    fn beat(&self, out: &mut Vec<u8>) -> Result<(), LinkError> {
        let (now, beat) = (Instant::now(), self.line.beat);
        let mut state = self.lock();
        if state.missed == MISSED {
            return Err(LinkError::Silent);
        }
        state.missed += 1;
        let is_up = state.is_up;
        drop(state);
        self.ping(Vec::new(), out);
        self.say(&Said::Here, out);
        if is_up && self.line.link.settle() {
            self.say(&Said::Look, out);
        }
        if self.line.peers().is_silent(now, beat) {
            self.line.looks.begin(Reason::Silent);
        } else {
            self.line.looks.end(Reason::Silent);
        }
        Ok(())
    }

    async fn read(&self, mut wire: impl AsyncRead + Unpin) -> Result<(), LinkError> {
        let broker = self.line.settings.broker;
        let mut bytes = Vec::new();
        loop {
            if wire.read_buf(&mut bytes).await? == 0 {
                return Err(LinkError::Closed);
            }
            self.lock().missed = 0;
            let mut at = 0;
            while let Some((length, incoming)) = broker.read(&bytes[at..])? {
                at += length;
                self.take(&incoming);
            }
            bytes.drain(..at);
            if bytes.len() > 2 * MAX_MESSAGE {
                return Err(LinkError::Foreign("broker that we know"));
            }
            bytes.shrink_to(KEPT_ROOM);
        }
    }

    fn take(&self, incoming: &Incoming<'_>) {
        match incoming {
            Incoming::Message(subject, payload) => self.hear(subject, payload),
            Incoming::Ping => self.asked.notify_one(),
            Incoming::Pong => self.is_known(),
            Incoming::Other => {}
        }
    }

    /// The broker has done what was asked before a ping.
    fn is_known(&self) {
        let line = self.line;
        let mut state = self.lock();
        let known = state.pings.pop_front().unwrap_or_default();
        let first = !std::mem::replace(&mut state.is_up, true);
        drop(state);
        line.inboxes.subscribed(&known);
        if first {
            line.peers().excuse(Instant::now());
            line.link.set_up(true);
            line.looks.end(Reason::Away);
            let counters = line.link.counters();
            let times = counters.connected.fetch_add(1, Ordering::Relaxed) + 1;
            let dropped = counters.dropped.load(Ordering::Relaxed);
            tracing::info!(times, dropped, "the bus is there");
        }
    }

    fn hear(&self, subject: &[u8], payload: &[u8]) {
        let line = self.line;
        let Some((node, said)) = wire::read(payload) else {
            return;
        };
        if *node == *line.link.node() {
            return;
        }
        let counters = line.link.counters();
        counters.received.fetch_add(1, Ordering::Relaxed);
        if let Some(conversation) = self.conversation(subject) {
            line.inboxes.heard(conversation, said);
            return;
        }
        match said {
            Said::Gone => line.peers().gone(&node),
            Said::Here => line.peers().heard(node, Instant::now()),
            Said::Joined => line.asked.store(true, Ordering::Relaxed),
            Said::Look => line.looks.once(),
            Said::Standing(standing) => line.limits.raise(&standing),
            Said::Used(used) => line.limits.charge(&used),
            _ => {}
        }
    }

    /// Where a conversation is told of; without one, where nodes tell of themselves.
    fn subject(&self, conversation: Option<ConversationId>) -> String {
        let prefix = &self.line.settings.prefix;
        match conversation {
            Some(conversation) => format!("{prefix}.c.{}", conversation.0),
            None => format!("{prefix}.nodes"),
        }
    }

    /// The conversation of a subject.
    fn conversation(&self, subject: &[u8]) -> Option<ConversationId> {
        let prefix = self.line.settings.prefix.as_bytes();
        let number = subject.strip_prefix(prefix)?.strip_prefix(b".c.")?;
        str::from_utf8(number)
            .ok()?
            .parse()
            .ok()
            .map(ConversationId)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in the critical sections can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
