//! End to end: Playwright drives the system's Chromium against the built server, in some stories behind a proxy.
//!
//! In the path: the last step of `test`. Playwright brings no browser of its own here, so one is looked for, and installed
//! from the distribution where that is possible; so are the proxies.
//!
//! **Invariants.** What is missing is named together with the one command that brings it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::build::Build;
use crate::workspace::Workspace;
use crate::{node, process, python};

/// Looked for on PATH, then here. `sbin` is on the PATH of root only.
const PLACES: [&str; 6] = [
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/sbin",
    "/snap/bin",
    "/opt/homebrew/bin",
    "/Applications/Google Chrome.app/Contents/MacOS",
];

/// A program of the system that tests need.
pub(crate) struct Needed {
    title: &'static str,
    /// Names it outright, for the stories and for us.
    pub(crate) variable: &'static str,
    names: &'static [&'static str],
    packages: &'static [&'static str],
}

const CHROMIUM: Needed = Needed {
    title: "Chromium",
    variable: "CHROMIUM",
    names: &[
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
        "Google Chrome",
    ],
    // Text without fonts has no size, and screenshots no letters.
    packages: &["chromium", "fonts-liberation", "fonts-noto-color-emoji"],
};
const NGINX: Needed = Needed {
    title: "nginx",
    variable: "NGINX",
    names: &["nginx"],
    packages: &["nginx-light"],
};
pub(crate) const HAPROXY: Needed = Needed {
    title: "HAProxy",
    variable: "HAPROXY",
    names: &["haproxy"],
    packages: &["haproxy"],
};
const CADDY: Needed = Needed {
    title: "Caddy",
    variable: "CADDY",
    names: &["caddy"],
    packages: &["caddy"],
};
/// Makes the certificate that the proxies show.
const OPENSSL: Needed = Needed {
    title: "openssl",
    variable: "OPENSSL",
    names: &["openssl"],
    packages: &["openssl"],
};

/// For the tests of the server's store, and for several nodes. Debian keeps its programs in a folder for each version.
pub(crate) const POSTGRESQL: Needed = Needed {
    title: "PostgreSQL",
    variable: "INITDB",
    names: &["initdb"],
    packages: &["postgresql"],
};
const POSTGRESQL_VERSIONS: &str = "/usr/lib/postgresql";

/// What the tests of the bus start for themselves, and several nodes, too.
pub(crate) const NATS: Needed = Needed {
    title: "NATS",
    variable: "NATS_SERVER",
    names: &["nats-server"],
    packages: &["nats-server"],
};
/// See [`NATS`].
pub(crate) const REDIS: Needed = Needed {
    title: "Redis",
    variable: "REDIS_SERVER",
    names: &["redis-server"],
    packages: &["redis-server"],
};

/// For nodes whose clocks differ.
pub(crate) const FAKETIME: Needed = Needed {
    title: "faketime",
    // `FAKETIME` itself is what the library reads.
    variable: "FAKETIME_PROGRAM",
    names: &["faketime"],
    packages: &["faketime"],
};

/// Installs what the tests need, runs them, and says how many passed.
pub(crate) fn run(
    workspace: &Workspace,
    log: &Path,
    arguments: &[String],
) -> anyhow::Result<String> {
    let folder = workspace.root.join("end2end");
    node::require()?;
    node::install(&folder, &log.with_file_name("npm.log"))?;
    let modules = workspace.target.join("python");
    python::install(
        &folder.join("requirements.txt"),
        &modules,
        &log.with_file_name("pip.log"),
    )?;
    let mut playwright = Command::new("node");
    playwright
        .arg("node_modules/@playwright/test/cli.js")
        .arg("test")
        .args(arguments)
        .current_dir(&folder)
        .env("PYTHONPATH", modules)
        .env("PARLOUR_BIN", Build::Dev.server(workspace))
        .env("PARLOUR_BENCH", Build::Dev.program(workspace, "bench"))
        .env("PARLOUR_SITE", workspace.site());
    for needed in [CHROMIUM, NGINX, HAPROXY, CADDY, OPENSSL, POSTGRESQL, NATS] {
        playwright.env(needed.variable, needed.require(log)?);
    }
    let output = process::capture("Playwright", log, &mut playwright)?;
    match (counted(&output, "passed"), counted(&output, "flaky")) {
        (0, _) => bail!("no end-to-end test was executed"),
        (passed, 0) => Ok(format!("{passed} tests")),
        (passed, flaky) => Ok(format!(
            "{passed} tests, and {flaky} FLAKY: passed only the second time, see {}",
            log.display()
        )),
    }
}

