//! The crate `bench`: load and crashes. A crate of its own, so that nobody who only builds compiles a load generator.
//!
//! In the path: `cargo xtask load` and `cargo xtask crash`; the short form of `crash` is a step of `test`.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use clap::Args;

use crate::process;
use crate::workspace::Workspace;

/// Chosen on the command line.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// What bench understands; `--help` lists it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Measures with clients that are built for release, as figures must be.
pub(crate) fn load(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    let mut cargo = bench(workspace, &["--release"], "load");
    process::stream("load", cargo.args(&options.arguments))
}

/// Breaks the server.
pub(crate) fn crash(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    let mut cargo = bench(workspace, &[], "crash");
    process::stream("crash", cargo.args(&options.arguments))
}

/// The short form for `test`: returns bench's last line.
pub(crate) fn check(workspace: &Workspace, log: &Path) -> anyhow::Result<String> {
    let mut cargo = bench(workspace, &[], "crash");
    let output = process::capture("crash", log, cargo.arg("--short"))?;
    let last = output.lines().last().context("bench said nothing")?;
    Ok(last.to_owned())
}

fn bench(workspace: &Workspace, options: &[&str], task: &str) -> Command {
    let mut cargo = workspace.cargo();
    cargo
        .args(["run", "--quiet", "--package", "bench"])
        .args(options)
        .args(["--", task])
        .env("BENCH_TARGET", &workspace.target);
    cargo
}
