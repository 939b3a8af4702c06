//! Where a bot answers: addresses that only this server can make, and the turns that wait for what comes there.
//!
//! In the path: the connector hands the address out as `serviceUrl` and opens an [`Inbox`] for its turn;
//! `http::bot_framework` checks who calls ([`Callbacks::is_ours`]) and delivers.
//!
//! Invariants: an address is good for one conversation of one bot, and cannot be guessed: its token is an HMAC with a
//! key of this deployment. What is called as an answer to the open turn belongs to that turn: it keeps its place before
//! all that the turn says later, and is stored with it. It is not lost with this process, since the turn is given again
//! then. What answers a turn that the visitor has stopped is refused. Everything else is not for this place: it is stored
//! at once.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{mpsc, oneshot};

use crate::bot::activity::Activity;

/// Calls that wait for a turn; a bot that is faster waits itself.
const WAITING: usize = 32;
/// Stopped turns that are remembered: a bot has noticed long before so many others were stopped.
const STOPPED: usize = 1_000;

/// Behind the turn's id in the id of its second activity.
pub(super) const SECOND: &str = "-event";

/// What the bot calls.
pub enum Called {
    /// It says something.
    Said {
        /// The id that it was told.
        id: String,
        /// What it says.
        activity: Box<Activity>,
    },
    /// It says something otherwise.
    Updated {
        /// Which.
        id: String,
        /// What it says now.
        activity: Box<Activity>,
        /// Whether there was something to update.
        done: oneshot::Sender<bool>,
    },
    /// It takes something back.
    Deleted {
        /// Which.
        id: String,
        /// Whether there was something to take back.
        done: oneshot::Sender<bool>,
    },
}

/// What became of a call.
#[derive(Debug)]
pub enum CallOutcome {
    /// An open turn has it.
    Taken,
    /// It answers a turn that was stopped.
    Stopped,
    /// No open turn takes it.
    NotOpen(Called),
}

/// Kind only: what is said is never logged.
impl std::fmt::Debug for Called {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Said { .. } => "Said",
            Self::Updated { .. } => "Updated",
            Self::Deleted { .. } => "Deleted",
        })
    }
}

/// Bot and conversation.
type Conversation = (String, String);

/// The addresses of this deployment, and the open turns of this process. Cloned: the same.
#[derive(Clone)]
pub struct Callbacks(Arc<Inner>);

struct Inner {
    key: hmac::Key,
    turns: Mutex<Turns>,
    numbers: AtomicU64,
}

#[derive(Default)]
struct Turns {
    open: HashMap<Conversation, Open>,
    /// Newest last.
    stopped: VecDeque<(Conversation, String)>,
}

struct Open {
    number: u64,
    turn: String,
    sender: mpsc::Sender<Called>,
}

impl Open {
    fn answers(&self, turn: Option<&str>) -> bool {
        turn.is_none_or(|turn| turn == self.turn)
    }
}

impl std::fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Callbacks").finish_non_exhaustive()
    }
}

