//! The icons: one family, drawn for us on a grid of 20, stroke 1.75, round, in the text's colour.
//!
//! Each is one path, so that an icon costs the wasm a string and no code.

use leptos::prelude::*;

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// Something went wrong.
    Alert,
    /// Stored by the server.
    Check,
    /// Leads on. Turned round in right-to-left scripts.
    Chevron,
    /// On its way.
    Clock,
    /// Puts the window away.
    Close,
    /// To the latest message.
    Down,
    /// Save as a file.
    Download,
    /// More to do.
    Menu,
    /// A new conversation.
    New,
    /// No connection.
    Offline,
    /// Leads out to another page. Turned round in right-to-left scripts.
    Open,
    /// On paper.
    Print,
    /// Send.
    Send,
    /// Ends what goes on.
    Stop,
    /// To earlier messages.
    Up,
}

impl Icon {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Alert => "M10 6.5v4m0 2.75v.01M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14Z",
            Self::Check => "m5 10.5 3.25 3.25L15 7",
            Self::Chevron => "m8 5.5 4.5 4.5L8 14.5",
            Self::Clock => "M10 6v4l2.5 1.5M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14Z",
            Self::Close => "m5.5 5.5 9 9m0-9-9 9",
            Self::Down => "M10 4.5v11M5.5 11l4.5 4.5 4.5-4.5",
            Self::Download => "M10 3.5v9M6 9l4 4 4-4M4 16.5h12",
            Self::Menu => {
                "M5 10a.6.6 0 1 1-1.2 0A.6.6 0 0 1 5 10Zm5.6 0a.6.6 0 1 1-1.2 0 .6.6 0 0 1 1.2 0Zm5.6 0a.6.6 0 1 1-1.2 0 .6.6 0 0 1 1.2 0Z"
            }
            Self::New => "M10.5 4H6a2 2 0 0 0-2 2v8a2 2 0 0 0 2 2h8a2 2 0 0 0 2-2V9.5M9 11l7-7",
            Self::Offline => {
                "M3 8.5a10.5 10.5 0 0 1 3.5-2.2m4-.8A10.4 10.4 0 0 1 17 8.5M6 11.7a6 6 0 0 1 4-1.7m-.01 5.5H10M3.5 3.5l13 13"
            }
            Self::Open => {
                "M8 5H6a1.5 1.5 0 0 0-1.5 1.5v7A1.5 1.5 0 0 0 6 15h7a1.5 1.5 0 0 0 1.5-1.5v-2M11 4.5h4.5V9M15 5l-5.5 5.5"
            }
            Self::Print => {
                "M6 7.5v-4h8v4M6 14.5H4.5A1.5 1.5 0 0 1 3 13V9a1.5 1.5 0 0 1 1.5-1.5h11A1.5 1.5 0 0 1 17 9v4a1.5 1.5 0 0 1-1.5 1.5H14M6 11.5h8v5H6Z"
            }
            Self::Send => "M10 15.5v-11M5.5 9 10 4.5 14.5 9",
            Self::Stop => "M6.5 6.5h7v7h-7Z",
            Self::Up => "m5.5 12.5 4.5-4.5 4.5 4.5",
        }
    }

    /// Whether it points along the line of text.
    pub(crate) fn turns(self) -> bool {
        matches!(self, Self::Chevron | Self::Open)
    }
}

/// The icon. It says nothing to a screen reader: the words beside it, or the button's name, do.
pub fn icon(icon: Icon) -> impl IntoView {
    view! {
        <svg class="icon" class:turns=icon.turns() viewBox="0 0 20 20" aria-hidden="true">
            <path d=icon.path()></path>
        </svg>
    }
}
