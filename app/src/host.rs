//! The frame's side of the conversation with the page around it (the loader, `frontend/scripts/loader`).
//!
//! In the path: the loader opens and closes the window, hands over assertions and calls of its
//! API; the frame says when it listens, what is unread and when it wants to be closed.
//!
//! Messages are objects `{parlour: 1, type, …}`, the same names on both sides.
//!
//! **Invariants.** Messages go to exactly the origin that the loader named in `?origin=`, and are
//! heard only from the parent window with that origin. A page that lies about it hears nothing.
//! Everything received is checked field by field; what does not fit is dropped.
#![cfg(target_arch = "wasm32")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Function, Object, Promise, Reflect, decode_uri_component};
use protocol::auth::Packing;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{MessageEvent, Window, window};

/// A page has this long to answer with an assertion; the session's own deadline is longer.
const ASSERTION_WITHIN_MS: i32 = 12_000;

/// What the page around the frame asks for.
pub(crate) enum HostCommand {
    /// The visitor is signed out: forget who it was.
    Logout,
    /// Put this into the composer.
    Prefill(String),
    /// Say this for the visitor.
    Send(String),
    /// `auto`, `light` or `dark`.
    Theme(String),
    /// The window is closed now.
    Hidden,
    /// The window is open now.
    Shown {
        /// By the visitor's own hand, so the composer may take the focus.
        focus: bool,
    },
}

/// The page around the frame.
pub(crate) struct Host {
    parent: Window,
    origin: String,
    /// The page wants no words of messages (`?preview=off`): none leaves the frame.
    quiet: bool,
    questions: Cell<u32>,
    /// The last refusal was told as an error of the page's own.
    reported: Cell<bool>,
    /// The assertions asked for and not answered yet.
    waiting: RefCell<Vec<(u32, Function)>>,
}

impl Host {
    /// The page around this one, if this is a frame that the loader made.
    pub(crate) fn around() -> Option<Rc<Self>> {
        let window = window()?;
        let parent = window.parent().ok().flatten()?;
        if Object::is(&parent, &window) {
            return None;
        }
        let query = window.location().search().ok()?;
        let query = query.strip_prefix('?')?;
        let field = |wanted: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find_map(|(name, value)| (name == wanted).then_some(value))
        };
        let origin = String::from(decode_uri_component(field("origin")?).ok()?);
        origin.starts_with("http").then(|| {
            Rc::new(Self {
                parent,
                origin,
                quiet: field("preview") == Some("off"),
                questions: Cell::new(0),
                reported: Cell::new(false),
                waiting: RefCell::default(),
            })
        })
    }

    /// Hears commands from now on, for as long as the page lives.
    pub(crate) fn listen(self: &Rc<Self>, command: impl Fn(HostCommand) + 'static) {
        let host = Rc::clone(self);
        let heard = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some(heard) = host.read(&event) {
                command(heard);
            }
        });
        if let Some(window) = window() {
            // The listener lives as long as the page, so the closure does too.
            let _ =
                window.add_event_listener_with_callback("message", heard.as_ref().unchecked_ref());
            heard.forget();
        }
    }

    fn read(&self, event: &MessageEvent) -> Option<HostCommand> {
        let ours = event.origin() == self.origin
            && event
                .source()
                .is_some_and(|source| Object::is(&source, &self.parent));
        if !ours {
            return None;
        }
        let data = event.data();
        let field = |name: &str| Reflect::get(&data, &name.into()).ok();
        let text = |name: &str| field(name)?.as_string();
        if !Object::is(&field("parlour")?, &1.into()) {
            return None;
        }
        match text("type")?.as_str() {
            "assertion" => {
                self.answered(&field("id")?, &field("jwt")?);
                None
            }
            "hidden" => Some(HostCommand::Hidden),
            "logout" => Some(HostCommand::Logout),
            "prefill" => text("text").map(HostCommand::Prefill),
            "send" => text("text").map(HostCommand::Send),
            "shown" => Some(HostCommand::Shown {
                focus: field("focus")?.as_bool()?,
            }),
            "theme" => text("theme")
                .filter(|theme| matches!(theme.as_str(), "auto" | "light" | "dark"))
                .map(HostCommand::Theme),
            _ => None,
        }
    }

    fn answered(&self, id: &JsValue, jwt: &JsValue) {
        let mut waiting = self.waiting.borrow_mut();
        if let Some(at) = waiting
            .iter()
            .position(|(asked, _)| Object::is(&JsValue::from(*asked), id))
        {
            let (_, resolve) = waiting.swap_remove(at);
            let _ = resolve.call1(&JsValue::UNDEFINED, jwt);
        }
    }

    /// Asks the page for an assertion. `None`: it has none, failed, or took too long.
    pub(crate) async fn assertion(&self) -> Option<String> {
        let id = self.questions.get().wrapping_add(1);
        self.questions.set(id);
        self.reported.set(false);
        let answer = Promise::new(&mut |resolve, _| {
            if let Some(window) = window() {
                let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(
                    &resolve,
                    ASSERTION_WITHIN_MS,
                );
            }
            self.waiting.borrow_mut().push((id, resolve));
        });
        self.say("assertion", &[("id", id.into())]);
        let jwt = JsFuture::from(answer).await.ok()?.as_string();
        self.waiting.borrow_mut().retain(|(asked, _)| *asked != id);
        jwt
    }

    /// The frame listens now; `name` names the window.
    pub(crate) fn ready(&self, name: &str) {
        self.say("ready", &[("name", name.into())]);
    }

    /// Please close the window.
    pub(crate) fn close(&self) {
        self.say("close", &[]);
    }

    /// So many messages came while nobody looked; the newest one for the preview, if the page shows one.
    pub(crate) fn unread(&self, count: u32, newest: Option<(&str, &str)>) {
        match newest.filter(|_| !self.quiet) {
            Some((name, text)) => self.say(
                "unread",
                &[
                    ("count", count.into()),
                    ("name", name.into()),
                    ("text", text.into()),
                ],
            ),
            None => self.say("unread", &[("count", count.into())]),
        }
    }

    /// The server has stored the visitor's message.
    pub(crate) fn sent(&self, id: &str) {
        self.say("sent", &[("id", id.into())]);
    }

    /// A message has come.
    pub(crate) fn received(&self, id: &str) {
        self.say("received", &[("id", id.into())]);
    }

    /// The platform refuses the visitor's identity. Not when it never heard of it: see [`Host::packed`].
    pub(crate) fn expired(&self) {
        if !self.reported.take() {
            self.say("expired", &[]);
        }
    }

    /// The page gave something around an assertion, or in its place. Its form is told, never the token.
    pub(crate) fn packed(&self, packing: Packing) {
        self.reported.set(true);
        let form = packing.name().into();
        self.say("error", &[("code", "assertion".into()), ("form", form)]);
    }

    /// Everything about the visitor is forgotten; the loader starts the frame anew.
    pub(crate) fn forgotten(&self) {
        self.say("forgotten", &[]);
    }

    fn say(&self, kind: &str, fields: &[(&str, JsValue)]) {
        let message = Object::new();
        let put = |name: &str, value: &JsValue| {
            let _ = Reflect::set(&message, &name.into(), value);
        };
        put("parlour", &1.into());
        put("type", &kind.into());
        for (name, value) in fields {
            put(name, value);
        }
        // Fails only for an origin that is none, and then nobody may hear it.
        let _ = self.parent.post_message(&message, &self.origin);
    }
}
