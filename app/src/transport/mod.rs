//! Browser only: drives [`protocol::session`] with gloo-net and `fetch`.
//!
//! In the path: the island makes the [`Driver`]. `chat.rs` hands actions to it. The session says what to do, this
//! module does it (requests, socket, timers, storage) and reports what happened. Then it sets the signals of [`Shown`].
//! `host` talks to the loader.
//!
//! - [`ahead`]: answers that were requested before the wasm was there. [`requests`]: assertion, grant, start, history.
//! - [`socket`]: one WebSocket.
//! - [`alarms`]: every timer, on one `setTimeout`.
//! - [`outbox`]: stores unsent messages, with [`keep`] (what a tab stores at once: journal, draft, visitor token) and
//!   [`store`] (what the browser keeps over tabs and days).
//! - [`tabs`]: which of the visitor's tabs leads, and their messages to each other.
//! - [`page`]: document and window: composer, visibility, clock, randomness.
//! - [`show`]: what is shown, the unread count, notices.
//! - [`whole`]: the whole conversation, for a file or for paper.
//!
//! **Invariants.** An island has one driver. The session decides, and this module never does: it has no back-off, no
//! resend and no queue. An event is never fed while another is handled; what happens at once (a socket that cannot be
//! opened) is reported by a task of its own.
#![cfg(target_arch = "wasm32")]

mod ahead;
mod alarms;
mod keep;
mod outbox;
mod page;
mod requests;
mod show;
mod socket;
mod store;
mod tabs;
mod whole;

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use protocol::find::find;
use protocol::message::UserBody;
use protocol::session::{self, Attempt, Effect, Event, Moment, Session};
use protocol::visible::is_blank;
use wasm_bindgen_futures::spawn_local;

use crate::chat::{ChatAction, Notice, Shown};
use crate::host::{Host, HostCommand};
use crate::widget::settings::{Mode, WidgetSettings};
use alarms::{Alarm, Alarms};
use outbox::Ledger;
use show::{Frame, Watch};
use socket::Socket;
use tabs::Tabs;

/// See the [module](self).
pub(crate) struct Driver {
    shown: Shown,
    settings: Arc<WidgetSettings>,
    session: RefCell<Session>,
    /// The access token of every call after the grant. It is only here, and never stored.
    token: RefCell<Option<String>>,
    /// The signed visitor token, if neither cookies nor storage keep it.
    visitor: RefCell<Option<String>>,
    socket: RefCell<Option<(Attempt, Socket)>>,
    alarms: Alarms,
    frame: Frame,
    ledger: Ledger,
    tabs: Tabs,
    host: Option<Rc<Host>>,
    /// Whether somebody looks, and what came in the meantime if not.
    watch: Watch,
    started: Cell<bool>,
    /// The whole conversation is being loaded.
    reading: Cell<bool>,
    /// A word is being composed. A change of the composer would break it.
    composing: Cell<bool>,
    /// The draft must be restored once the word is composed.
    restore: Cell<bool>,
    /// The text that the host page last put into the composer…
    filled: RefCell<String>,
    /// …and the text that it wants there once the word is composed. A later text replaces it.
    fill: RefCell<Option<String>>,
}

/// Runs a task. It is boxed, so that all tasks share the code that runs them.
fn spawn(task: impl Future<Output = ()> + 'static) {
    spawn_local(Box::pin(task) as Pin<Box<dyn Future<Output = ()>>>);
}

impl Driver {
    /// The driver of a session whose state is shown here. It takes over what was said before the wasm was there.
    pub(crate) fn new(shown: Shown, settings: Arc<WidgetSettings>) -> Rc<Self> {
        let elsewhere = find(&settings.platform.base, "://").is_some();
        let early = keep::unsent();
        let ledger = Ledger::of(&early);
        let session = Session::new(session::Settings {
            bot_info: requests::bot_info(&settings),
            meta: Some(page::meta(&settings.texts.language)),
            entries: settings.entries.clone(),
            // The page has no transcript if it does not know the identity, or if another platform keeps it.
            cursor: (!elsewhere && !settings.host_identity).then_some(settings.last_seq),
            outbox: early,
            last_id: keep::last_id(),
            slot: Some(page::entropy()),
        });
        let host = match settings.mode {
            Mode::Embedded => Host::around(),
            Mode::Standalone => None,
        };
        Rc::new(Self {
            shown,
            session: RefCell::new(session),
            token: RefCell::default(),
            visitor: RefCell::default(),
            socket: RefCell::default(),
            alarms: Alarms::default(),
            frame: Frame::default(),
            ledger,
            tabs: Tabs::default(),
            watch: Watch::new(host.is_none()),
            host,
            settings,
            started: Cell::new(false),
            reading: Cell::new(false),
            composing: Cell::new(keep::composing()),
            restore: Cell::new(true),
            filled: RefCell::default(),
            fill: RefCell::default(),
        })
    }

