//! The keyboard in the window, by role. The transcript is one stop of the Tab key. Inside it the arrows go from message
//! to message, Enter goes to a message's controls, the arrows go from one control to the next, and Escape goes back.
//!
//! The role of the element around the controls decides how the arrows move between them (roving focus): in a `group`, a
//! `list` or a plain message in one line, in a `grid` by rows and columns. Fields, and what scrolls inside a message
//! (code, a table), keep their arrows.
//!
//! F6 goes to the next part of the window. Escape goes from a control to its message, from a message to the composer,
//! and from everywhere else out of the embedded window.

use super::{browser, settings::Settings};
use crate::chat::Chat;
use leptos::{
    ev::KeyboardEvent,
    prelude::document,
    wasm_bindgen::JsCast,
    web_sys::{Element, HtmlElement},
};

/// The composer's field, the transcript and the header's first button, for F6.
const PARTS: [&str; 3] = ["#message", "[role=log]", "header button"];
/// The elements whose controls the arrows go through.
const HOLDERS: &str = "[role=grid],[role=group],[role=list],[role=toolbar]";
/// The elements that take the focus inside a message.
const CONTROLS: &str = "a[href],button:not([disabled]),input,select,textarea";

/// Puts the cursor into the composer, unless that would raise a keyboard on the screen.
pub(super) fn to_composer() {
    if !browser::touch() {
        focus(part("#message"));
    }
}

/// Puts the focus on the transcript, for example after a focused control was removed.
pub(super) fn to_transcript() {
    focus(part("[role=log]"));
}

/// Call this before the elements of this selector are removed: if the focus is in one, it moves to the composer. On the
/// server it does nothing.
pub(super) fn leave(selector: &str) {
    if cfg!(target_arch = "wasm32")
        && let Some(focused) = document().active_element()
        && focused.closest(selector).is_ok_and(|found| found.is_some())
    {
        to_composer();
    }
}

/// Handles a key that nothing inside the window has handled.
pub(super) fn in_window(event: &KeyboardEvent, chat: Chat, settings: Settings) {
    // A held key would press a button again and again, but one choice is meant.
    let is_choice = |target: Element| target.get_attribute("name").as_deref() == Some("choice");
    if event.repeat() && target(event).is_some_and(is_choice) {
        return event.prevent_default();
    }
    if event.default_prevented() {
        return;
    }
    match event.key().as_str() {
        "F6" => {
            let focused = document().active_element();
            let holds_it =
                |name: &&str| part(name).is_some_and(|part| part.contains(focused.as_deref()));
            let next = PARTS.iter().position(holds_it);
            focus(part(PARTS[next.map_or(0, |at| (at + 1) % PARTS.len())]));
            event.prevent_default();
        }
        // An open menu handles the key itself.
        "Escape"
            if settings.is_embedded()
                && !event.is_composing()
                && part(":popover-open").is_none() =>
        {
            chat.close_window();
        }
        _ => {}
    }
}

/// Handles a key in the transcript, whose rows are the articles in `list`.
pub(super) fn in_transcript(event: &KeyboardEvent, list: &Element) {
    let Some(target) = target(event) else { return };
    let row = target.closest("article").ok().flatten();
    let on_row = row.as_ref() == Some(&target);
    let key = event.key();
    let goal = match (key.as_str(), &row) {
        ("Escape", Some(_)) if on_row => part("#message"),
        ("Escape", Some(_)) => row.clone(),
        ("Enter", Some(row)) if on_row => controls(row).into_iter().next(),
        (key, Some(row)) if !on_row => match beside(key, &target, row) {
            Some(goal) => Some(goal),
            None => return,
        },
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

/// The control that this key leads to from `target`, among those that its holder in `row` has.
fn beside(key: &str, target: &Element, row: &Element) -> Option<Element> {
    if !matches!(&*target.tag_name(), "BUTTON" | "A") {
        return None;
    }
    let holder = target.closest(HOLDERS).ok().flatten();
    let holder = holder.filter(|holder| row.contains(Some(holder)));
    let holder = holder.unwrap_or_else(|| row.clone());
    if holder.get_attribute("role").as_deref() == Some("grid") {
        return in_grid(key, target, &holder);
    }
    let controls = controls(&holder);
    let at = controls.iter().position(|control| control == target)?;
    let to = match key {
        "Home" => 0,
        "End" => controls.len() - 1,
        "ArrowDown" => at + 1,
        "ArrowUp" => at.checked_sub(1)?,
        key if key == onwards() => at + 1,
        "ArrowLeft" | "ArrowRight" => at.checked_sub(1)?,
        _ => return None,
    };
    controls.into_iter().nth(to)
}

/// The control in the cell that the key leads to. Cells without one are skipped.
fn in_grid(key: &str, target: &Element, grid: &Element) -> Option<Element> {
    let line = target.closest("tr,[role=row]").ok()??;
    let column = cells(&line)
        .iter()
        .position(|cell| cell.contains(Some(target)))?;
    let lines = all(grid, "tr,[role=row]");
    let at = lines.iter().position(|other| *other == line)?;
    let control_of = |cell: &Element| controls(cell).into_iter().next();
    match key {
        "ArrowDown" => lines
            .iter()
            .skip(at + 1)
            .find_map(|line| control_of(cells(line).get(column)?)),
        "ArrowUp" => lines
            .iter()
            .take(at)
            .rev()
            .find_map(|line| control_of(cells(line).get(column)?)),
        "Home" => cells(&line).iter().find_map(control_of),
        "End" => cells(&line).iter().rev().find_map(control_of),
        key if key == onwards() => cells(&line).iter().skip(column + 1).find_map(control_of),
        "ArrowLeft" | "ArrowRight" => cells(&line).iter().take(column).rev().find_map(control_of),
        _ => None,
    }
}

fn cells(line: &Element) -> Vec<Element> {
    all(line, "td,th,[role=gridcell]")
}

/// The arrow that points along the line of text.
fn onwards() -> &'static str {
    if is_rtl() { "ArrowLeft" } else { "ArrowRight" }
}

/// Whether the window's text runs from right to left.
pub(super) fn is_rtl() -> bool {
    part("html[dir=rtl]").is_some()
}

/// Takes the controls of all rows but the last and the failed ones out of the Tab order. Enter leads to them.
pub(super) fn settle_stops(list: &Element) {
    let rows = rows(list);
    let newest = rows.len().saturating_sub(1);
    for (position, row) in rows.iter().enumerate() {
        let open = position == newest || row.class_list().contains("failed");
        for control in controls(row) {
            stop(&control, if open { "0" } else { "-1" });
        }
    }
}

/// The first element that fits.
pub(super) fn part(name: &str) -> Option<Element> {
    document().query_selector(name).ok().flatten()
}

fn rows(list: &Element) -> Vec<Element> {
    all(list, "article")
}

fn controls(row: &Element) -> Vec<Element> {
    all(row, CONTROLS)
}

fn all(within: &Element, what: &str) -> Vec<Element> {
    let Ok(found) = within.query_selector_all(what) else {
        return Vec::new();
    };
    (0..found.length())
        .filter_map(|position| found.item(position)?.dyn_into().ok())
        .collect()
}

fn target(event: &KeyboardEvent) -> Option<Element> {
    event.target()?.dyn_into().ok()
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
        // If the element has gone in the meantime, the focus stays where it is.
        let _ = element.focus();
    }
}
