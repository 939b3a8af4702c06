//! How much room the disk has. Messages are refused before the disk is full: answers to stored messages, tokens and
//! the database's checkpoints need room, too.
//!
//! In the path: `state` watches the data folder; `rtm` asks before it stores a message, readiness asks, too.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the disk has less than what should stay free.
#[derive(Debug, Default)]
pub struct Room(AtomicBool);

impl Room {
    /// Should new messages be turned away?
    pub fn is_short(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Looks at the disk of `folder`, of which `keep_free` bytes should stay free; 0: it is not looked at.
    pub fn look(&self, folder: &Path, keep_free: u64) {
        if keep_free == 0 {
            return;
        }
        let free = match fs4::available_space(folder) {
            Ok(free) => free,
            Err(error) => {
                // When the free space cannot be read, messages are taken: a full disk makes the write fail by itself.
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
