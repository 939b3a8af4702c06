//! The rows on the page, kept equal to the messages by key.
//!
//! **Invariants.** A row that is there already stays the same element: its focus, selection and pictures stay. A
//! changed row has another key and is a new element. Rows that keep their order are not moved. An answer that grows
//! is drawn again inside its element.

use super::{
    Live,
    parts::{set_class, set_text},
};
use crate::{
    chat::Shown,
    widget::{
        row,
        rows::{Row, rows},
        when::Now,
    },
};
use protocol::transcript::Delivery;
use web_sys::Element;

/// The rows on the page, in order.
#[derive(Default)]
pub(super) struct List(Vec<Placed>);

/// A row on the page.
struct Placed {
    key: String,
    at_ms: u64,
    day: bool,
    /// What there is of an answer that grows.
    grown: (Delivery, usize),
    element: Element,
}

impl Placed {
    fn new(row: &Row<'_>, key: String, element: Element) -> Self {
        Self {
            key,
            at_ms: row.entry.at_ms,
            day: row.day,
            grown: grown(row),
            element,
        }
    }
}

/// How far the row's answer has come.
fn grown(row: &Row<'_>) -> (Delivery, usize) {
    let entry = row.entry;
    (entry.delivery, entry.content.plain_text().len())
}

impl Live {
    /// Takes the server's rows for the first messages.
    pub(super) fn adopt(&self) {
        let now = self.now.get();
        let articles = self.parts.list.get_elements_by_tag_name("article");
        let entries = self.room.chat.shown().entries;
        let mut rows = rows(&entries, None, |at_ms| now.day_of(at_ms));
        let adopted = (0..).zip(&rows).filter_map(|(place, row)| {
            let element = articles.item(place)?;
            Some(Placed::new(row, row.key(), element))
        });
        self.list.borrow_mut().0 = adopted.collect();
        self.will_settle(&mut rows, None);
    }

    /// Brings the rows and the unread line up to date.
    pub(super) fn draw_list(&self, shown: &Shown) {
        let now = self.now.get();
        let unread = shown.unread_from.as_deref();
        let mut rows = rows(&shown.entries, unread, |at_ms| now.day_of(at_ms));
        // Measures before anything is touched.
        self.will_settle(&mut rows, shown.said.as_deref());
        let old = std::mem::take(&mut self.list.borrow_mut().0);
        let mut old: Vec<Option<Placed>> = old.into_iter().map(Some).collect();
        let mut expected = 0;
        let mut placed = Vec::with_capacity(rows.len());
        for row in &rows {
            let key = row.key();
            let is_it = |place: &usize| old[*place].as_ref().is_some_and(|old| old.key == key);
            // Nearly always the one after the row before: the order stays.
            let place = (expected..old.len()).chain(0..expected).find(is_it);
            let kept = place.and_then(|place| {
                expected = place + 1;
                old[place].take()
            });
            let element = match kept {
                Some(kept) => {
                    if kept.grown != grown(row) {
                        self.grow(&kept.element, row);
                    }
                    Some(kept.element)
                }
                None => row::draw(&self.room, row, now).build(),
            };
            if let Some(element) = element {
                placed.push(Placed::new(row, key, element));
            }
        }
        for gone in old.iter().flatten() {
            gone.element.remove();
        }
        // What is new goes to its place, from the end.
        let mut next = self.parts.early.clone();
        for row in placed.iter().rev() {
            if next.previous_element_sibling().as_ref() != Some(&row.element) {
                // A row of our own fits into our list.
                let _ = self.parts.list.insert_before(&row.element, Some(&next));
            }
            next = row.element.clone();
        }
        self.list.borrow_mut().0 = placed;
    }

    /// Draws the row again inside its element.
    fn grow(&self, element: &Element, row: &Row<'_>) {
        let Some(drawn) = row::draw(&self.room, row, self.now.get()).build() else {
            return;
        };
        element.replace_children_with_node_0();
        while let Some(child) = drawn.first_child() {
            // A child of a row fits into a row.
            let _ = element.append_child(&child);
        }
        let growing = row.entry.delivery == Delivery::Growing;
        set_class(element, "growing", growing);
        let busy = if growing { "true" } else { "false" };
        // An attribute of a plain name is always taken.
        let _ = element.set_attribute("aria-busy", busy);
    }

    /// Puts the words of all times right; on the first time all of them, then those that can change.
    pub(super) fn tell_times(&self, first: bool) {
        let now = Now::here();
        // By the clock of the last time: a page that slept has not seen the end of "a minute ago".
        let was = self.now.replace(now);
        let texts = &self.room.settings.texts;
        for row in &self.list.borrow().0 {
            let part = |tag: &str, place| row.element.get_elements_by_tag_name(tag).item(place);
            if row.day
                && let Some(day) = part("p", 0)
            {
                set_text(&day, &now.day(row.at_ms, texts));
            }
            if (first || was.is_recent(row.at_ms))
                && let Some(time) = part("time", 0)
            {
                set_text(&time, &now.time(row.at_ms, texts));
                // An attribute of a plain name is always taken.
                let _ = time.set_attribute("title", &now.in_full(row.at_ms, texts));
            }
        }
    }
}
