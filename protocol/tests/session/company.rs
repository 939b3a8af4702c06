//! Several tabs of one visitor against one server, with the browser between them: a lock, a
//! channel and a store. In any order of events, with words lost and doubled, tabs closed and
//! silent: nothing is lost, nothing is doubled, and every tab shows the same.

use std::collections::VecDeque;

use proptest::prelude::*;
use protocol::error::Failure;
use protocol::message::{ClientFrame, UserBody};
use protocol::message_ref::MessageRef;
use protocol::reply::{Ack, BotMessage, Pong, Resync, ServerFrame};
use protocol::session::{
    Attempt, Connection, Effect, Event, Moment, NewestPage, Outgoing, Session, Settings, Timer,
};
use protocol::transcript::{Delivery, Entry};

const TABS: usize = 3;

#[derive(Clone, Debug)]
enum Pending {
    Grant(Attempt),
    History(Attempt),
    Open(Attempt, String),
    Start(Attempt),
}

/// One tab and its driver.
struct Tab {
    session: Session,
    pending: VecDeque<Pending>,
    timers: Vec<Timer>,
    socket: Option<Attempt>,
    up: VecDeque<String>,
    down: VecDeque<String>,
    /// What the others said, by who said it.
    words: [VecDeque<String>; TABS],
    /// What the browser says about the lock.
    events: VecDeque<Event>,
    joined: bool,
}

