//! What nodes tell each other: the form of an event on its way over a broker.
//!
//! In the path: [`super::relayed`] writes what happens here, and reads what happened elsewhere.
//!
//! `{"v":1,"n":"q7WcE9zXk2bA","e":{"stored":7}}`: the version, who says it, and one of the kinds of [`Said`].
//!
//! Invariants: of a stored message only its sequence goes along, the store has the rest. A kind that is not known, or
//! one of another version, is ignored: while nodes are replaced one by one, old and new run side by side. A growing
//! answer goes as the difference, and now and then as a whole, so that a node that missed a piece catches up. Nothing
//! here is logged.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Event, Streaming, Typing};
use crate::records::{Owner, Usage};

/// Raised when old nodes could take a message for something else. A new kind or field is no reason.
const VERSION: u32 = 1;

/// A text this short always goes as a whole.
const WHOLE_BYTES: usize = 256;

/// One message.
#[derive(Serialize, Deserialize)]
struct Frame<N, S> {
    v: u32,
    n: N,
    e: S,
}

/// What a node says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    /// [`Event::Access`].
    Access,
    /// It ends, and misses nobody.
    Gone,
    /// [`Event::Streaming`].
    Grown(Grown),
    /// It is there: said every few seconds.
    Here,
    /// It could not say everything: look at the store.
    Look,
    /// [`Event::Owner`].
    Owner(Whose),
    /// It has come, or come back: how do the limits stand?
    Joined,
    /// [`Event::SessionEnded`].
    SessionEnded(Arc<str>),
    /// So much of the limits is used up.
    Standing(Usage),
    /// [`Event::Stop`].
    Stop(Arc<str>),
    /// [`Event::Stored`], by its sequence.
    Stored(u64),
    /// [`Event::Typing`].
    Typing {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<Arc<str>>,
        types: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        doing: Option<Arc<str>>,
    },
    /// It let this through.
    Used(Usage),
}

/// [`Owner`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Whose {
    Bot,
    Queue,
    Agent(String),
}

/// How far an answer has grown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Grown {
    pub(super) id: String,
    pub(super) attempt: u32,
    /// [`Streaming::from`].
    pub(super) from: usize,
    /// What was added after `from`; all of it when it comes with `whole`.
    pub(super) text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) whole: Option<Whole>,
}

/// The rest of a [`Streaming`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Whole {
    pub(super) began: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) behind: Option<u64>,
    pub(super) session: String,
}

/// Leaves the text out: it is never logged.
impl std::fmt::Debug for Grown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grown")
            .field("id", &self.id)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

impl Said {
    /// What other nodes hear of this event; nothing of one that is a process' own matter.
    pub(super) fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::Access => Self::Access,
            Event::Look => return None,
            Event::Owner(owner) => Self::Owner(match owner {
                Owner::Bot => Whose::Bot,
                Owner::Queue => Whose::Queue,
                Owner::Agent(name) => Whose::Agent(name.clone()),
            }),
            Event::SessionEnded(id) => Self::SessionEnded(Arc::clone(id)),
            Event::Stop(id) => Self::Stop(Arc::clone(id)),
            Event::Stored(message) => Self::Stored(message.seq),
            Event::Streaming(streaming) => Self::Grown(Grown::of(streaming)),
            Event::Typing(typing) => Self::Typing {
                agent: typing.agent.clone(),
                types: typing.types,
                doing: typing.doing.clone(),
            },
        })
    }

    /// The event, of those that are whole without the store or what was said before.
    pub(super) fn event(self) -> Option<Event> {
        Some(match self {
            Self::Access => Event::Access,
            Self::Owner(whose) => Event::Owner(match whose {
                Whose::Bot => Owner::Bot,
                Whose::Queue => Owner::Queue,
                Whose::Agent(name) => Owner::Agent(name),
            }),
            Self::SessionEnded(id) => Event::SessionEnded(id),
            Self::Stop(id) => Event::Stop(id),
            Self::Typing {
                agent,
                types,
                doing,
            } => Event::Typing(Typing {
                agent,
                types,
                doing,
            }),
            Self::Gone
            | Self::Grown(_)
            | Self::Here
            | Self::Joined
            | Self::Look
            | Self::Standing(_)
            | Self::Stored(_)
            | Self::Used(_) => return None,
        })
    }
}

impl Grown {
    fn of(streaming: &Streaming) -> Self {
        let added = streaming.text.get(streaming.from..);
        let added = added.filter(|_| !goes_whole(streaming.from, streaming.text.len()));
        Self {
            id: streaming.message_id.clone(),
            attempt: streaming.attempt,
            from: streaming.from,
            text: added.unwrap_or(&streaming.text).to_owned(),
            whole: added.is_none().then(|| Whole {
                began: streaming.began.0,
                behind: streaming.behind,
                session: streaming.session_id.clone(),
            }),
        }
    }
}

/// Twice on the way to the double length, so that all wholes of a text are less than four times its length together, and
/// who misses a piece waits for half as much text at most.
fn goes_whole(from: usize, to: usize) -> bool {
    let step = (to.next_power_of_two() / 4).max(1);
    from == 0 || to <= WHOLE_BYTES || from / step != to / step
}

