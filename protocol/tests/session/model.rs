//! A server, a network and a driver in memory, each as simple as can be, for the session to be
//! held against.

use std::collections::{BTreeSet, VecDeque};

use protocol::error::Failure;
use protocol::message::{ClientFrame, UserBody};
use protocol::message_ref::MessageRef;
use protocol::reply::{Ack, BotMessage, ErrorFrame, Pong, Resync, ServerFrame};
use protocol::session::{
    Attempt, Connection, Effect, Event, Moment, NewestPage, Outgoing, Session, Settings, Timer,
};
use protocol::transcript::{Author, Delivery, Entry, own_key};

/// One stored message of the model's server.
#[derive(Clone, Debug)]
struct Stored {
    seq: u64,
    /// The client's id as JSON text; the bot's messages have none.
    client_id: Option<MessageRef>,
    text: String,
}

/// What the driver is asked to do and has not done.
#[derive(Clone, Debug)]
enum Pending {
    Grant(Attempt),
    History(Attempt),
    Open(Attempt, String),
    Start(Attempt),
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of a world"
)]
pub(crate) struct World {
    session: Session,
    counting: bool,
    pub(crate) now_ms: u64,
    pub(crate) busy: bool,
    /// Too busy when it has stored this many.
    pub(crate) busy_at: Option<u64>,
    pub(crate) requests: u32,
    entropy: u64,
    pending: VecDeque<Pending>,
    timers: Vec<Timer>,
    /// What the browser keeps, also over a reload…
    kept: Vec<Outgoing>,
    /// …and whether this page has read it.
    read: bool,
    said: Vec<(u64, String)>,
    // The wire.
    socket: Option<Attempt>,
    alive: bool,
    up: VecDeque<String>,
    down: VecDeque<ServerFrame>,
    // The server.
    token: bool,
    log: Vec<Stored>,
    pruned_to: u64,
}

impl World {
    pub(crate) fn counting() -> Self {
        Self::new(true)
    }

    pub(crate) fn plain() -> Self {
        Self::new(false)
    }

    fn new(counting: bool) -> Self {
        let mut world = Self {
            session: Session::new(Settings::default()),
            counting,
            now_ms: 1_000_000,
            busy: false,
            busy_at: None,
            requests: 0,
            entropy: 7,
            pending: VecDeque::new(),
            timers: Vec::new(),
            kept: Vec::new(),
            read: false,
            said: Vec::new(),
            socket: None,
            alive: false,
            up: VecDeque::new(),
            down: VecDeque::new(),
            token: false,
            log: Vec::new(),
            pruned_to: 0,
        };
        world.server_says(None);
        world.handle(Event::Start);
        world
    }

    fn handle(&mut self, event: Event) {
        self.entropy = self
            .entropy
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let moment = Moment {
            now_ms: self.now_ms,
            entropy: self.entropy >> 13,
        };
        for effect in self.session.handle(moment, event) {
            match effect {
                Effect::Arm { timer, .. } => {
                    self.timers.retain(|armed| *armed != timer);
                    self.timers.push(timer);
                    // Hours away from the others.
                    self.timers.sort_by_key(|timer| *timer == Timer::Token);
                }
                Effect::Disarm(timer) => self.timers.retain(|armed| *armed != timer),
                Effect::Grant(attempt) => self.ask(Pending::Grant(attempt)),
                Effect::LoadHistory(attempt) => self.ask(Pending::History(attempt)),
                Effect::Start(attempt) => self.ask(Pending::Start(attempt)),
                Effect::Open(attempt, url) => self.ask(Pending::Open(attempt, url)),
                Effect::Close => self.hang_up(),
                Effect::Send(text) if self.alive => self.up.push_back(text),
                Effect::Forget(id) => self.kept.retain(|kept| kept.id != id),
                Effect::Keep(id) => {
                    self.kept.retain(|kept| kept.id != id);
                    let outbox = self.session.outbox().iter();
                    // Gone again in the same breath: its `Forget` follows.
                    self.kept
                        .extend(outbox.filter(|kept| kept.id == id).cloned());
                }
                Effect::Steal | Effect::Tell(_) => panic!("one tab is alone"),
                // For those who show it.
                _ => {}
            }
        }
    }

    fn ask(&mut self, pending: Pending) {
        self.requests += 1;
        self.pending.push_back(pending);
    }

    fn hang_up(&mut self) {
        self.socket = None;
        self.alive = false;
        self.up.clear();
        self.down.clear();
    }

    // ---- what the visitor and the world do

    pub(crate) fn say(&mut self) {
        if !self.session.has_room() {
            return;
        }
        let id = self.session.next_id(self.now_ms);
        let text = format!("said {}", self.said.len());
        self.said.push((id, text.clone()));
        self.handle(Event::Said {
            id,
            body: UserBody::text(text),
        });
    }

