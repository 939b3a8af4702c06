//! Stores the session's outbox: at once in the tab's journal, then in the browser's store.
//!
//! In the path: the session says `Keep` and `Forget`. [`requests::grant`](super::requests::grant) says who the visitor
//! is, and only then is read what an earlier page stored.
//!
//! Until the platform has said who the visitor is, the store keeps messages in nobody's name. If the page around the
//! frame names the visitor, only the journal has them.
//!
//! **Invariants.** A message is in the journal before it is shown, and leaves it when the store has it. If the store
//! cannot have it, it stays in the journal, and the visitor gets one notice.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use protocol::message_ref::MessageRef;
use protocol::session::{Event, Outgoing};
use protocol::transcript::own_key;
use web_sys::window;

use super::store::Store;
use super::{Driver, keep, spawn};
use crate::chat::Notice;

/// What is stored, and where.
#[derive(Default)]
pub(super) struct Ledger {
    /// The visitor's id, as the platform said it.
    user: RefCell<Option<String>>,
    /// `None`: not opened yet, or this browser has none.
    store: RefCell<Option<Rc<Store>>>,
    /// The store in nobody's name, for messages before the first grant.
    early: RefCell<Option<Rc<Store>>>,
    /// The store was requested.
    ready: Cell<bool>,
    /// What is in the journal.
    journal: RefCell<Vec<u64>>,
    warned: Cell<bool>,
}

impl Ledger {
    pub(super) fn of(early: &[Outgoing]) -> Self {
        let ledger = Self::default();
        let ids = early.iter().map(|message| message.id);
        ledger.journal.borrow_mut().extend(ids);
        ledger
    }
}

/// The name under which this browser stores messages before it knows the visitor.
const NOBODY: &str = "";

impl Driver {
    /// From now on unsent messages outlive the tab, too. They wait for the next page of this browser, whose visitor
    /// gets them.
    pub(super) fn keep_early(self: &Rc<Self>) {
        if self.settings.host_identity {
            return;
        }
        let driver = Rc::clone(self);
        spawn(async move {
            let store = Store::open(&driver.settings.bot.id, NOBODY).await;
            if driver.ledger.ready.get() {
                return;
            }
            driver.ledger.early.replace(store.map(Rc::new));
            for message in driver.journal() {
                driver.put_early(message);
            }
        });
    }

    fn put_early(&self, message: Outgoing) {
        if let Some(early) = self.ledger.early.borrow().clone() {
            spawn(async move {
                // The journal has it, too.
                early.put(&message).await;
            });
        }
    }

    /// Gives the visitor what this browser stored in nobody's name.
    async fn adopt_early(self: &Rc<Self>) {
        self.ledger.early.take();
        if self.settings.host_identity {
            return;
        }
        let Some(store) = self.ledger.store.borrow().clone() else {
            return;
        };
        let Some(early) = Store::open(&self.settings.bot.id, NOBODY).await else {
            return;
        };
        let kept = early.all().await.unwrap_or_default();
        for message in &kept {
            if store.put(message).await {
                early.delete(message.id);
            }
        }
        self.feed(Event::Kept(kept));
    }

    /// The platform has said who this is. False: somebody else than before.
    pub(super) async fn identified(self: &Rc<Self>, user: &str) -> bool {
        let ledger = &self.ledger;
        let known = ledger.user.replace(Some(user.to_owned()));
        if let Some(known) = known {
            if known != user {
                // Nothing of one person may be shown to or sent by another, so everything begins anew.
                keep::forget_tab();
                let _ = window().map(|window| window.location().reload());
            }
            return known == user;
        }
        let store = Store::open(&self.settings.bot.id, user).await;
        ledger.store.replace(store.map(Rc::new));
        self.read_kept().await;
        ledger.ready.set(true);
        for message in self.journal() {
            self.store(message);
        }
        self.adopt_early().await;
        self.join(user).await;
        true
    }

    /// Takes over what other pages of this visitor stored.
    pub(super) async fn read_kept(self: &Rc<Self>) {
        let store = self.ledger.store.borrow().clone();
        let Some(store) = store else { return };
        match store.all().await {
            Some(kept) => self.feed(Event::Kept(kept)),
            None => drop(self.ledger.store.take()),
        }
    }

    /// The outbox has a message that is new, or has changed.
    pub(super) fn keep(self: &Rc<Self>, id: u64) {
        self.ledger.journal.borrow_mut().push(id);
        self.write_journal();
        let session = self.session.borrow();
        let message = session.outbox().iter().find(|message| message.id == id);
        match message.cloned() {
            Some(message) if self.ledger.ready.get() => self.store(message),
            Some(message) => self.put_early(message),
            None => {}
        }
    }

    /// A message is not needed any more: the server has stored it, or it was deleted.
    pub(super) fn forget(&self, id: u64) {
        self.strike(id);
        if let Some(store) = &*self.ledger.store.borrow() {
            store.delete(id);
        }
        if let Some(host) = &self.host
            // It was stored, and not deleted, because its row is still there.
            && self.row(&own_key(&MessageRef::from(id))).is_some()
        {
            host.sent(&id.to_string());
        }
    }

    /// Removes everything that is stored for this visitor.
    pub(super) fn forget_all(&self) {
        let stores = [self.ledger.store.take(), self.ledger.early.take()];
        for store in stores.into_iter().flatten() {
            store.clear();
        }
        keep::forget();
    }

    fn store(self: &Rc<Self>, message: Outgoing) {
        let driver = Rc::clone(self);
        spawn(async move {
            let store = driver.ledger.store.borrow().clone();
            let kept = match &store {
                Some(store) => store.put(&message).await,
                None => false,
            };
            if let (true, Some(store)) = (kept, store) {
                driver.strike(message.id);
                // Another tab may have removed it while it was on its way here.
                if !driver.waits(message.id) {
                    store.delete(message.id);
                }
            } else if !driver.ledger.warned.replace(true) {
                driver.mention(Notice::NotKept);
            }
        });
    }

    fn waits(&self, id: u64) -> bool {
        let session = self.session.borrow();
        session.outbox().iter().any(|message| message.id == id)
    }

    /// Takes a message out of the journal.
    fn strike(&self, id: u64) {
        self.ledger
            .journal
            .borrow_mut()
            .retain(|other| *other != id);
        self.write_journal();
    }

    fn journal(&self) -> Vec<Outgoing> {
        let journal = self.ledger.journal.borrow();
        let session = self.session.borrow();
        let kept = session.outbox().iter();
        kept.filter(|message| journal.contains(&message.id))
            .cloned()
            .collect()
    }

    fn write_journal(&self) {
        keep::journal(&self.journal(), self.session.borrow().last_id());
    }
}
