//! Where the list is scrolled to.
//!
//! **Invariants.** While the reader is at the end (within [`NEAR`]), the end stays in view. An answer that is taller
//! than the window shows its beginning. If the reader is elsewhere, nothing moves: the pill counts new messages, and
//! earlier messages enter above without a jump. The browser's own scroll anchoring is off, so that all browsers do the
//! same.

mod change;

use super::{browser, keyboard, rows::Row};
use crate::chat::{Chat, Status};
use change::{Change, Ends};
use leptos::{
    html::Div,
    prelude::*,
    web_sys::{Element, HtmlElement},
};
use protocol::transcript::Delivery;

/// A reader this close to the end is at the end.
const NEAR: i32 = 64;
/// If the reader is this close to the top, earlier messages are loaded.
const NEAR_TOP: i32 = 120;
/// While the reader is at the end, a list of more rows than this…
const MOST_ROWS: usize = 1_200;
/// …keeps only so many: a page that stays open for weeks must not grow, and a reader who scrolls back loads earlier
/// messages again.
const KEPT_ROWS: usize = 1_000;
/// If the list is scrolled this far, a line appears below the header.
const RULED: i32 = 4;

/// The scrolling of the list. Provided as context: the header and the pill follow it.
#[derive(Clone, Copy)]
pub(super) struct Scroll {
    chat: Chat,
    /// The element that scrolls.
    pub(super) scroller: NodeRef<Div>,
    /// The element that is scrolled.
    pub(super) list: NodeRef<Div>,
    /// The part of it that header and pill show.
    position: RwSignal<Position>,
    memory: StoredValue<Memory>,
}

/// Where the reader is, for header and pill.
#[derive(Clone, Copy, Default, PartialEq)]
struct Position {
    /// The list is not at its beginning.
    scrolled: bool,
    /// The number of messages that came while the reader is away from the end. `None`: the reader is at the end.
    away: Option<u32>,
}

/// What is remembered from the last time.
struct Memory {
    /// The end must stay in view.
    pinned: bool,
    /// The first and the newest row of the list.
    ends: Option<Ends>,
    /// The change that the next frame handles. Several changes may come before it.
    pending: Change,
}

impl Scroll {
    pub(super) fn new(chat: Chat) -> Self {
        Self {
            chat,
            scroller: NodeRef::new(),
            list: NodeRef::new(),
            position: RwSignal::new(Position::default()),
            memory: StoredValue::new(Memory {
                pinned: true,
                ends: None,
                pending: Change::None,
            }),
        }
    }

    /// Whether the list does not stand at its beginning.
    pub(super) fn is_scrolled(self) -> bool {
        self.position.get().scrolled
    }

    /// How many messages came while the reader is away from the end. `None`: the reader is there.
    pub(super) fn missed(self) -> Option<u32> {
        self.position.get().away
    }

    /// Keeps the end in view when the list or the window changes its size. It is called once, when the page is
    /// hydrated.
    pub(super) fn watch(self) {
        if let Some((scroller, list)) = self.elements() {
            browser::on_resize(&[&scroller, &list], move || self.keep_end());
        }
    }

    /// Notes what these rows change, before they are on the page; the next frame handles it. `said` is the key of the
    /// message that was last sent from this window. Gives the key of the newest row before.
    pub(super) fn will_settle(self, rows: &[Row], said: Option<&str>) -> Option<String> {
        let before = self.memory.with_value(|memory| memory.ends.clone());
        let change = change::between(before.as_ref(), rows, said, || {
            // It is measured before the list changes.
            self.scroller
                .get_untracked()
                .map_or(0, |scroller| scroller.scroll_height())
        });
        self.memory.update_value(|memory| {
            memory.ends = Ends::of(rows);
            memory.pending = memory.pending.then(change);
        });
        // If the page paints no frames, it shows none of this either.
        let _ = request_animation_frame(move || self.settle());
        before.map(|before| before.last)
    }

