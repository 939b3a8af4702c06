//! The transcript: the list of messages, where it is scrolled to, and what comes before and after it.
//!
//! **Invariants of scrolling.** While the reader is at the end (within [`NEAR`]), the end stays in view; an answer
//! taller than the window shows its beginning. Anywhere else nothing moves them: what comes is counted in the
//! pill, and earlier messages enter above without a jump. The browser's own scroll anchoring is off, so that
//! all browsers do the same.

use super::{
    browser, keys,
    room::Room,
    row::RowView,
    rows::{Row, mark_fresh, rows},
    typing::Typing,
    welcome::Welcome,
};
use crate::{
    chat::Connection,
    icons::{Icon, icon},
    text::{Count, Message},
};
use leptos::{html::Div, prelude::*, web_sys};
use protocol::transcript::Author;

/// A reader this close to the end is at the end.
const NEAR: i32 = 64;
/// This close to the top, earlier messages are asked for.
const NEAR_TOP: i32 = 120;

/// The scrolling of the list.
#[derive(Clone, Copy)]
struct Scroll {
    scroller: NodeRef<Div>,
    list: NodeRef<Div>,
    /// The end is to stay in view.
    pinned: StoredValue<bool>,
    /// The reader is away from the end.
    away: RwSignal<bool>,
    /// Messages that came meanwhile.
    missed: RwSignal<u32>,
    /// The first and the newest row of the render before.
    ends: StoredValue<Option<(String, String)>>,
    /// What the next frame settles. Several renders may come before it.
    pending: StoredValue<Change>,
}

/// What a render of the list means for its scrolling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// The list and all around it.
#[component]
pub(super) fn Transcript() -> impl IntoView {
    let scope = stylers::style_sheet!("app/src/widget/transcript.css");
    let room = Room::here();
    let chat = room.chat;
    let scroll = Scroll {
        scroller: NodeRef::new(),
        list: NodeRef::new(),
        pinned: StoredValue::new(true),
        away: RwSignal::new(false),
        missed: RwSignal::new(0),
        ends: StoredValue::new(None),
        pending: StoredValue::new(Change::None),
    };

    // The time zone moves days; the ticking clock must not render anything.
    let zone = Memo::new(move |_| room.now.get().is_local());
    let lines = move || {
        zone.track();
        let now = room.now.get_untracked();
        let entries = chat.entries.read();
        let unread = chat.unread_from.read();
        let mut rows = rows(&entries, unread.as_deref(), |at_ms| now.day_of(at_ms));
        let change = scroll.compare(&mut rows);
        scroll
            .pending
            .update_value(|pending| *pending = pending.then(change));
        browser::next_frame(move || scroll.settle());
        rows
    };
    Effect::new(move || {
        if let (Some(scroller), Some(list)) = (scroll.scroller.get(), scroll.list.get()) {
            scroll.to_end();
            browser::on_resize(&[&scroller, &list], move || scroll.keep_end());
        }
    });

    let empty = Memo::new(move |_| chat.entries.read().is_empty());
    let waiting = move || {
        chat.connection.get() == Connection::Connecting
            && room.settings(|settings| settings.host_identity)
    };
    let before = move || {
        if empty.get() {
            return if waiting() {
                skeleton(room).into_any()
            } else {
                view! { <Welcome/> }.into_any()
            };
        }
        let label = room.say(Message::Older);
        let inside = if chat.loading_older.get() {
            let label = room.say(Message::Loading);
            view! { class = scope, <span class="spinner" role="img" aria-label=label></span> }
                .into_any()
        } else if chat.more.get() {
            view! { class = scope,
                <button type="button" class="older screen" on:click=move |_| chat.load_older()>
                    {icon(Icon::Up)}
                    {label}
                </button>
            }
            .into_any()
        } else {
            room.say(Message::Beginning).into_any()
        };
        view! { class = scope, <div class="top">{inside}</div> }.into_any()
    };
    let pill = move || {
        scroll.away.get().then(|| {
            let missed = scroll.missed.get();
            let counts = missed > 0;
            let words = counts.then(|| room.count(Count::NewMessages, missed));
            let name = words.clone().unwrap_or_else(|| room.say(Message::ToLatest));
            view! { class = scope,
                <button
                    type="button"
                    class="pill screen"
                    class:counts=counts
                    aria-label=name
                    on:click=move |_| scroll.to_news()
                >
                    {icon(Icon::Down)}
                    {words}
                </button>
            }
        })
    };

    view! { class = scope,
        <div class="stage">
            {pill}
            <div
                class="scroller"
                node_ref=scroll.scroller
                role="log"
                aria-live="off"
                aria-label=room.say(Message::Conversation)
                tabindex="0"
                on:scroll=move |_| scroll.moved(room)
                on:keydown=move |event| {
                    if let Some(list) = scroll.list.get_untracked() {
                        keys::in_the_transcript(&event, &list);
                    }
                }
            >
                <div class="list" node_ref=scroll.list>
                    {before}
                    <For each=lines key=Row::key let:row>
                        <RowView row/>
                    </For>
                    <div id="early"></div>
                    <Typing/>
                    <span id="latest"></span>
                </div>
            </div>
        </div>
    }
    .into_any()
}

