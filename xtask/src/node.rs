//! Node.js and the packages of npm: for the browser scripts and the end-to-end tests.
//!
//! **Invariants.** What is missing is named together with the one command that brings it. Only what a lock file names is installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::{compress, process};

/// Playwright's own lower bound.
const OLDEST: u32 = 20;
const REMEDY: &str =
    "install Node.js 20 or newer with npm, for example: apt-get install -y nodejs npm";

/// Fails when node or npm is missing or too old.
pub(crate) fn require() -> anyhow::Result<()> {
    let ask = |program: &str| {
        let output = Command::new(program).arg("--version").output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let version = ask("node").with_context(|| format!("node is missing; {REMEDY}"))?;
    if major(&version).is_none_or(|major| major < OLDEST) {
        bail!("node is {}; {REMEDY}", version.trim());
    }
    ask("npm").with_context(|| format!("npm is missing; {REMEDY}"))?;
    Ok(())
}

/// `v20.20.2` is 20.
fn major(version: &str) -> Option<u32> {
    version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()?
        .parse()
        .ok()
}

/// `npm ci`, when the lock file is not the one that was installed.
pub(crate) fn install(folder: &Path, log: &Path) -> anyhow::Result<()> {
    let lock = folder.join("package-lock.json");
    let lock = fs::read(&lock).with_context(|| format!("{} is missing", lock.display()))?;
    let stamp = folder.join("node_modules").join(".installed");
    let wanted = compress::hash(&lock);
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    process::capture(
        "npm ci",
        log,
        Command::new("npm").arg("ci").current_dir(folder),
    )?;
    fs::write(stamp, wanted)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_version_is_compared_by_its_major_number() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("nonsense"), None);
    }
}
