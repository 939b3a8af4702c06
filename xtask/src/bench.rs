//! The crate `bench`: load and crashes. A crate of its own, so that nobody who only builds compiles a load generator.
//!
//! In the path: `cargo xtask load`, `crash` and `cluster`; the short form of `crash` is a step of `test`.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use clap::Args;

use crate::build::{self, Build};
use crate::e2e::{FAKETIME, HAPROXY, NATS, POSTGRESQL, REDIS};
use crate::workspace::Workspace;
use crate::{process, run};

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

/// Builds site and server quickly, and becomes `bench cluster`: Ctrl-C reaches it and its nodes alone.
pub(crate) fn cluster(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    build::site(workspace)?;
    build::server(workspace, Build::Dev)?;
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--package", "bench"]);
    process::stream("bench", &mut cargo)?;
    let mut bench = Command::new(Build::Dev.program(workspace, "bench"));
    bench.arg("cluster").args(&options.arguments);
    tell(&mut bench, workspace, Build::Dev).env("BENCH_SITE", workspace.site());
    install(&mut bench, &workspace.target.join("xtask-logs/cluster.log"))?;
    run::replace_by(&mut bench).context("the cluster cannot be started")
}

fn run(workspace: &Workspace, build: &[&str], task: &str, options: &Options) -> anyhow::Result<()> {
    let mut cargo = workspace.cargo();
    cargo
        .args(["run", "--quiet", "--package", "bench"])
        .args(build)
        .args(["--", task])
        .args(&options.arguments);
    let nodes = options.arguments.iter().any(|it| it == "nodes");
    if task == "crash" || nodes {
        install(&mut cargo, &workspace.target.join("xtask-logs/crash.log"))?;
    }
    process::stream(task, tell(&mut cargo, workspace, Build::Release))
}

/// The short form for `test`, of what the tests share: returns bench's last line.
pub(crate) fn check(workspace: &Workspace, log: &Path) -> anyhow::Result<String> {
    let mut bench = Command::new(Build::Dev.program(workspace, "bench"));
    bench.args(["crash", "--short"]);
    install(&mut bench, log)?;
    let output = process::capture("crash", log, tell(&mut bench, workspace, Build::Dev))?;
    let last = output.lines().last().context("bench said nothing")?;
    Ok(last.to_owned())
}

/// Installs what a cluster needs where it is missing, and tells bench where it is.
fn install(bench: &mut Command, log: &Path) -> anyhow::Result<()> {
    for needed in [POSTGRESQL, NATS, REDIS, HAPROXY, FAKETIME] {
        bench.env(needed.variable, needed.require(log)?);
    }
    Ok(())
}

/// Tells bench where things are.
fn tell<'a>(bench: &'a mut Command, workspace: &Workspace, build: Build) -> &'a mut Command {
    bench
        .env("BENCH_TARGET", &workspace.target)
        .env("BENCH_SERVER", build.server(workspace))
}
