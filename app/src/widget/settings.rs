//! What the server hands to the widget: the island's props, as JSON inside the page.
//!
//! Nothing here is secret: whoever reads the page reads this.

use crate::text::Texts;
use protocol::transcript::Entry;
use serde::{Deserialize, Serialize};

/// The island's props.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WidgetSettings {
    /// Who answers.
    pub bot: BotFace,
    /// Where the RTM protocol is spoken.
    pub platform: Platform,
    /// A page of its own, or a frame on somebody's page.
    pub mode: Mode,
    /// The words, in the visitor's language.
    pub texts: Texts,
    /// The newest messages, oldest first.
    pub entries: Vec<Entry>,
    /// The sequence of the newest message; 0 without any.
    pub last_seq: u64,
    /// Whether there are messages before `entries`.
    pub more: bool,
    /// The server's clock: what "now" is until the browser's takes over.
    pub rendered_at_ms: u64,
    /// The host page hands over its own assertion: nothing is known of the visitor yet.
    pub host_identity: bool,
    /// What the composer takes.
    pub max_message_chars: u32,
    /// Where the composer's form posts to while, or where, no script runs.
    pub form_action: String,
}

/// Who answers, as the visitor sees them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BotFace {
    /// The name in the address: `demo` in `/chat/demo`.
    pub page: String,
    /// The bot's id on the platform.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// One sentence about it; empty for the usual one.
    pub tagline: String,
    /// Its picture; without one its first letter stands there.
    pub avatar: Option<String>,
    /// What a visitor may begin with.
    pub starters: Vec<String>,
}

/// Where the RTM protocol is spoken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Platform {
    /// `/api/`, or another server's.
    pub base: String,
    /// Where assertions are signed.
    pub sign_url: String,
}

/// How the widget is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// In the frame that the loader puts on a host's page.
    Embedded,
    /// On a page of its own.
    Standalone,
}
