//! The step before all others: makes the toolchain able to build both halves.
//!
//! In the path: first line of every building task.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::process;
use crate::workspace::Workspace;

const WASM: &str = "wasm32-unknown-unknown";

/// Adds the wasm target and the standard library's source when they are missing. `rust-toolchain.toml` names them, but rustup
/// adds them only to a toolchain it installs.
pub(crate) fn setup(workspace: &Workspace) -> anyhow::Result<()> {
    ensure(workspace, WASM, has_wasm, &["target", "add", WASM])?;
    // The widget is built with a standard library of its own: docs/adr/0013-own-standard-library.md.
    let source = ["component", "add", "rust-src"];
    ensure(workspace, "rust-src", has_source, &source)
}

/// Adds a piece of the toolchain when `there` says that it is missing.
fn ensure(
    workspace: &Workspace,
    piece: &str,
    there: impl Fn(&Workspace) -> anyhow::Result<bool>,
    add_it: &[&str],
) -> anyhow::Result<()> {
    if there(workspace)? {
        return Ok(());
    }
    add(workspace, add_it).with_context(|| format!("{piece} is missing"))?;
    if !there(workspace)? {
        bail!("rustup added {piece}, but not to the compiler that cargo uses here");
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

/// Asks the compiler, not rustup: a distribution's toolchain has no rustup and may still have the target.
fn has_wasm(workspace: &Workspace) -> anyhow::Result<bool> {
    let folder = printed(workspace, &["target-libdir", "--target", WASM])?;
    Ok(folder.is_some_and(|folder| has_core(Path::new(&folder))))
}

fn has_source(workspace: &Workspace) -> anyhow::Result<bool> {
    let folder = printed(workspace, &["sysroot"])?;
    let lock = "lib/rustlib/src/rust/library/Cargo.lock";
    Ok(folder.is_some_and(|folder| Path::new(&folder).join(lock).exists()))
}

/// What the compiler answers to `--print`; `None`: it does not know.
fn printed(workspace: &Workspace, what: &[&str]) -> anyhow::Result<Option<String>> {
    let output = workspace
        .command(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .arg("--print")
        .args(what)
        .output()
        .context("rustc cannot be started")?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(output.status.success().then_some(text))
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