    /// Connects and listens. It is called once, when the page is hydrated.
    pub(crate) fn begin(self: &Rc<Self>) {
        let driver = Rc::clone(self);
        self.alarms.on_tick(move || driver.tick());
        let driver = Rc::clone(self);
        self.frame.on_frame(move || driver.show());
        let driver = Rc::clone(self);
        page::listen(move |happened| driver.happened(happened));
        self.write();
        self.keep_early();
        // The rows are in the list before the page is painted without the bubbles of the script.
        self.show();
        match &self.host {
            Some(host) => {
                let driver = Rc::clone(self);
                host.listen(move |command| driver.command(command));
                host.ready(&self.settings.bot.name);
                // A frame that nobody has opened does not connect, unless a message waits.
                if !self.session.borrow().outbox().is_empty() {
                    self.connect();
                }
            }
            None => self.connect(),
        }
    }

    fn connect(self: &Rc<Self>) {
        if !self.started.replace(true) {
            self.feed(Event::Start);
        }
    }

    /// Gives the session an event and carries out its effects.
    fn feed(self: &Rc<Self>, event: Event) {
        let at = Moment {
            now_ms: page::now_ms(),
            entropy: page::entropy(),
        };
        let effects = self.session.borrow_mut().handle(at, event);
        let mut show = false;
        let mut arrived = Vec::new();
        for effect in effects {
            match effect {
                Effect::Arm { timer, after_ms } => self.alarms.arm(Alarm::Session(timer), after_ms),
                Effect::Arrived { key } => arrived.push(key),
                Effect::Close => drop(self.socket.take()),
                Effect::DayFull => self.mention(Notice::DayFull),
                Effect::Disarm(timer) => self.alarms.disarm(Alarm::Session(timer)),
                Effect::Ended => self.mention(Notice::Ended),
                Effect::Forget(id) => self.forget(id),
                Effect::Grant(attempt) => self.run(attempt, requests::grant),
                Effect::ShowPiece => self.show_with_frame(),
                Effect::Joined(agent) => self.mention_person(Notice::Joined, agent),
                Effect::Keep(id) => self.keep(id),
                Effect::Left(agent) => self.mention_person(Notice::Left, agent),
                Effect::LoadHistory(attempt) => self.run(attempt, requests::newest),
                Effect::Open(attempt, url) => self.open(attempt, &url),
                Effect::Show => show = true,
                Effect::Send(text) => self.put(text),
                Effect::Start(attempt) => self.run(attempt, requests::start),
                Effect::Steal => self.steal(),
                Effect::Tell(word) => self.tell_tabs(&word),
            }
        }
        if show {
            self.show();
        }
        for key in arrived {
            self.arrived(&key);
        }
    }

    /// Runs a step of connecting and reports how it went.
    fn run<F>(self: &Rc<Self>, attempt: Attempt, step: fn(Rc<Self>, Attempt) -> F)
    where
        F: Future<Output = Event> + 'static,
    {
        let driver = Rc::clone(self);
        spawn(async move {
            let event = step(Rc::clone(&driver), attempt).await;
            driver.feed(event);
        });
    }

    fn open(self: &Rc<Self>, attempt: Attempt, url: &str) {
        let driver = Rc::clone(self);
        let report = move |event| driver.feed(event);
        *self.socket.borrow_mut() = Socket::open(attempt, url, report).map(|open| (attempt, open));
    }

    fn put(&self, text: String) {
        if let Some((_, socket)) = &*self.socket.borrow() {
            socket.put(text);
        }
    }

    fn tick(self: &Rc<Self>) {
        while let Some(alarm) = self.alarms.take_due() {
            match alarm {
                Alarm::Session(timer) => self.feed(Event::Fired(timer)),
                Alarm::Quiet => self.quiet(),
                Alarm::Late | Alarm::Lost => self.warn(alarm),
                Alarm::Mentioned => self.mentioned(),
            }
        }
    }