    pub(crate) fn wake(&mut self) {
        self.handle(Event::Woken);
    }

    pub(crate) fn reconnect(&mut self) {
        self.handle(Event::Reconnect);
    }

    pub(crate) fn reload(&mut self) {
        self.hang_up();
        self.pending.clear();
        self.timers.clear();
        let entries = self.page();
        let cursor = self.counting.then(|| self.head());
        let last_id = self.session.last_id();
        self.read = false;
        let settings = Settings {
            entries,
            cursor,
            last_id,
            ..Settings::default()
        };
        self.session = Session::new(settings);
        self.handle(Event::Start);
    }

    pub(crate) fn fire(&mut self, which: usize) {
        if self.timers.is_empty() {
            return;
        }
        let timer = self.timers.remove(which % self.timers.len());
        self.handle(Event::Fired(timer));
    }

    // ---- the wire

    pub(crate) fn step_works(&mut self) {
        let Some(pending) = self.pending.pop_front() else {
            return;
        };
        match pending {
            Pending::History(attempt) | Pending::Start(attempt) if !self.token => {
                self.handle(Event::StepFailed(attempt, Failure::Reauthorize));
            }
            Pending::Grant(attempt) => {
                self.token = true;
                if !std::mem::replace(&mut self.read, true) {
                    // A store gives it in the order of the ids.
                    let mut kept = self.kept.clone();
                    kept.sort_by_key(|kept| kept.id);
                    self.handle(Event::Kept(kept));
                }
                self.handle(Event::Granted(attempt, Some(3_600_000)));
            }
            Pending::History(attempt) => {
                let last_seq = self.counting.then(|| self.head());
                let page = NewestPage {
                    entries: self.page(),
                    last_seq,
                };
                self.handle(Event::HistoryLoaded(attempt, page));
            }
            Pending::Start(attempt) => {
                self.handle(Event::Started(attempt, "ws://h/rtm/bot?sid=x".to_owned()));
            }
            Pending::Open(attempt, url) => {
                self.hang_up();
                self.socket = Some(attempt);
                self.alive = true;
                let after = url
                    .split("&after=")
                    .nth(1)
                    .and_then(|after| after.parse().ok());
                self.handle(Event::SocketOpened(attempt));
                if let (true, Some(after)) = (self.socket == Some(attempt), after) {
                    self.replay(after);
                }
            }
        }
    }

    pub(crate) fn step_fails(&mut self, failure: Failure) {
        let Some(pending) = self.pending.pop_front() else {
            return;
        };
        match pending {
            Pending::Grant(attempt) => self.handle(Event::NotGranted(attempt, failure)),
            Pending::History(attempt) | Pending::Start(attempt) => {
                self.handle(Event::StepFailed(attempt, failure));
            }
            Pending::Open(attempt, _) => self.handle(Event::SocketClosed(attempt, 1006)),
        }
    }

    pub(crate) fn drop_socket(&mut self) {
        if let Some(attempt) = self.socket {
            self.hang_up();
            self.handle(Event::SocketClosed(attempt, 1006));
        }
    }

    pub(crate) fn vanish(&mut self) {
        self.alive = false;
        self.up.clear();
        self.down.clear();
    }

    pub(crate) fn deliver_down(&mut self, times: usize) {
        if let (Some(frame), Some(attempt)) = (self.down.pop_front(), self.socket) {
            let text = serde_json::to_string(&frame).unwrap_or_default();
            for _ in 0..times {
                self.handle(Event::Text(attempt, text.clone()));
            }
        }
    }

    pub(crate) fn deliver_up(&mut self) {
        let Some(text) = self.up.pop_front() else {
            return;
        };
        match ClientFrame::parse(&text).unwrap() {
            ClientFrame::Ping(_) => self.down(ServerFrame::Pong(Pong::new(None))),
            ClientFrame::Message(message) => {
                let id = message.reference().unwrap().clone();
                if self.busy_at.is_some_and(|full| full <= self.head()) {
                    self.busy = true;
                    self.busy_at = None;
                }
                if std::mem::take(&mut self.busy) {
                    self.down(ServerFrame::Error(ErrorFrame::new(Some(id), "busy", 503)));
                    return;
                }
                let known = self
                    .log
                    .iter()
                    .find(|stored| stored.client_id.as_ref() == Some(&id));
                let fresh = known.is_none();
                let seq = match known {
                    Some(stored) => stored.seq,
                    None => self.store(Some(id.clone()), message.message.shown()),
                };
                let counted = self.counting.then_some(seq);
                self.down(ServerFrame::Ack(Ack::new(
                    Some(id),
                    counted,
                    Some(format!("ms-{seq}")),
                )));
                if fresh {
                    self.server_says(Some(format!("answer to {seq}")));
                }
            }
            other => panic!("the session never sends {other:?}"),
        }
    }

