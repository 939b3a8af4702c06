//! The keyboard in the window. The transcript is one stop of the Tab key; inside it the arrows go from message
//! to message, Enter goes into a message's links and buttons, the arrows go from one to the next, Escape comes back out.
//! What scrolls inside a message (code, a table) keeps its arrows for itself.
//!
//! Where F6 and Escape lead: F6 to the next part of the window; Escape from a control to its message, from a
//! message to the composer, and from the rest out of the embedded window.

use super::Live;
use crate::widget::browser;
use leptos::prelude::document;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, KeyboardEvent};

/// The composer's field, the transcript and the header's first button, for F6.
const PARTS: [&str; 3] = ["#message", "[role=log]", "header button"];

/// Puts the cursor into the composer, unless that would raise a keyboard over the screen.
pub(super) fn to_composer() {
    if !browser::touch() {
        focus(part("#message"));
    }
}

/// Puts the focus on the transcript, as after a control in it that goes away.
pub(super) fn to_transcript() {
    focus(part("[role=log]"));
}

impl Live {
    /// A key anywhere in the window: first for where the focus is, then for the window.
    pub(super) fn pressed(&self, event: &KeyboardEvent) {
        let target: Option<Element> = event.target().and_then(|target| target.dyn_into().ok());
        let Some(target) = target else { return };
        // A key that is held presses a button again and again: one choice is meant.
        if event.repeat() && target.get_attribute("name").as_deref() == Some("choice") {
            return event.prevent_default();
        }
        let parts = &self.parts;
        if parts.field.is_same_node(Some(&target)) {
            self.pressed_in_field(event);
        } else if parts.scroller.contains(Some(&target)) {
            in_the_transcript(event, &target, &parts.list);
        }
        if !event.default_prevented() {
            self.pressed_in_room(event);
        }
    }

    fn pressed_in_room(&self, event: &KeyboardEvent) {
        match event.key().as_str() {
            "F6" => {
                let focused = document().active_element();
                let mut next = 0;
                for (place, name) in PARTS.iter().enumerate() {
                    let part = part(name);
                    if part.is_some_and(|part| part.contains(focused.as_deref())) {
                        next = (place + 1) % PARTS.len();
                        break;
                    }
                }
                focus(part(PARTS[next]));
                event.prevent_default();
            }
            // An open menu takes the key for itself.
            "Escape"
                if self.embedded() && !event.is_composing() && part(":popover-open").is_none() =>
            {
                self.room.chat.close_window();
            }
            _ => {}
        }
    }
}

pub(super) fn part(name: &str) -> Option<Element> {
    document().query_selector(name).ok().flatten()
}

/// Keys in the transcript, whose rows are the articles in `list`.
fn in_the_transcript(event: &KeyboardEvent, target: &Element, list: &Element) {
    let row = target.closest("article").ok().flatten();
    let on_row = row.as_ref() == Some(target);
    let key = event.key();
    let goal = match (key.as_str(), &row) {
        ("Escape", Some(_)) if on_row => part("#message"),
        ("Escape", Some(_)) => row.clone(),
        ("Enter", Some(row)) if on_row => controls(row).into_iter().next(),
        (_, Some(_)) if !on_row && !is_control(target) => return,
        ("ArrowRight" | "ArrowDown" | "ArrowLeft" | "ArrowUp", Some(_)) if !on_row => {
            let onwards = match part("[dir=rtl]") {
                None => "ArrowRight",
                Some(_) => "ArrowLeft",
            };
            let beside = if key == "ArrowDown" || key == onwards {
                target.next_element_sibling()
            } else {
                target.previous_element_sibling()
            };
            beside.filter(is_control)
        }
        ("Home" | "End", Some(_)) if !on_row => return,
        ("ArrowUp", Some(row)) => article(row.previous_element_sibling()),
        ("ArrowDown", Some(row)) => article(row.next_element_sibling()),
        ("ArrowUp" | "End", _) => rows(list).pop(),
        ("Home", _) => rows(list).into_iter().next(),
        _ => return,
    };
    if let (true, Some(row)) = (key == "Enter", &row) {
        for control in controls(row) {
            stop(&control, "0");
        }
    }
    if goal.is_some() {
        event.prevent_default();
        focus(goal);
    }
}

/// Takes the controls of all rows but the last and the failed ones out of the Tab order; Enter leads to them.
pub(super) fn settle_stops(list: &Element) {
    let rows = rows(list);
    let newest = rows.len().saturating_sub(1);
    for (place, row) in rows.iter().enumerate() {
        let open = place == newest || row.class_list().contains("failed");
        for control in controls(row) {
            stop(&control, if open { "0" } else { "-1" });
        }
    }
}

fn rows(list: &Element) -> Vec<Element> {
    let found = list.get_elements_by_tag_name("article");
    (0..found.length())
        .filter_map(|place| found.item(place))
        .collect()
}

fn controls(row: &Element) -> Vec<Element> {
    ["button", "a"]
        .into_iter()
        .flat_map(|tag| {
            let found = row.get_elements_by_tag_name(tag);
            (0..found.length()).filter_map(move |place| found.item(place))
        })
        .collect()
}

fn is_control(element: &Element) -> bool {
    matches!(&*element.tag_name(), "BUTTON" | "A")
}

fn article(element: Option<Element>) -> Option<Element> {
    element.filter(|element| element.tag_name() == "ARTICLE")
}

fn stop(control: &Element, tabindex: &str) {
    // An attribute of a plain name is always taken.
    let _ = control.set_attribute("tabindex", tabindex);
}

fn focus(element: Option<Element>) {
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        // An element that has gone meanwhile: the focus stays where it is.
        let _ = element.focus();
    }
}
