//! The whole conversation from the server, as a file or on paper.
//!
//! In the path: the menu asks for it. Pages of the history are read from the newest to the oldest, as large as the
//! server allows. [`record`] writes the file.
//!
//! **Invariants.** The visitor gets all of it, or learns that something is missing. Only one reading runs at a time,
//! and every reading ends.

use std::rc::Rc;

use protocol::error::Failure;
use protocol::history::{HistoryPage, MAX_LIMIT};
use protocol::session::{Attempt, Event};
use protocol::transcript::Entry;

use super::{Driver, page, requests, spawn};
use crate::chat::Notice;
use crate::record::{self, Heading};

/// The most messages. A longer conversation is cut, and says so, because a browser holds all of them at once.
const MAX_MESSAGES: usize = 100_000;
/// The most rows that the window holds for printing.
const MAX_PRINTED: usize = 2_000;
/// The pauses after which a busy server is asked again. They apply to each page.
const PATIENCE_MS: [i32; 5] = [500, 1_000, 2_000, 4_000, 8_000];
/// How long the browser can read a saved file.
const FILE_FOR_MS: i32 = 60_000;

/// What was read.
struct Whole {
    rows: Vec<Entry>,
    /// Whether it begins with the first message of the conversation.
    complete: bool,
}

impl Driver {
    /// Saves the conversation as a file.
    pub(super) fn save(self: &Rc<Self>) {
        self.with_whole(|driver, whole| {
            let zone = page::zone();
            let about = Heading {
                bot: &driver.settings.bot.name,
                texts: &driver.settings.texts,
                now_ms: page::now_ms(),
                zone: zone.as_deref(),
                whole: whole.complete,
            };
            let text = record::write(&about, &whole.rows, page::offset_minutes);
            if let Some(file) = page::save("chat.txt", &text) {
                spawn(async move {
                    page::pause(FILE_FOR_MS).await;
                    page::forget_file(&file);
                });
            }
        });
    }

    /// Shows the conversation from its beginning, and prints it.
    pub(super) fn print(self: &Rc<Self>) {
        self.with_whole(|driver, whole| {
            let mut rows = whole.rows;
            let cut = rows.len().saturating_sub(MAX_PRINTED);
            rows.drain(..cut);
            let more = cut > 0 || !whole.complete;
            driver.shown.change(|status| status.more = more);
            driver.feed(Event::OlderLoaded(rows));
            spawn(async {
                // The rows are on the page with the next task.
                page::pause(0).await;
                page::print();
            });
        });
    }

    /// Loads the conversation, shows a notice in the meantime, and hands it over.
    fn with_whole(self: &Rc<Self>, then: impl FnOnce(&Rc<Self>, Whole) + 'static) {
        if self.reading.replace(true) {
            return;
        }
        self.shown
            .change(|status| status.passing = Some(Notice::Loading));
        let driver = Rc::clone(self);
        spawn(async move {
            let whole = read(&driver).await;
            driver.reading.set(false);
            driver.shown.change(|status| status.passing = None);
            match whole {
                Some(whole) => then(&driver, whole),
                None => driver.mention(Notice::NotLoaded),
            }
        });
    }
}

/// `None`: the server did not give it.
async fn read(driver: &Rc<Driver>) -> Option<Whole> {
    // The pages, from the newest to the oldest.
    let mut pages: Vec<Vec<Entry>> = Vec::new();
    let mut position = String::new();
    let mut count = 0;
    let mut oldest = None;
    let complete = loop {
        let page = match patiently(driver, &position).await {
            Ok(page) => page,
            // The platform shows no history, or no more of it.
            Err(Failure::Refused) => break false,
            Err(_) => return None,
        };
        let known = pages.last().map_or(&[][..], Vec::as_slice);
        let fresh = page.messages.iter().map(Entry::of_history);
        // Pages that are counted from the newest message overlap if a message comes in the meantime.
        let fresh = fresh.filter(|row| known.iter().all(|other| other.key != row.key));
        let fresh: Vec<Entry> = fresh.collect();
        let first = page.messages.iter().filter_map(|message| message.seq).min();
        if !page.more_available {
            pages.push(fresh);
            break true;
        }
        // The server gives the same page for ever, or too many.
        let goes_on = match (first, oldest) {
            (Some(first), Some(oldest)) => first < oldest,
            _ => !fresh.is_empty(),
        };
        count += fresh.len();
        pages.push(fresh);
        if !goes_on || count >= MAX_MESSAGES {
            break false;
        }
        oldest = first;
        position = match first {
            Some(seq) => format!("&before={seq}"),
            None => format!("&offset={count}"),
        };
    };
    let stored = pages.into_iter().rev().flatten().collect();
    let session = driver.session.borrow();
    let rows = session.transcript().with_all(stored);
    Some(Whole { rows, complete })
}

/// A page, from a server that may be busy, with a token that may have expired.
async fn patiently(driver: &Rc<Driver>, position: &str) -> Result<HistoryPage, Failure> {
    let mut renewed = false;
    for pause in PATIENCE_MS {
        match requests::history(driver, MAX_LIMIT, position).await {
            Err(Failure::Reauthorize) if !renewed => {
                renewed = true;
                let event = requests::grant(Rc::clone(driver), Attempt::default()).await;
                driver.feed(event);
            }
            Err(Failure::Retry) => page::pause(pause).await,
            answer => return answer,
        }
    }
    Err(Failure::Retry)
}
