//! The window in the browser: takes over what the server drew, hears the visitor, follows the chat.
//!
//! In the path: `window` hands over the page at hydration; [`take_over`] finds the parts, keeps them in [`Live`] and
//! starts the chat. From then on events come to one listener ([`Live::hear`]), and what has changed
//! is drawn again ([`Live::draw`]).
//!
//! - [`list`]: the rows, by key. [`scroll`]: where the reader is. [`keys`]: the keyboard. [`composer`]: the field.
//! - [`parts`]: header, notice, dots, and what stands before the first message. [`slot`]: a place for what comes and goes.
//!
//! **Invariants.** Taking over changes nothing on the page: no node is made, moved or dropped before something
//! differs from what the server knew. All of it lives until the island goes; listeners hold it weakly.

mod composer;
mod keys;
mod list;
mod parts;
mod scroll;
mod slot;

use super::{act, browser, room::Room, settings::Mode, transcript::Before, when::Now};
use js_sys::Function;
use list::List;
use parts::{Parts, set_class};
use protocol::content::Action;
use scroll::Scroll;
use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    sync::Arc,
};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Element, Event, MouseEvent};

use crate::{
    chat::{Notice, Shown},
    text::Message,
};

/// How soon the shown ages are old.
const REFRESH_MS: i32 = 30_000;
/// Two choices within this are one: the second press of a double click, wherever the first has moved things.
const ONE_CHOICE_MS: f64 = 400.0;

/// The window while it is alive.
struct Live {
    room: Arc<Room>,
    now: Cell<Now>,
    parts: Parts,
    list: RefCell<List>,
    scroll: Scroll,
    tasks: Tasks,
    /// What was drawn the last time.
    drawn: RefCell<Option<Shown>>,
    /// When the last choice was made, by the clock of events.
    chosen: Cell<f64>,
}

/// What is called later. Each is one function of the page for all its calls.
struct Tasks {
    /// Before the next paint: settles the list.
    frame: Function,
}

/// Makes the window alive that the server drew from these settings.
pub(super) fn take_over(room: Arc<Room>) {
    // A page without the window's parts is not ours: it stays as it is.
    let Some(parts) = Parts::find(&room) else {
        return;
    };
    let live = Rc::new_cyclic(|live| Live {
        now: Cell::new(Now::rendered_at(room.settings.rendered_at_ms)),
        list: RefCell::default(),
        scroll: Scroll::default(),
        drawn: RefCell::default(),
        chosen: Cell::new(f64::NEG_INFINITY),
        tasks: Tasks {
            frame: task(live, |live, _| live.settle()),
        },
        parts,
        room,
    });
    live.adopt();
    live.listen();
    // The server's times become the visitor's, and stay true.
    live.tell_times(true);
    browser::every(
        &task(&Rc::downgrade(&live), |live, _| live.tell_times(false)),
        REFRESH_MS,
    );
    // What was typed before the wasm came.
    live.measure();
    let drawn = Rc::clone(&live);
    live.room.chat.follow(move |shown| drawn.draw(shown));
    live.room.chat.start(&live.room.settings);
}

/// A function for the page to call.
fn task(live: &Weak<Live>, run: fn(&Live, JsValue)) -> Function {
    let live = Weak::clone(live);
    let called = move |given| {
        if let Some(live) = live.upgrade() {
            run(&live, given);
        }
    };
    Closure::<dyn FnMut(JsValue)>::new(called)
        .into_js_value()
        .unchecked_into()
}

impl Live {
    fn listen(self: &Rc<Self>) {
        let heard = task(&Rc::downgrade(self), |live, event| {
            live.hear(event.unchecked_ref());
        });
        let parts = &self.parts;
        for kind in ["click", "keydown", "input", "mousedown", "submit"] {
            // A listener on an element of our own is always taken.
            let _ = parts.room.add_event_listener_with_callback(kind, &heard);
        }
        let _ = parts
            .scroller
            .add_event_listener_with_callback("scroll", &heard);
        let resized = task(&Rc::downgrade(self), |live, _| live.keep_end());
        browser::on_resize(&[&parts.scroller, &parts.list], &resized);
    }

    fn hear(&self, event: &Event) {
        match event.type_().as_str() {
            "click" => self.clicked(event),
            "input" => {
                self.measure();
            }
            "keydown" => self.pressed(event.unchecked_ref()),
            "mousedown" => keep_focus(event),
            "submit" => {
                event.prevent_default();
                self.send();
            }
            _ => self.moved(),
        }
    }

