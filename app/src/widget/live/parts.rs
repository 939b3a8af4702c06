//! The parts of the window, found once, and the small ones that change: header, notice, dots, what is said.

use super::{Live, slot::Slot};
use crate::{
    chat::{Connection, Notice, Shown},
    widget::{composer, header, node::PLAIN, notice, room::Room, transcript::Before, typing},
};
use leptos::prelude::document;
use std::cell::{Cell, RefCell};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlTextAreaElement};

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
    notice: Slot,
    notice_is: RefCell<(Option<Notice>, String)>,
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
            notice: Slot::new(&form.previous_element_sibling()?, None, None),
            notice_is: RefCell::default(),
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
        let words = header::status(&self.room, shown);
        let online = shown.connection == Connection::Online;
        set_text(&self.parts.status, &words);
        set_class(&self.parts.dot, "online", online);
    }

    pub(super) fn draw_notice(&self, shown: &Shown) {
        let now = (shown.notice(), shown.person.clone());
        if self.parts.notice_is.replace(now.clone()) != now {
            let (notice, person) = now;
            let row = notice.map(|notice| notice::draw(&self.room, notice, &person));
            self.parts.notice.put(row);
        }
    }

    /// The dots; the session says when.
    pub(super) fn draw_typing(&self, shown: &Shown) {
        self.parts.typing.put(typing::draw(&self.room, shown));
    }

    pub(super) fn draw_stop(&self, may_stop: bool) {
        let button = may_stop.then(|| composer::stop(&self.room));
        self.parts.stop.put(button);
    }

    /// What is new in it is an element of its own, so that nothing is read twice.
    pub(super) fn draw_said(&self, said: &str) {
        let region = &self.parts.said;
        let read = region.text_content().unwrap_or_default();
        match said.strip_prefix(&*read) {
            Some("") => {}
            Some(news) => {
                if let Some(line) = PLAIN.el("div", "").say(news).build() {
                    let _ = region.append_child(&line);
                }
            }
            None => region.set_text_content(Some(said)),
        }
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
