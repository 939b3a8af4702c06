//! The id with which an answer that did not come in time is polled.
//!
//! In the path: it is made when a request stops waiting. `poll` reads it, on whichever node.
//!
//! Invariants: it carries what to wait for, and a signature that only this deployment can make. It belongs to one
//! caller. The store keeps its hash as a ticket, which is taken when the answer is delivered, so that happens once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::awaited::Awaited;
use crate::clock::Millis;
use crate::signing::{BearerCaller, Visitors};
use crate::store::SecretHash;

/// The longest id that is looked at. Ours have about 300 bytes.
const MAX_BYTES: usize = 1024;

/// The contents of the id.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PollId {
    /// What to wait for.
    pub(super) awaited: Awaited,
    /// When the request came.
    pub(super) asked: Millis,
    /// The caller, as a hash.
    whose: String,
    /// Makes the id unique.
    nonce: String,
}

impl PollId {
    pub(super) fn new(
        awaited: Awaited,
        caller: &BearerCaller,
        asked: Millis,
        nonce: String,
    ) -> Self {
        Self {
            awaited,
            asked,
            whose: whose(caller),
            nonce,
        }
    }

    /// The id as it travels. It fits into a path.
    ///
    /// # Errors
    /// If the cryptography fails, which does not happen with a secret.
    pub(super) fn written(&self, bot: &str, visitors: &Visitors) -> anyhow::Result<String> {
        let words = URL_SAFE_NO_PAD.encode(serde_json::to_vec(self)?);
        let mark = visitors.mark(&marked(bot, &words))?;
        Ok(format!("{words}.{mark}"))
    }

    /// The id in `text`, if it belongs to this bot and this caller.
    pub(super) fn read(
        text: &str,
        bot: &str,
        caller: &BearerCaller,
        visitors: &Visitors,
    ) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let (words, mark) = text.split_once('.')?;
        if !visitors.is_mark(&marked(bot, words), mark) {
            return None;
        }
        let read: Self = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(words).ok()?).ok()?;
        (read.whose == whose(caller)).then_some(read)
    }
}

/// The hash for the store. The line break distinguishes it from a socket's ticket.
pub(super) fn hash(text: &str) -> SecretHash {
    SecretHash::of(format!("poll\n{text}"))
}

fn marked(bot: &str, words: &str) -> String {
    format!("poll\n{bot}\n{words}")
}

fn whose(caller: &BearerCaller) -> String {
    let hash = Sha256::digest(format!("{}\0{}", caller.app, caller.identity.subject));
    URL_SAFE_NO_PAD.encode(&hash[..16])
}

#[cfg(test)]
mod tests {
    use app::BasePath;

    use super::*;
    use crate::signing::{Identity, install_crypto};

    fn caller(app: &str, subject: &str) -> BearerCaller {
        BearerCaller {
            app: app.to_owned(),
            identity: Identity {
                subject: subject.to_owned(),
                anonymous: false,
            },
            issued: Millis(0),
        }
    }

    #[test]
    fn it_is_read_by_its_own_bot_caller_and_deployment() {
        install_crypto();
        let visitors = |secret: &str| Visitors::new(&secret.to_owned().into(), BasePath::default());
        let ours = visitors("0123456789abcdefghijklmnopqrstuv");
        let ann = caller("cs-a", "ann");
        let id = PollId::new(Awaited::test(), &ann, Millis(7), "n".to_owned());
        let text = id.written("st-a", &ours).unwrap();
        assert!(
            text.len() < 512 && !text.contains(['/', '+', '=']),
            "{text}"
        );
        assert_eq!(PollId::read(&text, "st-a", &ann, &ours), Some(id));
        assert_eq!(PollId::read(&text, "st-b", &ann, &ours), None);
        for other in [caller("cs-a", "bob"), caller("cs-b", "ann")] {
            assert_eq!(PollId::read(&text, "st-a", &other, &ours), None);
        }
        let theirs = visitors("vutsrqponmlkjihgfedcba9876543210");
        assert_eq!(PollId::read(&text, "st-a", &ann, &theirs), None);
        for no_id in ["", ".", "x.y", &"x".repeat(2_000)] {
            assert_eq!(PollId::read(no_id, "st-a", &ann, &ours), None);
        }
    }
}
