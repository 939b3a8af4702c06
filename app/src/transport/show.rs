//! Shows the session in the chat: rows, typing, connection, notices, and what those learn who do not look.

use std::cell::{Cell, OnceCell};
use std::sync::Arc;

use leptos::prelude::*;
use protocol::session;
use protocol::transcript::{Delivery, Entry, own_key};
use wasm_bindgen::prelude::*;
use web_sys::window;

use super::alarms::Alarm;
use super::{Driver, page};
use crate::chat::{ConnectionStatus, Notice, Status, in_order};
use crate::text::Message;

/// After this long without a connection a notice is shown…
const LOST_AFTER_MS: u64 = 2_000;
/// …and after this long it says that messages wait.
const LATE_AFTER_MS: u64 = 15_000;
/// How long a notice stays that asks for nothing.
const MENTIONED_AFTER_MS: u64 = 8_000;
/// The live region is emptied after this long. A screen reader has read it by then, and nobody finds it while browsing.
const QUIET_AFTER_MS: u64 = 1_000;

/// Whether somebody looks, and how many messages came in the meantime if not.
pub(super) struct Watch {
    /// The window is open. A page of its own always is.
    shown: Cell<bool>,
    unread: Cell<u32>,
}

impl Watch {
    pub(super) fn new(shown: bool) -> Self {
        Self {
            shown: Cell::new(shown),
            unread: Cell::new(0),
        }
    }

    pub(super) fn shown(&self) -> bool {
        self.shown.get()
    }

    fn looking(&self) -> bool {
        self.shown.get() && page::visible()
    }
}

/// Draws streamed pieces with the next animation frame, however many come before it. A page that nobody sees has no
/// frames: it shows the answer when it is complete, or when somebody looks.
#[derive(Default)]
pub(super) struct Frame {
    asked: Cell<bool>,
    draw: OnceCell<Closure<dyn FnMut()>>,
}

impl Frame {
    /// Sets what to draw. Call it once.
    pub(super) fn on_frame(&self, draw: impl FnMut() + 'static) {
        let _ = self.draw.set(Closure::new(draw));
    }
}

impl Driver {
    /// A row has a new piece.
    pub(super) fn show_with_frame(&self) {
        if let (Some(window), Some(draw), false) = (
            window(),
            self.frame.draw.get(),
            self.frame.asked.replace(true),
        ) {
            let _ = window.request_animation_frame(draw.as_ref().unchecked_ref());
        }
    }

    /// Updates what is shown. What did not change is left alone, so that nothing is drawn anew.
    pub(super) fn show(&self) {
        self.frame.asked.set(false);
        let mut status = self.shown.status_now();
        let session = self.session.borrow();
        let given_up = self.show_entries(session.transcript().entries());
        let types = session.typing() && !status.typing;
        let doing = session.doing().map(str::to_owned);
        let begins = doing.clone().filter(|_| doing != status.doing);
        status.typing = session.typing();
        status.doing = doing;
        status.agent = session.agent().map(str::to_owned);
        let agent = status.agent.clone();
        status.may_stop = session.may_stop();
        let connection = session.connection();
        drop(session);
        self.show_connection(connection, &mut status);
        self.shown.show(status);
        // This is for those who do not see the rows and the dots.
        let texts = &self.settings.texts;
        for text in given_up {
            self.announce(&[texts.say(Message::NotSent), ": ", &text].concat());
        }
        match (begins, agent) {
            (Some(doing), _) => self.announce(&doing),
            (None, Some(agent)) if types => {
                self.announce(&texts.about(Message::AgentTyping, &agent));
            }
            (None, None) if types => self.announce(texts.say(Message::Typing)),
            _ => {}
        }
    }

    /// Shows these messages. Gives the texts of those that failed since the last time.
    fn show_entries(&self, entries: &[Entry]) -> Vec<String> {
        let list = self.shown.list.get_untracked();
        let mut find_before = in_order(&list.entries, |entry: &Arc<Entry>| &entry.key);
        let mut given_up = Vec::new();
        let now: Vec<Arc<Entry>> = entries
            .iter()
            .map(|entry| {
                let known = find_before(&entry.key);
                let has_failed = |entry: &Entry| entry.delivery == Delivery::Failed;
                if has_failed(entry) && !known.is_some_and(|known| has_failed(known)) {
                    given_up.push(entry.content.spoken());
                }
                match known {
                    Some(known) if **known == *entry => Arc::clone(known),
                    _ => Arc::new(entry.clone()),
                }
            })
            .collect();
        drop(find_before);
        if list.entries != now {
            self.shown.list.update(|list| list.entries = now);
        }
        given_up
    }