impl Callbacks {
    /// With a key of its own, made of the deployment's secret.
    pub fn new(secret: &SecretString) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        let key = hmac::sign(&secret, b"parlour callbacks of bots");
        Self(Arc::new(Inner {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
            turns: Mutex::default(),
            numbers: AtomicU64::default(),
        }))
    }

    /// The token in the address of a conversation of a bot.
    pub fn token(&self, bot: &str, conversation: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0.key, &signed(bot, conversation)))
    }

    /// Is this the token of that conversation? Compared in constant time.
    pub fn is_ours(&self, token: &str, bot: &str, conversation: &str) -> bool {
        let Ok(mark) = URL_SAFE_NO_PAD.decode(token) else {
            return false;
        };
        hmac::verify(&self.0.key, &signed(bot, conversation), &mark).is_ok()
    }

    /// Opens the inbox of a turn. One turn of a conversation runs at a time, so it takes the place of any other.
    pub fn open(&self, bot: &str, conversation: &str, turn: &str) -> Inbox {
        let (sender, receiver) = mpsc::channel(WAITING);
        let number = self.0.numbers.fetch_add(1, Ordering::Relaxed);
        let conversation = (bot.to_owned(), conversation.to_owned());
        let open = Open {
            number,
            turn: turn.to_owned(),
            sender,
        };
        let mut turns = self.0.lock();
        turns
            .stopped
            .retain(|(stopped, _)| *stopped != conversation);
        turns.open.insert(conversation.clone(), open);
        drop(turns);
        Inbox {
            callbacks: self.clone(),
            conversation,
            number,
            receiver,
            is_closed: false,
        }
    }

    /// Gives a call to the open turn that it answers: the activity that it names, or any when it names none.
    pub async fn deliver(
        &self,
        bot: &str,
        conversation: &str,
        activity: Option<&str>,
        called: Called,
    ) -> CallOutcome {
        let turn = activity.map(|activity| activity.strip_suffix(SECOND).unwrap_or(activity));
        let conversation = (bot.to_owned(), conversation.to_owned());
        let sender = {
            let turns = self.0.lock();
            let is_it = |(at, stopped): &(Conversation, String)| {
                *at == conversation && turn == Some(stopped.as_str())
            };
            if turns.stopped.iter().any(is_it) {
                return CallOutcome::Stopped;
            }
            let open = turns
                .open
                .get(&conversation)
                .filter(|open| open.answers(turn));
            open.map(|open| open.sender.clone())
        };
        match sender {
            Some(sender) => match sender.send(called).await {
                Ok(()) => CallOutcome::Taken,
                Err(refused) => CallOutcome::NotOpen(refused.0),
            },
            None => CallOutcome::NotOpen(called),
        }
    }
}

impl Inner {
    fn lock(&self) -> std::sync::MutexGuard<'_, Turns> {
        // Nothing in the critical sections can panic half-way.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No conversation's name has a line end in it.
fn signed(bot: &str, conversation: &str) -> Vec<u8> {
    format!("{bot}\n{conversation}").into_bytes()
}

/// What the bot calls while its turn is open. Who drops it instead of closing it has stopped the turn.
#[derive(Debug)]
pub struct Inbox {
    callbacks: Callbacks,
    conversation: Conversation,
    number: u64,
    receiver: mpsc::Receiver<Called>,
    is_closed: bool,
}

impl Inbox {
    /// The next call. May be dropped while it waits and called again.
    pub async fn next(&mut self) -> Option<Called> {
        self.receiver.recv().await
    }

