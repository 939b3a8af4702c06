//! What can go wrong in a store, by what the caller can do about it.

use std::path::PathBuf;

/// Why a store did not do what was asked. In every case nothing of the command was stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Try again when there is room. Reads go on in the meantime.
    #[error("the disk is full: nothing was stored; make room and it goes on by itself")]
    Full,
    /// Try again later; do not acknowledge.
    #[error("the store cannot write or read now ({reason}): nothing was stored; try again")]
    Unavailable {
        /// The store's own words, without what was being stored.
        reason: String,
    },
    /// Try again later; do not acknowledge. Nothing is written before the disk has synced everything anew, because a
    /// failed sync may have lost what it was given.
    #[error(
        "the disk refused to sync ({reason}): nothing is stored until it syncs again; check the disk"
    )]
    SyncFailed {
        /// The store's own words, without what was being stored.
        reason: String,
    },
    /// The store was closed, because the server is shutting down.
    #[error("the store is closed because the server is ending")]
    Closed,
    /// Another node works on the conversation by now: leave it alone.
    #[error("another node works on this conversation by now: nothing was stored")]
    LeaseLost,
    /// The caller holds an id of something that does not exist, or not any more.
    #[error("no such {what}")]
    Unknown {
        /// What was not found.
        what: &'static str,
    },
    /// Restore a backup.
    #[error("the database is damaged ({reason}): restore a backup, or move the file away")]
    Corrupt {
        /// The store's own words, without what was being stored.
        reason: String,
    },
    /// Start the version that wrote it.
    #[error(
        "the database has version {found} and this program knows {known}: start the newer program"
    )]
    TooNew {
        /// The version in the file.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// Name another folder.
    #[error("{} is not a folder: give a folder with --data", path.display())]
    NotADirectory {
        /// The path as configured.
        path: PathBuf,
    },
    /// Change the permissions or name another folder.
    #[error(
        "the folder {} is not writable ({reason}): change its owner or give another with --data",
        path.display()
    )]
    NotWritable {
        /// The path as configured.
        path: PathBuf,
        /// The system's own words.
        reason: String,
    },
    /// A mistake in this program: report it.
    #[error("the store refused a command ({reason}): this is a mistake in the program")]
    Refused {
        /// The store's own words, without what was being stored.
        reason: String,
    },
}

impl StoreError {
    /// Whether the same command may succeed later, without a change to the program or its data.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            StoreError::Full | StoreError::Unavailable { .. } | StoreError::SyncFailed { .. }
        )
    }
}
