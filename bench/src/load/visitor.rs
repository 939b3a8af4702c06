//! One visitor: the widget's own session machine, driven by tokio instead of a browser.
//!
//! In the path: [`super::crowd`] starts as many as are wanted, each a task. The session decides when to connect, what to send
//! and when to give up, exactly as it does in a page; this file carries its effects out and writes the [`Diary`].
//!
//! **Invariants.** No back-off, no resend and no queue of its own. Whatever the session asks of the network ends by a time-out.
//! A visitor never sends faster than the server allows a socket, so that a refusal means something.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use protocol::message::{BotInfo, UserBody};
use protocol::message_ref::MessageRef;
use protocol::reply::ServerFrame;
use protocol::session::{Attempt, Effect, Event, Moment, Session, Settings, Timer};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::crowd::{Orders, Tally};
use super::diary::Diary;
use super::http::{Http, address_of};
use super::steps;

/// What a socket may take to be written to; the session's own limit for an acknowledgement is the same.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
/// No timer is armed and nothing is to be said: look again then.
const LONG: Duration = Duration::from_mins(1);

/// How a visitor behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// Between two messages. The server allows 20 a second to a socket.
    pub(crate) every: Duration,
    /// Says nothing more while so many are not acknowledged.
    pub(crate) outstanding: usize,
    /// Bytes that each message is longer than it must be.
    pub(crate) padding: usize,
}

/// See the [module](self).
pub(crate) struct Visitor {
    /// Its requests.
    pub(crate) http: Http,
    pub(super) server: SocketAddr,
    pub(super) from: IpAddr,
    /// Once it has got in.
    pub(crate) token: Option<String>,
    /// What it said and heard.
    pub(crate) diary: Diary,
    session: Session,
    socket: Option<(Attempt, WebSocketStream<TcpStream>)>,
    /// The node that has the socket, if a proxy names it.
    node: Option<String>,
    /// When the last socket was lost, until there is another.
    lost: Option<Instant>,
    /// Something was put on the socket and not flushed.
    unflushed: bool,
    /// The last sequence that this socket told.
    told: u64,
    timers: [Option<Instant>; TIMERS.len()],
    habits: Habits,
    next_said: Instant,
    volleys: u32,
    drops: u32,
    orders: watch::Receiver<Orders>,
    tally: Arc<Tally>,
    began: Instant,
    dice: u64,
}

/// What the loop woke up for.
enum Woken {
    Frame(Option<Message>),
    Order(bool),
    Time,
}

