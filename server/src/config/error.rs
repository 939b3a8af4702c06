//! What is wrong with the configuration.

use std::path::Path;

/// What is wrong with the configuration: one sentence with the source, the key and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    /// A mistake of a source with its key, or of an argument. For values of a configuration use
    /// [`Config::at`](super::Config::at), which knows the source.
    pub(crate) fn of(whose: &str, what: impl AsRef<str>) -> Self {
        Self(format!("{whose}: {}", what.as_ref()))
    }

    /// A mistake in a whole file.
    pub(crate) fn in_file(file: &Path, what: impl AsRef<str>) -> Self {
        Self::of(&file.display().to_string(), what)
    }
}