impl Needed {
    /// The one that is there, or one from the distribution.
    pub(crate) fn require(&self, log: &Path) -> anyhow::Result<PathBuf> {
        match self.find() {
            Some(program) => Ok(program),
            None => self.install(&log.with_file_name("apt.log")),
        }
    }

    /// The one that its variable names, or the first one found.
    fn find(&self) -> Option<PathBuf> {
        if let Some(chosen) = std::env::var_os(self.variable) {
            return Some(chosen.into());
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let versions = std::fs::read_dir(POSTGRESQL_VERSIONS);
        let versions = versions.into_iter().flatten().flatten();
        let folders: Vec<PathBuf> = std::env::split_paths(&path)
            .chain(PLACES.iter().map(PathBuf::from))
            .chain(versions.map(|version| version.path().join("bin")))
            .collect();
        first_program(&folders, self.names)
    }

    /// From the distribution, when we may; else the command that does it.
    fn install(&self, log: &Path) -> anyhow::Result<PathBuf> {
        let (title, packages) = (self.title, self.packages.join(" "));
        let remedy =
            format!("apt-get update && apt-get install -y --no-install-recommends {packages}");
        let user = Command::new("id").arg("-u").output();
        let root = user.is_ok_and(|output| output.stdout.trim_ascii() == b"0");
        let apt = Command::new("apt-get").arg("--version").output().is_ok();
        if !(root && apt) {
            bail!(
                "no {title} was found. Install one, for example: sudo sh -c '{remedy}'; \
                 or name it in the variable {}",
                self.variable
            );
        }
        process::capture(
            &format!("apt-get install {title}"),
            log,
            Command::new("sh")
                .args(["-c", &remedy])
                .env("DEBIAN_FRONTEND", "noninteractive")
                // Debian starts a service with its installation; in this runlevel it does not.
                .env("RUNLEVEL", "1"),
        )
        .with_context(|| format!("no {title} was found, and this did not install it: {remedy}"))?;
        self.find()
            .with_context(|| format!("{title} was installed but is not on PATH"))
    }
}

/// The first of `names`, each in all folders.
fn first_program(folders: &[PathBuf], names: &[&str]) -> Option<PathBuf> {
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|program| program.is_file())
}

/// The number before this word in Playwright's closing lines, `  1 flaky` and `  12 passed (3.4s)`.
fn counted(output: &str, word: &str) -> u64 {
    output
        .lines()
        .rev()
        .filter_map(|line| line.trim().split_once(' '))
        .filter(|(_, rest)| rest.split(' ').next() == Some(word))
        .find_map(|(number, _)| number.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::compress;

    #[test]
    fn playwrights_closing_lines_are_counted() {
        let output = "ok 1\n\n  1 flaky\n    a.spec.ts:3:1 › 7 flaky doves\n  12 passed (3.4s)\n";
        assert_eq!(counted(output, "passed"), 12);
        assert_eq!(counted(output, "flaky"), 1);
        assert_eq!(counted("  1 failed\n  2 passed (3s)", "passed"), 2);
        assert_eq!(counted("Error: No tests found", "passed"), 0);
    }

    #[test]
    fn the_first_name_wins_over_the_first_folder() {
        let root = std::env::temp_dir().join(format!("xtask-browsers-{}", std::process::id()));
        let folders = [root.join("one"), root.join("two")];
        compress::write(&folders[0].join("google-chrome"), b"").unwrap();
        compress::write(&folders[1].join("chromium"), b"").unwrap();
        assert_eq!(
            first_program(&folders, CHROMIUM.names),
            Some(folders[1].join("chromium"))
        );
        assert_eq!(first_program(&folders, &["firefox"]), None);
        fs::remove_dir_all(&root).unwrap();
    }
}
