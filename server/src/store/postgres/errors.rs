//! What an error of PostgreSQL, or of the way to it, means for the caller.
//!
//! Invariant: a reason is made of fixed words and the SQLSTATE, never of the server's message: that may quote what was
//! being stored.

use std::error::Error as _;
use std::io;

use deadpool_postgres::PoolError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::store::StoreError;

/// Why something was not done, and whether it may be tried again at once.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: StoreError,
    pub(super) outcome: Outcome,
}

/// What is known of the statement that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// PostgreSQL refused it, and would again.
    Refused,
    /// PostgreSQL undid it because of others (a deadlock): the same may succeed now.
    Undone,
    /// PostgreSQL does not answer: it may have been done or not, and another try would wait as long.
    Late,
    /// The connection is gone: it may have been done or not.
    Lost,
}

impl Outcome {
    /// Whether the connection is of no use any more: it is gone, or nobody knows what it is doing.
    pub(super) fn ends_connection(self) -> bool {
        matches!(self, Self::Late | Self::Lost)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let outcome = Outcome::Refused;
        Self { error, outcome }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            outcome: outcome(&error),
            error: store_error(&error),
        }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        Self::from(pool_error(&error))
    }
}

fn outcome(error: &Error) -> Outcome {
    match error.code().map(SqlState::code) {
        Some("40001" | "40P01") => Outcome::Undone,
        // PostgreSQL ends, or was told to end this connection.
        Some("57P01" | "57P02" | "57P03") => Outcome::Lost,
        None if error.is_closed() || is_broken(error) => Outcome::Lost,
        _ => Outcome::Refused,
    }
}

fn is_broken(error: &Error) -> bool {
    error
        .source()
        .is_some_and(<dyn std::error::Error>::is::<io::Error>)
}

pub(super) fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable {
        reason: reason.to_owned(),
    }
}

/// Nothing was heard of PostgreSQL in time.
pub(super) fn too_late() -> Failure {
    Failure {
        error: unavailable("PostgreSQL did not answer in time"),
        outcome: Outcome::Late,
    }
}

pub(super) fn store_error(error: &Error) -> StoreError {
    match error.code() {
        Some(code) => of_code(code.code()),
        None => without_code(error),
    }
}

fn of_code(code: &str) -> StoreError {
    let because = |words: &str| format!("{words}, SQLSTATE {code}");
    let (class, _) = code.split_at_checked(2).unwrap_or((code, ""));
    let words = match (class, code) {
        (_, "53100") => return StoreError::Full,
        (_, "XX001" | "XX002") => {
            let reason = because("PostgreSQL says that its data is damaged");
            return StoreError::Corrupt { reason };
        }
        ("08", _) => "the connection to PostgreSQL failed",
        (_, "25006") => "PostgreSQL takes no writes here",
        ("28", _) => "PostgreSQL does not let this user in",
        (_, "3D000") => "there is no such database",
        ("40", _) => "PostgreSQL undid it because of others",
        ("53", _) => "PostgreSQL has no connections or memory left",
        (_, "55P03") => "somebody else uses it",
        (_, "57014" | "25P03") => "PostgreSQL took too long",
        ("57", _) => "PostgreSQL is ending or starting",
        ("58", _) => "PostgreSQL cannot use its disk",
        _ => {
            let reason = because("PostgreSQL refused the statement");
            return StoreError::Refused { reason };
        }
    };
    StoreError::Unavailable {
        reason: because(words),
    }
}

/// The server did not say what is wrong: it is the connection, or what it carried.
fn without_code(error: &Error) -> StoreError {
    // The library's fixed words for the kinds of errors, which it shows in no other way.
    let words = error.to_string();
    let ours = [
        "error serializing",
        "error deserializing",
        "invalid column",
        "query returned",
        "expected ",
    ];
    if ours.iter().any(|kind| words.starts_with(kind)) {
        return StoreError::Refused {
            reason: "a value has an unexpected type".to_owned(),
        };
    }
    unavailable(&words)
}

/// Why there is no connection to be had.
fn pool_error(error: &PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => store_error(error),
        PoolError::Closed => StoreError::Closed,
        PoolError::Timeout(_) => unavailable("no connection to PostgreSQL was there in time"),
        _ => unavailable("no connection to PostgreSQL could be made"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_what_the_caller_can_do() {
        assert_eq!(of_code("53100"), StoreError::Full);
        for code in [
            "57P01", "53300", "57014", "40P01", "08006", "28P01", "58030",
        ] {
            let error = of_code(code);
            assert!(error.is_temporary(), "{code}");
            assert!(error.to_string().contains(code), "{error}");
        }
        assert!(matches!(of_code("XX001"), StoreError::Corrupt { .. }));
        for code in ["23505", "42P01", "", "é"] {
            assert!(
                matches!(of_code(code), StoreError::Refused { .. }),
                "{code}"
            );
        }
    }
}
