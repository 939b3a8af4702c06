//! What only a browser knows: its clock, its language's dates, its screen. The server compiles this and never calls it.

use js_sys::{Array, Date, Function, Object, Reflect};
use leptos::prelude::{document, window};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Element, HtmlDocument, HtmlElement};

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "milliseconds since 1970 fit"
)]
pub(super) fn now_ms() -> u64 {
    Date::now() as u64
}

/// Minutes east of UTC at that moment.
#[expect(clippy::cast_possible_truncation, reason = "a day has 1440 minutes")]
pub(super) fn offset_minutes(at_ms: u64) -> i64 {
    -(date(at_ms).get_timezone_offset() as i64)
}

pub(super) fn time_of_day(at_ms: u64, language: &str) -> String {
    format(
        at_ms,
        language,
        &[("hour", "2-digit"), ("minute", "2-digit")],
    )
}

pub(super) fn date_and_time(at_ms: u64, language: &str) -> String {
    format(
        at_ms,
        language,
        &[("dateStyle", "full"), ("timeStyle", "short")],
    )
}

/// A weekday, or a date for a day farther away.
pub(super) fn day(at_ms: u64, language: &str, this_week: bool) -> String {
    if this_week {
        format(at_ms, language, &[("weekday", "long")])
    } else {
        format(at_ms, language, &[("dateStyle", "long")])
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
fn date(at_ms: u64) -> Date {
    Date::new(&JsValue::from_f64(at_ms as f64))
}

/// `Date.toLocaleString`, which is Intl without its constructors. If the language is the visitor's own, its regional
/// form is used: a Briton reads 18:24 where an American reads 06:24 PM.
fn format(at_ms: u64, language: &str, options: &[(&str, &str)]) -> String {
    let wishes = Object::new();
    for (name, value) in options {
        // Setting a property of a plain object cannot fail.
        let _ = Reflect::set(&wishes, &(*name).into(), &(*value).into());
    }
    let own = window().navigator().language();
    let locale = own.filter(|own| own.starts_with(language));
    let locale = locale.as_deref().unwrap_or(language);
    date(at_ms).to_locale_string(locale, &wishes).into()
}

/// Where an element begins, in pixels from the top of the screen.
#[expect(clippy::cast_possible_truncation, reason = "pixels on a screen")]
pub(super) fn top_of(element: &Element) -> i32 {
    element.get_bounding_client_rect().top() as i32
}

/// Whether the visitor types on a touch screen. Then Enter makes a new line, and focus would raise the keyboard.
pub(super) fn touch() -> bool {
    window()
        .match_media("(hover: none)")
        .ok()
        .flatten()
        .is_some_and(|query| query.matches())
}

/// Whether the style alone makes a field grow (`field-sizing`).
pub(super) fn fields_grow(field: &HtmlElement) -> bool {
    Reflect::has(&field.style(), &"fieldSizing".into()).unwrap_or(false)
}

/// Gives a field the height of its text, if the style alone does not.
pub(super) fn grow(field: &HtmlElement) {
    if !fields_grow(field) {
        let style = field.style();
        // If the style is refused, the field stays small and scrolls.
        let _ = style.set_property("height", "auto");
        let _ = style.set_property(
            "height",
            &[&field.scroll_height().to_string(), "px"].concat(),
        );
    }
}

/// Copies an element's text to the clipboard, in the old way: a frame of another origin may use it after a click
/// without its host's permission.
pub(super) fn copy(element: &Element) -> bool {
    let selected = window().get_selection().ok().flatten();
    selected.is_some_and(|selection| selection.select_all_children(element).is_ok())
        && document()
            .unchecked_into::<HtmlDocument>()
            .exec_command("copy")
            .unwrap_or(false)
}

/// Calls `then` whenever one of `elements` changes its size, for the life of the page.
pub(super) fn on_resize(elements: &[&Element], then: impl Fn() + 'static) {
    let then = Closure::<dyn Fn()>::new(then).into_js_value();
    let Ok(class) = Reflect::get(&window(), &"ResizeObserver".into()) else {
        return;
    };
    let Ok(class) = class.dyn_into::<Function>() else {
        return;
    };
    let Ok(observer) = Reflect::construct(&class, &Array::of1(&then)) else {
        return;
    };
    let Ok(observe) = Reflect::get(&observer, &"observe".into()) else {
        return;
    };
    if let Ok(observe) = observe.dyn_into::<Function>() {
        for element in elements {
            // An element that cannot be observed only misses a correction of its scroll position.
            let _ = observe.call1(&observer, element);
        }
    }
}
