//! Pages of a transcript.

use super::messages::all;
use super::{APP, BOT, Database, NOW, append, conversation, minutes, new_message};
use crate::store::{ConversationId, HistoryFrom, HistoryQuery, PAGE_BYTES, Store, StoredPage};

/// More than any of these transcripts has.
const BYTES: usize = 1_000_000;

async fn page(
    store: &dyn Store,
    conversation: ConversationId,
    from: HistoryFrom,
    limit: u32,
) -> StoredPage {
    store
        .history(HistoryQuery {
            conversation,
            from,
            limit,
        })
        .await
        .expect("a page")
}

fn sequences(page: &StoredPage) -> Vec<u64> {
    page.messages.iter().map(|message| message.seq).collect()
}

async fn fill(store: &dyn Store, identity: &str, count: u64) -> ConversationId {
    let here = conversation(store, identity).await;
    for number in 1..=count {
        append(store, here, &number.to_string()).await;
    }
    here
}

pub(crate) async fn pages_backwards_neither_skip_nor_repeat_under_writes(database: &dyn Database) {
    let store = database.open().await;
    let here = fill(store.as_ref(), "ann", 95).await;
    let mut from = HistoryFrom::Newest { offset: 0 };
    let mut read = Vec::new();
    let mut written = 95;
    loop {
        let page = page(store.as_ref(), here, from, 10).await;
        assert_eq!(page.last_seq, written);
        let mut older = sequences(&page);
        older.append(&mut read);
        read = older;
        if !page.more {
            break;
        }
        assert_eq!(page.messages.len(), 10);
        from = HistoryFrom::Before(page.messages[0].seq);
        written += 1;
        append(store.as_ref(), here, &written.to_string()).await;
    }
    assert_eq!(read, (1..=95).collect::<Vec<u64>>());
}

pub(crate) async fn the_newest_page_is_found_by_identity_and_bot(database: &dyn Database) {
    let store = database.open().await;
    let here = fill(store.as_ref(), "ann", 25).await;
    fill(store.as_ref(), "bob", 3).await;
    let newest = HistoryFrom::Newest { offset: 0 };
    let known = page(store.as_ref(), here, newest, 10).await;
    assert_eq!(known.messages.len(), 10);
    let found = store.newest(APP, "ann", NOW, BOT, 10).await;
    assert_eq!(found, Ok(Some(known)));
    for (app, identity, bot) in [
        ("cs-other", "ann", BOT),
        (APP, "nobody", BOT),
        (APP, "ann", "st-other"),
    ] {
        let unknown = store.newest(app, identity, NOW, bot, 10).await;
        assert_eq!(unknown, Ok(Some(StoredPage::default())));
    }
}

pub(crate) async fn who_signed_out_since_the_proof_gets_no_newest_page(database: &dyn Database) {
    let store = database.open().await;
    fill(store.as_ref(), "ann", 1).await;
    let (out, after) = (NOW.plus(minutes(1)), NOW.plus(minutes(2)));
    let signed_out = store.sign_out("ann", out, NOW.plus(minutes(90))).await;
    assert_eq!(signed_out.expect("signs out").len(), 1);
    for (identity, issued, stands) in [
        ("ann", NOW, false),
        ("ann", out, false),
        ("ann", after, true),
        ("bob", NOW, true),
    ] {
        let found = store.newest(APP, identity, issued, BOT, 10).await;
        let found = found.expect("reads");
        assert_eq!(found.is_some(), stands, "{identity} {issued:?}");
    }
}

pub(crate) async fn a_page_holds_so_many_bytes_and_goes_on(database: &dyn Database) {
    let store = database.open().await;
    let here = conversation(store.as_ref(), "ann").await;
    let large = "x".repeat(PAGE_BYTES / 4 + 1);
    for number in 1..=7_u64 {
        let body = if number == 4 {
            large.repeat(5)
        } else {
            large.clone()
        };
        let name = number.to_string();
        let mut message = new_message(here, Some(&name), &name);
        message.body = body;
        store.append_message(message).await.expect("appends");
    }
    // A fourth quarter would not fit; what is larger than a page comes alone.
    let mut from = HistoryFrom::Newest { offset: 0 };
    for expected in [vec![5, 6, 7], vec![4], vec![1, 2, 3]] {
        let page = page(store.as_ref(), here, from, 100).await;
        assert_eq!(sequences(&page), expected);
        assert_eq!((page.more, page.last_seq), (expected != [1, 2, 3], 7));
        from = HistoryFrom::Before(expected[0]);
    }
    let mut from = HistoryFrom::After(0);
    for expected in [vec![1, 2, 3], vec![4], vec![5, 6, 7]] {
        let page = page(store.as_ref(), here, from, 100).await;
        assert_eq!(sequences(&page), expected);
        assert_eq!(page.more, expected != [5, 6, 7]);
        from = HistoryFrom::After(expected[expected.len() - 1]);
    }
    let newest = store.newest(APP, "ann", NOW, BOT, 20).await;
    let newest = newest.expect("reads").expect("a page");
    assert_eq!((sequences(&newest), newest.more), (vec![5, 6, 7], true));
}

