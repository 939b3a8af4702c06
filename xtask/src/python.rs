//! Packages for Python: programs that the steps run, and modules that the end-to-end tests ask for.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::{compress, process};

/// `pip install` into `folder`, when `requirements` is not what was installed there. Each line must have its hash.
pub(crate) fn install(requirements: &Path, folder: &Path, log: &Path) -> anyhow::Result<()> {
    let file =
        fs::read(requirements).with_context(|| format!("{} is missing", requirements.display()))?;
    let wanted = compress::hash(&file);
    let stamp = folder.join(".installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--upgrade"])
        .args(["--require-hashes", "--no-deps"])
        .args(["--disable-pip-version-check", "--root-user-action=ignore"])
        .arg("--target")
        .arg(folder)
        .arg("--requirement")
        .arg(requirements);
    process::capture("pip install", log, &mut pip).context(
        "python3 with pip is needed, for example: apt-get install -y python3 python3-pip",
    )?;
    fs::write(stamp, wanted)?;
    Ok(())
}
