//! What the schemas of both stores have in common: numbered files that refinery runs, forward only.

use refinery::error::Kind;
use refinery::{Error, Migration, Runner};

use super::StoreError;

/// The version that this program writes: the number of the last file.
pub(super) fn last(runner: &Runner) -> u32 {
    let versions = runner.get_migrations().iter().map(Migration::version);
    let last = versions.max().unwrap_or(0);
    u32::try_from(last).unwrap_or(0)
}

/// What the store says of files that did not run.
pub(super) fn refused(error: &Error) -> StoreError {
    let reason = match error.kind() {
        Kind::DivergentVersion(..) | Kind::MissingVersion(..) => {
            "its schema was made by other steps than this program knows".to_owned()
        }
        // The words of our own files, and the database's about them: no contents.
        _ => format!("its schema could not be brought up to date: {error}"),
    };
    StoreError::Refused { reason }
}
