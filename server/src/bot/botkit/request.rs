//! The id of a request. The app gets it with each call, and names it when it answers.
//!
//! In the path: the connector makes one for each turn, and one for each answer of the bot behind the app. The address
//! that the app calls ends with it.
//!
//! Invariants: it names a conversation, a turn and a part of the turn, and only the holder of the app's secret can make
//! one. A repeated turn has the same ids. An id is valid until the secret changes.

use sha2::{Digest as _, Sha256};

use crate::signing::SharedKey;

/// How many times an answer of the bot behind may lead to another one without a word of the visitor in between.
const MAX_DEPTH: u8 = 5;

/// The longest id that is looked at. Ours have less than 250 bytes.
const MAX_BYTES: usize = 512;

/// Which words, of which turn, of which conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId {
    /// `cv-<uuid>`.
    pub conversation: String,
    /// `tn-<uuid>`.
    pub turn: String,
    /// 0 for the visitor's words, 1 for the answers to them, …
    depth: u8,
    /// Which part of them.
    part: String,
}

impl RequestId {
    /// The id for the visitor's words.
    pub(super) fn of_turn(conversation: &str, turn: &str) -> Self {
        Self {
            conversation: conversation.to_owned(),
            turn: turn.to_owned(),
            depth: 0,
            part: "0".to_owned(),
        }
    }

    /// The id for answer `index` that the bot behind gives to `words`. `None`: app and bot only talk to each other.
    pub(super) fn of_answer(&self, words: &str, index: usize) -> Option<Self> {
        let depth = self.depth + 1;
        let hash = self.hash(&["answer", words]);
        let [a, b, c, d, ..] = hash;
        (depth <= MAX_DEPTH).then(|| Self {
            conversation: self.conversation.clone(),
            turn: self.turn.clone(),
            depth,
            part: format!("{a:02x}{b:02x}{c:02x}{d:02x}-{index}"),
        })
    }

    /// The id as it travels.
    ///
    /// # Errors
    /// If the cryptography fails, which does not happen with a secret.
    pub(super) fn written(&self, bot: &str, key: &SharedKey) -> anyhow::Result<String> {
        let words = self.words();
        let mark = key.mark(&format!("{bot}\n{words}"))?;
        Ok(format!("{words}.{mark}"))
    }

    /// The id in `text`, if it was made for this bot.
    pub(super) fn read(text: &str, bot: &str, key: &SharedKey) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let (words, mark) = text.rsplit_once('.')?;
        if !key.is_mark(&format!("{bot}\n{words}"), mark) {
            return None;
        }
        let mut parts = words.split('.').map(str::to_owned);
        let read = Self {
            conversation: parts.next()?,
            turn: parts.next()?,
            depth: parts.next()?.parse().ok()?,
            part: parts.next()?,
        };
        parts.next().is_none().then_some(read)
    }

    /// The id by which a repeated saying is recognised: the same `words` for the same request are the same saying.
    pub fn saying(&self, words: &[&str]) -> String {
        let mut hash = [0; 8];
        hash.copy_from_slice(&self.hash(words)[..8]);
        let hash = u64::from_be_bytes(hash);
        format!("{}.{}.{}.{hash:016x}", self.turn, self.depth, self.part)
    }

    fn words(&self) -> String {
        let Self {
            conversation,
            turn,
            depth,
            part,
        } = self;
        format!("{conversation}.{turn}.{depth}.{part}")
    }

    fn hash(&self, words: &[&str]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.words());
        for words in words {
            // The lengths separate the parts.
            hash.update(words.len().to_be_bytes());
            hash.update(words);
        }
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{KeyAlgorithm, KeyEntry};
    use crate::signing::install_crypto;

    fn key(secret: &str) -> SharedKey {
        install_crypto();
        let secret = Some(secret.to_owned().into());
        let entry = KeyEntry::hmac("k", KeyAlgorithm::HS256, secret, None);
        SharedKey::load("cs-app", &entry).unwrap()
    }

    #[test]
    fn it_is_read_by_its_own_bot_and_secret_only() {
        let ours = key("bK4t2vQmS0cW8yXrE6uJ1zPaB5dHnLfG");
        let turn = RequestId::of_turn("cv-1", "tn-1");
        let answer = turn.of_answer("Hi", 3).unwrap();
        for id in [turn, answer] {
            let text = id.written("st-a", &ours).unwrap();
            assert!(!text.contains('/') && text.len() < 250, "{text}");
            assert_eq!(RequestId::read(&text, "st-a", &ours), Some(id));
            assert_eq!(RequestId::read(&text, "st-b", &ours), None);
            let theirs = key("oN7q3wRkT1eZ9xUvC5yIb2mAd6sFgHjL");
            assert_eq!(RequestId::read(&text, "st-a", &theirs), None);
            let other = text.replace("cv-1", "cv-2");
            assert_eq!(RequestId::read(&other, "st-a", &ours), None);
        }
        for no_id in ["", ".", "cv-1.tn-1.0.0", &".".repeat(600)] {
            assert_eq!(RequestId::read(no_id, "st-a", &ours), None, "{no_id}");
        }
    }

    #[test]
    fn app_and_bot_do_not_talk_with_each_other_for_ever() {
        let mut id = RequestId::of_turn("cv-1", "tn-1");
        let mut seen = vec![id.clone()];
        while let Some(next) = id.of_answer("again", 0) {
            assert!(!seen.contains(&next));
            seen.push(next.clone());
            id = next;
        }
        assert_eq!(seen.len(), 1 + usize::from(MAX_DEPTH));
    }

    #[test]
    fn a_saying_has_the_same_id_whenever_it_is_said() {
        let id = RequestId::of_turn("cv-1", "tn-1");
        let saying = id.saying(&["Hi", ""]);
        assert_eq!(id.saying(&["Hi", ""]), saying);
        assert_ne!(id.saying(&["", "Hi"]), saying);
        let other = RequestId::of_turn("cv-1", "tn-2");
        assert_ne!(other.saying(&["Hi", ""]), saying);
        let answer = id.of_answer("Hi", 0).unwrap();
        assert_ne!(answer.saying(&["Hi", ""]), saying);
    }
}
