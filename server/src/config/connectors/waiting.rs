//! How long to wait for a bot behind HTTP: three keys that several connectors have.

use std::time::Duration;

use crate::config::Period;
use crate::outbound::Waits;

/// `first_byte`, `idle` and `total` of a connector.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) first_byte: Period,
    pub(crate) idle: Period,
    pub(crate) total: Period,
}

impl Waiting {
    pub(super) fn first_byte() -> Period {
        Period(Waits::default().first_byte)
    }

    pub(super) fn idle() -> Period {
        Period(Waits::default().idle)
    }

    pub(super) fn total() -> Period {
        Period(Waits::default().total)
    }

    /// Checks that no wait is zero. The error is the key, and what is wrong with it.
    pub(super) fn check(self) -> Result<(), (String, String)> {
        let waits = [
            ("first_byte", self.first_byte),
            ("idle", self.idle),
            ("total", self.total),
        ];
        let short = |(_, wait): &(&str, Period)| wait.0 < Duration::from_secs(1);
        match waits.into_iter().find(short) {
            Some((key, _)) => Err((key.to_owned(), "must be at least 1s".to_owned())),
            None => Ok(()),
        }
    }

    /// The waits of a call.
    pub(crate) fn waits(self) -> Waits {
        Waits {
            first_byte: self.first_byte.0,
            idle: self.idle.0,
            total: self.total.0,
        }
    }
}
