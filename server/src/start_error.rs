//! Why the server cannot start.

use crate::bot::BotError;
use crate::config::ConfigError;
use crate::signing::KeyError;
use crate::store::StoreError;
use crate::store::sqlite::copy::CopyError;
use crate::store::transfer::TransferError;

/// Why the server cannot start: one sentence that says what to do.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Correct the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Correct a key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Correct the data folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Correct a file, or end the program that uses it.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// Correct one end of a copy.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// Correct a bot's script.
    #[error(transparent)]
    Bot(#[from] BotError),
    /// Give all servers of a database the same secrets.
    #[error("{0}")]
    Secrets(String),
    /// Choose another port, or end the program that uses it.
    #[error("{0}")]
    Listen(String),
}
