//! What is deployed: the server with the site inside, and what systemd needs to run it.
//!
//! In the path: the site of `build`, then the server is built with its files inside (feature `embed-site`, `server/src/http/assets.rs`).

use std::fs;

use anyhow::Context as _;

use crate::build::{self, Build};
use crate::process;
use crate::workspace::Workspace;

/// Files of `deploy/` that go along; `docs/deploy.md` says where to.
const ALONG: [&str; 2] = ["parlour.service", "parlour.sysusers"];

/// Makes `<target>/package/parlour`, stripped, which runs from an empty folder, with the files for systemd beside it.
pub(crate) fn package(workspace: &Workspace) -> anyhow::Result<()> {
    build::site(workspace)?;
    // `cargo rustc` strips this binary only: a profile of its own would build every dependency again.
    process::stream(
        "server with the site inside",
        workspace
            .cargo()
            .env("PARLOUR_SITE_DIR", workspace.site())
            .args(["rustc", "--package", "server", "--bin", "parlour"])
            .args(["--release", "--features", "embed-site"])
            .args(["--", "-C", "strip=symbols"]),
    )?;
    let folder = workspace.target.join("package");
    fs::create_dir_all(&folder)?;
    let server = Build::Release.server(workspace);
    let packaged = folder.join(server.file_name().unwrap_or_default());
    // A running copy cannot be written over, but it can be removed.
    drop(fs::remove_file(&packaged));
    let bytes = fs::copy(server, &packaged)?;
    for file in ALONG {
        fs::copy(workspace.root.join("deploy").join(file), folder.join(file))
            .with_context(|| format!("deploy/{file} cannot be copied"))?;
    }
    println!(
        "\n{} ({}.{} MB)",
        packaged.display(),
        bytes / 1_000_000,
        bytes / 100_000 % 10
    );
    Ok(())
}
