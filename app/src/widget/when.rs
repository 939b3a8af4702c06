//! How a moment is written: ages while they mean something, then the time of day, and days by name.
//!
//! Until the browser has taken over, times are UTC and "now" is the server's: so the first look of the
//! browser finds the rows that the server drew. Then `Now::here` replaces it and every time follows.

use super::browser;
use crate::text::{Count, Message, Texts};
use protocol::timestamp;

const MINUTE: u64 = 60_000;

/// What the clock says, and whether the visitor's time zone is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Now {
    ms: u64,
    local: bool,
}

impl Now {
    /// The server's moment, in UTC.
    pub(super) fn rendered_at(ms: u64) -> Self {
        Self { ms, local: false }
    }

    /// The browser's moment, in its time zone.
    #[cfg(target_arch = "wasm32")]
    pub(super) fn here() -> Self {
        Self {
            ms: browser::now_ms(),
            local: true,
        }
    }

    /// The day of a moment, counted from the epoch.
    pub(super) fn day_of(self, at_ms: u64) -> i64 {
        let offset = if self.local {
            browser::offset_minutes(at_ms)
        } else {
            0
        };
        let minutes = i64::try_from(at_ms / MINUTE).unwrap_or(i64::MAX / 2) + offset;
        minutes.div_euclid(24 * 60)
    }

    /// Whether the time of a message is told as an age, or was a minute ago.
    #[cfg(target_arch = "wasm32")]
    pub(super) fn is_recent(self, at_ms: u64) -> bool {
        self.ms.saturating_sub(at_ms) / MINUTE <= 61
    }

    /// The time of a message: "Just now", "3 min ago", then the time of day.
    pub(super) fn time(self, at_ms: u64, texts: &Texts) -> String {
        // A clock that runs behind the server's makes no message from the future.
        let age = self.ms.saturating_sub(at_ms) / MINUTE;
        match u32::try_from(age) {
            Ok(0) => texts.say(Message::JustNow).to_owned(),
            Ok(minutes @ 1..60) => texts.count(Count::Minutes, minutes),
            _ if self.local => browser::time_of_day(at_ms, &texts.language),
            _ => timestamp::to_iso(at_ms)
                .get(11..16)
                .unwrap_or_default()
                .to_owned(),
        }
    }

    /// The whole of it, for a tooltip.
    pub(super) fn in_full(self, at_ms: u64, texts: &Texts) -> String {
        if self.local {
            browser::date_and_time(at_ms, &texts.language)
        } else {
            timestamp::to_iso(at_ms)
        }
    }

    /// The day of a separator: "Today", "Yesterday", then a weekday, then a date.
    pub(super) fn day(self, at_ms: u64, texts: &Texts) -> String {
        match self.day_of(self.ms) - self.day_of(at_ms) {
            ..=0 => texts.say(Message::Today).to_owned(),
            1 => texts.say(Message::Yesterday).to_owned(),
            days if self.local => browser::day(at_ms, &texts.language, days < 7),
            _ => timestamp::to_iso(at_ms)
                .get(..10)
                .unwrap_or_default()
                .to_owned(),
        }
    }
}

/// A moment as `datetime` wants it.
pub(super) fn machine(at_ms: u64) -> String {
    timestamp::to_iso(at_ms)
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::text::Language;

    /// 2026-11-21 12:00 UTC.
    const NOON: u64 = 1_795_262_400_000;
    const DAY: u64 = 86_400_000;

    #[test]
    fn an_age_is_told_for_an_hour_and_then_the_time_of_day() {
        let texts = Language::English.texts();
        let now = Now::rendered_at(NOON);
        assert_eq!(now.time(NOON + 5_000, &texts), "Just now");
        assert_eq!(now.time(NOON - 59_000, &texts), "Just now");
        assert_eq!(now.time(NOON - 3 * MINUTE, &texts), "3 min ago");
        assert_eq!(now.time(NOON - 59 * MINUTE, &texts), "59 min ago");
        assert_eq!(now.time(NOON - 61 * MINUTE, &texts), "10:59");
        assert_eq!(now.time(0, &texts), "00:00");
    }

    #[test]
    fn days_have_names_while_they_are_near() {
        let texts = Language::English.texts();
        let now = Now::rendered_at(NOON);
        assert_eq!(now.day(NOON, &texts), "Today");
        assert_eq!(now.day(NOON + DAY, &texts), "Today");
        assert_eq!(now.day(NOON - DAY / 2, &texts), "Today");
        assert_eq!(now.day(NOON - DAY / 2 - 1, &texts), "Yesterday");
        assert_eq!(now.day(NOON - 2 * DAY, &texts), "2026-11-19");
    }
}
