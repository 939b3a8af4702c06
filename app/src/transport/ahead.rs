//! The answers that the page requested before the wasm was there.
//!
//! In the path: `frontend/scripts/page/ahead.ts` requests assertion, grant and start while the wasm is loading.
//! `requests.rs` looks here before it fetches. The session sees no difference: a step that failed ahead is a step that
//! failed.
//!
//! **Invariants.** Each answer is used once. Without the script, or with another version of it, everything goes over
//! the network.

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

#[wasm_bindgen]
extern "C" {
    /// `Ahead` of `frontend/scripts/page/globals.ts`.
    type Ahead;

    /// Absent in pages whose host says who the visitor is.
    #[wasm_bindgen(thread_local_v2, js_name = parlourAhead)]
    static AHEAD: Option<Ahead>;

    #[wasm_bindgen(method)]
    fn take(this: &Ahead, url: &str) -> Option<Promise>;
}

/// The answer to this request, if it was requested ahead. Only a `POST` can be. Another request waits for the answer
/// from the same address, because that answer may set a cookie: a sign-out must come after it.
pub(super) async fn answer(method: &str, url: &str) -> Option<Response> {
    let asked = AHEAD.with(|ahead| ahead.as_ref()?.take(url))?;
    let answer = JsFuture::from(asked).await.ok();
    answer
        .filter(|_| method == "POST")
        .map(JsCast::unchecked_into)
}
