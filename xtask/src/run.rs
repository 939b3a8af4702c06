//! The one command of a newcomer: build everything and start it.
//!
//! In the path: `build`, then the server takes this process' place.

use std::process::Command;

use anyhow::Context;

use crate::build::{self, Build};
use crate::workspace::Workspace;

/// Builds and starts the server with the fresh site.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    build::site(workspace)?;
    let program = build::server(workspace, Build::Dev)?;
    println!("==> starting the server; Ctrl-C ends it");
    println!(
        "    a quick build; `cargo xtask package` makes the fast one, to deploy and to measure\n"
    );
    let mut server = Command::new(program);
    server.arg("--site").arg(workspace.site()).args(arguments);
    replace_by(&mut server).context("the server cannot be started")
}

/// Becomes the program: Ctrl-C, every signal and the exit code are then its own, with nobody between.
#[cfg(unix)]
pub(crate) fn replace_by(server: &mut Command) -> anyhow::Result<()> {
    use std::os::unix::process::CommandExt;
    Err(server.exec().into())
}

/// Waits for the program, which gets Ctrl-C from the console as we do.
#[cfg(not(unix))]
pub(crate) fn replace_by(server: &mut Command) -> anyhow::Result<()> {
    let status = server.status()?;
    anyhow::ensure!(status.success(), "it ended with {status}");
    Ok(())
}
