//! How a moment is written: first its age, then the time of day; and days by name.
//!
//! Until the page is hydrated, times are UTC and "now" is the server's, so that hydration finds the rows that the
//! server drew. Then `Now::here` replaces it, and every time follows.

use super::browser;
use crate::text::{Count, Message, Texts};
use protocol::timestamp;

const MINUTE: u64 = 60_000;

/// The time of the clock, and whether the visitor's time zone is known.
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

    /// The time of a message.
    pub(super) fn time(self, at_ms: u64) -> Time {
        // If a clock runs behind the server's, no message comes from the future.
        let minutes = self.ms.saturating_sub(at_ms) / MINUTE;
        Time {
            at_ms,
            age: u32::try_from(minutes).ok().filter(|minutes| *minutes < 60),
            local: self.local,
        }
    }

    /// The day of a message.
    pub(super) fn day(self, at_ms: u64) -> Day {
        Day {
            at_ms,
            ago: (self.day_of(self.ms) - self.day_of(at_ms)).clamp(0, 7),
            local: self.local,
        }
    }
}

/// The time of a message: "Just now", "3 min ago", then the time of day. Two are equal if they are written in the same
/// words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time {
    at_ms: u64,
    /// In minutes, while that means something.
    age: Option<u32>,
    local: bool,
}

impl Time {
    /// As a few words.
    pub(super) fn words(self, texts: &Texts) -> String {
        match self.age {
            Some(0) => texts.say(Message::JustNow).to_owned(),
            Some(minutes) => texts.count(Count::Minutes, minutes),
            None if self.local => browser::time_of_day(self.at_ms, &texts.language),
            None => timestamp::to_iso(self.at_ms)
                .get(11..16)
                .unwrap_or_default()
                .to_owned(),
        }
    }

    /// The whole of it, for a tooltip.
    pub(super) fn in_full(self, texts: &Texts) -> String {
        if self.local {
            browser::date_and_time(self.at_ms, &texts.language)
        } else {
            timestamp::to_iso(self.at_ms)
        }
    }

    /// As `datetime` wants it.
    pub(super) fn machine(self) -> String {
        timestamp::to_iso(self.at_ms)
    }
}

/// The day of a separator: "Today", "Yesterday", then a weekday, then a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day {
    at_ms: u64,
    /// So many days ago; 7 stands for more.
    ago: i64,
    local: bool,
}

impl Day {
    /// In a word.
    pub(super) fn words(self, texts: &Texts) -> String {
        match self.ago {
            0 => texts.say(Message::Today).to_owned(),
            1 => texts.say(Message::Yesterday).to_owned(),
            days if self.local => browser::day(self.at_ms, &texts.language, days < 7),
            _ => timestamp::to_iso(self.at_ms)
                .get(..10)
                .unwrap_or_default()
                .to_owned(),
        }
    }
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
        assert_eq!(now.time(NOON + 5_000).words(&texts), "Just now");
        assert_eq!(now.time(NOON - 59_000).words(&texts), "Just now");
        assert_eq!(now.time(NOON - 3 * MINUTE).words(&texts), "3 min ago");
        assert_eq!(now.time(NOON - 59 * MINUTE).words(&texts), "59 min ago");
        assert_eq!(now.time(NOON - 61 * MINUTE).words(&texts), "10:59");
        assert_eq!(now.time(0).words(&texts), "00:00");
    }

    #[test]
    fn days_have_names_while_they_are_near() {
        let texts = Language::English.texts();
        let now = Now::rendered_at(NOON);
        assert_eq!(now.day(NOON).words(&texts), "Today");
        assert_eq!(now.day(NOON + DAY).words(&texts), "Today");
        assert_eq!(now.day(NOON - DAY / 2).words(&texts), "Today");
        assert_eq!(now.day(NOON - DAY / 2 - 1).words(&texts), "Yesterday");
        assert_eq!(now.day(NOON - 2 * DAY).words(&texts), "2026-11-19");
    }
}
