//! The one store of the widget: what is shown, which the window follows, and actions that components call.
//!
//! In the path: components call an action, the action goes to the driver (`transport`, in the
//! browser), the driver shows something else, the window draws it. On the server the same struct holds
//! what the page shows and its actions do nothing.
//!
//! Not a signal: one value with one follower needs no graph of them, which was 5 kB of the widget
//! (docs/adr/0012-one-node-type.md).
//!
//! **Invariants.** What it holds before [`Chat::start`] is exactly what the server rendered, so
//! hydration finds the same. It is set only to something else.

use std::sync::{Arc, Mutex, PoisonError};

use protocol::transcript::Entry;
use protocol::visible::is_blank;

#[cfg(target_arch = "wasm32")]
use crate::transport as driver;
use crate::widget::settings::WidgetSettings;

/// The conversation.
#[derive(Clone)]
pub struct Chat(Arc<Mutex<Shown>>);

/// The conversation as the visitor sees it.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each named and explained"
)]
pub struct Shown {
    /// The rows, oldest first. Others are another list.
    pub entries: Arc<Vec<Entry>>,
    /// How the connection stands.
    pub connection: Connection,
    /// The bot, or the person in its place, is at an answer.
    pub typing: bool,
    /// What the bot does meanwhile, in its own words.
    pub doing: Option<String>,
    /// The person who has the conversation, by name.
    pub agent: Option<String>,
    /// An answer grows, and the visitor may stop it.
    pub may_stop: bool,
    /// There are older messages to load.
    pub more: bool,
    /// Older messages are on their way.
    pub loading_older: bool,
    /// The key of the first row that came while nobody looked: the "New messages" line stands
    /// before it.
    pub unread_from: Option<String>,
    /// The key of the row that was said last in this window.
    pub said: Option<String>,
    /// What the live region says; emptied after a second.
    pub announce: String,
    /// What there is to know about the connection, as long as it is so.
    pub standing: Option<Notice>,
    /// What is told for a moment, before that.
    pub passing: Option<Notice>,
    /// The person whom [`Notice::Joined`] and [`Notice::Left`] are about.
    pub person: String,
}

impl Shown {
    /// What the slim row above the composer says.
    pub fn notice(&self) -> Option<Notice> {
        self.passing.or(self.standing)
    }
}

/// How the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// For the first time.
    Connecting,
    /// Messages go through.
    Online,
    /// It was there, or it failed; it is tried again by itself.
    Reconnecting {
        /// Since when it is not there, in milliseconds since the epoch.
        since_ms: u64,
    },
    /// The browser has no network.
    Offline,
    /// The platform said no; only a person can go on.
    Refused,
}

/// Something the visitor should know, with at most one thing to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// No connection for two seconds: it is being tried.
    Reconnecting,
    /// No connection for 15 seconds, or no network: messages wait. Offers [`Chat::reconnect_now`].
    NoConnection,
    /// The platform said no. Offers [`Chat::reconnect_now`].
    Refused,
    /// The other side has ended the conversation. For a moment; who writes goes on.
    Ended,
    /// Too much waits already: the composer keeps its text. For a moment.
    Full,
    /// A person has the conversation from now on. For a moment; the header goes on saying it.
    Joined,
    /// The person does not have it any more. For a moment.
    Left,
    /// The browser did not copy what was to be copied; it is selected. For a moment.
    NotCopied,
    /// The whole conversation could not be loaded. For a moment.
    NotLoaded,
    /// The whole conversation is on its way. Until it is there.
    Loading,
    /// The visitor has sent as much as a day holds. For a moment; the message stays as not sent.
    DayFull,
    /// What is unsent is not kept over a reload: the browser stores nothing. Told once, for a moment.
    NotKept,
}

/// What a component asks for.
#[cfg_attr(
    not(target_arch = "wasm32"),
    expect(dead_code, reason = "read by the driver, which only a browser has")
)]
pub(crate) enum Action {
    /// Let a screen reader say this.
    Announce(String),
    /// The window should close (embedded only).
    CloseWindow,
    /// A failed message is taken back.
    Delete(u64),
    /// The page of messages before the oldest one shown.
    LoadOlder,
    /// Tell the visitor this for a moment.
    Mention(Notice),
    /// The whole conversation on paper.
    Print,
    /// The whole conversation as a file.
    Save,
    /// A new session, with a new welcome.
    NewConversation,
    /// Try it now.
    Reconnect,
    /// A failed message goes out again.
    Retry(u64),
    /// The visitor said this. With a payload it is a choice: the bot gets the payload.
    Say {
        /// What is shown.
        text: String,
        /// What a chosen button stands for.
        payload: Option<String>,
    },
    /// Enough of the answer that grows.
    Stop,
}

impl Chat {
    /// What the page came with.
    pub fn from_settings(settings: &WidgetSettings) -> Self {
        Self(Arc::new(Mutex::new(Shown {
            entries: Arc::new(settings.entries.clone()),
            connection: Connection::Connecting,
            typing: false,
            doing: None,
            agent: None,
            may_stop: false,
            more: settings.more,
            loading_older: false,
            unread_from: None,
            said: None,
            announce: String::new(),
            standing: None,
            passing: None,
            person: String::new(),
        })))
    }

