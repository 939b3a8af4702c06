//! Why a bot gave no complete answer. It is for the operator.
//!
//! Invariant: none of this reaches a visitor, and it holds neither a key nor what a visitor or a bot said.

use std::time::Duration;

use super::{MAX_ANSWER_BYTES, MAX_ANSWERS};

/// Why a bot gave no complete answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BotError {
    /// Try the turn again later.
    #[error("the bot cannot answer now ({fault})")]
    Unavailable {
        /// What went wrong.
        fault: Fault,
        /// How long the bot wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// Do not try again: it will fail again.
    #[error("the bot failed ({0})")]
    Failed(Fault),
    /// Do not try again: one turn may give [`MAX_ANSWERS`] answers.
    #[error("the bot gave more than {MAX_ANSWERS} answers to one turn")]
    TooMany,
    /// Do not try again: one answer may have [`MAX_ANSWER_BYTES`] bytes.
    #[error("the bot gave an answer of more than {MAX_ANSWER_BYTES} bytes")]
    TooBig,
    /// Correct the script. The last good one goes on answering.
    #[error("the script {path}, line {line}: {reason}")]
    Script {
        /// The file.
        path: String,
        /// The line in the file.
        line: usize,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// Correct a setting of the bot's connector.
    #[error("{reason}")]
    Setting {
        /// The key, seen from the bot's table: `openai.system_file`.
        key: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Correct the path or the file's permissions. The last good script goes on answering.
    #[error("the script {path} cannot be read ({reason})")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's own words.
        reason: String,
    },
}

/// What went wrong with a bot, for the operator's log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}{}", .status.map(|status| format!(", status {status}")).unwrap_or_default())]
pub struct Fault {
    /// What kind of fault it is.
    pub class: Class,
    /// The HTTP status that the bot answered with.
    pub status: Option<u16>,
    /// Why, without contents of the conversation and without keys.
    pub reason: String,
}

/// Kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// It cannot be reached: name, connection, TLS.
    Unreachable,
    /// It did not answer in time.
    TooSlow,
    /// It refuses us: a key, a permission. Only the operator can repair that.
    Refused,
    /// It has too much to do, or our quota is used up.
    Busy,
    /// It answered with an error of its own.
    Error,
    /// Its answer cannot be read, or broke off.
    Unreadable,
    /// Its answer was too large.
    TooMuch,
    /// It is misconfigured, or gone.
    Setup,
    /// It panicked, which is a mistake in this program.
    Panic,
}

impl Fault {
    /// A fault without a status.
    pub fn new(class: Class, reason: impl Into<String>) -> Self {
        Self {
            class,
            status: None,
            reason: reason.into(),
        }
    }
}

impl Class {
    /// One word for the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TooSlow => "too_slow",
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::Error => "error",
            Self::Unreadable => "unreadable",
            Self::TooMuch => "too_much",
            Self::Setup => "setup",
            Self::Panic => "panic",
        }
    }
}

impl BotError {
    /// An error that is not tried again.
    pub fn failed(class: Class, reason: impl Into<String>) -> Self {
        Self::Failed(Fault::new(class, reason))
    }

    /// An error that is tried again.
    pub fn unavailable(class: Class, reason: impl Into<String>) -> Self {
        Self::Unavailable {
            fault: Fault::new(class, reason),
            retry_after: None,
        }
    }

    /// Whether the same turn may succeed later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// How long the bot wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What kind of fault it is.
    pub fn class(&self) -> Class {
        match self {
            Self::Unavailable { fault, .. } | Self::Failed(fault) => fault.class,
            Self::TooMany | Self::TooBig => Class::TooMuch,
            Self::Script { .. } | Self::Setting { .. } | Self::Unreadable { .. } => Class::Setup,
        }
    }

    /// The HTTP status that the bot answered with.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Unavailable { fault, .. } | Self::Failed(fault) => fault.status,
            _ => None,
        }
    }
}
