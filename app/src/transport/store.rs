//! The outbox in `IndexedDB`: one record for each message, by bot and identity. So a message outlives the tab, and
//! never goes out in another person's name.
//!
//! In the path: [`outbox`](super::outbox) puts and deletes records. A new page of the same visitor reads them.
//!
//! **Invariants.** If the browser refuses it, is full or hangs, the result is `None` or `false`, never an error, and it
//! comes soon. Put and delete of one message happen in the order in which they were requested.

use js_sys::{Array, Function, Promise};
use protocol::read::Read;
use protocol::session::Outgoing;
use protocol::write::Write;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Event, IdbDatabase, IdbKeyRange, IdbObjectStore, IdbTransaction, IdbTransactionMode, window,
};

const NAME: &str = "parlour";
const OUTBOX: &str = "outbox";
/// A browser that takes longer than this counts as one that does not answer.
const WITHIN_MS: i32 = 2_000;

/// The records of one identity with one bot.
pub(super) struct Store {
    db: IdbDatabase,
    bot: String,
    user: String,
}

impl Store {
    pub(super) async fn open(bot: &str, user: &str) -> Option<Self> {
        let request = window()?.indexed_db().ok()??;
        let request = request.open_with_u32(NAME, 1).ok()?;
        let fresh = request.clone();
        let upgrade = Closure::<dyn FnMut(Event)>::new(move |_| {
            if let Ok(db) = fresh.result() {
                let db: IdbDatabase = db.unchecked_into();
                // This fails only if it exists already.
                let _ = db.create_object_store(OUTBOX);
            }
        });
        request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
        let open = ended(|good, bad| {
            request.set_onsuccess(Some(good));
            request.set_onerror(Some(bad));
        });
        open.await.ok()?;
        Some(Self {
            db: request.result().ok()?.unchecked_into(),
            bot: bot.to_owned(),
            user: user.to_owned(),
        })
    }

    /// All stored messages, ordered by id.
    pub(super) async fn all(&self) -> Option<Vec<Outgoing>> {
        let (records, _) = self.records(IdbTransactionMode::Readonly)?;
        let request = records.get_all_with_key(&self.range()?).ok()?;
        let read = ended(|good, bad| {
            request.set_onsuccess(Some(good));
            request.set_onerror(Some(bad));
        });
        read.await.ok()?;
        let texts: Array = request.result().ok()?.unchecked_into();
        let texts = texts.iter().filter_map(|text| text.as_string());
        Some(texts.filter_map(|text| Outgoing::parse(&text)).collect())
    }

    /// Stores a message. True: it is stored, even if the browser ends now.
    pub(super) async fn put(&self, message: &Outgoing) -> bool {
        let Some((records, change)) = self.records(IdbTransactionMode::Readwrite) else {
            return false;
        };
        let text = message.to_text();
        let put = records.put_with_key(&text.into(), &self.key(Some(message.id)));
        let kept = ended(|good, bad| {
            change.set_oncomplete(Some(good));
            change.set_onabort(Some(bad));
        });
        put.is_ok() && kept.await.is_ok()
    }

    /// Deletes a message.
    pub(super) fn delete(&self, id: u64) {
        if let Some((records, _)) = self.records(IdbTransactionMode::Readwrite) {
            // A message that stays is sent once more, and recognised as a duplicate.
            let _ = records.delete(&self.key(Some(id)));
        }
    }

    /// Deletes all messages.
    pub(super) fn clear(&self) {
        let records = self.records(IdbTransactionMode::Readwrite);
        if let (Some((records, _)), Some(range)) = (records, self.range()) {
            let _ = records.delete(&range);
        }
    }

    fn records(&self, mode: IdbTransactionMode) -> Option<(IdbObjectStore, IdbTransaction)> {
        let change = self.db.transaction_with_str_and_mode(OUTBOX, mode).ok()?;
        Some((change.object_store(OUTBOX).ok()?, change))
    }

    fn range(&self) -> Option<JsValue> {
        let end = self.key(None);
        // A list is ordered after every number.
        end.push(&Array::new());
        let range = IdbKeyRange::bound(&self.key(None), &end).ok()?;
        Some(range.into())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "ids are milliseconds since 1970: exact for 280 000 years"
    )]
    fn key(&self, id: Option<u64>) -> Array {
        let key = Array::of2(&(&*self.bot).into(), &(&*self.user).into());
        if let Some(id) = id {
            key.push(&JsValue::from_f64(id as f64));
        }
        key
    }
}

/// Waits for success or failure, but not for long.
fn ended(hear: impl Fn(&Function, &Function)) -> JsFuture {
    let hear: &dyn Fn(&Function, &Function) = &hear;
    JsFuture::from(Promise::new(&mut |good, bad| {
        hear(&good, &bad);
        if let Some(window) = window() {
            let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&bad, WITHIN_MS);
        }
    }))
}