    /// Does what a component asks for. False: it was not accepted.
    pub(crate) fn act(self: &Rc<Self>, action: ChatAction) -> bool {
        match action {
            ChatAction::Announce(text) => self.announce(&text),
            ChatAction::CloseWindow => {
                if let Some(host) = &self.host {
                    host.close();
                }
            }
            ChatAction::Delete(id) => self.feed(Event::Delete(id)),
            ChatAction::KeepNewest(count) => {
                self.shown.change(|status| status.more = true);
                self.feed(Event::KeepNewest(count));
            }
            ChatAction::LoadOlder => self.load_older(),
            ChatAction::Mention(notice) => self.mention(notice),
            ChatAction::Stop => self.feed(Event::Stop),
            ChatAction::Print => self.print(),
            ChatAction::Save => self.save(),
            ChatAction::NewConversation => self.feed(Event::NewConversation),
            ChatAction::Reconnect => self.feed(Event::Reconnect),
            ChatAction::Retry(id) => self.feed(Event::Retry(id)),
            ChatAction::Say { text, payload } => return self.say(text, payload),
        }
        true
    }

    fn say(self: &Rc<Self>, text: String, payload: Option<String>) -> bool {
        let (room, id) = {
            let session = self.session.borrow();
            (session.has_room(), session.next_id(page::now_ms()))
        };
        let limit = usize::try_from(self.settings.max_message_chars).unwrap_or(usize::MAX);
        if !room {
            self.mention(Notice::Full);
        }
        if !room || text.chars().count() > limit {
            return false;
        }
        // Other text in the composer stays, for example beside a pressed starter or a text of the host page.
        if page::written().trim() == text {
            keep::draft("");
        }
        let body = match payload {
            Some(payload) => UserBody::choice(payload, text),
            None => UserBody::text(text),
        };
        self.seen(id);
        self.feed(Event::Said { id, body });
        self.connect();
        true
    }

    /// Does what the page around the frame asks for.
    fn command(self: &Rc<Self>, command: HostCommand) {
        match command {
            HostCommand::Hidden => self.look(false),
            HostCommand::Logout => self.logout(),
            HostCommand::Prefill(text) => {
                *self.fill.borrow_mut() = Some(text);
                self.write();
            }
            HostCommand::Send(text) => {
                let text = text.trim();
                if !is_blank(text) {
                    self.say(text.to_owned(), None);
                }
            }
            HostCommand::Shown { focus } => {
                self.look(true);
                self.connect();
                if focus && !page::touch() {
                    page::focus();
                }
            }
            HostCommand::Theme(theme) => page::theme(&theme),
        }
    }

    /// What happened to the page.
    fn happened(self: &Rc<Self>, happened: page::Happened) {
        match happened {
            page::Happened::Composing(composing) => {
                self.composing.set(composing);
                self.write();
            }
            page::Happened::Network(online) => self.feed(Event::Network { online }),
            page::Happened::Visible => {
                self.back_in_tabs();
                self.look(self.watch.shown());
                if page::visible() {
                    self.feed(Event::Woken);
                }
            }
            // Without a socket the browser may keep the page for the way back.
            page::Happened::Leaving => {
                if let Some((attempt, _)) = self.socket.take() {
                    self.feed(Event::SocketClosed(attempt, 1001));
                }
                self.leave_tabs();
            }
            // The host page will write its own text again.
            page::Happened::Typed(text) if text == *self.filled.borrow() => keep::draft(""),
            page::Happened::Typed(text) => keep::draft(&text),
        }
    }

    /// Writes the waiting text into the composer, unless a word is being composed there.
    fn write(&self) {
        if self.composing.get() {
            return;
        }
        if self.restore.take() {
            page::restore_draft();
        }
        if let Some(text) = self.fill.take() {
            let before = self.filled.replace(text.clone());
            page::fill(&text, &before);
        }
    }

    fn load_older(self: &Rc<Self>) {
        if !requests::may_load_older(self) {
            return;
        }
        let driver = Rc::clone(self);
        spawn(requests::older(driver));
    }

    fn logout(self: &Rc<Self>) {
        let driver = Rc::clone(self);
        spawn(async move {
            drop(driver.socket.take());
            let visitor = requests::kept_visitor(&driver);
            driver.forget_all();
            requests::revoke(&driver, visitor).await;
            if let Some(host) = &driver.host {
                host.forgotten();
            }
        });
    }
}
