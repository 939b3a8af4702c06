//! Every visible string of the widget, by language.
//!
//! In the path: the server picks a [`Language`], puts its [`Texts`] into the island's props, and the
//! widget asks them for a [`Message`] or a [`Count`]. Only the chosen language reaches the browser.
//!
//! **Invariants**: a language is a `match` without a wildcard, so a missing string does not compile; a count
//! has as many forms as the language's plural rule can ask for (tested).

#[cfg(feature = "ssr")]
mod ar;
#[cfg(feature = "ssr")]
mod de;
#[cfg(feature = "ssr")]
mod en;
#[cfg(feature = "ssr")]
mod language;

#[cfg(feature = "ssr")]
pub use language::Language;

use protocol::find::find;
use protocol::wire;
use std::borrow::Cow;

macro_rules! messages {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $message:ident,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $message,)* }

        impl $name {
            /// In the order in which [`Texts`] keeps them.
            pub const ALL: &[Self] = &[$(Self::$message,)*];
        }
    };
}

messages! {
    /// A sentence or label. `{name}` stands for the bot's name, `{agent}` for that of a person behind it ([`Texts::about`]).
    Message {
        /// A person does not have the conversation any more.
        AgentLeft,
        /// Before the text of a person's message, for screen readers.
        AgentSaid,
        /// The person is typing.
        AgentTyping,
        /// Before the text of a bot's message, for screen readers.
        BotSaid,
        /// A link that leaves the chat, for screen readers.
        NewTab,
        /// At the top of the whole transcript.
        Beginning,
        /// Beside a button that was chosen, for screen readers.
        Chosen,
        /// Puts the window away.
        Close,
        /// Before a piece of code without a language.
        Code,
        /// What the transcript is called.
        Conversation,
        /// The first line of a saved conversation.
        ConversationWith,
        /// Copies a piece of code.
        Copy,
        /// It was copied.
        Copied,
        /// Gives up a message that was not sent.
        Delete,
        /// On an agent's screen.
        Delivered,
        /// Saves the conversation as a file.
        Download,
        /// Too much waits to be sent: the composer keeps the text.
        DayFull,
        Full,
        /// The other side has ended the conversation.
        Ended,
        /// The empty state's title.
        Greeting,
        /// Less than a minute ago.
        JustNow,
        /// While the conversation comes.
        Loading,
        /// While the whole of it comes, to be saved or printed.
        LoadingAll,
        /// The menu.
        Menu,
        /// The composer's name.
        MessageLabel,
        /// Shows the rest of a list, for a bot that has no word for it.
        More,
        /// To the next cards.
        Next,
        /// Begins anew.
        NewConversation,
        /// Above the first unread message.
        NewMessages,
        /// Long without connection.
        NoConnection,
        /// The browser did not copy a piece of code; it is selected.
        NotCopied,
        /// This browser stores nothing.
        NotKept,
        /// The whole conversation did not come.
        NotLoaded,
        /// A message that did not get through.
        NotSent,
        /// Below the words of a template whose drawing did not load.
        NotShown,
        /// A saved or printed conversation that does not begin with its beginning.
        NotWhole,
        /// Without connection.
        Offline,
        /// Loads earlier messages.
        Older,
        /// A picture without a description.
        Picture,
        /// In the empty composer.
        Placeholder,
        /// To the cards before.
        Previous,
        /// Prints the conversation.
        Print,
        /// The small print.
        Privacy,
        /// A short while without connection.
        Reconnecting,
        /// The platform refused the visitor.
        Refused,
        /// The status of a bot that is there.
        RepliesAtOnce,
        /// Sends a failed message again.
        Retry,
        /// Connects at once.
        RetryNow,
        /// When a conversation was saved; a time follows.
        SavedAt,
        /// An agent has seen it.
        Seen,
        /// The send button.
        Send,
        /// On its way.
        Sending,
        /// Stored by the server.
        Sent,
        /// The button that stops a streaming answer.
        Stop,
        /// Beside an answer that was not finished.
        Stopped,
        /// The group of quick replies and of starters.
        Suggestions,
        /// What a table is called.
        Table,
        /// The empty state's sentence, for a bot without a tagline.
        Tagline,
        /// Below the words of a template that is not drawn; its name follows.
        Template,
        /// Of a saved conversation; its name follows.
        TimeZone,
        /// The day separator of today.
        Today,
        /// To the end of the transcript.
        ToLatest,
        /// Jumps over header and transcript.
        ToComposer,
        /// Tries once more.
        TryAgain,
        /// The bot is typing.
        Typing,
        /// The status of a bot that cannot be had.
        Unavailable,
        /// A person has the conversation.
        WithAgent,
        /// The day separator of yesterday.
        Yesterday,
        /// The visitor's name in a saved conversation.
        You,
        /// Before the text of an own message, for screen readers.
        YouSaid,
    }
}