    fn show_connection(&self, stands: session::Connection, status: &mut Status) {
        let was = status.connection;
        let now = match (stands, was) {
            (session::Connection::Online, _) => ConnectionStatus::Online,
            (session::Connection::Refused, _) => ConnectionStatus::Refused,
            (session::Connection::Connecting, _) => ConnectionStatus::Connecting,
            (session::Connection::Reconnecting, _) if !page::online() => ConnectionStatus::Offline,
            (session::Connection::Reconnecting, ConnectionStatus::Reconnecting { .. }) => was,
            (session::Connection::Reconnecting, _) => ConnectionStatus::Reconnecting {
                since_ms: page::now_ms(),
            },
        };
        status.connection = now;
        match now {
            ConnectionStatus::Online => {
                self.alarms.disarm(Alarm::Lost);
                self.alarms.disarm(Alarm::Late);
                status.standing = None;
            }
            ConnectionStatus::Refused => {
                self.alarms.disarm(Alarm::Lost);
                self.alarms.disarm(Alarm::Late);
                if was != now
                    && let Some(host) = &self.host
                {
                    host.expired();
                }
                status.standing = Some(Notice::Refused);
            }
            _ if self.started.get() && status.standing.is_none() => {
                self.alarms.arm_once(Alarm::Lost, LOST_AFTER_MS);
                self.alarms.arm_once(Alarm::Late, LATE_AFTER_MS);
            }
            _ => {}
        }
    }

    /// The connection has been away for a while.
    pub(super) fn warn(&self, alarm: Alarm) {
        let late = alarm == Alarm::Late || !page::online();
        let notice = if late {
            Notice::NoConnection
        } else {
            Notice::Reconnecting
        };
        self.shown.change(|status| status.standing = Some(notice));
    }

    /// Shows a notice that asks for nothing and goes away by itself.
    pub(super) fn mention(&self, notice: Notice) {
        self.alarms.arm(Alarm::Mentioned, MENTIONED_AFTER_MS);
        self.shown.change(|status| status.passing = Some(notice));
    }

    /// Shows such a notice about a person.
    pub(super) fn mention_person(&self, notice: Notice, person: String) {
        self.shown.change(|status| status.person = person);
        self.mention(notice);
    }

    /// The notice has been read.
    pub(super) fn mentioned(&self) {
        self.shown.change(|status| status.passing = None);
    }

    /// A new message has come.
    pub(super) fn arrived(&self, key: &str) {
        let Some(entry) = self.row(key) else { return };
        let text = &*entry.content.spoken();
        let texts = &self.settings.texts;
        match &entry.agent {
            Some(agent) => {
                self.announce(&[&texts.about(Message::AgentSaid, agent), " ", text].concat());
            }
            None => self.announce(text),
        }
        if entry.delivery == Delivery::Stopped {
            self.announce(texts.say(Message::Stopped));
        }
        let looking = self.watch.looking();
        if !looking && self.watch.unread.get() == 0 {
            self.mark_unread(Some(key.to_owned()));
        }
        if looking {
            self.tell(|host| host.received(key));
            self.tell_seen();
            return;
        }
        self.watch.unread.set(self.watch.unread.get() + 1);
        let count = self.watch.unread.get();
        let name = entry.agent.as_ref().unwrap_or(&self.settings.bot.name);
        self.tell(|host| {
            host.received(key);
            host.unread(count, Some((name, text)));
        });
    }

    /// Puts a line into the live region.
    pub(super) fn announce(&self, text: &str) {
        self.shown
            .change(|status| status.announcements.push(text.to_owned()));
        self.alarms.arm(Alarm::Quiet, QUIET_AFTER_MS);
    }

    /// The live region has been read.
    pub(super) fn quiet(&self) {
        self.shown
            .change(|status| status.announcements = Vec::new());
    }

    /// The window was opened or closed, or the tab came to the front.
    pub(super) fn look(&self, shown: bool) {
        if self.watch.shown.replace(shown) && !shown {
            // Whether they were read or not, the next opening draws its own line.
            self.mark_unread(None);
        }
        if self.watch.looking() {
            self.tell_seen();
            self.seen_elsewhere();
        }
    }

    /// Other tabs have joined. If somebody looks here, they learn that everything was seen.
    pub(super) fn joined(&self) {
        if self.watch.looking() {
            self.tell_seen();
        }
    }

    /// What came is read, here or in another tab.
    pub(super) fn seen_elsewhere(&self) {
        if self.watch.unread.replace(0) > 0 {
            self.tell(|host| host.unread(0, None));
        }
    }

    /// The visitor has sent something, and so has seen what was there.
    pub(super) fn seen(&self, said: u64) {
        self.shown.list.update(|list| {
            list.unread_from = None;
            list.said = Some(own_key(&said.into()));
        });
    }

    /// Sets where the line above new messages stands.
    fn mark_unread(&self, key: Option<String>) {
        self.shown.list.update(|list| list.unread_from = key);
    }

    pub(super) fn row(&self, key: &str) -> Option<Entry> {
        let session = self.session.borrow();
        let rows = session.transcript().entries();
        rows.iter().rev().find(|row| row.key == key).cloned()
    }

    fn tell(&self, say: impl FnOnce(&crate::host::Host)) {
        if let Some(host) = &self.host {
            say(host);
        }
    }
}
