//! The browser's part of several tabs: which one leads (a Web Lock), and the channel between them (`BroadcastChannel`).
//! The session makes and reads the messages (`protocol::session::tabs`).
//!
//! In the path: once the visitor is known, the driver joins the tabs of the same bot and identity.
//!
//! **Invariants.** In a browser without locks or channels each tab is alone, with a socket of its own. The lock is held
//! as long as this tab leads. The browser passes it on when the tab is gone, however it went.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use js_sys::{Function, Object, Promise, Reflect};
use protocol::session::Event;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{BroadcastChannel, MessageEvent, window};

use super::{Driver, spawn};

/// The message of a tab whose visitor has seen what came.
const SEEN: &str = "seen";

/// The other tabs of the same visitor with the same bot.
#[derive(Default)]
pub(super) struct Tabs {
    joined: OnceCell<Joined>,
    /// Gives the lock back.
    release: RefCell<Option<Function>>,
    /// It was given back because the page went away and may come back.
    away: Cell<bool>,
}

struct Joined {
    name: String,
    locks: JsValue,
    channel: BroadcastChannel,
}

impl Driver {
    /// Joins the other tabs, if this browser can.
    pub(super) async fn join(self: &Rc<Self>, user: &str) {
        let name = ["parlour:", &self.settings.bot.id, ":", user].concat();
        let locks = window().and_then(|window| {
            let locks = Reflect::get(&window.navigator(), &"locks".into()).ok()?;
            locks.is_object().then_some(locks)
        });
        let (Some(locks), Ok(channel)) = (locks, BroadcastChannel::new(&name)) else {
            return;
        };
        let driver = Rc::clone(self);
        let heard = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| match event
            .data()
            .as_string()
        {
            Some(word) if word == SEEN => driver.seen_elsewhere(),
            Some(word) => driver.feed(Event::Heard(word)),
            None => {}
        });
        channel.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        // The channel lives as long as the page, so the closure does too.
        heard.forget();
        let joined = Joined {
            name,
            locks,
            channel,
        };
        if self.tabs.joined.set(joined).is_err() {
            return;
        }
        match self.ask_for("ifAvailable").await {
            Some(true) => {
                self.joined();
                self.feed(Event::Lead);
            }
            Some(false) => {
                self.joined();
                self.feed(Event::Follow);
                self.stand_by();
            }
            None => self
                .tabs
                .joined
                .get()
                .map_or((), |joined| joined.channel.close()),
        }
    }

    /// Sends a message to the other tabs.
    pub(super) fn tell_tabs(&self, word: &str) {
        if let Some(joined) = self.tabs.joined.get() {
            // This fails only if the channel was closed. Then nobody leads, and nobody listens.
            let _ = joined.channel.post_message(&word.into());
        }
    }

    /// The visitor has seen here what came.
    pub(super) fn tell_seen(&self) {
        self.tell_tabs(SEEN);
    }

    /// The leader is silent: takes over the lead.
    pub(super) fn steal(self: &Rc<Self>) {
        self.lead_after("steal");
    }

    /// Waits until the leader is gone.
    fn stand_by(self: &Rc<Self>) {
        self.lead_after("");
    }

    fn lead_after(self: &Rc<Self>, how: &'static str) {
        let driver = Rc::clone(self);
        spawn(async move {
            if driver.ask_for(how).await == Some(true) {
                driver.read_kept().await;
                // Another tab may have taken it in the meantime.
                if driver.tabs.release.borrow().is_some() {
                    driver.feed(Event::Lead);
                }
            }
        });
    }

    /// The page goes away: the next tab may lead.
    pub(super) fn leave_tabs(self: &Rc<Self>) {
        if let Some(release) = self.tabs.release.take() {
            let _ = release.call0(&JsValue::UNDEFINED);
            self.tabs.away.set(true);
            self.feed(Event::Follow);
        }
    }

    /// The page has come back from the browser's cache.
    pub(super) fn back_in_tabs(self: &Rc<Self>) {
        if self.tabs.away.take() {
            self.stand_by();
        }
    }

    /// Requests the lock. True: this tab has it. False: another has it. `None`: the browser gives none. A browser that
    /// refuses all storage still has the API.
    async fn ask_for(self: &Rc<Self>, how: &str) -> Option<bool> {
        let joined = self.tabs.joined.get()?;
        let options = Object::new();
        if !how.is_empty() {
            let _ = Reflect::set(&options, &how.into(), &true.into());
        }
        let got = Promise::new(&mut |resolve, reject| {
            let driver = Rc::clone(self);
            let granted = Closure::<dyn FnMut(JsValue) -> JsValue>::once_into_js(
                move |lock: JsValue| -> JsValue {
                    let has = lock.is_object();
                    let held = Promise::new(&mut |release, _| {
                        if has {
                            driver.tabs.release.replace(Some(release));
                        }
                    });
                    let _ = resolve.call1(&JsValue::UNDEFINED, &has.into());
                    if has { held.into() } else { JsValue::UNDEFINED }
                },
            );
            let asked = Reflect::get(&joined.locks, &"request".into()).and_then(|request| {
                let request: Function = request.unchecked_into();
                request.call3(&joined.locks, &(&*joined.name).into(), &options, &granted)
            });
            let Ok(asked) = asked else {
                let _ = reject.call0(&JsValue::UNDEFINED);
                return;
            };
            let driver = Rc::clone(self);
            spawn(async move {
                let asked: Promise = asked.unchecked_into();
                // It succeeds when the lock was given back, and fails when the lock was stolen or never given.
                if JsFuture::from(asked).await.is_err() {
                    let _ = reject.call0(&JsValue::UNDEFINED);
                    if driver.tabs.release.take().is_some() {
                        driver.feed(Event::Follow);
                        driver.stand_by();
                    }
                }
            });
        });
        let has = JsFuture::from(got).await.ok()?;
        Some(has.is_truthy())
    }
}
