//! The site, and the server in each of its builds.
//!
//! In the path: `run`, `package`, `size` and `test` start from what this makes.

use std::path::PathBuf;

use crate::process;
use crate::setup::setup;
use crate::site::{self, Profile};
use crate::workspace::{Workspace, executable};

/// A build of our programs: a profile of the top `Cargo.toml`.
#[derive(Clone, Copy)]
pub(crate) enum Build {
    /// Quick to build: what runs here, and what the tests drive.
    Dev,
    /// What is deployed and measured.
    Release,
}

impl Build {
    /// The profile's name for cargo, and the folder cargo gives it.
    fn cargo(self) -> (&'static str, &'static str) {
        match self {
            Self::Dev => ("dev", "debug"),
            Self::Release => ("release", "release"),
        }
    }

    /// A program of that build.
    pub(crate) fn program(self, workspace: &Workspace, name: &str) -> PathBuf {
        let folder = workspace.target.join(self.cargo().1);
        folder.join(executable(name))
    }

    /// The server of that build.
    pub(crate) fn server(self, workspace: &Workspace) -> PathBuf {
        self.program(workspace, "parlour")
    }
}

/// Site and server as they are deployed.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    site(workspace)?;
    let server = server(workspace, Build::Release)?;
    println!("\nserver: {}", server.display());
    println!("site:   {}", workspace.site().display());
    Ok(())
}

/// Only the site.
pub(crate) fn site(workspace: &Workspace) -> anyhow::Result<()> {
    setup(workspace)?;
    site::site(workspace, Profile::Release).map(drop)
}

/// Only the server; returns the program.
pub(crate) fn server(workspace: &Workspace, build: Build) -> anyhow::Result<PathBuf> {
    process::stream(
        "server",
        workspace
            .cargo()
            .args(["build", "--package", "server", "--bin", "parlour"])
            .args(["--profile", build.cargo().0]),
    )?;
    Ok(build.server(workspace))
}

/// Names all crates but this one to cargo. Cargo compiles a dependency once for each set of features that a command asks for, so
/// the steps of `test` name the same crates; `cargo xtask` itself was built alone.
pub(crate) const ALL: [&str; 3] = ["--workspace", "--exclude", "xtask"];

/// The tests and the programs they run.
pub(crate) fn tests(workspace: &Workspace) -> anyhow::Result<()> {
    process::stream(
        "tests, server and bench",
        workspace
            .cargo()
            .args(["build", "--locked", "--tests"])
            .args(["--bin", "parlour", "--bin", "bench"])
            .args(ALL),
    )
}
