//! The addresses at which a bot answers, which only this server can make, and the turns that wait for those answers.
//!
//! In the path: the connector hands out the address as `serviceUrl` and opens an [`Inbox`] for its turn.
//! `http::bot_framework` checks the caller ([`Callbacks::is_ours`]) and delivers.
//!
//! Invariants: an address is valid for one conversation of one bot. It cannot be guessed, because its token is an HMAC
//! with a key of this deployment. A call that answers the open turn belongs to that turn: it stays before everything
//! that the turn says later, and is stored with it. If this process dies, the call is not lost, because the turn is
//! sent again. A call that answers a stopped turn is refused. Every other call is stored at once, by the caller of this
//! code.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{mpsc, oneshot};

use crate::bot::activity::Activity;

/// The most calls that wait for a turn. After that the bot has to wait.
const WAITING: usize = 32;
/// The most stopped turns that are remembered. A bot notices the stop long before.
const STOPPED: usize = 1_000;

/// The suffix of the turn's id that makes the id of its second activity.
pub(super) const SECOND: &str = "-event";

/// A call of the bot.
pub enum Called {
    /// The bot says something.
    Said {
        /// The id that the bot got for it.
        id: String,
        /// What it says.
        activity: Box<Activity>,
    },
    /// The bot changes something.
    Updated {
        /// The id of what it changes.
        id: String,
        /// What it says now.
        activity: Box<Activity>,
        /// Receives whether there was something to change.
        done: oneshot::Sender<bool>,
    },
    /// The bot deletes something.
    Deleted {
        /// The id of what it deletes.
        id: String,
        /// Receives whether there was something to delete.
        done: oneshot::Sender<bool>,
    },
}

/// What happened to a call.
#[derive(Debug)]
pub enum CallOutcome {
    /// An open turn took it.
    Taken,
    /// It answers a turn that was stopped.
    Stopped,
    /// No open turn takes it.
    NotOpen(Called),
}

/// Shows only the kind, because what is said is never logged.
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

/// The addresses of this deployment, and the open turns of this process. Clones share them.
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
    /// The newest is last.
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
    /// Derives its own key from the deployment's secret.
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

    /// Whether this is the token of that conversation. It is compared in constant time.
    pub fn is_ours(&self, token: &str, bot: &str, conversation: &str) -> bool {
        let Ok(mark) = URL_SAFE_NO_PAD.decode(token) else {
            return false;
        };
        hmac::verify(&self.0.key, &signed(bot, conversation), &mark).is_ok()
    }

    /// Opens the inbox of a turn. A conversation runs one turn at a time, so the inbox replaces any other.
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

    /// Gives a call to the open turn that it answers: the turn of the activity that it names, or any turn if it names
    /// none.
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
        // Nothing in the critical sections can panic.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of a conversation never holds a line break.
fn signed(bot: &str, conversation: &str) -> Vec<u8> {
    format!("{bot}\n{conversation}").into_bytes()
}

/// The bot's calls while its turn is open. If it is dropped without `close`, the turn was stopped.
#[derive(Debug)]
pub struct Inbox {
    callbacks: Callbacks,
    conversation: Conversation,
    number: u64,
    receiver: mpsc::Receiver<Called>,
    is_closed: bool,
}

impl Inbox {
    /// The next call. Cancel safe.
    pub async fn next(&mut self) -> Option<Called> {
        self.receiver.recv().await
    }

    /// Closes the inbox, and gives the calls that had come.
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
        // A reminder does not answer the turn.
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
