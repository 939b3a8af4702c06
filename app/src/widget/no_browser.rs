//! The server's stand-in for `browser.rs`: what `when` asks for, never called there.

pub(super) fn offset_minutes(_at_ms: u64) -> i64 {
    0
}

pub(super) fn time_of_day(_at_ms: u64, _language: &str) -> String {
    String::new()
}

pub(super) fn date_and_time(_at_ms: u64, _language: &str) -> String {
    String::new()
}

pub(super) fn day(_at_ms: u64, _language: &str, _this_week: bool) -> String {
    String::new()
}
