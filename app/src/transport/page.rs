//! Document and window for the driver: the composer, events of the page, clock and randomness.

use js_sys::{Array, Date, Intl, Promise, Reflect};
use protocol::find::find;
use protocol::json::Value;
use protocol::write::Object;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, BlobPropertyBag, Document, Event, HtmlAnchorElement, HtmlTextAreaElement, Url,
    VisibilityState, window,
};

use super::keep;
use crate::draft::{self, Change};

/// An event of the page.
pub(super) enum Happened {
    /// A word is being composed in the composer, or not any more.
    Composing(bool),
    /// The page goes away, perhaps into the browser's cache.
    Leaving,
    /// The browser says whether there is a network.
    Network(bool),
    /// Text in the composer has changed.
    Typed(String),
    /// Somebody looks at the page again, or stopped looking, or the page came back from the cache.
    Visible,
}

fn document() -> Option<Document> {
    window()?.document()
}

fn composer() -> Option<HtmlTextAreaElement> {
    document()?
        .query_selector("[data-composer] textarea")
        .ok()??
        .dyn_into()
        .ok()
}

/// Listens to events of the page, for as long as it lives.
pub(super) fn listen(happened: impl Fn(Happened) + 'static) {
    // It is `Fn`, because writing into the composer during an event causes another event.
    let heard = Closure::<dyn Fn(Event)>::new(move |event: Event| {
        happened(match event.type_().as_str() {
            "compositionstart" => Happened::Composing(true),
            "compositionend" => Happened::Composing(false),
            "online" => Happened::Network(true),
            "offline" => Happened::Network(false),
            "pagehide" => Happened::Leaving,
            "input" => match composer() {
                Some(field) if event.target().as_ref() == Some(field.as_ref()) => {
                    Happened::Typed(field.value())
                }
                _ => return,
            },
            _ => Happened::Visible,
        });
    });
    let (Some(window), Some(document)) = (window(), document()) else {
        return;
    };
    let callback = heard.as_ref().unchecked_ref();
    for kind in ["online", "offline", "pagehide", "pageshow"] {
        let _ = window.add_event_listener_with_callback(kind, callback);
    }
    for kind in [
        "compositionstart",
        "compositionend",
        "visibilitychange",
        "input",
    ] {
        let _ = document.add_event_listener_with_callback(kind, callback);
    }
    // The listeners live as long as the page, so the closure does too.
    heard.forget();
}

/// The text in the composer.
pub(super) fn written() -> String {
    composer().map_or_else(String::new, |field| field.value())
}

/// Puts the draft of this tab into the composer.
pub(super) fn restore_draft() {
    let Some(field) = composer() else { return };
    let typed = field.value();
    let restored = keep::kept_draft().map(|draft| draft::restored(&draft, &typed));
    match restored.unwrap_or(Change::Nothing) {
        Change::Nothing => keep::draft(&typed),
        restored => change(&field, &typed, restored),
    }
}

/// Puts a text of the host page into the composer. `before` is the last such text.
pub(super) fn fill(text: &str, before: &str) {
    let Some(field) = composer() else { return };
    let value = field.value();
    change(&field, &value, draft::filled(&value, text, before));
}

fn change(field: &HtmlTextAreaElement, value: &str, change: Change) {
    match change {
        Change::Nothing => return,
        Change::Set(text) => field.set_value(&text),
        Change::Replace(part, text) => {
            let [start, end] =
                [part.start, part.end].map(|at| units(value.get(..at).unwrap_or(value)));
            if field
                .set_range_text_with_start_and_end(&text, start, end)
                .is_err()
            {
                return;
            }
        }
    }
    // The composer grows and shows its button on this event.
    if let Ok(event) = Event::new("input") {
        event.init_event_with_bubbles("input", true);
        let _ = field.dispatch_event(&event);
    }
}

/// The length of a text as the browser counts it.
fn units(text: &str) -> u32 {
    u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX)
}

/// Puts the cursor into the composer.
pub(super) fn focus() {
    if let Some(field) = composer() {
        let _ = field.focus();
    }
}

/// Whether the visitor has no keyboard, so that a focus would open one on the screen.
pub(super) fn touch() -> bool {
    window()
        .and_then(|window| window.match_media("(hover:none)").ok()?)
        .is_some_and(|query| query.matches())
}