impl Scroll {
    /// What changed since the last render. Marks what is new, and measures before the list is touched.
    fn compare(self, rows: &mut [Row]) -> Change {
        let ends = rows.first().zip(rows.last());
        let ends = ends.map(|(first, last)| (first.entry.key.clone(), last.entry.key.clone()));
        let before = self
            .ends
            .try_update_value(|kept| std::mem::replace(kept, ends.clone()))
            .flatten();
        let (Some((first, last)), Some((new_first, new_last))) = (&before, &ends) else {
            // From nothing to something: the beginning of a conversation, or its history.
            return ends.map_or(Change::None, |_| Change::New {
                own: true,
                others: 0,
            });
        };
        if last != new_last {
            let others = mark_fresh(rows, Some(last));
            let own = rows
                .last()
                .is_some_and(|row| row.entry.author == Author::Visitor);
            return Change::New { own, others };
        }
        match self.scroller.get_untracked() {
            Some(scroller) if first != new_first => Change::Earlier {
                height: scroller.scroll_height(),
            },
            _ => Change::None,
        }
    }

    /// Puts the list where its reader expects it, once it is rendered and before it is painted.
    fn settle(self) {
        let change = self
            .pending
            .try_update_value(std::mem::take)
            .unwrap_or_default();
        let (Some(scroller), Some(list)) =
            (self.scroller.get_untracked(), self.list.get_untracked())
        else {
            return;
        };
        keys::settle_stops(&list);
        match change {
            Change::Earlier { height } => {
                scroller.set_scroll_top(scroller.scroll_top() + scroller.scroll_height() - height);
            }
            Change::New { own: true, .. } => self.to_end(),
            Change::New { others, .. } if self.pinned.get_value() => {
                self.to_answer(&scroller, &list, others);
            }
            Change::New { others, .. } => self.missed.update(|missed| *missed += others),
            Change::None => {}
        }
    }

    /// To the end, but no farther than the beginning of what is new.
    fn to_answer(self, scroller: &web_sys::HtmlElement, list: &web_sys::HtmlElement, others: u32) {
        let rows = list.get_elements_by_tag_name("article");
        let first = rows.item(rows.length().saturating_sub(others.max(1)));
        let end = scroller.scroll_height() - scroller.client_height();
        let top = first.map_or(end, |row| {
            scroller.scroll_top() + browser::top_of(&row) - browser::top_of(scroller) - 8
        });
        scroller.set_scroll_top(end.min(top));
        self.pinned.set_value(end - top <= NEAR);
    }

    fn to_end(self) {
        if let Some(scroller) = self.scroller.get_untracked() {
            scroller.set_scroll_top(scroller.scroll_height());
            self.pinned.set_value(true);
        }
    }

    /// The list or the window has another size: the end stays in view if it was.
    fn keep_end(self) {
        if self.pinned.get_value() {
            self.to_end();
        }
    }

    /// The pill: to the end, and the keyboard with it.
    fn to_news(self) {
        let (Some(scroller), Some(list)) =
            (self.scroller.get_untracked(), self.list.get_untracked())
        else {
            return;
        };
        match self.missed.get_untracked() {
            0 => self.to_end(),
            missed => self.to_answer(&scroller, &list, missed),
        }
        self.missed.set(0);
        // Nothing to be done if the element refuses the focus.
        let _ = scroller.focus();
    }

    fn moved(self, room: Room) {
        let Some(scroller) = self.scroller.get_untracked() else {
            return;
        };
        let top = scroller.scroll_top();
        let at_end = scroller.scroll_height() - top - scroller.client_height() <= NEAR;
        self.pinned.set_value(at_end);
        if self.away.get_untracked() == at_end {
            self.away.set(!at_end);
        }
        if at_end && self.missed.get_untracked() > 0 {
            self.missed.set(0);
        }
        if room.ruled.get_untracked() != (top > 4) {
            room.ruled.set(top > 4);
        }
        let chat = room.chat;
        if top < NEAR_TOP && chat.more.get_untracked() && !chat.loading_older.get_untracked() {
            chat.load_older();
        }
    }
}

/// Grey shapes while a known visitor's conversation comes. They appear after 150 ms, by style.
fn skeleton(room: Room) -> impl IntoView {
    let scope = stylers::style_sheet!("app/src/widget/transcript.css");
    view! { class = scope,
        <div role="img" aria-label=room.say(Message::Loading)>
            <div class="bone"></div>
            <div class="bone short"></div>
            <div class="bone own"></div>
            <div class="bone"></div>
        </div>
    }
}
