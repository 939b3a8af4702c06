//! The way to PostgreSQL: connections, what is set on each, and how long anything may take.
//!
//! In the path: `mod.rs` makes the pools; the writer and every reading method borrow from them.
//!
//! Invariants: nothing is waited for longer than [`ANSWERED_WITHIN`], and the time to get a connection for it. A connection of which nobody knows what it is
//! doing is closed, not lent again.

use std::path::PathBuf;
use std::time::Duration;

use deadpool_postgres::{
    Client, Connect, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime,
};
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::{Config, Error, NoTls};

use super::errors::{Failure, Outcome, too_late, unavailable};
use super::tls::Tls;
use crate::clock::{Clock as _, SystemClock};
use crate::store::StoreError;

/// For the way to a connection: the name, TCP, TLS, the password. Also how long a free one is waited for.
const CONNECTED_WITHIN: Duration = Duration::from_secs(4);

/// PostgreSQL gives a statement up after this.
const STATEMENT: Duration = Duration::from_secs(5);

/// We give a statement up after this: longer, so that PostgreSQL's own word comes first.
const ANSWERED_WITHIN: Duration = Duration::from_secs(7);

/// A transaction that nobody goes on with is undone after this, so that a node that vanished holds no locks.
const FORSAKEN: Duration = Duration::from_secs(10);

/// A difference between two clocks that nobody notices: a ticket, the shortest-lived thing, lives for many times as long.
const CLOCKS_AGREE: Duration = Duration::from_secs(1);

/// Tries of what PostgreSQL undid because of others.
pub(super) const TRIES: u32 = 5;

/// How connections are encrypted.
#[derive(Clone, Debug)]
pub struct TlsOptions {
    /// A file of certificates to trust; none: those that the machine trusts.
    pub authorities: Option<PathBuf>,
}

/// Where the connections lead.
#[derive(Clone)]
pub(super) struct Way {
    config: Config,
    tls: Option<Tls>,
    set: String,
}

impl Way {
    /// `durable`: a commit waits for the disk.
    pub(super) fn new(
        config: &Config,
        tls: Option<&TlsOptions>,
        durable: bool,
    ) -> Result<Self, StoreError> {
        let mut config = config.clone();
        config
            .application_name("parlour")
            .connect_timeout(CONNECTED_WITHIN)
            .tcp_user_timeout(ANSWERED_WITHIN)
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .ssl_mode(if tls.is_some() {
                SslMode::Require
            } else {
                SslMode::Disable
            });
        let tls = tls.map(|tls| Tls::new(tls.authorities.as_deref()));
        // `on` is the server's default. Who has set something stronger or weaker that still waits for the disk knows why.
        let commit = if durable {
            "SELECT set_config('synchronous_commit', 'on', false)
                 WHERE current_setting('synchronous_commit') = 'off'"
        } else {
            "SET synchronous_commit = off"
        };
        Ok(Self {
            config,
            tls: tls.transpose().map_err(|reason| unavailable(&reason))?,
            set: format!(
                "SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}; {commit}",
                STATEMENT.as_millis(),
                FORSAKEN.as_millis(),
            ),
        })
    }

    /// A pool of at most so many connections, made when they are needed.
    pub(super) fn pool(&self, most: usize) -> Result<Connections, StoreError> {
        let lent = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_connect(self.config.clone(), self.clone(), lent);
        let pool = Pool::builder(manager)
            .max_size(most)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(CONNECTED_WITHIN))
            .create_timeout(Some(CONNECTED_WITHIN))
            .recycle_timeout(Some(CONNECTED_WITHIN))
            .build();
        pool.map(Connections)
            .map_err(|_| unavailable("the pool of connections was not made"))
    }

    /// One connection, without what is set on those of the pools.
    pub(super) async fn once(&self) -> Result<tokio_postgres::Client, Failure> {
        let connecting = connect(&self.config, self.tls.clone());
        let (client, _task) = tokio::time::timeout(CONNECTED_WITHIN, connecting)
            .await
            .map_err(|_| too_late())??;
        Ok(client)
    }
}

impl Connect for Way {
    fn connect(
        &self,
        config: &Config,
    ) -> BoxFuture<'_, Result<(tokio_postgres::Client, JoinHandle<()>), Error>> {
        let (config, tls) = (config.clone(), self.tls.clone());
        Box::pin(async move {
            let (client, task) = connect(&config, tls).await?;
            client.batch_execute(&self.set).await?;
            Ok((client, task))
        })
    }
}