    fn clicked(&self, event: &Event) {
        let Some(control) = control(event) else {
            return;
        };
        let Some(does) = control.get_attribute("data-act") else {
            event.prevent_default();
            if !self.is_chosen_twice(event.unchecked_ref()) {
                self.choose(&control);
            }
            return keys::to_composer();
        };
        let chat = &self.room.chat;
        let key = || key_around(&control).unwrap_or_default();
        match does.as_str() {
            act::CLOSE => chat.close_window(),
            act::COPY => self.copy(&control),
            act::DELETE => {
                chat.delete(&key());
                keys::to_composer();
            }
            act::DOWNLOAD => chat.save(),
            act::LATEST => self.to_news(),
            act::NEW => {
                chat.new_conversation();
                // Also where nothing comes, because the last greeting still stands there.
                self.to_end();
                keys::to_composer();
            }
            act::OLDER => {
                chat.load_older();
                keys::to_transcript();
            }
            act::PRINT => chat.print(),
            act::RECONNECT => chat.reconnect_now(),
            act::RETRY => {
                chat.retry(&key());
                keys::to_composer();
            }
            act::STOP => chat.stop(),
            _ => {}
        }
    }

    /// Whether this is the second press of a double click: by the browser's word, which knows the visitor's settings, and
    /// by time, for what the browser does not count.
    fn is_chosen_twice(&self, click: &MouseEvent) -> bool {
        let now = click.time_stamp();
        let soon = now - self.chosen.replace(now) < ONE_CHOICE_MS;
        click.detail() > 1 || soon
    }

    /// Nothing is lost if it is not taken: the choice stays.
    fn choose(&self, control: &Element) {
        let chat = &self.room.chat;
        let Some(key) = key_around(control) else {
            let starter = control.get_attribute("value");
            let _ = chat.send(starter.unwrap_or_default());
            return;
        };
        let mut place = 0;
        let mut before = control.previous_element_sibling();
        while let Some(button) = before {
            place += 1;
            before = button.previous_element_sibling();
        }
        let entries = chat.shown().entries;
        let entry = entries.iter().rev().find(|entry| entry.key == key);
        let button = entry.and_then(|entry| entry.content.buttons().get(place));
        if let Some(button) = button
            && let Action::Post { payload } = &button.action
        {
            let _ = chat.choose(button.title.clone(), payload.clone());
        }
    }

    fn copy(&self, button: &Element) {
        let bar = button.parent_element();
        let code = bar.and_then(|bar| bar.next_element_sibling());
        if !code.is_some_and(|code| browser::copy(&code)) {
            return self.room.chat.mention(Notice::NotCopied);
        }
        // For the eye; the button is still called by what it does. The clipboard holds one thing.
        if let Some(before) = keys::part(".copied") {
            set_class(&before, "copied", false);
        }
        set_class(button, "copied", true);
        self.room.chat.announce(self.room.say(Message::Copied));
    }

    fn embedded(&self) -> bool {
        self.room.settings.mode == Mode::Embedded
    }

    /// Draws what is not as it was drawn the last time; on the first time all.
    fn draw(&self, shown: Shown) {
        let old = self.drawn.replace(Some(shown.clone()));
        let rows = old.as_ref().map(|old| (&old.entries, &old.unread_from));
        if rows != Some((&shown.entries, &shown.unread_from)) {
            self.draw_list(&shown);
        }
        self.draw_before(&shown);
        self.draw_header(&shown);
        self.draw_notice(&shown);
        let types = old.as_ref().map(|old| (old.typing, &old.doing, &old.agent));
        if types != Some((shown.typing, &shown.doing, &shown.agent)) {
            self.draw_typing(&shown);
        }
        if old.is_some_and(|old| old.may_stop) != shown.may_stop {
            self.draw_stop(shown.may_stop);
        }
        self.draw_said(&shown.announce);
    }

    fn draw_before(&self, shown: &Shown) {
        let before = Before::of(shown, &self.room);
        if self.parts.before_is.replace(before) != before {
            self.parts.before.put(Some(before.draw(&self.room)));
        }
    }
}

/// A press on the composer's own buttons leaves the focus in the field: a phone would put its keyboard away.
fn keep_focus(event: &Event) {
    let target = event
        .target()
        .and_then(|target| target.dyn_into::<Element>().ok());
    if target.is_some_and(|target| target.closest(".send").is_ok_and(|found| found.is_some())) {
        event.prevent_default();
    }
}

/// The control that was clicked.
fn control(event: &Event) -> Option<Element> {
    let target: Element = event.target()?.dyn_into().ok()?;
    target.closest("[data-act],[name=choice]").ok()?
}

/// The key of the row that an element stands in.
fn key_around(element: &Element) -> Option<String> {
    let row = element.closest("article").ok()??;
    row.get_attribute("data-key")
}