impl Visitor {
    /// Somebody new, who has not come yet.
    pub(super) fn new(
        user: usize,
        server: SocketAddr,
        habits: Habits,
        orders: watch::Receiver<Orders>,
        tally: Arc<Tally>,
    ) -> Self {
        let from = address_of(user);
        let Orders { volleys, drops, .. } = *orders.borrow();
        let session = Session::new(Settings {
            bot_info: bot_info(),
            // As of a page that came with its (empty) transcript.
            cursor: Some(0),
            ..Settings::default()
        });
        Self {
            http: Http::new(server, from),
            server,
            from,
            token: None,
            diary: Diary {
                user,
                ..Diary::default()
            },
            session,
            socket: None,
            node: None,
            lost: None,
            unflushed: false,
            told: 0,
            timers: [None; TIMERS.len()],
            habits,
            next_said: Instant::now(),
            volleys,
            drops,
            orders,
            tally,
            began: Instant::now(),
            dice: (user as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
        }
    }

    /// Goes through the steps to a first socket.
    pub(super) async fn come(mut self) -> Self {
        self.happens(Event::Start).await;
        self
    }

    /// Says what it is told to, and goes when everything is acknowledged and answered (or it takes too long).
    pub(super) async fn stay(mut self) -> Self {
        // Not all at the same moment.
        let share = u32::try_from(self.entropy() % 1000).unwrap_or_default();
        self.next_said = Instant::now() + self.habits.every * share / 1000;
        loop {
            let orders = *self.orders.borrow_and_update();
            if orders.volleys != self.volleys {
                self.volleys = orders.volleys;
                self.volley().await;
            }
            if orders.drops != self.drops {
                self.drops = orders.drops;
                if let Some((attempt, _)) = self.socket {
                    self.closed(attempt, 1006).await;
                }
            }
            if orders.leave_by.is_some_and(|by| {
                Instant::now() >= by || (self.diary.open == 0 && self.diary.unanswered == 0)
            }) {
                break;
            }
            let wake = self.wake(orders);
            let woken = tokio::select! {
                frame = next(&mut self.socket) => Woken::Frame(frame),
                changed = self.orders.changed() => Woken::Order(changed.is_ok()),
                () = sleep_until(wake) => Woken::Time,
            };
            match woken {
                Woken::Frame(frame) => self.heard(frame).await,
                Woken::Order(true) => {}
                Woken::Order(false) => break,
                Woken::Time => self.due(orders).await,
            }
        }
        self.drop_socket();
        self.http.close();
        self
    }

    /// The sequences of the rows that a person would see, in their order on the screen.
    pub(crate) fn shown(&self) -> Vec<Option<u64>> {
        let entries = self.session.transcript().entries();
        entries.iter().map(|entry| entry.seq).collect()
    }

    fn wake(&self, orders: Orders) -> Instant {
        let mut wake = Instant::now() + LONG;
        for at in self.timers.iter().flatten().chain(&orders.leave_by) {
            wake = wake.min(*at);
        }
        if orders.talk {
            wake = wake.min(self.next_said);
        }
        wake
    }

    async fn due(&mut self, orders: Orders) {
        let now = Instant::now();
        for timer in TIMERS {
            let slot = &mut self.timers[slot(timer)];
            if slot.is_some_and(|at| at <= now) {
                *slot = None;
                self.happens(Event::Fired(timer)).await;
            }
        }
        if orders.talk && self.next_said <= now {
            // What could not be said in time is not made up for: that would be a burst.
            self.next_said = (self.next_said + self.habits.every).max(now);
            if self.session.outbox().len() < self.habits.outstanding {
                self.say().await;
            } else {
                self.tally.held_back.fetch_add(1, Relaxed);
            }
        }
    }

    /// Everything at once, up to what may be outstanding.
    async fn volley(&mut self) {
        while self.session.outbox().len() < self.habits.outstanding {
            self.say().await;
        }
    }

    async fn say(&mut self) {
        let (id, text) = self.diary.say(self.habits.padding);
        self.tally.said.fetch_add(1, Relaxed);
        let body = UserBody::text(text);
        self.happens(Event::Said { id, body }).await;
    }

    async fn heard(&mut self, message: Option<Message>) {
        let Some((attempt, _)) = self.socket else {
            return;
        };
        let text = match message {
            Some(Message::Text(text)) => text,
            Some(Message::Close(frame)) => {
                let code = frame.map_or(1005, |frame| frame.code.into());
                return self.closed(attempt, code).await;
            }
            None => return self.closed(attempt, 1006).await,
            Some(_) => return,
        };
        let Some(frame) = ServerFrame::parse(&text) else {
            let user = self.diary.user;
            self.diary
                .wrong
                .push(format!("u{user}: unreadable frame {text}"));
            return;
        };
        self.note(&frame);
        self.happens(Event::Text(attempt, text.as_str().to_owned()))
            .await;
    }

    /// Writes down what the accounting needs.
    fn note(&mut self, frame: &ServerFrame) {
        let number = |id: &Option<MessageRef>| id.as_ref().and_then(MessageRef::as_millis);
        match frame {
            ServerFrame::Ack(ack) => {
                let measure = self.orders.borrow().measure;
                if self.diary.acked(number(&ack.replyto), ack.seq, measure) {
                    self.tally.acked.fetch_add(1, Relaxed);
                }
            }
            ServerFrame::BotResponse(response) => {
                let seq = response.seq.unwrap_or_default();
                if seq <= self.told {
                    let (user, told) = (self.diary.user, self.told);
                    self.diary
                        .wrong
                        .push(format!("u{user}: told {seq} after {told} on one socket"));
                }
                self.told = seq;
                let body = response.message.first();
                let body = body.and_then(|message| message.c_info.as_ref()?.body.as_str());
                if self.diary.heard(body.unwrap_or_default()) {
                    self.tally.answered.fetch_add(1, Relaxed);
                }
            }
            ServerFrame::Error(error) => {
                self.diary.refused(number(&error.replyto));
                self.tally.refused.fetch_add(1, Relaxed);
            }
            ServerFrame::Resync(_) => self.diary.resyncs += 1,
            ServerFrame::UserMessage(_) | ServerFrame::Pong(_) | ServerFrame::Other(_) => {}
        }
    }

    async fn closed(&mut self, attempt: Attempt, code: u16) {
        self.lose(code);
        self.happens(Event::SocketClosed(attempt, code)).await;
    }

    fn lose(&mut self, code: u16) {
        self.tally.closed(code, self.node.as_deref());
        self.lost = Some(Instant::now());
        self.drop_socket();
    }

    fn drop_socket(&mut self) {
        if self.socket.take().is_some() {
            self.tally.online.fetch_sub(1, Relaxed);
            if let Some(node) = self.node.take() {
                self.tally.count_on(&node, false);
            }
        }
        self.unflushed = false;
    }

    /// Tells the session and does what it wants, until it wants nothing more.
    async fn happens(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let at = Moment {
                now_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or_default(),
                entropy: self.entropy(),
            };
            for effect in self.session.handle(at, event) {
                if let Some(event) = self.perform(effect).await {
                    events.push_back(event);
                }
            }
            if self.unflushed
                && let Some((attempt, socket)) = &mut self.socket
            {
                let attempt = *attempt;
                self.unflushed = false;
                if !matches!(timeout(WRITE_WITHIN, socket.flush()).await, Ok(Ok(()))) {
                    self.lose(1006);
                    events.push_back(Event::SocketClosed(attempt, 1006));
                }
            }
        }
    }

