//! What a page in the loader's frame says before the wasm is there, and what the loader hands over to it.
//!
//! In the path: an embedded page runs [`SCRIPT`] inline after `early.js`; a page that says why there is no chat runs it
//! alone. The loader's side is `public/parlour.js`, the protocol is in `docs/embedding.md`.
//!
//! The script is minified by hand because it travels inside every embedded page. What it does:
//!
//! 1. Says `loaded` (with its language, and the bot's colour from its own `data-brand`), or `refused` where there is no
//!    composer. The loader shows its outline until then: an error page of a proxy or browser says neither.
//! 2. On `take`: sends what was said in the outline, puts what is written there into the composer (below what already
//!    stands there; with `on` it goes on what an earlier `take` put there, which may have become a message since), takes the
//!    focus if the outline had it, and answers `taken`. For as long as the page lives. `p` is where the outline's text
//!    ends: a letter that was typed there while the focus moved belongs before those typed here since.
//! 3. Closes the window on Escape and on the close button until the wasm takes over.
//!
//! **Invariants.** As in `host.rs`: it hears its parent window with the origin named in `?origin=` only, and speaks to
//! that origin only.

/// The inline script.
pub const SCRIPT: &str = include_str!("hand_over.js");