async fn connect(
    config: &Config,
    tls: Option<Tls>,
) -> Result<(tokio_postgres::Client, JoinHandle<()>), Error> {
    if let Some(tls) = tls {
        let (client, connection) = config.connect(tls).await?;
        return Ok((client, carry(connection)));
    }
    let (client, connection) = config.connect(NoTls).await?;
    Ok((client, carry(connection)))
}

/// Moves what goes over a connection, until its client is dropped.
#[expect(
    clippy::disallowed_methods,
    reason = "it ends with its client; the store is used until all of Shutdown's tasks have ended"
)]
fn carry(connection: impl Future<Output = Result<(), Error>> + Send + 'static) -> JoinHandle<()> {
    // Its user hears of the error, too.
    tokio::spawn(async move { drop(connection.await) })
}

/// A pool of connections.
pub(super) struct Connections(Pool);

impl Connections {
    pub(super) async fn lend(&self) -> Result<Client, Failure> {
        Ok(self.0.get().await?)
    }

    /// Refuses everything from now on.
    pub(super) fn close(&self) {
        self.0.close();
    }
}

/// Waits for what is done with a connection. Afterwards the connection is free again, or closed when it may still be busy.
pub(super) async fn within<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(ANSWERED_WITHIN, work)
        .await
        .unwrap_or_else(|_| Err(too_late()))
}

/// Gives a connection back, unless it is lost or may still be busy.
pub(super) fn give_back<T>(client: Client, outcome: &Result<T, Failure>) {
    if matches!(outcome, Err(failure) if failure.outcome.ends_connection()) {
        drop(Object::take(client));
    }
}

/// Borrows a connection for some work and gives the outcome. What PostgreSQL undid because of others is tried again; a
/// `reading` also when its connection was lost.
macro_rules! lend {
    ($pool:expr, $tries:expr, |$client:ident| $work:expr) => {{
        let mut tries = 1;
        loop {
            #[allow(
                unused_mut,
                clippy::allow_attributes,
                reason = "only a transaction needs it"
            )]
            let mut $client = $pool.lend().await.map_err(|failure| failure.error)?;
            let outcome = $crate::store::postgres::connect::within($work).await;
            $crate::store::postgres::connect::give_back($client, &outcome);
            match outcome {
                Ok(found) => break Ok(found),
                Err(failure) if $tries(failure.outcome) > tries => tries += 1,
                Err(failure) => break Err(failure.error),
            }
        }
    }};
}
pub(super) use lend;

/// How often something is tried that only reads.
pub(super) fn reading(outcome: Outcome) -> u32 {
    match outcome {
        Outcome::Refused | Outcome::Late => 1,
        // Perhaps every connection of the pool is from before a restart of PostgreSQL.
        Outcome::Undone | Outcome::Lost => TRIES,
    }
}

/// How often something is tried that writes.
pub(super) fn writing(outcome: Outcome) -> u32 {
    if outcome == Outcome::Undone { TRIES } else { 1 }
}

/// A write that takes room, to see whether there is some, and gives it back.
pub(super) async fn probe(client: &Client) -> Result<(), Failure> {
    let write = "INSERT INTO probe (id, data) VALUES (1, decode(repeat('00', 65536), 'hex'))
         ON CONFLICT (id) DO UPDATE SET data = excluded.data; DELETE FROM probe";
    Ok(client.batch_execute(write).await?)
}

/// By how many milliseconds PostgreSQL's clock is ahead of ours. Below [`CLOCKS_AGREE`] it is 0: how long the question was
/// on its way cannot be told from a difference.
pub(super) async fn clock_ahead(client: &tokio_postgres::Client) -> Result<i64, Failure> {
    let asked = SystemClock.now();
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let theirs: i64 = client.query_one(sql, &[]).await?.try_get(0)?;
    let way = SystemClock.now().since(asked);
    let ours = i64::try_from(asked.plus(way / 2).0).unwrap_or(i64::MAX);
    let ahead = theirs.saturating_sub(ours);
    let agree = i64::try_from((CLOCKS_AGREE + way).as_millis()).unwrap_or(i64::MAX);
    Ok(if ahead.abs() < agree { 0 } else { ahead })
}
