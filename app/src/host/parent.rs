//! The window around the frame: what it says is heard here, and it is told here.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Function, JSON, Object, Promise, decode_uri_component};
use protocol::auth::Packing;
use protocol::json::Value;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{MessageEvent, Window, window};

use super::words::{self, Heard, HostCommand, Said};

/// A page has this long to answer with an assertion; the session's own deadline is longer.
const ASSERTION_WITHIN_MS: i32 = 12_000;

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
        let (origin, quiet) = words::of_address(&query)?;
        let origin = String::from(decode_uri_component(origin).ok()?);
        origin.starts_with("http").then(|| {
            Rc::new(Self {
                parent,
                origin,
                quiet,
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
        let message = JSON::stringify(&event.data()).ok()?.as_string()?;
        match Heard::of(&Value::parse(&message)?)? {
            Heard::Command(command) => Some(command),
            Heard::Assertion { id, jwt } => {
                self.answered(id, jwt);
                None
            }
        }
    }

    fn answered(&self, id: u32, jwt: Option<String>) {
        let mut waiting = self.waiting.borrow_mut();
        if let Some(position) = waiting.iter().position(|(asked, _)| *asked == id) {
            let (_, resolve) = waiting.swap_remove(position);
            let _ = resolve.call1(&JsValue::UNDEFINED, &jwt.into());
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
        self.say(Said::Assertion { id });
        let jwt = JsFuture::from(answer).await.ok()?.as_string();
        self.waiting.borrow_mut().retain(|(asked, _)| *asked != id);
        jwt
    }

    /// The frame listens now; `name` names the window.
    pub(crate) fn ready(&self, name: &str) {
        self.say(Said::Ready { name });
    }

    /// Please close the window.
    pub(crate) fn close(&self) {
        self.say(Said::Close);
    }

    /// So many messages came while nobody looked; the newest one for the preview, if the page shows one.
    pub(crate) fn unread(&self, count: u32, newest: Option<(&str, &str)>) {
        let newest = newest.filter(|_| !self.quiet);
        self.say(Said::Unread { count, newest });
    }

    /// The server has stored the visitor's message.
    pub(crate) fn sent(&self, id: &str) {
        self.say(Said::Sent { id });
    }

    /// A message has come.
    pub(crate) fn received(&self, id: &str) {
        self.say(Said::Received { id });
    }

    /// The platform refuses the visitor's identity. Not when it never heard of it: see [`Host::packed`].
    pub(crate) fn expired(&self) {
        if !self.reported.take() {
            self.say(Said::Expired);
        }
    }

    /// The page gave something around an assertion, or in its place. Its form is told, never the token.
    pub(crate) fn packed(&self, packing: Packing) {
        self.reported.set(true);
        self.say(Said::Packed(packing));
    }

    /// Everything about the visitor is forgotten; the loader starts the frame anew.
    pub(crate) fn forgotten(&self) {
        self.say(Said::Forgotten);
    }

    fn say(&self, said: Said<'_>) {
        // What was just written is JSON.
        if let Ok(message) = JSON::parse(&said.to_message().to_text()) {
            // Fails only for an origin that is none, and then nobody may hear it.
            let _ = self.parent.post_message(&message, &self.origin);
        }
    }
}
