//! What the page has asked for before the wasm was there.
//!
//! In the path: `frontend/scripts/page/ahead.ts` asks for assertion, grant and start while the wasm is on its way; `requests.rs`
//! looks here before it fetches. The session notices nothing: a step that failed ahead is a step that failed.
//!
//! **Invariants.** Each answer is used once. Without the script, or with another one, everything goes over the network.

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

#[wasm_bindgen]
extern "C" {
    /// `Ahead` of `frontend/scripts/page/globals.ts`.
    type Ahead;

    /// Pages whose host says who the visitor is have none.
    #[wasm_bindgen(thread_local_v2, js_name = parlourAhead)]
    static AHEAD: Option<Ahead>;

    #[wasm_bindgen(method)]
    fn take(this: &Ahead, url: &str) -> Option<Promise>;
}

/// The answer to this request, if it was asked for ahead. Whatever is not a `POST` was not; but it waits for the answer from the same
/// address, which may set a cookie: signed out is signed out after it, not before.
pub(super) async fn answer(method: &str, url: &str) -> Option<Response> {
    let asked = AHEAD.with(|ahead| ahead.as_ref()?.take(url))?;
    let answer = JsFuture::from(asked).await.ok();
    answer
        .filter(|_| method == "POST")
        .map(JsCast::unchecked_into)
}
