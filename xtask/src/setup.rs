//! The step before all others: makes the toolchain able to build both halves.
//!
//! In the path: first line of every building task.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::e2e::{NATS, POSTGRESQL, REDIS};
use crate::process;
use crate::workspace::Workspace;

const WASM: &str = "wasm32-unknown-unknown";

/// Adds the wasm target when it is missing. `rust-toolchain.toml` names it, but rustup adds it only to a toolchain it installs.
pub(crate) fn setup(workspace: &Workspace) -> anyhow::Result<()> {
    if has_wasm(workspace)? {
        return Ok(());
    }
    add(workspace, &["target", "add", WASM]).with_context(|| format!("{WASM} is missing"))?;
    if !has_wasm(workspace)? {
        bail!("rustup added {WASM}, but not to the compiler that cargo uses here");
    }
    Ok(())
}

/// Adds rustfmt and clippy when they are missing.
pub(crate) fn components(workspace: &Workspace) -> anyhow::Result<()> {
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        let there = workspace.cargo().args([tool, "--version"]).output();
        if !there.is_ok_and(|output| output.status.success()) {
            add(workspace, &["component", "add", component])
                .with_context(|| format!("the component {component} is missing"))?;
        }
    }
    Ok(())
}

/// Installs PostgreSQL when it is missing: the tests of the store start one of their own.
pub(crate) fn postgresql(log: &Path) -> anyhow::Result<()> {
    POSTGRESQL.require(log).map(drop)
}

/// Installs the brokers that are missing: the tests of the bus start their own.
pub(crate) fn brokers(log: &Path) -> anyhow::Result<()> {
    NATS.require(log)?;
    REDIS.require(log).map(drop)
}

/// Asks the compiler, not rustup: a distribution's toolchain has no rustup and may still have the target.
fn has_wasm(workspace: &Workspace) -> anyhow::Result<bool> {
    let output = workspace
        .command(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--print", "target-libdir", "--target", WASM])
        .output()
        .context("rustc cannot be started")?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(output.status.success() && has_core(Path::new(&folder)))
}

/// True when the folder holds a compiled `core`.
fn has_core(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

fn add(workspace: &Workspace, arguments: &[&str]) -> anyhow::Result<()> {
    if Command::new("rustup").arg("--version").output().is_err() {
        bail!(
            "rustup is not installed, so it cannot be added; install rustup (https://rustup.rs), \
             or add it with what installed this compiler"
        );
    }
    let title = format!("rustup {}", arguments.join(" "));
    process::stream(&title, workspace.command("rustup").args(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_core_is_no_target() {
        assert!(!has_core(Path::new("/no/such/folder")));
        assert!(!has_core(Path::new(env!("CARGO_MANIFEST_DIR"))));
    }
}
