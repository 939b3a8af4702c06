//! What cargo built, and where the files of a run lie.

use std::path::{Path, PathBuf};

use anyhow::bail;

/// Cargo's target folder.
pub(crate) struct Built {
    target: PathBuf,
}

impl Built {
    /// `target` is cargo's target folder.
    pub(crate) fn in_folder(target: PathBuf) -> Self {
        Self { target }
    }

    /// Where folders of runs are made.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The log of that name.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.target.join("xtask-logs").join(format!("{name}.log"))
    }

    /// The named server, or the release server.
    pub(crate) fn server(&self, named: Option<&Path>) -> anyhow::Result<PathBuf> {
        let program = format!("parlour{}", std::env::consts::EXE_SUFFIX);
        let built = self.target.join("release").join(program);
        let binary = named.unwrap_or(&built);
        if !binary.is_file() {
            bail!(
                "{} is not there: build it with `cargo xtask build`, or name one with --server",
                binary.display()
            );
        }
        Ok(std::path::absolute(binary)?)
    }
}