    /// What is shown now.
    pub fn shown(&self) -> Shown {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Draws what is shown: soon, and whenever it is something else.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn follow(&self, draw: impl Fn(Shown) + 'static) {
        follower::set(self.clone(), Box::new(draw));
    }

    /// Shows this from now on.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn show(&self, shown: Shown) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *now != shown {
            *now = shown;
            drop(now);
            follower::tell();
        }
    }

    /// Changes what is shown.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn change(&self, change: impl FnOnce(&mut Shown)) {
        let mut shown = self.shown();
        change(&mut shown);
        self.show(shown);
    }

    /// Connects, and takes over what was typed before the page was alive. Once, in the browser,
    /// after hydration (in an `Effect`, which the server never runs).
    pub fn start(&self, settings: &Arc<WidgetSettings>) {
        driver::start(self.clone(), settings);
    }

    /// Says what was typed. False: it was not taken (empty, too long, or too many wait already),
    /// so the composer keeps its text.
    pub fn send(&self, text: String) -> bool {
        let text = text.trim().to_owned();
        let payload = None;
        !is_blank(&text) && driver::act(Action::Say { text, payload })
    }

    /// Makes a choice: the title is shown, the bot gets the payload.
    pub fn choose(&self, title: String, payload: String) -> bool {
        driver::act(Action::Say {
            text: title,
            payload: Some(payload),
        })
    }

    /// Sends a failed message again.
    pub fn retry(&self, key: &str) {
        if let Some(id) = own_id(key) {
            driver::act(Action::Retry(id));
        }
    }

    /// Takes a failed message out of the transcript.
    pub fn delete(&self, key: &str) {
        if let Some(id) = own_id(key) {
            driver::act(Action::Delete(id));
        }
    }

    /// Lets a screen reader say this, once.
    pub fn announce(&self, text: &str) {
        driver::act(Action::Announce(text.to_owned()));
    }

    /// Tells the visitor something that asks for nothing and goes by itself.
    pub fn mention(&self, notice: Notice) {
        driver::act(Action::Mention(notice));
    }

    /// Ends the answer that grows.
    pub fn stop(&self) {
        driver::act(Action::Stop);
    }

    /// Loads the page before the oldest row.
    pub fn load_older(&self) {
        driver::act(Action::LoadOlder);
    }

    /// Saves the whole conversation as a file.
    pub fn save(&self) {
        driver::act(Action::Save);
    }

    /// Loads the whole conversation, then prints it.
    pub fn print(&self) {
        driver::act(Action::Print);
    }

    /// Tries to connect now, also after a refusal.
    pub fn reconnect_now(&self) {
        driver::act(Action::Reconnect);
    }

    /// Starts a new session with the bot.
    pub fn new_conversation(&self) {
        driver::act(Action::NewConversation);
    }

    /// Asks the page around the frame to close the window. A page of its own stays as it is.
    pub fn close_window(&self) {
        driver::act(Action::CloseWindow);
    }
}

/// The id of a row of the visitor's own (see `protocol::transcript::own_key`).
fn own_id(key: &str) -> Option<u64> {
    key.strip_prefix("own-")?.parse().ok()
}

/// Who draws: the one window of the page.
#[cfg(target_arch = "wasm32")]
mod follower {
    use std::cell::{Cell, OnceCell};

    use wasm_bindgen_futures::spawn_local;

    use super::{Chat, Shown};

    struct Follower {
        chat: Chat,
        draw: Box<dyn Fn(Shown)>,
        /// It will be drawn after what runs now: many changes at once are one drawing, and a drawing
        /// never begins within another.
        due: Cell<bool>,
    }

    thread_local! {
        static FOLLOWER: OnceCell<Follower> = const { OnceCell::new() };
    }

    pub(super) fn set(chat: Chat, draw: Box<dyn Fn(Shown)>) {
        let due = Cell::new(false);
        FOLLOWER.with(|slot| drop(slot.set(Follower { chat, draw, due })));
        tell();
    }

    pub(super) fn tell() {
        FOLLOWER.with(|slot| {
            if slot
                .get()
                .is_some_and(|follower| !follower.due.replace(true))
            {
                spawn_local(async { FOLLOWER.with(|slot| slot.get().map_or((), Follower::draw)) });
            }
        });
    }

    impl Follower {
        fn draw(&self) {
            self.due.set(false);
            (self.draw)(self.chat.shown());
        }
    }
}

/// The server draws; nothing is sent or loaded there.
#[cfg(not(target_arch = "wasm32"))]
mod driver {
    use std::sync::Arc;

    use super::{Action, Chat};
    use crate::widget::settings::WidgetSettings;

    pub(super) fn start(_: Chat, _: &Arc<WidgetSettings>) {}

    pub(super) fn act(_: Action) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::own_id;

    #[test]
    fn finds_the_id_of_an_own_row_and_of_no_other() {
        assert_eq!(own_id("own-1795227303240"), Some(1_795_227_303_240));
        assert_eq!(own_id("own-text"), None);
        assert_eq!(own_id("ms-1"), None);
    }
}
