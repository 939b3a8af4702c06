//! Both halves for release.
//!
//! In the path: `run`, `package`, `size` and `test` start from what this makes.

use crate::process;
use crate::setup::setup;
use crate::site::{self, Profile};
use crate::workspace::Workspace;

/// Site and server for release.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    site(workspace)?;
    server(workspace)?;
    println!("\nserver: {}", workspace.server().display());
    println!("site:   {}", workspace.site().display());
    Ok(())
}

/// Only the site.
pub(crate) fn site(workspace: &Workspace) -> anyhow::Result<()> {
    setup(workspace)?;
    site::site(workspace, Profile::Release).map(drop)
}

/// Only the server.
pub(crate) fn server(workspace: &Workspace) -> anyhow::Result<()> {
    process::stream(
        "server",
        workspace.cargo().args([
            "build",
            "--release",
            "--package",
            "server",
            "--bin",
            "parlour",
        ]),
    )
}
