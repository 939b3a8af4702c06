//! Where the list is scrolled to.
//!
//! **Invariants.** While the reader is at the end (within [`NEAR`]), the end stays in view; an answer
//! taller than the window, or grown so tall, shows its beginning. Anywhere else nothing moves them: what comes is counted in the
//! pill, and earlier messages enter above without a jump. The browser's own scroll anchoring is off, so that
//! all browsers do the same.

use super::{Live, keys, parts::set_class};
use crate::widget::{
    browser,
    rows::{Row, mark_fresh},
    transcript,
};
use protocol::transcript::Delivery;
use std::cell::{Cell, RefCell};

/// A reader this close to the end is at the end.
const NEAR: i32 = 64;
/// This close to the top, earlier messages are asked for.
const NEAR_TOP: i32 = 120;

/// The scrolling of the list.
pub(super) struct Scroll {
    /// The end is to stay in view.
    pinned: Cell<bool>,
    /// The reader is away from the end, and so many messages came meanwhile.
    away: Cell<(bool, u32)>,
    /// The first and the newest row of the list before.
    ends: RefCell<Option<(String, String)>>,
    /// What the next frame settles. Several changes may come before it.
    pending: Cell<Change>,
}

impl Default for Scroll {
    fn default() -> Self {
        Self {
            pinned: Cell::new(true),
            away: Cell::default(),
            ends: RefCell::default(),
            pending: Cell::default(),
        }
    }
}

/// What a change of the list means for its scrolling.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Change {
    /// Earlier messages came at the top; the list was this high before.
    Earlier { height: i32 },
    /// New messages came at the end.
    New { own: bool, others: u32 },
    /// Neither.
    #[default]
    None,
}

impl Change {
    /// Both, one after the other.
    fn then(self, next: Self) -> Self {
        match (self, next) {
            (
                Self::New { own, others },
                Self::New {
                    own: again,
                    others: more,
                },
            ) => Self::New {
                own: own || again,
                others: others + more,
            },
            (kept, Self::None) => kept,
            (_, next) => next,
        }
    }
}

impl Live {
    /// Notes what these rows change, before they are on the page, and settles it on the next frame. `said`: the key
    /// of what was said last in this window.
    pub(super) fn will_settle(&self, rows: &mut [Row<'_>], said: Option<&str>) {
        let change = self.compare(rows, said);
        let pending = &self.scroll.pending;
        pending.set(pending.get().then(change));
        browser::next_frame(&self.tasks.frame);
    }

    /// What changed since the last time. Marks what is new, and measures before the list is touched.
    fn compare(&self, rows: &mut [Row<'_>], said: Option<&str>) -> Change {
        let ends = rows.first().zip(rows.last());
        let ends = ends.map(|(first, last)| (first.entry.key.clone(), last.entry.key.clone()));
        let before = self.scroll.ends.replace(ends.clone());
        let (Some((first, last)), Some((new_first, new_last))) = (&before, &ends) else {
            // From nothing to something: the beginning of a conversation, or its history.
            return ends.map_or(Change::None, |_| Change::New {
                own: true,
                others: 0,
            });
        };
        if last != new_last {
            let others = mark_fresh(rows, last);
            // Said here, not in another window of the visitor.
            let own = said == Some(new_last.as_str());
            return Change::New { own, others };
        }
        if first == new_first {
            return Change::None;
        }
        Change::Earlier {
            height: self.parts.scroller.scroll_height(),
        }
    }

    /// Puts the list where its reader expects it, once it is on the page and before it is painted.
    pub(super) fn settle(&self) {
        let scroller = &self.parts.scroller;
        keys::settle_stops(&self.parts.list);
        match self.scroll.pending.take() {
            Change::Earlier { height } => {
                scroller.set_scroll_top(scroller.scroll_top() + scroller.scroll_height() - height);
            }
            Change::New { own: true, .. } => self.to_end(),
            Change::New { others, .. } if self.scroll.pinned.get() => self.to_answer(others),
            Change::New { others, .. } => {
                let (away, missed) = self.scroll.away.get();
                self.set_away(away, missed + others);
            }
            Change::None => {}
        }
        // An event that came meanwhile was not heard.
        self.moved();
    }

    /// To the end, but no farther than the beginning of what is new.
    fn to_answer(&self, others: u32) {
        let scroller = &self.parts.scroller;
        let rows = self.parts.list.get_elements_by_tag_name("article");
        let first = rows.item(rows.length().saturating_sub(others.max(1)));
        let end = scroller.scroll_height() - scroller.client_height();
        let top = first.map_or(end, |row| {
            scroller.scroll_top() + browser::top_of(&row) - browser::top_of(scroller) - 8
        });
        scroller.set_scroll_top(end.min(top));
        self.scroll.pinned.set(end - top <= NEAR);
    }

    pub(super) fn to_end(&self) {
        let scroller = &self.parts.scroller;
        scroller.set_scroll_top(scroller.scroll_height());
        self.scroll.pinned.set(true);
    }

    /// The list or the window has another size: the end stays in view if it was.
    pub(super) fn keep_end(&self) {
        if self.scroll.pinned.get() {
            let shown = self.room.chat.shown();
            let last = shown.entries.last().map(|last| last.delivery);
            if last == Some(Delivery::Growing) {
                self.to_answer(1);
            } else {
                self.to_end();
            }
        }
    }

    /// The pill: to the end, and the keyboard with it.
    pub(super) fn to_news(&self) {
        let (away, missed) = self.scroll.away.get();
        if missed == 0 {
            self.to_end();
        } else {
            self.to_answer(missed);
        }
        self.set_away(away, 0);
        // Nothing to be done if the element refuses the focus.
        let _ = self.parts.scroller.focus();
    }

    /// The reader has scrolled, or the list was.
    pub(super) fn moved(&self) {
        // A list that has grown and is not settled says nothing about its reader: this event is older.
        if self.scroll.pending.get() != Change::None {
            return;
        }
        let scroller = &self.parts.scroller;
        let top = scroller.scroll_top();
        let at_end = scroller.scroll_height() - top - scroller.client_height() <= NEAR;
        self.scroll.pinned.set(at_end);
        let (_, missed) = self.scroll.away.get();
        self.set_away(!at_end, if at_end { 0 } else { missed });
        set_class(&self.parts.header, "ruled", top > 4);
        let shown = self.room.chat.shown();
        if top < NEAR_TOP && shown.more && !shown.loading_older {
            self.room.chat.load_older();
        }
    }

    fn set_away(&self, away: bool, missed: u32) {
        if self.scroll.away.replace((away, missed)) != (away, missed) {
            let pill = transcript::pill(&self.room, away, missed);
            self.parts.pill.put(pill);
        }
    }
}