/// The bytes of a message.
pub(super) fn write(node: &str, said: &Said) -> Vec<u8> {
    let frame = Frame {
        v: VERSION,
        n: node,
        e: said,
    };
    // Texts, numbers and names of fields can always be written.
    serde_json::to_vec(&frame).unwrap_or_default()
}

/// Who says what. `None`: it is not known here, or no message of ours.
pub(super) fn read(bytes: &[u8]) -> Option<(Box<str>, Said)> {
    let frame: Frame<Box<str>, Said> = serde_json::from_slice(bytes).ok()?;
    (frame.v == VERSION).then_some((frame.n, frame.e))
}

#[cfg(test)]
mod tests {
    use super::super::contract::wake;
    use super::*;
    use crate::clock::Millis;

    fn grown(from: usize, text: &str) -> Grown {
        Grown::of(&Streaming {
            message_id: "ms-1".to_owned(),
            attempt: 2,
            began: Millis(5),
            behind: Some(4),
            from,
            text: text.to_owned(),
            session_id: "ss-1".to_owned(),
        })
    }

    #[test]
    fn every_event_is_read_as_it_was_written() {
        let typing = Typing {
            agent: Some("Ann".into()),
            types: true,
            doing: None,
        };
        for (event, text) in [
            (Event::Access, r#""access""#),
            (Event::Owner(Owner::Bot), r#"{"owner":"bot"}"#),
            (Event::Owner(Owner::Queue), r#"{"owner":"queue"}"#),
            (
                Event::Owner(Owner::Agent("Ann".to_owned())),
                r#"{"owner":{"agent":"Ann"}}"#,
            ),
            (
                Event::SessionEnded("ss-1".into()),
                r#"{"session_ended":"ss-1"}"#,
            ),
            (Event::Stop("ms-1".into()), r#"{"stop":"ms-1"}"#),
            (
                Event::Typing(typing),
                r#"{"typing":{"agent":"Ann","types":true}}"#,
            ),
        ] {
            let said = Said::of(&event).unwrap();
            let bytes = write("a", &said);
            let expected = format!(r#"{{"v":1,"n":"a","e":{text}}}"#);
            assert_eq!(String::from_utf8_lossy(&bytes), expected);
            let (node, said) = read(&bytes).unwrap();
            assert_eq!((&*node, said.event()), ("a", Some(event)));
        }
        assert_eq!(Said::of(&Event::Look), None);
    }

    #[test]
    fn of_a_stored_message_only_its_place_goes_along() {
        let said = Said::of(&wake(1, 7).event).unwrap();
        let bytes = write("a", &said);
        assert_eq!(bytes, br#"{"v":1,"n":"a","e":{"stored":7}}"#);
        assert_eq!(read(&bytes).unwrap().1, Said::Stored(7));
    }

    #[test]
    fn what_was_used_goes_as_tags_and_numbers() {
        let used = vec![(u64::MAX, 3), (7, u32::MAX)];
        let said = Said::Used(Usage::from([("sign_app".into(), used)]));
        let bytes = write("a", &said);
        let expected = r#"{"v":1,"n":"a","e":{"used":{"sign_app":[[18446744073709551615,3],[7,4294967295]]}}}"#;
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
        assert_eq!(read(&bytes).unwrap().1, said);
    }

    #[test]
    fn what_another_version_says_is_ignored() {
        for text in [
            r#"{"v":2,"n":"a","e":{"stored":7}}"#,
            r#"{"v":1,"n":"a","e":{"poked":7}}"#,
            r#"{"v":1,"n":"a","e":"stored"}"#,
            r#"{"v":1,"e":"access"}"#,
            "",
            "\u{0}",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        // A field more is no other version.
        let more = br#"{"v":1,"n":"a","t":3,"e":{"typing":{"types":true,"mood":"good"}}}"#;
        assert!(read(more).is_some());
    }

    #[test]
    fn a_growing_answer_goes_as_what_was_added_and_now_and_then_as_a_whole() {
        let mut text = String::new();
        let (mut bytes, mut wholes) = (0, 0);
        while text.len() < 32 * 1024 {
            let from = text.len();
            text.push_str("twenty letters, more ");
            let said = Said::Grown(grown(from, &text));
            let written = write("a", &said);
            assert_eq!(read(&written).unwrap().1, said);
            let Said::Grown(said) = said else { panic!() };
            wholes += usize::from(said.whole.is_some());
            bytes += said.text.len();
            assert!(said.whole.is_some() || said.text.len() == 21);
        }
        assert!(bytes < 5 * text.len(), "{bytes}");
        assert!((20..=40).contains(&wholes), "{wholes}");
    }

    #[test]
    fn a_difference_never_begins_within_a_letter() {
        let text = "ö".repeat(400);
        let said = grown(771, &text);
        assert!(said.whole.is_some() && said.text == text);
        assert_eq!(grown(770, &text).text.len(), 30);
    }

    #[test]
    fn texts_are_not_shown_to_a_log() {
        let said = Said::Grown(grown(0, "my card is 4111"));
        assert!(!format!("{said:?}").contains("4111"));
    }
}
