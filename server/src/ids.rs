//! The source of names and secrets.
//!
//! In the path: handlers take [`Ids`] from the state, and nothing else draws random numbers. Tests use [`SeededIds`],
//! whose every result is known.
//!
//! Invariant: [`RandomIds`] draws from a cryptographic generator that the operating system seeds. A secret leaves the
//! process once, to its owner; the store only sees its hash.

use std::sync::atomic::{AtomicU64, Ordering};

use rand::RngCore as _;
use rand::rngs::ThreadRng;

use crate::clock::Millis;

/// Draws every identifier and secret of the server.
pub trait Ids: Send + Sync {
    /// 256 random bits: access tokens, tickets, keys.
    fn secret(&self) -> [u8; 32];

    /// A version 4 UUID in lower case, `xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx`.
    fn uuid(&self) -> String;

    /// The id of a message of this moment, `ms-<uuid>`. Kore's clients know the prefix.
    fn message(&self, _now: Millis) -> String {
        format!("ms-{}", self.uuid())
    }

    /// The id of a user, `u-<uuid>`.
    fn user(&self) -> String {
        format!("u-{}", self.uuid())
    }

    /// The id of a session, `ss-<uuid>`.
    fn session(&self) -> String {
        format!("ss-{}", self.uuid())
    }

    /// The public name of a conversation, `cv-<uuid>`.
    fn conversation(&self) -> String {
        format!("cv-{}", self.uuid())
    }
}

/// The real source.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn secret(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        ThreadRng::default().fill_bytes(&mut bytes);
        bytes
    }

    fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        ThreadRng::default().fill_bytes(&mut bytes);
        format_uuid(bytes)
    }

    /// A version 7 UUID: it begins with the time, so the ids of a conversation's newest messages stand together in the
    /// store's index, and a message changes one page of the index.
    fn message(&self, now: Millis) -> String {
        let mut bytes = [0; 16];
        ThreadRng::default().fill_bytes(&mut bytes[6..]);
        bytes[..6].copy_from_slice(&now.0.to_be_bytes()[2..]);
        format!("ms-{}", format_version(7, bytes))
    }
}

/// A source for tests. It counts up from its seed, so a test knows what to expect.
#[derive(Debug, Default)]
pub struct SeededIds(AtomicU64);

impl SeededIds {
    /// The first result holds `first`, the next `first + 1`.
    pub fn new(first: u64) -> SeededIds {
        SeededIds(AtomicU64::new(first))
    }

    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

impl Ids for SeededIds {
    fn secret(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[24..].copy_from_slice(&self.next().to_be_bytes());
        bytes
    }

    fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&self.next().to_be_bytes());
        format_uuid(bytes)
    }
}

/// Sets version 4 and the variant, and writes the five groups.
pub(crate) fn format_uuid(bytes: [u8; 16]) -> String {
    format_version(4, bytes)
}

fn format_version(version: u8, mut bytes: [u8; 16]) -> String {
    bytes[6] = (bytes[6] & 0x0f) | (version << 4);
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    // It is written by hand: every request and message draws some, and formatting costs more than drawing.
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 0x0f)]);
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(digit(byte >> 4));
        text.push(digit(byte));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn seeded_ids_are_known_beforehand() {
        let ids = SeededIds::new(7);
        let message = ids.message(Millis(0));
        assert_eq!(message, "ms-00000000-0000-4000-8000-000000000007");
        assert_eq!(ids.user(), "u-00000000-0000-4000-8000-000000000008");
        assert_eq!(ids.session(), "ss-00000000-0000-4000-8000-000000000009");
        assert_eq!(ids.secret()[31], 10);
    }

    #[test]
    fn random_ids_never_repeat_and_are_version_4() {
        let drawn: HashSet<String> = (0..1_000).map(|_| RandomIds.uuid()).collect();
        assert_eq!(drawn.len(), 1_000);
        assert!(
            drawn
                .iter()
                .all(|id| id.len() == 36 && id.as_bytes()[14] == b'4')
        );
        assert_ne!(RandomIds.secret(), RandomIds.secret());
    }

    #[test]
    fn ids_of_messages_sort_by_their_time_and_never_repeat() {
        let ids =
            (0..1_000).map(|moment| RandomIds.message(Millis(1_800_000_000_000 + moment / 2)));
        let ids: Vec<String> = ids.collect();
        assert!(
            ids.iter()
                .all(|id| id.len() == 39 && id.as_bytes()[17] == b'7')
        );
        let (even, odd): (Vec<_>, Vec<_>) = ids.chunks(2).map(|both| (&both[0], &both[1])).unzip();
        assert!(even.is_sorted() && odd.is_sorted());
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 1_000);
    }
}
