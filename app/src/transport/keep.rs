//! What a tab stores at once: the journal of messages that the [`store`](super::store) does not have yet and the draft
//! (`sessionStorage`, by the page's path, so by bot), and the visitor token if cookies are refused (`localStorage`).
//!
//! **Invariants.** If a browser refuses storage, nothing is lost while the page lives, because all of it is in memory
//! too (the token in the driver). No failure here reaches the caller.

use js_sys::{JSON, Reflect};
use protocol::read::Read;
use protocol::session::Outgoing;
use protocol::write::Write;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Storage, window};

use crate::early;

fn path() -> String {
    window()
        .and_then(|window| window.location().pathname().ok())
        .unwrap_or_default()
}

fn tab() -> Option<Storage> {
    window()?.session_storage().ok()?
}

fn browser() -> Option<Storage> {
    window()?.local_storage().ok()?
}

/// The messages that were sent before the wasm was there, now or before a reload. It stops `early.ts`.
pub(super) fn unsent() -> Vec<Outgoing> {
    early::unsent(stored(), taken())
}

fn stored() -> Vec<Outgoing> {
    let text = tab().and_then(|tab| tab.get_item(&early::storage_key(&path())).ok()?);
    text.and_then(|text| Read::parse(&text)).unwrap_or_default()
}

fn of_early(field: &str) -> Option<(JsValue, JsValue)> {
    let early = Reflect::get(window()?.as_ref(), &"parlourEarly".into()).ok()?;
    let value = Reflect::get(&early, &field.into()).ok()?;
    Some((early, value))
}

/// Whether a word was being composed when `early.ts` stopped.
pub(super) fn composing() -> bool {
    of_early("composing").is_some_and(|(_, composing)| composing.is_truthy())
}

fn taken() -> Vec<Outgoing> {
    let take = || -> Option<Vec<Outgoing>> {
        let (early, take) = of_early("take")?;
        let sent: JsValue = take.dyn_ref::<js_sys::Function>()?.call0(&early).ok()?;
        Read::parse(&String::from(JSON::stringify(&sent).ok()?))
    };
    take().unwrap_or_default()
}

/// The latest id that this tab gave out. The next one is greater, even if the clock was set back.
pub(super) fn last_id() -> u64 {
    let text = tab().and_then(|tab| tab.get_item(&key(LAST_ID)).ok()?);
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Stores the messages that the store does not have yet, and the latest id that was given out.
pub(super) fn journal(kept: &Vec<Outgoing>, last_id: u64) {
    put(tab(), &key(LAST_ID), &last_id.to_string());
    let key = early::storage_key(&path());
    if kept.is_empty() {
        remove(tab(), &key);
    } else {
        put(tab(), &key, &kept.to_text());
    }
}

/// Stores the text of the composer. An empty text removes it.
pub(super) fn draft(text: &str) {
    let key = key(DRAFT);
    if text.is_empty() {
        remove(tab(), &key);
    } else {
        put(tab(), &key, text);
    }
}

/// The text of the composer when this tab last showed the page.
pub(super) fn kept_draft() -> Option<String> {
    tab()?.get_item(&key(DRAFT)).ok()?
}

/// The signed visitor token.
pub(super) fn visitor() -> Option<String> {
    browser()?.get_item(VISITOR).ok()?
}

/// Stores the signed visitor token, which is the identity if cookies are refused.
pub(super) fn keep_visitor(token: &str) {
    put(browser(), VISITOR, token);
}

/// Removes what this tab stored for a visitor.
pub(super) fn forget_tab() {
    remove(tab(), &early::storage_key(&path()));
    remove(tab(), &key(DRAFT));
    remove(tab(), &key(LAST_ID));
}

/// Removes everything about the visitor.
pub(super) fn forget() {
    forget_tab();
    remove(browser(), VISITOR);
}

const VISITOR: &str = "parlour:visitor";
const DRAFT: &str = "draft";
const LAST_ID: &str = "last";

fn key(what: &str) -> String {
    format!("{what}:{}", path())
}

// A full or refused storage is not an error here, because memory has it too.

fn put(storage: Option<Storage>, key: &str, value: &str) {
    let _ = storage.map(|storage| storage.set_item(key, value));
}

fn remove(storage: Option<Storage>, key: &str) {
    let _ = storage.map(|storage| storage.remove_item(key));
}
