//! One file to deploy: the server with the site inside.
//!
//! In the path: the site of `build`, then `server/build.rs` puts each of its files into the binary (feature `embed-site`).

use std::fs;

use crate::workspace::{Workspace, executable};
use crate::{build, process};

/// Makes `<target>/package/parlour`, stripped, which runs from an empty folder.
pub(crate) fn package(workspace: &Workspace) -> anyhow::Result<()> {
    build::site(workspace)?;
    // `cargo rustc` strips this binary only: a profile of its own would build every dependency again.
    process::stream(
        "server with the site inside",
        workspace
            .cargo()
            .env("PARLOUR_SITE_DIR", workspace.site())
            .args([
                "rustc",
                "--release",
                "--package",
                "server",
                "--bin",
                "parlour",
            ])
            .args(["--features", "embed-site", "--", "-C", "strip=symbols"]),
    )?;
    let folder = workspace.target.join("package");
    fs::create_dir_all(&folder)?;
    let packaged = folder.join(executable("parlour"));
    // A running copy cannot be written over, but it can be removed.
    drop(fs::remove_file(&packaged));
    let bytes = fs::copy(workspace.server(), &packaged)?;
    println!(
        "\n{} ({}.{} MB)",
        packaged.display(),
        bytes / 1_000_000,
        bytes / 100_000 % 10
    );
    Ok(())
}
