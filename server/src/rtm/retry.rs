//! When a turn that failed is tried again.
//!
//! In the path: `answers` asks after each failed try.
//!
//! Invariants: the server waits as long as a bot's `Retry-After` says, or the turn fails; the bot is never asked
//! earlier. The number of tries, and the time from the first to the last, are limited. After that the visitor gets an
//! apology. Turns that failed together are not tried again at the same moment.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::limits::{BOT_ATTEMPTS, BOT_RETRY_AFTER, BOT_RETRY_AFTER_MOST, BOT_RETRY_WITHIN};
use crate::bot::BotError;

/// How long to wait before the next try. `None`: there is none. `attempts` have failed, and the first began `spent`
/// ago. `turn` is the turn's id, which spreads the tries of many turns.
pub(super) fn again(
    error: &BotError,
    attempts: u32,
    spent: Duration,
    turn: &str,
) -> Option<Duration> {
    if !error.is_temporary() || attempts >= BOT_ATTEMPTS {
        return None;
    }
    let share = share(turn, attempts);
    let doubled = BOT_RETRY_AFTER * 2_u32.pow(attempts.saturating_sub(1).min(16));
    let backed_off = doubled.mul_f64(0.5 + 0.5 * share);
    let wait = match error.retry_after() {
        Some(asked) if asked > BOT_RETRY_AFTER_MOST => return None,
        Some(asked) => backed_off.max(asked + Duration::from_secs(1).mul_f64(share)),
        None => backed_off,
    };
    (spent + wait <= BOT_RETRY_WITHIN).then_some(wait)
}

/// A number from 0 to 1 that differs for each turn and try.
fn share(turn: &str, attempts: u32) -> f64 {
    let hash = Sha256::digest(format!("{turn}/{attempts}"));
    f64::from(u16::from_be_bytes([hash[0], hash[1]])) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::{Class, Fault};

    fn busy(retry_after: Option<Duration>) -> BotError {
        BotError::Unavailable {
            fault: Fault::new(Class::Busy, "too many"),
            retry_after,
        }
    }

    #[test]
    fn tries_are_further_and_further_apart_and_end() {
        let mut spent = Duration::ZERO;
        for attempts in 1..BOT_ATTEMPTS {
            let most = BOT_RETRY_AFTER * 2_u32.pow(attempts - 1);
            let wait = again(&busy(None), attempts, spent, "tn-1").expect("another try");
            assert!(wait >= most / 2 && wait <= most, "{attempts}: {wait:?}");
            spent += wait;
        }
        assert_eq!(again(&busy(None), BOT_ATTEMPTS, spent, "tn-1"), None);
        let failed = BotError::failed(Class::Refused, "the key");
        assert_eq!(again(&failed, 1, Duration::ZERO, "tn-1"), None);
        // There is an end, however slowly it fails.
        assert_eq!(again(&busy(None), 1, BOT_RETRY_WITHIN, "tn-1"), None);
    }

    #[test]
    fn turns_that_failed_together_are_spread() {
        let waits = (0..100).map(|turn| {
            let turn = format!("tn-{turn}");
            again(&busy(None), 1, Duration::ZERO, &turn).expect("another try")
        });
        let (early, late): (Vec<_>, Vec<_>) = waits.partition(|it| *it < BOT_RETRY_AFTER * 3 / 4);
        assert!(early.len() > 20 && late.len() > 20, "{}", early.len());
    }

    #[test]
    fn what_the_bot_asks_for_is_obeyed_or_the_turn_fails() {
        let after = |asked| again(&busy(Some(asked)), 1, Duration::ZERO, "tn-1");
        for seconds in [0, 7, 60] {
            let asked = Duration::from_secs(seconds);
            let wait = after(asked).expect("another try");
            assert!(wait >= asked && wait <= asked + BOT_RETRY_AFTER, "{wait:?}");
        }
        assert_eq!(after(BOT_RETRY_AFTER_MOST + Duration::from_millis(1)), None);
        assert_eq!(after(Duration::MAX), None);
    }
}