    fn down(&mut self, frame: ServerFrame) {
        if self.alive {
            self.down.push_back(frame);
        }
    }

    // ---- the server

    pub(crate) fn end_token(&mut self) {
        self.token = false;
    }

    /// Whether the session would renew its token by itself.
    pub(crate) fn will_renew(&self) -> bool {
        self.timers.contains(&Timer::Token)
    }

    pub(crate) fn fire_token(&mut self) {
        self.timers.retain(|timer| *timer != Timer::Token);
        self.handle(Event::Fired(Timer::Token));
    }

    pub(crate) fn prune(&mut self) {
        self.pruned_to = self.head();
    }

    pub(crate) fn server_says(&mut self, text: Option<String>) {
        let text = text.unwrap_or_else(|| format!("by itself {}", self.log.len()));
        self.store(None, text);
        let frame = self.frame_of(self.log.last().unwrap());
        self.down(frame);
    }

    pub(crate) fn other_device_says(&mut self) {
        let id = MessageRef::Text(format!("other-{}", self.log.len()));
        self.store(Some(id), format!("elsewhere {}", self.log.len()));
        let frame = self.frame_of(self.log.last().unwrap());
        self.down(frame);
    }

    fn head(&self) -> u64 {
        self.log.len() as u64
    }

    fn store(&mut self, client_id: Option<MessageRef>, text: String) -> u64 {
        let seq = self.head() + 1;
        self.log.push(Stored {
            seq,
            client_id,
            text,
        });
        seq
    }

    fn replay(&mut self, after: u64) {
        if after < self.pruned_to || after > self.head() {
            self.down(ServerFrame::Resync(Resync::default()));
            return;
        }
        let missed: Vec<_> = self
            .log
            .iter()
            .filter(|stored| stored.seq > after)
            .cloned()
            .collect();
        for stored in missed {
            let frame = self.frame_of(&stored);
            self.down(frame);
        }
    }

    fn frame_of(&self, stored: &Stored) -> ServerFrame {
        let seq = self.counting.then_some(stored.seq);
        let mut frame = match &stored.client_id {
            None => serde_json::json!({
                "type": "bot_response", "message": [BotMessage::text(&*stored.text)],
                "messageId": format!("ms-{}", stored.seq), "timestamp": stored.seq,
            }),
            Some(id) => serde_json::json!({
                "type": "user_message", "message": {"body": stored.text}, "id": stored.seq,
                "clientMessageId": id, "messageId": format!("ms-{}", stored.seq),
            }),
        };
        if let Some(seq) = seq {
            frame["seq"] = seq.into();
        }
        ServerFrame::parse(&frame.to_string()).unwrap()
    }

    fn page(&self) -> Vec<Entry> {
        let rows = self
            .log
            .iter()
            .filter(|stored| !self.counting || stored.seq > self.pruned_to);
        rows.map(|stored| match self.frame_of(stored) {
            ServerFrame::BotResponse(frame) => Entry::of_bot_response(&frame, stored.seq),
            ServerFrame::UserMessage(frame) => Entry::of_echo(&frame, stored.seq),
            other => panic!("not a stored frame: {other:?}"),
        })
        .collect()
    }

    // ---- what must hold

    pub(crate) fn stored_by_visitor(&self) -> Vec<String> {
        let stored = self.log.iter().filter(|stored| stored.client_id.is_some());
        stored.map(|stored| stored.text.clone()).collect()
    }

    pub(crate) fn log_len(&self) -> usize {
        self.log.len()
    }

    pub(crate) fn unsent(&self) -> Vec<u64> {
        let outbox = self.session.outbox().iter();
        outbox.map(|waiting| waiting.id).collect()
    }

    /// A store that did not hear in time that a message is not needed any more.
    pub(crate) fn keep_again(&mut self, id: u64) -> Vec<Effect> {
        let moment = Moment {
            now_ms: self.now_ms,
            entropy: 1,
        };
        let late = Outgoing::new(id, UserBody::text("late"));
        self.session.handle(moment, Event::Kept(vec![late]))
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.session.connection() == Connection::Refused
    }