/// Whether the page is on a screen.
pub(super) fn visible() -> bool {
    document().is_some_and(|document| document.visibility_state() == VisibilityState::Visible)
}

/// Whether the browser says that there is a network.
pub(super) fn online() -> bool {
    window().is_none_or(|window| window.navigator().on_line())
}

/// Sets the theme. `auto` follows the system.
pub(super) fn theme(name: &str) {
    if let Some(root) = document().and_then(|document| document.document_element()) {
        let _ = root.set_attribute("data-theme", name);
    }
}

/// The metadata of every message: time zone and language.
pub(super) fn meta(language: &str) -> Value {
    let mut meta = Object::new();
    meta.put_some("timezone", zone().as_ref());
    meta.put("locale", &language.to_owned());
    meta.done()
}

/// The visitor's time zone by its name.
pub(super) fn zone() -> Option<String> {
    let format = Intl::DateTimeFormat::new(&Array::new(), &js_sys::Object::new());
    let zone = Reflect::get(&format.resolved_options(), &"timeZone".into()).ok()?;
    zone.as_string()
}

/// The minutes east of UTC at that moment.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 fit, and a day has 1440 minutes"
)]
pub(super) fn offset_minutes(at_ms: u64) -> i64 {
    let date = Date::new(&JsValue::from_f64(at_ms as f64));
    -(date.get_timezone_offset() as i64)
}

/// Lets the browser save a text as a file. Gives the file's address.
pub(super) fn save(name: &str, text: &str) -> Option<String> {
    let kind = BlobPropertyBag::new();
    kind.set_type("text/plain;charset=utf-8");
    let file = Blob::new_with_str_sequence_and_options(&Array::of1(&text.into()), &kind).ok()?;
    let address = Url::create_object_url_with_blob(&file).ok()?;
    let link: HtmlAnchorElement = document()?.create_element("a").ok()?.dyn_into().ok()?;
    link.set_href(&address);
    link.set_download(name);
    link.click();
    Some(address)
}

/// Releases the file, which is saved by now.
pub(super) fn forget_file(address: &str) {
    // Otherwise it costs memory as long as the page lives.
    let _ = Url::revoke_object_url(address);
}

/// Opens the browser's window for printing.
pub(super) fn print() {
    // A browser that cannot print says so itself.
    let _ = window().map(|window| window.print());
}

/// Waits.
pub(super) async fn pause(ms: i32) {
    let over = Promise::new(&mut |resolve, _| {
        if let Some(window) = window() {
            let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms);
        }
    });
    // The pause cannot fail.
    let _ = JsFuture::from(over).await;
}

/// Whether this browser would keep a cookie like the server's.
pub(super) fn cookies() -> bool {
    let Some(document) = document() else {
        return false;
    };
    let jar = "cookie".into();
    let set = |value: &str| Reflect::set(&document, &jar, &value.into()).is_ok();
    // It has no path, so it gets this page's, because other paths of this host may not be ours.
    let shape = "Secure; SameSite=None; Partitioned";
    set(&format!("parlour-probe=1; {shape}"))
        && Reflect::get(&document, &jar)
            .ok()
            .and_then(|jar| jar.as_string())
            .is_some_and(|jar| find(&jar, "parlour-probe=1").is_some())
        && set(&format!("parlour-probe=; Max-Age=0; {shape}"))
}

/// Milliseconds since the epoch by the browser's clock, which may jump.
pub(super) fn now_ms() -> u64 {
    whole(Date::now())
}

/// Milliseconds since the page began. They only increase.
pub(super) fn uptime_ms() -> u64 {
    whole(
        window()
            .and_then(|window| window.performance())
            .map_or_else(Date::now, |performance| performance.now()),
    )
}

/// A random number for the back-off's jitter.
pub(super) fn entropy() -> u64 {
    let mut bytes = [0; 8];
    if let Some(crypto) = window().and_then(|window| window.crypto().ok()) {
        let _ = crypto.get_random_values_with_u8_array(&mut bytes);
    }
    u64::from_le_bytes(bytes)
}

/// Milliseconds as the browser counts them; 0 if it is not a number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time since 1970 or since the page began; `as` saturates"
)]
pub(super) fn whole(ms: f64) -> u64 {
    ms as u64
}
