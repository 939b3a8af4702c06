//! English.

use super::{Count, Message};
use crate::pages::Problem;

pub(super) fn message(message: Message) -> &'static str {
    match message {
        Message::AgentLeft => "{agent} has left. {name} answers again.",
        Message::AgentSaid => "{agent} said:",
        Message::AgentTyping => "{agent} is typing",
        Message::BotSaid => "{name} said:",
        Message::NewTab => "(opens in a new tab)",
        Message::Beginning => "This is where the conversation begins",
        Message::Chosen => "(chosen)",
        Message::Close => "Close chat",
        Message::Code => "Code",
        Message::Conversation => "Conversation",
        Message::ConversationWith => "Conversation with {name}",
        Message::Copy => "Copy",
        Message::Copied => "Copied",
        Message::Delete => "Delete",
        Message::Delivered => "Delivered",
        Message::Download => "Download transcript",
        Message::DayFull => {
            "That was a lot for one day. Your message stays here: please send it again tomorrow."
        }
        Message::Ended => "This conversation was ended. Write a message to go on.",
        Message::Full => "Too many messages are waiting to be sent. Your text stays here.",
        Message::Greeting => "Hi, I’m {name}",
        Message::JustNow => "Just now",
        Message::Loading => "Loading the conversation",
        Message::LoadingAll => "Loading the whole conversation…",
        Message::Menu => "More options",
        Message::MessageLabel => "Message",
        Message::NewConversation => "New conversation",
        Message::NewMessages => "New messages",
        Message::NoConnection => "No connection. Messages will be sent when you are back online.",
        Message::NotCopied => "This could not be copied. It is selected: please copy it yourself.",
        Message::NotKept => {
            "This browser stores nothing for the chat: unsent messages are lost when you reload."
        }
        Message::NotLoaded => "The conversation could not be loaded. Please try again.",
        Message::NotSent => "Not sent",
        Message::NotWhole => "Earlier messages are missing here.",
        Message::Offline => "Offline",
        Message::Older => "Earlier messages",
        Message::Picture => "Picture",
        Message::Placeholder => "Write a message…",
        Message::Print => "Print",
        Message::Privacy => "Messages are kept so that your conversation can go on later.",
        Message::Reconnecting => "Reconnecting…",
        Message::Refused => "The chat could not be opened for you.",
        Message::RepliesAtOnce => "Replies right away",
        Message::Retry => "Retry",
        Message::RetryNow => "Retry now",
        Message::SavedAt => "Saved:",
        Message::Seen => "Read",
        Message::Send => "Send message",
        Message::Sending => "Sending…",
        Message::Sent => "Sent",
        Message::Stop => "Stop answering",
        Message::Stopped => "Stopped",
        Message::Suggestions => "Suggestions",
        Message::Table => "Table",
        Message::Tagline => "Ask me anything. I’m here day and night.",
        Message::Template => "Shown as text:",
        Message::More => "Show more",
        Message::Next => "Next",
        Message::NotShown => "This could not be shown.",
        Message::Previous => "Previous",
        Message::TimeZone => "Time zone:",
        Message::Today => "Today",
        Message::ToLatest => "To the latest message",
        Message::ToComposer => "Skip to the message field",
        Message::TryAgain => "Try again",
        Message::Typing => "{name} is typing",
        Message::Unavailable => "Not available",
        Message::WithAgent => "You are connected with {agent}",
        Message::Yesterday => "Yesterday",
        Message::You => "You",
        Message::YouSaid => "You said:",
    }
}

pub(super) fn count(count: Count) -> &'static [&'static str] {
    match count {
        Count::CharactersLeft => &["{n} character left", "{n} characters left"],
        Count::CharactersOver => &["{n} character too many", "{n} characters too many"],
        Count::Minutes => &["{n} min ago", "{n} min ago"],
        Count::NewMessages => &["{n} new message", "{n} new messages"],
    }
}

pub(super) const APOLOGY: &str = "Sorry, I could not answer that. Please try again in a moment.";
pub(super) const TOO_FAST: &str = "That was a lot at once. Please wait a minute, then ask again.";
pub(super) const DAY_IS_OVER: &str =
    "That was all that this chat can answer today. Please come back tomorrow.";

pub(super) fn problem(problem: Problem) -> [&'static str; 3] {
    match problem {
        Problem::UnknownBot => [
            "Nobody by that name",
            "There is no assistant at this address. It may have moved, or the address has a typo.",
            "To the start page",
        ],
        Problem::UnknownPage => [
            "Nothing here",
            "There is no page at this address.",
            "To the start page",
        ],
        Problem::NotAllowed => [
            "Not available on this site",
            "This chat is set up for other websites. If this one is yours, add its address to the app’s origins.",
            "To the start page",
        ],
        Problem::SignedInOnly => [
            "Come in from the website",
            "This assistant is for people who are signed in. Sign in at its website and open the chat there.",
            "To the start page",
        ],
        Problem::Server => [
            "Something went wrong",
            "That was our mistake, not yours. Please try again in a moment.",
            "Try again",
        ],
        Problem::TooMany => [
            "One moment, please",
            "Very many requests came from your network at once. Please try again in a minute.",
            "Try again",
        ],
        Problem::DayFull => [
            "That was a lot for one day",
            "Your last message was not taken: you have sent as much as one day holds. Please go on tomorrow.",
            "Back to the conversation",
        ],
    }
}