struct World {
    tabs: Vec<Option<Tab>>,
    holder: Option<usize>,
    queue: VecDeque<usize>,
    kept: Vec<Outgoing>,
    said: Vec<(u64, String)>,
    log: Vec<(Option<MessageRef>, String)>,
    now_ms: u64,
    opened: u64,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            tabs: (0..TABS).map(|_| None).collect(),
            holder: None,
            queue: VecDeque::new(),
            kept: Vec::new(),
            said: Vec::new(),
            log: vec![(None, "welcome".to_owned())],
            now_ms: 1_000_000,
            opened: 0,
        };
        world.open(0);
        world
    }

    fn open(&mut self, n: usize) {
        if self.tabs[n].is_some() {
            return;
        }
        self.opened += 1;
        let settings = Settings {
            entries: self.page(),
            cursor: Some(self.head()),
            slot: Some(self.opened),
            ..Settings::default()
        };
        self.tabs[n] = Some(Tab {
            session: Session::new(settings),
            pending: VecDeque::new(),
            timers: Vec::new(),
            socket: None,
            up: VecDeque::new(),
            down: VecDeque::new(),
            words: Default::default(),
            events: VecDeque::new(),
            joined: false,
        });
        self.handle(n, Event::Start);
    }

    /// The tab is gone without a word. The browser gives its lock to the next.
    fn close(&mut self, n: usize) {
        if self.tabs.iter().flatten().count() > 1 && self.tabs[n].take().is_some() {
            self.queue.retain(|waiting| *waiting != n);
            if self.holder == Some(n) {
                self.holder = None;
                self.pass();
            }
            for tab in self.tabs.iter_mut().flatten() {
                tab.words[n].clear();
            }
        }
    }

    fn pass(&mut self) {
        if let (None, Some(next)) = (self.holder, self.queue.pop_front()) {
            self.holder = Some(next);
            let tab = self.tabs[next].as_mut().unwrap();
            tab.events.push_back(Event::Lead);
        }
    }

    fn handle(&mut self, n: usize, event: Event) {
        let moment = Moment {
            now_ms: self.now_ms,
            entropy: 7,
        };
        let Some(tab) = &mut self.tabs[n] else { return };
        let mut words = Vec::new();
        let mut steal = false;
        for effect in tab.session.handle(moment, event) {
            match effect {
                Effect::Arm { timer, .. } => {
                    tab.timers.retain(|armed| *armed != timer);
                    tab.timers.push(timer);
                }
                Effect::Disarm(timer) => tab.timers.retain(|armed| *armed != timer),
                Effect::Grant(attempt) => tab.pending.push_back(Pending::Grant(attempt)),
                Effect::LoadHistory(attempt) => tab.pending.push_back(Pending::History(attempt)),
                Effect::Start(attempt) => tab.pending.push_back(Pending::Start(attempt)),
                Effect::Open(attempt, url) => tab.pending.push_back(Pending::Open(attempt, url)),
                Effect::Close => {
                    tab.hang_up();
                    tab.pending
                        .retain(|pending| !matches!(pending, Pending::Open(..)));
                }
                Effect::Send(text) => tab.up.push_back(text),
                Effect::Forget(id) => self.kept.retain(|kept| kept.id != id),
                Effect::Keep(id) => {
                    self.kept.retain(|kept| kept.id != id);
                    let mut outbox = tab.session.outbox().iter();
                    self.kept.extend(outbox.find(|kept| kept.id == id).cloned());
                }
                Effect::Tell(word) => words.push(word),
                Effect::Steal => steal = true,
                Effect::Arrived { .. }
                | Effect::DayFull
                | Effect::ShowPiece
                | Effect::Show
                | Effect::Ended
                | Effect::Joined(_)
                | Effect::Left(_) => {}
            }
        }
        self.tell(n, words);
        if let Some(old) = self.holder.filter(|old| steal && *old != n) {
            self.holder = Some(n);
            self.queue.retain(|waiting| *waiting != n);
            // It asks for the lock again as soon as it hears of it.
            self.queue.push_back(old);
            self.tabs[n].as_mut().unwrap().events.push_back(Event::Lead);
            self.tabs[old]
                .as_mut()
                .unwrap()
                .events
                .push_back(Event::Follow);
        }
    }

    fn tell(&mut self, from: usize, words: Vec<String>) {
        for (n, tab) in self.tabs.iter_mut().enumerate() {
            if let Some(tab) = tab.as_mut().filter(|tab| n != from && tab.joined) {
                tab.words[from].extend(words.iter().cloned());
            }
        }
    }

    fn say(&mut self, n: usize) {
        let Some(tab) = &self.tabs[n] else { return };
        let id = tab.session.next_id(self.now_ms);
        let text = format!("said {}", self.said.len());
        self.said.push((id, text.clone()));
        let body = UserBody::text(text);
        self.handle(n, Event::Said { id, body });
    }

    fn next_event(&mut self, n: usize) -> bool {
        let event = self.tabs[n].as_mut().and_then(|tab| tab.events.pop_front());
        let Some(event) = event else { return false };
        if matches!(event, Event::Lead) {
            self.handle(n, Event::Kept(self.kept()));
        }
        self.handle(n, event);
        true
    }

    fn kept(&self) -> Vec<Outgoing> {
        let mut kept = self.kept.clone();
        kept.sort_by_key(|kept| kept.id);
        kept
    }

    fn hear(&mut self, n: usize, from: usize, times: usize) -> bool {
        let word = self.tabs[n]
            .as_mut()
            .and_then(|tab| tab.words[from].pop_front());
        let Some(word) = word else { return false };
        for _ in 0..times {
            self.handle(n, Event::Heard(word.clone()));
        }
        true
    }

    fn works(&mut self, n: usize) -> bool {
        let pending = self.tabs[n]
            .as_mut()
            .and_then(|tab| tab.pending.pop_front());
        match pending {
            None => return false,
            Some(Pending::Grant(attempt)) => {
                let tab = self.tabs[n].as_mut().unwrap();
                if !std::mem::replace(&mut tab.joined, true) {
                    self.handle(n, Event::Kept(self.kept()));
                    if self.holder.is_none() {
                        self.holder = Some(n);
                        self.handle(n, Event::Lead);
                    } else {
                        self.queue.push_back(n);
                        self.handle(n, Event::Follow);
                    }
                }
                self.handle(n, Event::Granted(attempt, Some(3_600_000)));
            }
            Some(Pending::History(attempt)) => {
                let page = NewestPage {
                    entries: self.page(),
                    last_seq: Some(self.head()),
                };
                self.handle(n, Event::HistoryLoaded(attempt, page));
            }
            Some(Pending::Start(attempt)) => {
                self.handle(
                    n,
                    Event::Started(attempt, "ws://h/rtm/bot?sid=x".to_owned()),
                );
            }
            Some(Pending::Open(attempt, url)) => {
                let tab = self.tabs[n].as_mut().unwrap();
                tab.hang_up();
                tab.socket = Some(attempt);
                self.handle(n, Event::SocketOpened(attempt));
                let after = url
                    .split("&after=")
                    .nth(1)
                    .and_then(|after| after.parse().ok());
                if let Some(after) = after {
                    self.replay(n, after);
                }
            }
        }
        true
    }

    fn fails(&mut self, n: usize, failure: Failure) {
        let pending = self.tabs[n]
            .as_mut()
            .and_then(|tab| tab.pending.pop_front());
        match pending {
            None => {}
            Some(Pending::Open(attempt, _)) => self.handle(n, Event::SocketClosed(attempt, 1006)),
            Some(Pending::Grant(attempt)) => {
                self.handle(n, Event::NotGranted(attempt, failure));
            }
            Some(Pending::History(attempt) | Pending::Start(attempt)) => {
                self.handle(n, Event::StepFailed(attempt, failure));
            }
        }
    }

    fn cut(&mut self, n: usize) {
        if let Some(tab) = &mut self.tabs[n]
            && let Some(attempt) = tab.socket
        {
            tab.hang_up();
            self.handle(n, Event::SocketClosed(attempt, 1006));
        }
    }

    fn fire(&mut self, n: usize, which: usize) {
        if let Some(tab) = self.tabs[n].as_mut().filter(|tab| !tab.timers.is_empty()) {
            let timer = tab.timers.remove(which % tab.timers.len());
            self.handle(n, Event::Fired(timer));
        }
    }

    // ---- the server

    fn head(&self) -> u64 {
        self.log.len() as u64
    }

    fn up(&mut self, n: usize) -> bool {
        let text = self.tabs[n].as_mut().and_then(|tab| tab.up.pop_front());
        let Some(text) = text else { return false };
        match ClientFrame::parse(&text).unwrap() {
            ClientFrame::Ping(_) => self.down(n, &ServerFrame::Pong(Pong::new(None))),
            ClientFrame::Message(message) => {
                let id = message.reference().unwrap().clone();
                let known = |(known, _): &(Option<MessageRef>, String)| known.as_ref() == Some(&id);
                let stored = self.log.iter().position(known);
                let seq = stored.map_or(self.head(), |at| at as u64) + 1;
                if stored.is_none() {
                    self.log.push((Some(id.clone()), message.message.shown()));
                    self.fan_out(Some(n));
                }
                let ack = Ack::new(Some(id), Some(seq), Some(format!("ms-{seq}")));
                self.down(n, &ServerFrame::Ack(ack));
                if stored.is_none() {
                    self.bot_says();
                }
            }
            other => panic!("the session never sends {other:?}"),
        }
        true
    }

    fn bot_says(&mut self) {
        self.log.push((None, format!("answer {}", self.log.len())));
        self.fan_out(None);
    }

    fn fan_out(&mut self, but: Option<usize>) {
        let frame = self.frame(self.log.len());
        for n in (0..TABS).filter(|n| Some(*n) != but) {
            self.down(n, &frame);
        }
    }

    fn frame(&self, seq: usize) -> ServerFrame {
        let frame = match &self.log[seq - 1] {
            (None, text) => serde_json::json!({
                "type": "bot_response", "message": [BotMessage::text(&**text)],
                "messageId": format!("ms-{seq}"), "timestamp": seq, "seq": seq,
            }),
            (Some(id), text) => serde_json::json!({
                "type": "user_message", "message": {"body": text}, "id": seq,
                "clientMessageId": id, "messageId": format!("ms-{seq}"), "seq": seq,
            }),
        };
        ServerFrame::parse(&frame.to_string()).unwrap()
    }

    fn down(&mut self, n: usize, frame: &ServerFrame) {
        if let Some(tab) = self.tabs[n].as_mut().filter(|tab| tab.socket.is_some()) {
            tab.down.push_back(serde_json::to_string(frame).unwrap());
        }
    }

    fn replay(&mut self, n: usize, after: u64) {
        if after > self.head() {
            self.down(n, &ServerFrame::Resync(Resync::default()));
        }
        for seq in usize::try_from(after).unwrap()..self.log.len() {
            let frame = self.frame(seq + 1);
            self.down(n, &frame);
        }
    }

    fn page(&self) -> Vec<Entry> {
        let rows = (1..=self.log.len()).map(|seq| match self.frame(seq) {
            ServerFrame::BotResponse(frame) => Entry::of_bot_response(&frame, 0),
            ServerFrame::UserMessage(frame) => Entry::of_echo(&frame, 0),
            other => panic!("not a stored frame: {other:?}"),
        });
        rows.collect()
    }

    fn deliver(&mut self, n: usize) -> bool {
        let Some(tab) = &mut self.tabs[n] else {
            return false;
        };
        let (Some(attempt), Some(text)) = (tab.socket, tab.down.pop_front()) else {
            return false;
        };
        self.handle(n, Event::Text(attempt, text));
        true
    }

    // ---- what must hold

    fn check_always(&self) {
        for (id, text) in &self.said {
            let stored = self.log.iter().filter(|(_, stored)| stored == text).count();
            let kept = self.kept.iter().any(|kept| kept.id == *id);
            assert!(stored <= 1, "{text} is stored {stored} times");
            assert!(stored == 1 || kept, "{text} is neither stored nor kept");
        }
        for tab in self.tabs.iter().flatten() {
            let rows = tab.session.transcript().entries();
            let mut keys: Vec<_> = rows.iter().map(|row| &row.key).collect();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), rows.len(), "a row is there twice");
            let sequences: Vec<_> = rows.iter().filter_map(|row| row.seq).collect();
            assert!(sequences.is_sorted(), "out of order: {sequences:?}");
            let stands = tab.session.connection() == Connection::Refused;
            assert!(
                stands || tab.timers.iter().any(|timer| *timer != Timer::Token),
                "nothing will ever happen again"
            );
        }
    }

    /// The world becomes kind: everything arrives, timers run when nothing else happens.
    fn heal(&mut self) {
        // What a tab kept, and told nobody before it was closed, the next one finds.
        for n in 0..TABS {
            self.open(n);
        }
        let mut rounds_left = 12;
        for _ in 0..20_000 {
            let mut busy = false;
            for n in 0..TABS {
                busy |= self.next_event(n) || self.works(n) || self.up(n) || self.deliver(n);
                for from in 0..TABS {
                    busy |= self.hear(n, from, 1);
                }
            }
            if busy {
                continue;
            }
            for n in 0..TABS {
                let refused = |tab: &Tab| tab.session.connection() == Connection::Refused;
                if self.tabs[n].as_ref().is_some_and(refused) {
                    self.handle(n, Event::Reconnect);
                }
            }
            if rounds_left == 0 {
                return;
            }
            rounds_left -= i32::from(self.settled());
            self.now_ms += 30_000;
            for n in 0..TABS {
                self.fire(n, 0);
            }
        }
        panic!("never settles");
    }

    fn settled(&self) -> bool {
        let mut tabs = self.tabs.iter().flatten();
        tabs.all(|tab| {
            tab.session.connection() == Connection::Online && tab.session.outbox().is_empty()
        })
    }

    fn check_settled(&self) {
        self.check_always();
        assert!(
            self.kept.is_empty(),
            "nothing waits any more: {:?}",
            self.kept
        );
        let expected: Vec<_> = (1..=self.head()).map(Some).collect();
        for tab in self.tabs.iter().flatten() {
            let rows = tab.session.transcript().entries();
            let shown: Vec<_> = rows.iter().map(|row| row.seq).collect();
            assert_eq!(shown, expected, "a gap, a double or a missing end");
            assert!(rows.iter().all(|row| row.delivery == Delivery::Sent));
        }
        let sockets = self
            .tabs
            .iter()
            .flatten()
            .filter(|tab| tab.socket.is_some());
        assert_eq!(sockets.count(), 1, "one socket for all");
    }
}

