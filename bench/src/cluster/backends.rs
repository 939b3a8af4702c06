//! PostgreSQL and NATS for servers that somebody else starts.
//!
//! In the path: the browser tests start it, for nodes with a configuration of their own.

use tokio::io::{sink, stdin};

use super::broker::{Broker, Kind};
use super::postgres::Postgres;
use super::told_to_end;
use crate::load::runtime;
use crate::load::server::Folder;

/// Starts both, prints their addresses in one line, and ends them with the input, or at Ctrl-C or SIGTERM.
pub(crate) fn backends() -> anyhow::Result<()> {
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let folder = Folder::make(&std::env::temp_dir(), "backends")?;
        let mut store = Postgres::start(folder.file("postgres")).await?;
        let mut bus = Broker::start(Kind::Nats, folder.file("")).await?;
        println!("{} nats://127.0.0.1:{}", store.url(), bus.port());
        let (mut input, mut nowhere) = (stdin(), sink());
        tokio::select! {
            read = tokio::io::copy(&mut input, &mut nowhere) => drop(read?),
            ended = told_to_end() => ended?,
        }
        bus.kill().await?;
        store.end().await
    });
    // A thread may still wait for input.
    runtime.shutdown_background();
    ended
}