pub(crate) async fn pages_by_offset_count_from_the_newest(database: &dyn Database) {
    let store = database.open().await;
    let here = fill(store.as_ref(), "ann", 25).await;
    for (offset, expected, more) in [
        (0, 16..=25, true),
        (10, 6..=15, true),
        (15, 1..=10, false),
        (20, 1..=5, false),
    ] {
        let page = page(store.as_ref(), here, HistoryFrom::Newest { offset }, 10).await;
        assert_eq!(sequences(&page), expected.collect::<Vec<u64>>());
        assert_eq!((page.more, page.last_seq), (more, 25));
    }
    for offset in [25, 26, u64::MAX] {
        let page = page(store.as_ref(), here, HistoryFrom::Newest { offset }, 10).await;
        assert_eq!((page.messages.len(), page.more), (0, false));
    }
    let none = page(store.as_ref(), here, HistoryFrom::Newest { offset: 0 }, 0).await;
    assert_eq!((none.messages.len(), none.more), (0, true));
}

pub(crate) async fn pages_forwards_end_at_the_head(database: &dyn Database) {
    let store = database.open().await;
    let here = fill(store.as_ref(), "ann", 25).await;
    let first = page(store.as_ref(), here, HistoryFrom::After(0), 20).await;
    assert_eq!(sequences(&first), (1..=20).collect::<Vec<u64>>());
    assert!(first.more);
    let second = page(store.as_ref(), here, HistoryFrom::After(20), 20).await;
    assert_eq!(sequences(&second), (21..=25).collect::<Vec<u64>>());
    assert!(!second.more);
    for beyond in [25, 26, u64::MAX] {
        let page = page(store.as_ref(), here, HistoryFrom::After(beyond), 20).await;
        assert_eq!((page.messages.len(), page.more), (0, false));
    }
    for (before, expected) in [(0, 0), (1, 0), (2, 1), (26, 20), (u64::MAX, 20)] {
        let page = page(store.as_ref(), here, HistoryFrom::Before(before), 20).await;
        assert_eq!(page.messages.len(), expected, "before {before}");
    }
}

pub(crate) async fn pages_by_message_id_find_their_place(database: &dyn Database) {
    let store = database.open().await;
    let here = fill(store.as_ref(), "ann", 25).await;
    let other = fill(store.as_ref(), "bob", 1).await;
    let before = page(
        store.as_ref(),
        here,
        HistoryFrom::BeforeMessage("ms-12".into()),
        5,
    )
    .await;
    assert_eq!(
        (sequences(&before), before.more),
        (vec![7, 8, 9, 10, 11], true)
    );
    let after = page(
        store.as_ref(),
        here,
        HistoryFrom::AfterMessage("ms-22".into()),
        5,
    )
    .await;
    assert_eq!((sequences(&after), after.more), (vec![23, 24, 25], false));
    // Another's message is no database here.
    for from in [
        HistoryFrom::BeforeMessage("ms-9".into()),
        HistoryFrom::AfterMessage("?".into()),
    ] {
        assert_eq!(page(store.as_ref(), other, from, 5).await.messages.len(), 0);
    }
}

pub(crate) async fn an_unknown_conversation_has_an_empty_history(database: &dyn Database) {
    let store = database.open().await;
    let nowhere = ConversationId(999);
    let empty = StoredPage {
        messages: Vec::new(),
        more: false,
        last_seq: 0,
    };
    let from = HistoryFrom::Newest { offset: 0 };
    assert_eq!(page(store.as_ref(), nowhere, from, 10).await, empty);
    let missed = store.since(nowhere, 0, 10, BYTES).await.expect("answers");
    assert_eq!(
        (missed.messages.len(), missed.truncated, missed.last_seq),
        (0, false, 0)
    );
}

pub(crate) async fn what_was_missed_comes_whole_or_not_at_all(database: &dyn Database) {
    let store = database.open().await;
    let here = fill(store.as_ref(), "ann", 30).await;
    let everything = all(store.as_ref(), here).await;
    for (after, limit, expected) in [(0, 30, 30), (10, 20, 20), (29, 5, 1), (30, 5, 0)] {
        let missed = store
            .since(here, after, limit, BYTES)
            .await
            .expect("answers");
        assert_eq!((missed.truncated, missed.last_seq), (false, 30));
        assert_eq!(missed.messages, everything[30 - expected..]);
    }
    for (after, limit) in [(0, 29), (10, 19), (31, 100), (u64::MAX, 100), (0, 0)] {
        let missed = store
            .since(here, after, limit, BYTES)
            .await
            .expect("answers");
        assert!(missed.truncated, "after {after}");
        assert_eq!((missed.messages.len(), missed.last_seq), (0, 30));
    }
}

pub(crate) async fn much_that_was_missed_comes_in_pieces(database: &dyn Database) {
    let store = database.open().await;
    let here = fill(store.as_ref(), "ann", 30).await;
    let everything = all(store.as_ref(), here).await;
    let size = everything[29].body.len();
    let mut read = Vec::new();
    let mut pieces = 0;
    while read.len() < 30 {
        let after = u64::try_from(read.len()).expect("small");
        let missed = store.since(here, after, 30, 7 * size).await.expect("reads");
        assert_eq!((missed.truncated, missed.last_seq), (false, 30));
        assert!(!missed.messages.is_empty() && missed.messages.len() <= 8);
        read.extend(missed.messages);
        pieces += 1;
    }
    assert_eq!(read, everything);
    assert!(pieces >= 4, "{pieces} pieces");
    // One message that is larger than asked for still comes.
    let missed = store.since(here, 29, 30, 1).await.expect("reads");
    assert_eq!(missed.messages.len(), 1);
}
