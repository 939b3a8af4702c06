//! How much room the disk has. Messages are refused before the disk is full, because answers to stored messages, tokens
//! and the database's checkpoints need room, too.
//!
//! In the path: `state` watches the data folder. `rtm` asks before it stores a message, and so does the readiness
//! probe.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the disk has less room than what should stay free.
#[derive(Debug, Default)]
pub struct Room(AtomicBool);

impl Room {
    /// Whether new messages should be refused.
    pub fn is_short(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Measures the disk of `folder`, on which `keep_free` bytes should stay free. 0: it is not measured.
    pub fn look(&self, folder: &Path, keep_free: u64) {
        if keep_free == 0 {
            return;
        }
        let free = match fs4::available_space(folder) {
            Ok(free) => free,
            Err(error) => {
                // If the free space cannot be read, messages are accepted. A write to a full disk fails anyway.
                tracing::debug!(%error, "the disk does not say how much room it has");
                return;
            }
        };
        let short = free < keep_free;
        if short == self.0.swap(short, Ordering::Relaxed) {
            return;
        }
        if short {
            tracing::error!(
                free,
                keep_free,
                "the disk is nearly full: new messages are turned away until there is room"
            );
        } else {
            tracing::info!(free, "the disk has room again: messages are taken");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_should_stay_free_decides() {
        let (room, here) = (Room::default(), std::env::temp_dir());
        for (keep_free, short) in [(1, false), (u64::MAX, true), (0, true), (1, false)] {
            room.look(&here, keep_free);
            assert_eq!(room.is_short(), short, "{keep_free}");
        }
    }
}
