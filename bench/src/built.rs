//! What cargo built, and where the files of a run lie.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;

use crate::load::server::{Folder, Setup};

/// Chosen on the command line; `cargo xtask` says both in the environment.
#[derive(Args)]
pub(crate) struct Built {
    /// Where cargo builds; folders and logs of a run lie there, too.
    #[arg(long, env = "BENCH_TARGET", default_value = "target", global = true)]
    target: PathBuf,
    /// The server to test. Default: what `cargo xtask build` made.
    #[arg(
        long,
        value_name = "BINARY",
        env = "BENCH_SERVER",
        default_value = "target/release/parlour",
        global = true
    )]
    server: PathBuf,
    /// The site that it serves. Default: the server's own.
    #[arg(long, env = "BENCH_SITE", global = true)]
    site: Option<PathBuf>,
}

impl Built {
    /// A server that has not started, on an empty folder.
    pub(crate) fn setup(&self, name: &str) -> anyhow::Result<Setup> {
        if !self.server.is_file() {
            bail!(
                "{} is not there: build it with `cargo xtask build`, or name one with --server",
                self.server.display()
            );
        }
        Ok(Setup {
            binary: std::path::absolute(&self.server)?,
            folder: Folder::make(&self.target, name)?,
            log: self.target.join("xtask-logs").join(format!("{name}.log")),
            before: interpreter(&self.server),
            site: self.site.as_ref().map(std::path::absolute).transpose()?,
        })
    }
}

/// What runs a server that is a script: `end2end/peer.mjs`, which others are compared with.
fn interpreter(server: &Path) -> Vec<String> {
    let script = server.extension().is_some_and(|it| it == "mjs");
    script.then(|| "node".to_owned()).into_iter().collect()
}
