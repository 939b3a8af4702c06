//! The outbox in `IndexedDB`: one record a message, by bot and identity, so that what was said
//! outlives the tab and never goes out in another person's name.
//!
//! In the path: [`outbox`](super::outbox) puts and takes; a new page of the same visitor reads.
//!
//! **Invariants.** A browser that refuses it, is full or hangs is answered with `None` or `false`,
//! never with an error and never for long. Put and delete of one message happen in the order in
//! which they were asked for.

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
/// A browser that takes longer than this to answer does not answer.
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
                // Fails only where it is there already.
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

    /// Everything kept, in the order of the ids.
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

    /// Keeps a message. True: it is kept, also when the browser ends now.
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

    /// Forgets a message.
    pub(super) fn delete(&self, id: u64) {
        if let Some((records, _)) = self.records(IdbTransactionMode::Readwrite) {
            // What stays is sent once more and known as a double.
            let _ = records.delete(&self.key(Some(id)));
        }
    }

    /// Forgets all of it.
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
        // A list stands after every number.
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

/// Waits for the good or the bad end, but not for long.
fn ended(hear: impl Fn(&Function, &Function)) -> JsFuture {
    let hear: &dyn Fn(&Function, &Function) = &hear;
    JsFuture::from(Promise::new(&mut |good, bad| {
        hear(&good, &bad);
        if let Some(window) = window() {
            let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&bad, WITHIN_MS);
        }
    }))
}
