//! How it is built: every task that plain cargo cannot express.
//!
//! In the path: called by a person or by `.ci/run` as `cargo xtask <task>`; calls cargo, wasm-bindgen (as a library), node and
//! the built server. One file is one task.
//!
//! **Invariants.** Nothing but cargo is needed, except Node for the site, and a Chromium for the end-to-end step. No task changes a
//! file under version control, except `size --record`.
#![expect(
    clippy::print_stdout,
    reason = "a command line tool talks on standard output"
)]

mod bench;
mod build;
mod compress;
mod deps;
mod dev;
mod e2e;
mod node;
mod package;
mod process;
mod python;
mod run;
mod scripts;
mod served;
mod setup;
mod site;
mod size;
mod split;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Builds, runs and checks Parlour.
#[derive(Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Set up, build and start the server; Ctrl-C ends it.
    Run {
        /// Arguments for the server, after `--`.
        #[arg(last = true)]
        server: Vec<String>,
    },
    /// Set up and pass every check and test; stops at the first failure.
    Test(test::Options),
    /// Build quickly, start, and build again whenever a source changes.
    Dev {
        /// Arguments for the server, after `--`.
        #[arg(last = true)]
        server: Vec<String>,
    },
    /// Build the site and the server for release.
    Build,
    /// Build only the site: wasm, glue, public files, all compressed.
    Site,
    /// Make one stripped binary with the site inside.
    Package,
    /// Measure what a visitor downloads against `size-budget.toml`.
    Size(size::Options),
    /// Measure the release server under load.
    Load(bench::Options),
    /// Kill, end and fill the disk under load; then account for every message.
    Crash(bench::Options),
    /// Three nodes on PostgreSQL and NATS behind HAProxy; Ctrl-C ends all of it.
    Cluster(bench::Options),
    /// Check the rules of structure that no compiler checks.
    Tidy,
    /// Only make sure that the toolchain can build everything.
    Setup,
}

fn main() -> ExitCode {
    match perform(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            println!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::load()?;
    match task {
        Task::Run { server } => run::run(&workspace, &server)?,
        Task::Test(options) => return Ok(test::test(&workspace, &options)),
        Task::Dev { server } => dev::dev(&workspace, &server)?,
        Task::Build => build::build(&workspace)?,
        Task::Site => build::site(&workspace)?,
        Task::Package => package::package(&workspace)?,
        Task::Size(options) => size::size(&workspace, &options)?,
        Task::Load(options) => bench::load(&workspace, &options)?,
        Task::Crash(options) => bench::crash(&workspace, &options)?,
        Task::Cluster(options) => bench::cluster(&workspace, &options)?,
        Task::Tidy => tidy::tidy(&workspace)?,
        Task::Setup => {
            setup::setup(&workspace)?;
            setup::postgresql(&workspace.target.join("xtask-logs/setup.log"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