    /// Scrolls the list to where its reader expects it, once it is on the page and before it is painted.
    fn settle(self) {
        let Some((scroller, list)) = self.elements() else {
            return;
        };
        keyboard::settle_stops(&list);
        let pending = self.pending();
        self.memory
            .update_value(|memory| memory.pending = Change::None);
        match pending {
            // Rows that went have moved the end already.
            Change::Earlier { .. } if self.is_pinned() => self.keep_end(),
            Change::Earlier { height } => {
                scroller.set_scroll_top(scroller.scroll_top() + scroller.scroll_height() - height);
            }
            Change::New { own: true, .. } => self.to_end(),
            Change::New { others, .. } if self.is_pinned() => self.to_answer(others),
            Change::New { others, .. } => {
                let away = self.position.get_untracked().away;
                self.set_away(away.map(|missed| missed + others));
            }
            // A part that is drawn late may have grown since.
            Change::None => self.keep_end(),
        }
        // An event that came in the meantime was ignored.
        self.moved();
        let rows = self.chat.shown.list.with_untracked(|it| it.entries.len());
        if rows > MOST_ROWS && self.is_pinned() {
            self.chat.keep_newest(KEPT_ROWS);
        }
    }

    /// Scrolls to the end, but no farther than the beginning of what is new.
    fn to_answer(self, others: u32) {
        let Some((scroller, list)) = self.elements() else {
            return;
        };
        let rows = list.get_elements_by_tag_name("article");
        let first = rows.item(rows.length().saturating_sub(others.max(1)));
        let end = scroller.scroll_height() - scroller.client_height();
        let top = first.map_or(end, |row| {
            scroller.scroll_top() + browser::top_of(&row) - browser::top_of(&scroller) - 8
        });
        scroller.set_scroll_top(end.min(top));
        self.pin(end - top <= NEAR);
    }

    /// Scrolls to the end, and stays there.
    pub(super) fn to_end(self) {
        if let Some(scroller) = self.scroller.get_untracked() {
            scroller.set_scroll_top(scroller.scroll_height());
        }
        self.pin(true);
    }

    /// The list or the window has another size: the end stays in view if it was.
    fn keep_end(self) {
        if self.is_pinned() {
            let is_streaming = |delivery| delivery == Delivery::Streaming;
            let list = self.chat.shown.list;
            let newest = list.with_untracked(|it| it.entries.last().map(|entry| entry.delivery));
            if newest.is_some_and(is_streaming) {
                self.to_answer(1);
            } else {
                self.to_end();
            }
        }
    }

    /// The pill was pressed: goes to the end, together with the keyboard.
    pub(super) fn to_latest(self) {
        match self.position.get_untracked().away {
            None | Some(0) => self.to_end(),
            Some(missed) => {
                self.to_answer(missed);
                self.set_away(Some(0));
            }
        }
        keyboard::to_transcript();
    }

    /// The list was scrolled, by the reader or by a script.
    pub(super) fn moved(self) {
        // This event is older than the change of the list, and says nothing about the reader.
        if self.pending() != Change::None {
            return;
        }
        let Some(scroller) = self.scroller.get_untracked() else {
            return;
        };
        let top = scroller.scroll_top();
        let at_end = scroller.scroll_height() - top - scroller.client_height() <= NEAR;
        self.pin(at_end);
        let missed = self.position.get_untracked().away.unwrap_or_default();
        self.show(Position {
            scrolled: top > RULED,
            away: (!at_end).then_some(missed),
        });
        let has_earlier = |it: &Status| it.more && !it.loading_older;
        if top < NEAR_TOP && self.chat.shown.status.with_untracked(has_earlier) {
            self.chat.load_older();
        }
    }

    fn set_away(self, away: Option<u32>) {
        let now = self.position.get_untracked();
        self.show(Position { away, ..now });
    }

    fn show(self, position: Position) {
        if self.position.get_untracked() != position {
            self.position.set(position);
        }
    }

    fn is_pinned(self) -> bool {
        self.memory.with_value(|memory| memory.pinned)
    }

    fn pin(self, pinned: bool) {
        self.memory.update_value(|memory| memory.pinned = pinned);
    }

    fn pending(self) -> Change {
        self.memory.with_value(|memory| memory.pending)
    }

    fn elements(self) -> Option<(HtmlElement, Element)> {
        let scroller: HtmlElement = self.scroller.get_untracked()?.into();
        let list: HtmlElement = self.list.get_untracked()?.into();
        Some((scroller, list.into()))
    }
}
