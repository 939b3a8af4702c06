//! The door into the browser: the wasm entry point and nothing else.
#![cfg(target_arch = "wasm32")]

// Referenced so that the linker keeps the island.
use app as _;

/// Called by the page's module script once the wasm is there.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_islands();
}
