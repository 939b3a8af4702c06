//! The parts of the window, found once, and the small ones that change: header, notice, dots, what is said.

use super::{Live, keys, slot::Slot};
use crate::{
    chat::{Connection, Notice, Shown},
    widget::{browser, composer, header, notice, room::Room, transcript::Before, typing},
};
use leptos::prelude::document;
use std::cell::Cell;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlTextAreaElement};

/// An answer this quick needs no dots.
const PATIENCE_MS: i32 = 300;
/// A bot that has said nothing for this long is not typing any more.
const LIMIT_MS: i32 = 10_000;

/// Where everything is.
pub(super) struct Parts {
    /// The window.
    pub(super) room: Element,
    pub(super) header: Element,
    status: Element,
    dot: Element,
    /// What scrolls.
    pub(super) scroller: HtmlElement,
    /// What is scrolled.
    pub(super) list: Element,
    /// Before the first row.
    pub(super) before: Slot,
    pub(super) before_is: Cell<Before>,
    /// After the last row.
    pub(super) early: Element,
    pub(super) pill: Slot,
    typing: Slot,
    /// The timers of the dots.
    timers: Cell<[i32; 2]>,
    notice: Slot,
    notice_is: Cell<Option<Notice>>,
    pub(super) field: HtmlTextAreaElement,
    pub(super) send: Element,
    pub(super) counter: Slot,
    stop: Slot,
    /// The live region.
    said: Element,
}

impl Parts {
    /// Finds them in the page.
    pub(super) fn find(room: &Room) -> Option<Self> {
        let page = document().query_selector("main.room").ok()??;
        let find = |what: &str| page.query_selector(what).ok().flatten();
        let scroller: HtmlElement = find("[role=log]")?.unchecked_into();
        let stage = scroller.parent_element()?;
        let list = scroller.first_element_child()?;
        let form = find("form")?;
        let send = find("[type=submit].send")?;
        let header = find("header")?;
        Some(Self {
            status: find("header p")?,
            dot: find("header .dot")?,
            header,
            before: Slot::new(&list, None, list.first_element_child()),
            before_is: Cell::new(Before::of(&room.chat.shown(), room)),
            early: find("#early")?,
            pill: Slot::new(&stage, Some(&scroller), None),
            typing: Slot::new(&list, Some(&find("#latest")?), None),
            timers: Cell::default(),
            notice: Slot::new(&form.previous_element_sibling()?, None, None),
            notice_is: Cell::default(),
            field: find("#message")?.unchecked_into(),
            stop: Slot::new(&send.parent_element()?, Some(&send), None),
            send,
            counter: Slot::new(&form, None, None),
            said: page.last_element_child()?,
            room: page,
            scroller,
            list,
        })
    }
}

impl Live {
    pub(super) fn draw_header(&self, shown: &Shown) {
        let words = self.room.say(header::status(shown.notice));
        let online = shown.connection == Connection::Online;
        set_text(&self.parts.status, words);
        set_class(&self.parts.dot, "online", online);
    }

    pub(super) fn draw_notice(&self, notice: Option<Notice>) {
        if self.parts.notice_is.replace(notice) != notice {
            let row = notice.map(|notice| notice::draw(&self.room, notice));
            self.parts.notice.put(row);
        }
    }

    /// The dots: not for what is answered at once, and not for ever.
    pub(super) fn draw_typing(&self, typing: bool) {
        for timer in self.parts.timers.take() {
            browser::cancel(timer);
        }
        self.dots(false);
        if typing {
            let [on, off] = &self.tasks.dots;
            let timers = [
                browser::later(on, PATIENCE_MS),
                browser::later(off, LIMIT_MS),
            ];
            self.parts.timers.set(timers);
        }
    }

    pub(super) fn dots(&self, on: bool) {
        self.parts.typing.put(on.then(|| typing::draw(&self.room)));
    }

    /// The keyboard that was on the button goes on in the field.
    pub(super) fn draw_stop(&self, may_stop: bool) {
        let focused = document().active_element();
        let left = focused.is_some_and(|focused| focused.class_list().contains("stop"));
        let button = may_stop.then(|| composer::stop(&self.room));
        self.parts.stop.put(button);
        if left {
            keys::to_composer();
        }
    }

    pub(super) fn draw_said(&self, said: &str) {
        set_text(&self.parts.said, said);
    }
}

/// Changes the text of an element, if it is another.
pub(super) fn set_text(element: &Element, text: &str) {
    if element.text_content().is_none_or(|shown| shown != text) {
        element.set_text_content(Some(text));
    }
}

/// Gives an element a class, or takes it away.
pub(super) fn set_class(element: &Element, class: &str, on: bool) {
    // A class without blanks is always taken.
    let _ = element.class_list().toggle_with_force(class, on);
}
