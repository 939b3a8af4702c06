//! The server's stand-in for `browser.rs`: the same functions, never called there.

use leptos::web_sys::{Element, HtmlElement};

pub(super) fn now_ms() -> u64 {
    0
}

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

pub(super) fn next_frame(_then: impl FnOnce() + 'static) {}

pub(super) fn top_of(_element: &Element) -> i32 {
    0
}

pub(super) fn touch() -> bool {
    false
}

pub(super) fn grow(_field: &HtmlElement) {}

pub(super) fn copy(_element: &Element) -> bool {
    false
}

pub(super) fn on_resize(_elements: &[&Element], _then: impl Fn() + 'static) {}

pub(super) fn text_file(_text: &str) -> String {
    String::new()
}
