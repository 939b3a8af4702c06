//! The crate `bench`: load and crashes. A crate of its own, so that nobody who only builds compiles a load generator.
//!
//! In the path: `cargo xtask load` and `cargo xtask crash`; the short form of `crash` is a step of `test`.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use clap::Args;

use crate::build::Build;
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

/// Measures what is deployed, with clients that are built for release, as figures must be.
pub(crate) fn load(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    run(workspace, &["--release"], "load", options)
}

/// Breaks what is deployed.
pub(crate) fn crash(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    run(workspace, &[], "crash", options)
}

fn run(workspace: &Workspace, build: &[&str], task: &str, options: &Options) -> anyhow::Result<()> {
    let mut cargo = workspace.cargo();
    cargo
        .args(["run", "--quiet", "--package", "bench"])
        .args(build)
        .args(["--", task])
        .args(&options.arguments);
    process::stream(task, tell(&mut cargo, workspace, Build::Release))
}

/// The short form for `test`, of what the tests share: returns bench's last line.
pub(crate) fn check(workspace: &Workspace, log: &Path) -> anyhow::Result<String> {
    let mut bench = Command::new(Build::Dev.program(workspace, "bench"));
    bench.args(["crash", "--short"]);
    let output = process::capture("crash", log, tell(&mut bench, workspace, Build::Dev))?;
    let last = output.lines().last().context("bench said nothing")?;
    Ok(last.to_owned())
}

/// Tells bench where things are.
fn tell<'a>(bench: &'a mut Command, workspace: &Workspace, build: Build) -> &'a mut Command {
    bench
        .env("BENCH_TARGET", &workspace.target)
        .env("BENCH_SERVER", build.server(workspace))
}