impl Tab {
    fn hang_up(&mut self) {
        self.socket = None;
        self.up.clear();
        self.down.clear();
    }
}

#[derive(Clone, Debug)]
enum Step {
    BotSays,
    Close(usize),
    Cut(usize),
    Deliver(usize),
    Fails(usize, Failure),
    Fire(usize, usize),
    Hear(usize, usize, usize),
    Event(usize),
    Open(usize),
    Say(usize),
    Up(usize),
    Works(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let tab = 0..TABS;
    prop_oneof![
        2 => Just(Step::BotSays),
        1 => tab.clone().prop_map(Step::Close),
        1 => tab.clone().prop_map(Step::Cut),
        8 => tab.clone().prop_map(Step::Deliver),
        1 => tab.clone().prop_map(|n| Step::Fails(n, Failure::Retry)),
        1 => tab.clone().prop_map(|n| Step::Fails(n, Failure::Reauthorize)),
        3 => (tab.clone(), any::<usize>()).prop_map(|(n, which)| Step::Fire(n, which)),
        // A word is lost, comes once or twice.
        12 => (tab.clone(), tab.clone(), prop_oneof![1 => Just(0_usize), 8 => Just(1), 1 => Just(2)])
            .prop_map(|(n, from, times)| Step::Hear(n, from, times)),
        4 => tab.clone().prop_map(Step::Event),
        3 => tab.clone().prop_map(Step::Open),
        6 => tab.clone().prop_map(Step::Say),
        8 => tab.clone().prop_map(Step::Up),
        10 => tab.prop_map(Step::Works),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_tab_shows_every_message_once_whatever_happens(steps in prop::collection::vec(step(), 0..160)) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::BotSays => world.bot_says(),
                Step::Close(n) => world.close(n),
                Step::Cut(n) => world.cut(n),
                Step::Deliver(n) => drop(world.deliver(n)),
                Step::Fails(n, failure) => world.fails(n, failure),
                Step::Fire(n, which) => world.fire(n, which),
                Step::Hear(n, from, times) => drop(world.hear(n, from, times)),
                Step::Event(n) => drop(world.next_event(n)),
                Step::Open(n) => world.open(n),
                Step::Say(n) => world.say(n),
                Step::Up(n) => drop(world.up(n)),
                Step::Works(n) => drop(world.works(n)),
            }
            world.check_always();
        }
        world.heal();
        world.check_settled();
    }
}

fn three() -> World {
    let mut world = World::new();
    world.heal();
    world.check_settled();
    world
}

#[test]
fn what_is_said_in_one_tab_is_in_all_and_only_the_leader_sends_it() {
    let mut world = three();
    for n in 0..TABS {
        world.say(n);
    }
    world.heal();
    world.check_settled();
    assert_eq!(world.holder, Some(0));
    assert_eq!(world.log.len(), 7);
}

#[test]
fn a_leader_that_is_closed_has_a_successor() {
    let mut world = three();
    world.say(1);
    world.close(0);
    world.say(2);
    world.heal();
    world.check_settled();
    assert_eq!(world.holder, Some(1));
}

#[test]
fn a_leader_that_does_not_answer_loses_the_lead() {
    let mut world = three();
    world.say(1);
    // Tab 0 is frozen: nothing reaches it, and it does nothing.
    for _ in 0..4 {
        world.fire(1, 0);
    }
    assert_eq!(world.holder, Some(1));
    world.heal();
    world.check_settled();
}
