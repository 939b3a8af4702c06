//! Edit, save, look: builds quickly, starts, and does it again when a source changes.
//!
//! In the path: a developer's loop. The page reloads itself: the server gets `PARLOUR_DEV_RELOAD=<build number>` and lets the
//! page ask for it.
//!
//! **Invariants.** A build that fails leaves the last good server running. The server is asked to end before it is killed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::build::{self, Build};
use crate::setup::setup;
use crate::site::{self, Profile};
use crate::workspace::Workspace;

/// What a change of rebuilds; `end2end`, `docs` and `xtask` itself do not.
const WATCHED: [&str; 9] = [
    "app",
    "frontend/scripts",
    "frontend/src",
    "protocol",
    "server",
    "public",
    "style",
    "Cargo.toml",
    "Cargo.lock",
];
/// A look at some hundred files costs a millisecond.
const POLL: Duration = Duration::from_millis(400);
/// How long a server may take to end; its own limit is ten seconds.
const GRACE: Duration = Duration::from_secs(11);

/// Runs until Ctrl-C.
pub(crate) fn dev(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<()> {
    setup(workspace)?;
    let mut server: Option<Child> = None;
    for build in 1_u64.. {
        let seen = fingerprint(&workspace.root);
        match rebuild(workspace) {
            Ok((site, binary)) => {
                if let Some(old) = server.take() {
                    end(old);
                }
                server = Some(
                    Command::new(binary)
                        .arg("--site")
                        .arg(site)
                        .args(arguments)
                        .env("PARLOUR_DEV_RELOAD", build.to_string())
                        .spawn()
                        .context("the server cannot be started")?,
                );
            }
            Err(error) => println!("\nerror: {error:#}"),
        }
        println!("==> waiting for a change; Ctrl-C ends");
        while fingerprint(&workspace.root) == seen {
            sleep(POLL);
        }
    }
    Ok(())
}

/// The dev site's folder and the dev server. Cargo replaces a running binary, it does not write into it.
fn rebuild(workspace: &Workspace) -> anyhow::Result<(PathBuf, PathBuf)> {
    let site = site::site(workspace, Profile::Dev)?;
    Ok((site, build::server(workspace, Build::Dev)?))
}

/// Asks the server to end, and kills it when it does not.
fn end(mut server: Child) {
    let asked = Command::new("kill")
        .arg("-TERM")
        .arg(server.id().to_string())
        .status();
    let started = Instant::now();
    while asked.is_ok() && started.elapsed() < GRACE {
        if !matches!(server.try_wait(), Ok(None)) {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    // Either fails only when the server is gone already, which is what is wanted.
    drop(server.kill());
    drop(server.wait());
}

/// A number that changes with any path, time or size of a watched file.
fn fingerprint(root: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut waiting: Vec<PathBuf> = WATCHED.iter().map(|name| root.join(name)).collect();
    while let Some(path) = waiting.pop() {
        let Ok(about) = path.metadata() else { continue };
        if about.is_dir() {
            let mut entries: Vec<PathBuf> = path
                .read_dir()
                .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
                .unwrap_or_default();
            entries.sort();
            waiting.extend(entries);
        } else {
            (path, about.len(), about.modified().ok()).hash(&mut hasher);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_or_new_source_is_noticed() {
        let root = std::env::temp_dir().join(format!("xtask-watch-{}", std::process::id()));
        std::fs::create_dir_all(root.join("app/src")).unwrap();
        std::fs::write(root.join("app/src/lib.rs"), "one").unwrap();
        let first = fingerprint(&root);
        assert_eq!(first, fingerprint(&root));
        std::fs::write(root.join("app/src/lib.rs"), "longer").unwrap();
        let second = fingerprint(&root);
        assert_ne!(first, second);
        std::fs::write(root.join("app/src/new.rs"), "").unwrap();
        assert_ne!(second, fingerprint(&root));
        std::fs::remove_dir_all(&root).unwrap();
    }
}
