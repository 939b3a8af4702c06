//! The style sheets of the late parts: each in its part's wasm, and in the first page where the server draws with it.

use js_sys::{Array, Function, Reflect};
use leptos::prelude::{document, window};
use wasm_bindgen::{JsCast, JsValue};

/// Of lists, carousels and tables.
pub(super) const CARDS: &str = include_str!(concat!(env!("OUT_DIR"), "/cards.css"));
/// Of forms.
pub(super) const FORM: &str = include_str!(concat!(env!("OUT_DIR"), "/form.css"));

/// The property of the document by which a sheet is known as adopted.
const ADOPTED: &str = "adoptedStyleSheets";

/// Gives the page a style sheet, as a constructed one: the content security policy lets no `<style>` in without the page's
/// nonce. A browser without constructed sheets shows the part without its style.
pub(super) fn adopt(css: &'static str) {
    // Its length tells a sheet from the others.
    let mark: JsValue = ["parlour-", &css.len().to_string()].concat().into();
    if Reflect::has(&document(), &mark).unwrap_or(true) {
        return;
    }
    let _ = try_adopt(css).and_then(|()| Reflect::set(&document(), &mark, &true.into()));
}

fn try_adopt(css: &str) -> Result<(), JsValue> {
    let class: Function = Reflect::get(&window(), &"CSSStyleSheet".into())?.dyn_into()?;
    let sheet = Reflect::construct(&class, &Array::new())?;
    let replace: Function = Reflect::get(&sheet, &"replaceSync".into())?.dyn_into()?;
    replace.call1(&sheet, &css.into())?;
    let adopted = Array::from(&Reflect::get(&document(), &ADOPTED.into())?);
    adopted.push(&sheet);
    Reflect::set(&document(), &ADOPTED.into(), &adopted)?;
    Ok(())
}