    /// No more: the calls that had come.
    pub fn close(mut self) -> Vec<Called> {
        self.receiver.close();
        self.is_closed = true;
        std::iter::from_fn(|| self.receiver.try_recv().ok()).collect()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut turns = self.callbacks.0.lock();
        let open = turns.open.get(&self.conversation);
        if open.is_none_or(|open| open.number != self.number) {
            return;
        }
        let open = turns.open.remove(&self.conversation);
        if let Some(open) = open.filter(|_| !self.is_closed) {
            if turns.stopped.len() == STOPPED {
                turns.stopped.pop_front();
            }
            turns
                .stopped
                .push_back((self.conversation.clone(), open.turn));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callbacks(secret: &str) -> Callbacks {
        Callbacks::new(&SecretString::from(secret.to_owned()))
    }

    fn said(text: &str) -> Called {
        let json = format!(r#"{{"type":"message","text":"{text}"}}"#);
        let activity = crate::bot::activity::read(json.as_bytes()).unwrap();
        Called::Said {
            id: text.to_owned(),
            activity: Box::new(activity),
        }
    }

    fn id(called: &Called) -> &str {
        match called {
            Called::Said { id, .. } | Called::Updated { id, .. } | Called::Deleted { id, .. } => id,
        }
    }

    #[test]
    fn a_token_is_good_for_one_conversation_of_one_bot() {
        let (ours, theirs) = (callbacks("a secret"), callbacks("another"));
        let token = ours.token("st-a", "cv-1");
        assert!(ours.is_ours(&token, "st-a", "cv-1"));
        assert!(
            token.len() >= 43
                && token
                    .bytes()
                    .all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
        );
        for (token, bot, conversation) in [
            (token.as_str(), "st-b", "cv-1"),
            (token.as_str(), "st-a", "cv-2"),
            (&token[..42], "st-a", "cv-1"),
            ("", "st-a", "cv-1"),
            ("%%%", "st-a", "cv-1"),
        ] {
            assert!(!ours.is_ours(token, bot, conversation));
        }
        assert!(!theirs.is_ours(&token, "st-a", "cv-1"));
    }

    async fn deliver(
        callbacks: &Callbacks,
        conversation: [&str; 2],
        turn: &str,
        text: &str,
    ) -> bool {
        let [bot, conversation] = conversation;
        let delivery = callbacks.deliver(bot, conversation, Some(turn), said(text));
        match delivery.await {
            CallOutcome::Taken => true,
            CallOutcome::Stopped => panic!("it was not stopped"),
            CallOutcome::NotOpen(called) => {
                assert_eq!(id(&called), text, "it is given back");
                false
            }
        }
    }

    #[tokio::test]
    async fn calls_reach_the_open_turn_in_order_and_no_other() {
        let callbacks = callbacks("a secret");
        let here = ["st-a", "cv-1"];
        assert!(!deliver(&callbacks, here, "tn-1", "early").await);
        let mut inbox = callbacks.open("st-a", "cv-1", "tn-1");
        for text in ["one", "two", "three"] {
            assert!(deliver(&callbacks, here, "tn-1", text).await);
        }
        for (conversation, turn) in [
            (["st-b", "cv-1"], "tn-1"),
            (["st-a", "cv-2"], "tn-1"),
            (here, "tn-0"),
        ] {
            assert!(!deliver(&callbacks, conversation, turn, "x").await);
        }
        assert_eq!(id(&inbox.next().await.unwrap()), "one");
        let rest = inbox.close();
        assert_eq!(rest.iter().map(id).collect::<Vec<_>>(), ["two", "three"]);
        assert!(!deliver(&callbacks, here, "tn-1", "late").await);
    }

    #[tokio::test]
    async fn the_next_turn_is_not_closed_by_the_end_of_the_last() {
        let callbacks = callbacks("a secret");
        let first = callbacks.open("st-a", "cv-1", "tn-1");
        let second = callbacks.open("st-a", "cv-1", "tn-2");
        drop(first);
        assert!(deliver(&callbacks, ["st-a", "cv-1"], "tn-2-event", "x").await);
        second.close();
        assert!(callbacks.0.lock().open.is_empty());
        assert!(callbacks.0.lock().stopped.is_empty());
    }

    #[tokio::test]
    async fn a_turn_that_was_stopped_takes_nothing_more_until_it_is_given_again() {
        let callbacks = callbacks("a secret");
        drop(callbacks.open("st-a", "cv-1", "tn-1"));
        let late = callbacks.deliver("st-a", "cv-1", Some("tn-1"), said("late"));
        assert!(matches!(late.await, CallOutcome::Stopped));
        // A reminder is none of its answers.
        assert!(!deliver(&callbacks, ["st-a", "cv-1"], "tn-0", "x").await);
        let again = callbacks.open("st-a", "cv-1", "tn-1");
        assert!(deliver(&callbacks, ["st-a", "cv-1"], "tn-1", "x").await);
        again.close();
        for number in 0..2 * STOPPED {
            drop(callbacks.open("st-a", &format!("cv-{number}"), "tn-1"));
        }
        assert_eq!(callbacks.0.lock().stopped.len(), STOPPED);
    }
}
