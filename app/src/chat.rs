//! The one store of the widget: what is shown, as signals, and the actions that components call.
//!
//! In the path: a component calls an action. The action goes to the driver of the session (`transport`, in the
//! browser). The driver sets signals, and what reads them is drawn again. The island makes the chat, gives it the
//! driver, and provides it to the components as context. On the server the same signals hold what the page shows, and
//! there is no driver.
//!
//! **Invariants.** Before its driver begins, the chat holds exactly what the server rendered, so that hydration finds
//! the same. A signal is set only if its value changes.

use std::sync::Arc;

use leptos::prelude::*;
use protocol::transcript::Entry;
use protocol::visible::is_blank;

use crate::widget::settings::WidgetSettings;

/// The conversation: its state, and the actions on it.
#[derive(Clone, Copy)]
pub struct Chat {
    /// What is shown.
    pub shown: Shown,
    /// Takes what a component asks for. `None` on the server.
    driver: Option<UnsyncCallback<ChatAction, bool>>,
}

/// The conversation as the visitor sees it. There are two signals, because the list is drawn by other rules than the
/// rest. A signal for each field would cost every visitor some kilobytes of code.
#[derive(Clone, Copy)]
pub struct Shown {
    /// The messages.
    pub list: RwSignal<List>,
    /// Everything else.
    pub status: RwSignal<Status>,
}

/// The messages that are shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List {
    /// Oldest first. An entry that did not change is the same `Arc` as before.
    pub entries: Vec<Arc<Entry>>,
    /// The key of the first message that came while nobody looked: the "New messages" line stands before it.
    pub unread_from: Option<String>,
    /// The key of the last message that was sent from this window.
    pub said: Option<String>,
}

/// What is shown around the messages.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each named and explained"
)]
pub struct Status {
    /// How the connection stands.
    pub connection: ConnectionStatus,
    /// The bot, or the person in its place, is answering.
    pub typing: bool,
    /// What the bot is doing, in its own words.
    pub doing: Option<String>,
    /// The person who has the conversation, by name.
    pub agent: Option<String>,
    /// An answer is streaming, and the visitor may stop it.
    pub may_stop: bool,
    /// There are older messages to load.
    pub more: bool,
    /// Older messages are on their way.
    pub loading_older: bool,
    /// What the live region says, line by line; emptied after a second.
    pub announcements: Vec<String>,
    /// The notice about the connection, as long as it is true.
    pub standing: Option<Notice>,
    /// The notice that is shown for a moment, before the other.
    pub passing: Option<Notice>,
    /// The person whom [`Notice::Joined`] and [`Notice::Left`] are about.
    pub person: String,
}

impl Status {
    /// The notice in the row above the composer.
    pub fn notice(&self) -> Option<Notice> {
        self.passing.or(self.standing)
    }
}

impl Shown {
    /// The state that the page came with.
    pub fn from_settings(settings: &WidgetSettings) -> Self {
        let entries = settings.entries.iter().cloned().map(Arc::new).collect();
        Self {
            list: RwSignal::new(List {
                entries,
                ..List::default()
            }),
            status: RwSignal::new(Status {
                connection: ConnectionStatus::Connecting,
                typing: false,
                doing: None,
                agent: None,
                may_stop: false,
                more: settings.more,
                loading_older: false,
                announcements: Vec::new(),
                standing: None,
                passing: None,
                person: String::new(),
            }),
        }
    }

    /// The state around the messages now.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn status_now(&self) -> Status {
        self.status.get_untracked()
    }

    /// Sets the state around the messages. Nothing is drawn if it did not change.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn show(&self, status: Status) {
        if self.status.with_untracked(|now| *now != status) {
            self.status.set(status);
        }
    }

    /// Changes what is shown around the messages.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn change(&self, change: impl FnOnce(&mut Status)) {
        let mut status = self.status_now();
        change(&mut status);
        self.show(status);
    }
}

/// Gives a function that finds items of a list by key, for a caller that asks for them in order. The next item is
/// nearly always the one after the last, so the whole list costs one walk.
pub(crate) fn in_order<'a, T>(
    list: &'a [T],
    key_of: impl Fn(&T) -> &str,
) -> impl FnMut(&str) -> Option<&'a T> {
    let mut expected = 0;
    move |key| {
        let is_it = |position: &usize| key_of(&list[*position]) == key;
        let position = (expected..list.len()).chain(0..expected).find(is_it)?;
        expected = position + 1;
        Some(&list[position])
    }
}

/// The state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionStatus {
    /// It is connecting for the first time.
    Connecting,
    /// Messages go through.
    Online,
    /// The connection was there, or it failed. The session tries again by itself.
    Reconnecting {
        /// Since when there is no connection, in milliseconds since the epoch.
        since_ms: u64,
    },
    /// The browser has no network.
    Offline,
    /// The platform refused. Only a person can go on.
    Refused,
}

/// Something the visitor should know, with at most one thing to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// No connection for two seconds: it is being tried.
    Reconnecting,
    /// No connection for 15 seconds, or no network: messages wait. Offers [`Chat::reconnect_now`].
    NoConnection,
    /// The platform refused. Offers [`Chat::reconnect_now`].
    Refused,
    /// The other side has ended the conversation. It is shown for a moment; the visitor may still write.
    Ended,
    /// Too many messages wait, so the composer keeps its text. It is shown for a moment.
    Full,
    /// A person has the conversation from now on. It is shown for a moment; the header goes on saying it.
    Joined,
    /// The person does not have it any more. It is shown for a moment.
    Left,
    /// The browser could not copy the text, which is selected instead. It is shown for a moment.
    NotCopied,
    /// The whole conversation could not be loaded. It is shown for a moment.
    NotLoaded,
    /// The whole conversation is being loaded. It is shown until that is done.
    Loading,
    /// The visitor has sent as many messages as a day allows. It is shown for a moment; the message stays as not sent.
    DayFull,
    /// Unsent messages are lost at a reload, because the browser stores nothing. It is shown once, for a moment.
    NotKept,
}