    pub(crate) fn pending(&self) -> &'static str {
        match self.pending.back() {
            None => "nothing",
            Some(Pending::Grant(_)) => "grant",
            Some(Pending::History(_)) => "history",
            Some(Pending::Open(..)) => "open",
            Some(Pending::Start(_)) => "start",
        }
    }

    /// Holds at any moment.
    pub(crate) fn check_always(&self) {
        let entries = self.session.transcript().entries();
        let mut keys: Vec<_> = entries.iter().map(|entry| &entry.key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(
            keys.len(),
            entries.len(),
            "a row is there twice: {entries:#?}"
        );
        let sequences: Vec<_> = entries.iter().filter_map(|entry| entry.seq).collect();
        assert!(sequences.is_sorted(), "out of order: {sequences:?}");
        for (id, text) in &self.said {
            let key = own_key(&(*id).into());
            let shown = entries.iter().any(|entry| entry.key == key);
            let stored = self.log.iter().any(|stored| stored.text == *text);
            let outbox = self.session.outbox();
            let waits = outbox.iter().any(|waiting| waiting.id == *id);
            let kept = self.kept.iter().any(|kept| kept.id == *id);
            assert!(
                stored || (kept && (shown && waits || !self.read)),
                "{text} is neither stored nor waiting"
            );
        }
        let stands = matches!(self.session.connection(), Connection::Refused);
        assert!(
            stands || self.timers.iter().any(|timer| *timer != Timer::Token),
            "nothing will ever happen again"
        );
        let ids = |messages: &[Outgoing]| {
            let of = |message: &Outgoing| (message.id, message.failed);
            messages.iter().map(of).collect::<BTreeSet<_>>()
        };
        let (kept, waiting) = (ids(&self.kept), ids(self.session.outbox()));
        assert!(
            kept == waiting || (!self.read && kept.is_superset(&waiting)),
            "the kept outbox is stale: {kept:?} {waiting:?}"
        );
    }

    /// The world becomes kind: everything arrives, timers run when nothing else happens.
    pub(crate) fn heal(&mut self) {
        self.busy = false;
        if !self.counting && !self.alive {
            // A platform that answers no pings leaves it to TCP to find out.
            self.drop_socket();
        }
        let mut rounds_left = 8;
        for _ in 0..20_000 {
            if self.is_refused() {
                // A person presses the button.
                self.reconnect();
            } else if !self.pending.is_empty() {
                self.step_works();
            } else if !self.up.is_empty() {
                self.deliver_up();
            } else if !self.down.is_empty() {
                self.deliver_down(1);
            } else if let Some(failed) = self.given_up() {
                // A person presses Retry.
                self.handle(Event::Retry(failed));
            } else if self.settled() && rounds_left == 0 {
                return;
            } else {
                rounds_left -= i32::from(self.settled());
                self.now_ms = self.now_ms.wrapping_add(30_000);
                self.fire(0);
            }
        }
        panic!("never settles: {:#?}", self.session);
    }

    /// A message that goes out only when a person says so.
    pub(crate) fn given_up(&self) -> Option<u64> {
        let outbox = self.session.outbox().iter();
        outbox
            .filter(|waiting| waiting.failed)
            .map(|waiting| waiting.id)
            .next()
    }

    fn settled(&self) -> bool {
        self.alive
            && self.session.connection() == Connection::Online
            && self.session.outbox().iter().all(|waiting| waiting.failed)
    }

    /// Exactly the server's log, as far as this widget can know it, once and in order.
    pub(crate) fn check_settled(&self) {
        let sequences = self
            .session
            .transcript()
            .entries()
            .iter()
            .filter_map(|entry| entry.seq);
        let shown: Vec<_> = sequences.filter(|seq| *seq > self.pruned_to).collect();
        let expected: Vec<_> = (self.pruned_to + 1..=self.head()).collect();
        assert_eq!(shown, expected, "a gap, a double or a missing end");
        self.check_complete();
    }

    /// Everything said is stored once, everything stored is shown once.
    pub(crate) fn check_complete(&self) {
        self.check_always();
        for (_, text) in &self.said {
            let stored = self
                .log
                .iter()
                .filter(|stored| stored.text == *text)
                .count();
            assert_eq!(stored, 1, "{text} is stored {stored} times");
        }
        let entries = self.session.transcript().entries();
        for stored in self.log.iter().filter(|stored| stored.seq > self.pruned_to) {
            let id = format!("ms-{}", stored.seq);
            let own = stored.client_id.as_ref().map(own_key);
            let rows = entries.iter().filter(|entry| {
                entry.message_id.as_ref() == Some(&id) || Some(&entry.key) == own.as_ref()
            });
            assert_eq!(rows.count(), 1, "{stored:?} in {entries:#?}");
        }
        let failed = |entry: &&Entry| entry.delivery != Delivery::Sent;
        assert_eq!(
            entries.iter().filter(failed).count(),
            0,
            "nothing waits any more"
        );
        let visitor = entries
            .iter()
            .filter(|entry| entry.author == Author::Visitor);
        assert!(visitor.count() <= self.log.len());
    }
}