    async fn perform(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Arm { timer, after_ms } => {
                let at = Instant::now() + Duration::from_millis(after_ms);
                self.timers[slot(timer)] = Some(at);
            }
            Effect::Disarm(timer) => self.timers[slot(timer)] = None,
            Effect::Close => self.drop_socket(),
            Effect::Grant(attempt) => return Some(steps::grant(self, attempt).await),
            Effect::LoadHistory(attempt) => return Some(steps::newest(self, attempt).await),
            Effect::Start(attempt) => return Some(steps::start(self, attempt).await),
            Effect::Open(attempt, url) => return Some(self.open(attempt, &url).await),
            Effect::Send(text) => {
                if let Some((_, socket)) = &mut self.socket {
                    // A failure shows when it is flushed, and again when it is read.
                    drop(timeout(WRITE_WITHIN, socket.feed(Message::text(text))).await);
                    self.unflushed = true;
                }
            }
            Effect::Arrived { .. }
            | Effect::DayFull
            | Effect::Ended
            | Effect::Forget(_)
            | Effect::ShowPiece
            | Effect::Joined(_)
            | Effect::Keep(_)
            | Effect::Left(_)
            | Effect::Show
            | Effect::Steal
            | Effect::Tell(_) => {}
        }
        None
    }

    async fn open(&mut self, attempt: Attempt, url: &str) -> Event {
        // A browser's kept connection ends by itself; here it would count as memory of the socket.
        self.http.close();
        match steps::open(self.from, self.server, url).await {
            Some((socket, node)) => {
                self.socket = Some((attempt, socket));
                if let Some(node) = &node {
                    self.tally.count_on(node, true);
                }
                self.node = node;
                if let Some(lost) = self.lost.take() {
                    self.tally.is_back(lost.elapsed());
                }
                self.told = 0;
                self.tally.online.fetch_add(1, Relaxed);
                self.tally.opened.fetch_add(1, Relaxed);
                Event::SocketOpened(attempt)
            }
            None => Event::SocketClosed(attempt, 1006),
        }
    }

    /// The session's jitter: good enough to spread visitors, and new each time.
    fn entropy(&mut self) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice
    }
}

const TIMERS: [Timer; 6] = [
    Timer::Ack,
    Timer::BackOff,
    Timer::Deadline,
    Timer::Ping,
    Timer::Token,
    Timer::Typing,
];

const fn slot(timer: Timer) -> usize {
    match timer {
        Timer::Ack => 0,
        Timer::BackOff => 1,
        Timer::Deadline => 2,
        Timer::Ping => 3,
        Timer::Token => 4,
        Timer::Typing => 5,
    }
}

/// The bot as the widget names it.
pub(super) fn bot_info() -> BotInfo {
    BotInfo {
        chat_bot: "Echo".to_owned(),
        task_bot_id: super::server::BOT.to_owned(),
        ui_version: Some("v3".to_owned()),
        ..BotInfo::default()
    }
}

/// The next message of the socket; never, while there is none.
async fn next(socket: &mut Option<(Attempt, WebSocketStream<TcpStream>)>) -> Option<Message> {
    match socket {
        Some((_, socket)) => socket.next().await?.ok(),
        None => std::future::pending().await,
    }
}