messages! {
    /// A sentence with a number, `{n}`.
    Count {
        /// How much may still be written.
        CharactersLeft,
        /// How much is too much.
        CharactersOver,
        /// How long ago.
        Minutes,
        /// How many messages came.
        NewMessages,
    }
}

wire! {
    /// How a language counts. The forms stand in the order of Unicode's categories.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum Plural {
        /// zero, one, two, few, many, other.
        Arabic,
        /// one, other.
        #[default]
        OneOther,
    }
}

impl Plural {
    fn form(self, n: u32) -> usize {
        match self {
            Self::OneOther => usize::from(n != 1),
            Self::Arabic => match (n, n % 100) {
                (0..=2, _) => n as usize,
                (_, 3..=10) => 3,
                (_, 11..=99) => 4,
                _ => 5,
            },
        }
    }

    /// How many forms a sentence has.
    pub fn forms(self) -> usize {
        match self {
            Self::OneOther => 2,
            Self::Arabic => 6,
        }
    }
}

wire! {
    /// The strings of one language, on their way to the browser.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Texts {
        /// The language's tag, for `lang` and for dates.
        pub language: Cow<'static, str>,
        /// Whether it is written from right to left.
        pub rtl: bool,
        plural: Plural,
        messages: Vec<Cow<'static, str>>,
        counts: Vec<Vec<Cow<'static, str>>>,
    }
}

impl Texts {
    /// The text of `message`.
    pub fn say(&self, message: Message) -> &str {
        self.messages.get(message as usize).map_or("", |text| text)
    }

    /// The text of `message` with this person's name in its place.
    pub fn about(&self, message: Message, agent: &str) -> String {
        const PLACEHOLDER: &str = "{agent}";
        let text = self.say(message);
        match find(text, PLACEHOLDER) {
            Some(at) => [&text[..at], agent, &text[at + PLACEHOLDER.len()..]].concat(),
            None => text.to_owned(),
        }
    }

    /// The text of `count` for `n`.
    pub fn count(&self, count: Count, n: u32) -> String {
        let forms = self.counts.get(count as usize);
        let form = forms.and_then(|forms| forms.get(self.plural.form(n)));
        let Some(form) = form else {
            return String::new();
        };
        // By hand: a search for a string would weigh more than all counts.
        match form.bytes().position(|byte| byte == b'{') {
            Some(at) => [&form[..at], &n.to_string(), &form[at + "{n}".len()..]].concat(),
            None => form.to_string(),
        }
    }

    /// With the bot's name in its places: once, on the server.
    #[cfg(feature = "ssr")]
    #[must_use]
    pub fn naming(mut self, name: &str) -> Self {
        for text in &mut self.messages {
            if text.contains("{name}") {
                *text = Cow::Owned(text.replace("{name}", name));
            }
        }
        self
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_sentence_and_every_form() {
        for language in Language::ALL {
            let texts = language.texts();
            for message in Message::ALL {
                assert!(!texts.say(*message).is_empty(), "{language:?} {message:?}");
            }
            for count in Count::ALL {
                assert_eq!(
                    texts.counts[*count as usize].len(),
                    texts.plural.forms(),
                    "{language:?} {count:?}"
                );
                for n in 0..200 {
                    assert!(
                        !texts.count(*count, n).is_empty(),
                        "{language:?} {count:?} {n}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_translation_keeps_the_places_of_name_and_number() {
        let english = Language::English.texts();
        for language in Language::ALL {
            let texts = language.texts();
            for message in Message::ALL {
                for placeholder in ["{name}", "{agent}"] {
                    let there = |texts: &Texts| texts.say(*message).contains(placeholder);
                    assert_eq!(there(&texts), there(&english), "{language:?} {message:?}");
                }
            }
        }
    }

    #[test]
    fn a_persons_name_is_put_in_its_place_and_is_not_read() {
        let texts = Language::English.texts().naming("Ada");
        let about = |name| texts.about(Message::AgentLeft, name);
        assert_eq!(about("Ann"), "Ann has left. Ada answers again.");
        let odd = about("{agent} {name}");
        assert_eq!(odd, "{agent} {name} has left. Ada answers again.");
        assert_eq!(texts.about(Message::Close, "Ann"), "Close chat");
    }

    #[test]
    fn each_language_counts_in_its_own_way() {
        let english = Language::English.texts();
        assert_eq!(english.count(Count::NewMessages, 1), "1 new message");
        assert_eq!(english.count(Count::NewMessages, 3), "3 new messages");
        let arabic = Language::Arabic.texts();
        assert_eq!(arabic.count(Count::NewMessages, 2), "رسالتان جديدتان");
        assert_eq!(arabic.count(Count::NewMessages, 5), "5 رسائل جديدة");
        assert_eq!(arabic.count(Count::NewMessages, 11), "11 رسالة جديدة");
        assert_eq!(arabic.count(Count::NewMessages, 100), "100 رسالة جديدة");
    }
}
