//! Statements that read a transcript.
//!
//! Each is one statement, so its answer is one moment's state. How many bytes of bodies come is decided by PostgreSQL:
//! what a page does not hold is not sent.

use deadpool_postgres::Client;
use futures_util::future::try_join;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::access;
use super::convert::{
    Columns as _, MESSAGE_COLUMNS, integer, message, message_columns, text, unsigned,
};
use super::errors::Failure;
use crate::clock::Millis;
use crate::store::{
    ConversationId, HistoryFrom, HistoryQuery, Missed, PAGE_BYTES, StoreError, StoredMessage,
    StoredPage,
};

/// The longest page: what an asker gets who names a larger limit.
const MAX_PAGE: u32 = 1_000;

/// Messages of a conversation `c` in this order, as long as the bodies before one have at most $1 bytes, and the
/// conversation's newest sequence. Where there are none, one row without a message. `$more` lets others come, too.
macro_rules! stretch {
    ($from:literal, $order:literal, $where:literal, $more:literal) => {
        concat!(
            "SELECT ",
            message_columns!("m"),
            ", c.last_seq FROM conversations c LEFT JOIN LATERAL (
                SELECT * FROM (
                    SELECT *, sum(octet_length(body)) OVER (ORDER BY seq ",
            $order,
            ") - octet_length(body) AS before, row_number() OVER (ORDER BY seq ",
            $order,
            ") AS place
                    FROM (SELECT * FROM messages WHERE conversation = c.id AND ",
            $from,
            " ORDER BY seq ",
            $order,
            " LIMIT $2) part
                ) counted WHERE before <= $1",
            $more,
            ") m ON true WHERE ",
            $where,
            " ORDER BY m.seq ",
            $order
        )
    };
}

/// The second message shows that there are more after a first that fills the page.
macro_rules! page {
    ($from:literal, $order:literal, $where:literal) => {
        stretch!($from, $order, $where, " OR place = 2")
    };
}

/// Before $3, and after skipping $4 of the newest.
macro_rules! backwards {
    ($where:literal) => {
        page!(
            "seq < least($3::bigint, c.last_seq + 1 - $4::bigint)",
            "DESC",
            $where
        )
    };
}

/// Rows of `stretch!`.
struct Stretch {
    messages: Vec<StoredMessage>,
    last_seq: u64,
}

impl Stretch {
    fn read(rows: &[Row]) -> Result<Self, StoreError> {
        let messages = rows.iter().filter_map(|row| message(row, 0).transpose());
        let last_seq = rows.first().map(|row| unsigned(row, MESSAGE_COLUMNS));
        Ok(Self {
            messages: messages.collect::<Result<_, _>>()?,
            last_seq: last_seq.transpose()?.unwrap_or(0),
        })
    }

    /// The first of them, as many as a page may hold, and whether there is one behind them.
    fn page(self, limit: u32, newest_first: bool) -> StoredPage {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let fits = self
            .messages
            .iter()
            .take(limit)
            .enumerate()
            .take_while(|(place, message)| {
                bytes += message.body.len();
                bytes <= PAGE_BYTES || *place == 0
            });
        let count = fits.count();
        let mut messages = self.messages;
        let more = messages.len() > count;
        messages.truncate(count);
        if newest_first {
            messages.reverse();
        }
        StoredPage {
            messages,
            more,
            last_seq: self.last_seq,
        }
    }
}

async fn read(client: &Client, sql: &str, of: &[&(dyn ToSql + Sync)]) -> Result<Stretch, Failure> {
    let query = client.prepare_cached(sql).await?;
    Ok(Stretch::read(&client.query(&query, of).await?)?)
}

/// One more than a page holds, to know whether there are more.
fn rows(limit: u32) -> i64 {
    i64::from(limit) + 1
}

fn page_bytes() -> i64 {
    integer(PAGE_BYTES as u64)
}

pub(super) async fn history(client: &Client, query: &HistoryQuery) -> Result<StoredPage, Failure> {
    let conversation = query.conversation;
    let limit = query.limit.min(MAX_PAGE);
    match &query.from {
        HistoryFrom::Newest { offset } => {
            let skip = integer(*offset);
            before(client, conversation, i64::MAX, skip, limit).await
        }
        HistoryFrom::Before(seq) => before(client, conversation, integer(*seq), 0, limit).await,
        HistoryFrom::After(seq) => after(client, conversation, integer(*seq), limit).await,
        HistoryFrom::BeforeMessage(id) => match seq_of(client, conversation, id).await? {
            Some(seq) => before(client, conversation, seq, 0, limit).await,
            None => empty(client, conversation).await,
        },
        HistoryFrom::AfterMessage(id) => match seq_of(client, conversation, id).await? {
            Some(seq) => after(client, conversation, seq, limit).await,
            None => empty(client, conversation).await,
        },
    }
}

async fn before(
    client: &Client,
    conversation: ConversationId,
    end: i64,
    skip: i64,
    limit: u32,
) -> Result<StoredPage, Failure> {
    const SQL: &str = backwards!("c.id = $5");
    let of: [&(dyn ToSql + Sync); 5] = [&page_bytes(), &rows(limit), &end, &skip, &conversation];
    Ok(read(client, SQL, &of).await?.page(limit, true))
}

async fn after(
    client: &Client,
    conversation: ConversationId,
    start: i64,
    limit: u32,
) -> Result<StoredPage, Failure> {
    const SQL: &str = page!("seq > $3", "ASC", "c.id = $4");
    let of: [&(dyn ToSql + Sync); 4] = [&page_bytes(), &rows(limit), &start, &conversation];
    Ok(read(client, SQL, &of).await?.page(limit, false))
}

async fn empty(client: &Client, conversation: ConversationId) -> Result<StoredPage, Failure> {
    let page = before(client, conversation, 0, 0, 1).await?;
    Ok(StoredPage {
        more: false,
        ..page
    })
}

/// Only old clients ask like this; it is looked up by an index.
async fn seq_of(
    client: &Client,
    conversation: ConversationId,
    message_id: &str,
) -> Result<Option<i64>, Failure> {
    let sql =
        "SELECT seq FROM messages WHERE conversation = $1 AND message_id = $2 ORDER BY seq LIMIT 1";
    let query = client.prepare_cached(sql).await?;
    let found = client
        .query_opt(&query, &[&conversation, &text(message_id)])
        .await?;
    Ok(found.map(|row| row.get_or(0)).transpose()?)
}

/// Two statements that are on their way at the same time.
pub(super) async fn newest(
    client: &Client,
    app: &str,
    identity: &str,
    issued: Millis,
    bot: &str,
    limit: u32,
) -> Result<Option<StoredPage>, Failure> {
    const SQL: &str = backwards!(
        "c.user_id = (SELECT id FROM users WHERE app = $5 AND identity = $6) AND c.bot = $7"
    );
    let limit = limit.min(MAX_PAGE);
    let signed_out = access::signed_out(client, identity);
    let (app, identity, bot) = (text(app), text(identity), text(bot));
    let of: [&(dyn ToSql + Sync); 7] = [
        &page_bytes(),
        &rows(limit),
        &i64::MAX,
        &0_i64,
        &app,
        &identity,
        &bot,
    ];
    let (signed_out, found) = try_join(signed_out, read(client, SQL, &of)).await?;
    let stands = signed_out.is_none_or(|moment| issued > moment);
    Ok(stands.then(|| found.page(limit, true)))
}

pub(super) async fn since(
    client: &Client,
    conversation: ConversationId,
    after: u64,
    limit: u32,
    bytes: usize,
) -> Result<Missed, Failure> {
    // Of more than the limit nothing is read.
    const SQL: &str = stretch!("seq > $3 AND c.last_seq - $3 <= $2", "ASC", "c.id = $4", "");
    let start = integer(after);
    let bytes = integer(bytes as u64);
    let of: [&(dyn ToSql + Sync); 4] = [&bytes, &i64::from(limit), &start, &conversation];
    let Stretch { messages, last_seq } = read(client, SQL, &of).await?;
    let beyond = after > last_seq || last_seq - after > u64::from(limit);
    // The first is not the next: those before it were pruned, and the gap cannot be filled.
    let follows = messages.first().map_or(last_seq, |first| first.seq - 1) == after;
    if beyond || !follows {
        return Ok(Missed {
            messages: Vec::new(),
            truncated: true,
            last_seq,
        });
    }
    Ok(Missed {
        messages,
        truncated: false,
        last_seq,
    })
}
