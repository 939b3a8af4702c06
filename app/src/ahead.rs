//! The first requests, made while the wasm is still on its way.
//!
//! In the path: the waking script (`pages/chat.rs`) runs [`SCRIPT`] when the page has been painted; what `transport/requests.rs`
//! then asks for is there already, or on its way. Assertion, grant and start are three round trips, about as long as the wasm takes
//! on a slow phone: a message typed in the first second is acknowledged that much sooner.
//!
//! The script is minified by hand because it travels inside every page. What it does, in its order:
//!
//! 1. Nothing where cookies are refused: who the visitor is, is then known by the wasm only (`transport/keep.rs`).
//! 2. Asks for the assertion, then the grant, then the start, each with the body that `requests.rs` sends. A step that fails ends it.
//! 3. Asks for no start where another tab leads (its Web Lock, named in `transport/tabs.rs`, is held): this tab needs none.
//! 4. Stands in for the page's `fetch`: the first `POST` to each address gets the answer that was asked for ahead, whatever its
//!    status; if there is none, it goes over the network like every later one. Another method (the visitor is forgotten) goes out
//!    when that answer is there: a cookie that it sets must not come after. That is half a kilobyte of wasm less than taking the
//!    answers by a name of their own.
//!
//! **Invariants.** Each answer is used once. A ticket that nobody took is forgotten before its 30 seconds are over. A page whose
//! host says who the visitor is does not hold the script.

/// Part of the waking script, which stands after the settings.
pub const SCRIPT: &str = include_str!("ahead.js");