/// What a component asks for.
#[cfg_attr(
    not(target_arch = "wasm32"),
    expect(dead_code, reason = "read by the driver, which only a browser has")
)]
pub(crate) enum ChatAction {
    /// Let a screen reader say this.
    Announce(String),
    /// The window should close (embedded only).
    CloseWindow,
    /// Delete a failed message.
    Delete(u64),
    /// Keep only so many of the newest messages in the list.
    KeepNewest(usize),
    /// Load the page of messages before the oldest one shown.
    LoadOlder,
    /// Show the visitor this notice for a moment.
    Mention(Notice),
    /// Print the whole conversation.
    Print,
    /// Save the whole conversation as a file.
    Save,
    /// Begin a new session, with a new welcome.
    NewConversation,
    /// Connect now.
    Reconnect,
    /// Send a failed message again.
    Retry(u64),
    /// Send this text. With a payload it is a choice: the bot gets the payload.
    Say {
        /// What is shown.
        text: String,
        /// The payload of the chosen button.
        payload: Option<String>,
    },
    /// Stop the answer that is streaming.
    Stop,
}

impl Chat {
    /// A chat with this state, without a driver.
    pub(crate) fn new(shown: Shown) -> Self {
        Self {
            shown,
            driver: None,
        }
    }

    /// Hands the actions of components to this driver.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn driven_by(self, driver: UnsyncCallback<ChatAction, bool>) -> Self {
        Self {
            driver: Some(driver),
            ..self
        }
    }

    /// False: it was not accepted.
    fn act(self, action: ChatAction) -> bool {
        self.driver.is_some_and(|driver| driver.run(action))
    }

    /// Sends what was typed. False: it was not accepted (empty, too long, or too many wait already), so the composer
    /// keeps its text.
    pub fn send(self, text: String) -> bool {
        let text = text.trim().to_owned();
        let payload = None;
        !is_blank(&text) && self.act(ChatAction::Say { text, payload })
    }

    /// Makes a choice. The title is shown, and the bot gets the payload.
    pub fn choose(self, title: String, payload: String) -> bool {
        self.act(ChatAction::Say {
            text: title,
            payload: Some(payload),
        })
    }

    /// Sends a failed message again.
    pub fn retry(self, key: &str) {
        if let Some(id) = own_id(key) {
            let _ = self.act(ChatAction::Retry(id));
        }
    }

    /// Takes a failed message out of the transcript.
    pub fn delete(self, key: &str) {
        if let Some(id) = own_id(key) {
            let _ = self.act(ChatAction::Delete(id));
        }
    }

    /// Lets a screen reader say this, once.
    pub fn announce(self, text: &str) {
        let _ = self.act(ChatAction::Announce(text.to_owned()));
    }

    /// Shows a notice that asks for nothing and goes away by itself.
    pub fn mention(self, notice: Notice) {
        let _ = self.act(ChatAction::Mention(notice));
    }

    /// Stops the answer that is streaming.
    pub fn stop(self) {
        let _ = self.act(ChatAction::Stop);
    }

    /// Keeps only so many of the newest messages. The others can be loaded again.
    pub fn keep_newest(self, count: usize) {
        let _ = self.act(ChatAction::KeepNewest(count));
    }

    /// Loads the page before the oldest message.
    pub fn load_older(self) {
        let _ = self.act(ChatAction::LoadOlder);
    }

    /// Saves the whole conversation as a file.
    pub fn save(self) {
        let _ = self.act(ChatAction::Save);
    }

    /// Loads the whole conversation, then prints it.
    pub fn print(self) {
        let _ = self.act(ChatAction::Print);
    }

    /// Tries to connect now, also after a refusal.
    pub fn reconnect_now(self) {
        let _ = self.act(ChatAction::Reconnect);
    }

    /// Starts a new session with the bot.
    pub fn new_conversation(self) {
        let _ = self.act(ChatAction::NewConversation);
    }

    /// Asks the page around the frame to close the window. A page of its own stays as it is.
    pub fn close_window(self) {
        let _ = self.act(ChatAction::CloseWindow);
    }
}

/// The id of a row of the visitor's own (see `protocol::transcript::own_key`).
fn own_id(key: &str) -> Option<u64> {
    key.strip_prefix("own-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{in_order, own_id};

    #[test]
    fn a_list_is_found_again_in_any_order_and_what_is_new_is_not() {
        let list = ["a", "b", "c"];
        let mut find = in_order(&list, |name| name);
        assert_eq!(find("b"), Some(&"b"));
        assert_eq!(find("new"), None);
        assert_eq!(find("c"), Some(&"c"));
        assert_eq!(find("a"), Some(&"a"));
    }

    #[test]
    fn finds_the_id_of_an_own_row_and_of_no_other() {
        assert_eq!(own_id("own-1795227303240"), Some(1_795_227_303_240));
        assert_eq!(own_id("own-text"), None);
        assert_eq!(own_id("ms-1"), None);
    }
}
