//! The one store: signals a component reads, actions it calls.

use crate::widget::settings::WidgetSettings;
use leptos::prelude::*;
use protocol::transcript::Entry;

/// What the widget knows.
#[derive(Clone, Copy)]
pub struct Chat {
    /// The rows in order.
    pub entries: RwSignal<Vec<Entry>>,
    /// The connection.
    pub connection: RwSignal<Connection>,
    /// Whether the bot is typing.
    pub typing: RwSignal<bool>,
    /// Whether there are older messages.
    pub more: RwSignal<bool>,
    /// Whether they are on their way.
    pub loading_older: RwSignal<bool>,
    /// The key of the first unread row.
    pub unread_from: RwSignal<Option<String>>,
    /// Text for the live region.
    pub announce: RwSignal<String>,
    /// The row above the composer.
    pub notice: RwSignal<Option<Notice>>,
}

/// The state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// For the first time.
    Connecting,
    /// Up.
    Online,
    /// Lost.
    Reconnecting {
        /// Since when.
        since_ms: u64,
    },
    /// No network.
    Offline,
    /// The platform said no.
    Refused,
}

/// Something the visitor should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Lost for two seconds.
    Reconnecting,
    /// Lost for long.
    NoConnection,
    /// The platform said no.
    Refused,
    /// The conversation is over.
    Ended,
}

impl Chat {
    /// The signals with the page's data.
    pub fn from_settings(settings: &WidgetSettings) -> Self {
        Self {
            entries: RwSignal::new(settings.entries.clone()),
            connection: RwSignal::new(Connection::Connecting),
            typing: RwSignal::new(false),
            more: RwSignal::new(settings.more),
            loading_older: RwSignal::new(false),
            unread_from: RwSignal::new(None),
            announce: RwSignal::new(String::new()),
            notice: RwSignal::new(None),
        }
    }
    /// Sends.
    pub fn send(&self, _text: String) {}
    /// Chooses.
    pub fn choose(&self, _entry_key: String, _title: String, _payload: String) {}
    /// Sends again.
    pub fn retry(&self, _key: String) {}
    /// Gives up.
    pub fn delete(&self, _key: String) {}
    /// Loads.
    pub fn load_older(&self) {}
    /// Connects.
    pub fn reconnect_now(&self) {}
    /// Begins anew.
    pub fn new_conversation(&self) {}
    /// Puts the frame away.
    pub fn close_window(&self) {}
}
