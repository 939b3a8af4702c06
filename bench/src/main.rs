//! How it behaves: the server under load, and what it survives.
//!
//! In the path: `cargo xtask load`, `cargo xtask crash` and `cargo xtask cluster` start it, with the server that `cargo xtask build` made.
#![expect(
    clippy::print_stdout,
    reason = "a command line tool talks on standard output"
)]

mod bot;
mod built;
mod cluster;
mod crash;
mod load;
mod port;

use clap::{Parser, Subcommand};

use crate::built::Built;

/// Measures Parlour and breaks it.
#[derive(Parser)]
#[command(name = "bench", disable_help_subcommand = true)]
struct Arguments {
    #[command(flatten)]
    built: Built,
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure the release server under load.
    Load(load::Options),
    /// Kill, end and fill the disk under load; then account for every message.
    Crash(crash::Options),
    /// Start nodes on PostgreSQL and a broker behind a proxy; Ctrl-C ends all.
    Cluster(cluster::Options),
    /// Start PostgreSQL and NATS, print where they are, and end them with the input.
    Backends,
    /// A bot behind a webhook: started by the other two, which kill it.
    #[command(hide = true)]
    Bot(bot::Options),
}

fn main() -> anyhow::Result<()> {
    let Arguments { built, task } = Arguments::parse();
    match task {
        Task::Load(options) => load::load(&built, &options),
        Task::Crash(options) => crash::crash(&built, &options),
        Task::Cluster(options) => cluster::cluster(&built, &options),
        Task::Backends => cluster::backends::backends(),
        Task::Bot(options) => bot::bot(&options),
    }
}
