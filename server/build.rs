//! Puts the site into the binary when the feature `embed-site` is on (`cargo xtask package`).
//!
//! In the path: writes `$OUT_DIR/site.rs`, which `http/assets.rs` includes. Without the feature the list in it is empty and the
//! server reads the folder given by `--site`.
//!
//! **Invariants.** The list is sorted by path; a path starts without a slash, as in the site's folder. With the feature, a
//! missing site is an error of the build, never an empty binary.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The generated file's fixed part.
const HEAD: &str = "\
/// One file of the site, inside the binary.
pub(crate) struct EmbeddedFile {
    /// Its path below the site's folder, without a slash at the start.
    pub(crate) path: &'static str,
    pub(crate) identity: &'static [u8],
    /// The same, compressed; absent where that would not be smaller.
    pub(crate) br: Option<&'static [u8]>,
    pub(crate) gz: Option<&'static [u8]>,
}

/// Every file of the site, sorted by path; empty unless built with `embed-site`.
pub(crate) static SITE: &[EmbeddedFile] = &[
";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let mut text = HEAD.to_owned();
    if env::var_os("CARGO_FEATURE_EMBED_SITE").is_some() {
        println!("cargo::rerun-if-env-changed=PARLOUR_SITE_DIR");
        let site = env::var_os("PARLOUR_SITE_DIR")
            .map(PathBuf::from)
            .ok_or("embed-site needs PARLOUR_SITE_DIR: use `cargo xtask package`")?;
        println!("cargo::rerun-if-changed={}", site.display());
        list(&site, &mut text)?;
    }
    text.push_str("];\n");
    let out = env::var_os("OUT_DIR").ok_or("cargo gives OUT_DIR")?;
    fs::write(Path::new(&out).join("site.rs"), text)?;
    Ok(())
}

/// Appends an entry for each file that is not itself a compressed variant.
fn list(site: &Path, text: &mut String) -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    let mut folders = vec![site.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?
        {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    let manifest = site.join("manifest.json");
    if !files.contains(&manifest) {
        return Err(format!(
            "{} is missing: use `cargo xtask package`",
            manifest.display()
        )
        .into());
    }
    for file in &files {
        if is_variant(file) {
            continue;
        }
        let path = file
            .strip_prefix(site)?
            .to_string_lossy()
            .replace('\\', "/");
        let include = |path: &Path| format!("include_bytes!({:?})", path.display().to_string());
        let variant = |suffix: &str| {
            let mut name = file.as_os_str().to_owned();
            name.push(suffix);
            let packed = PathBuf::from(name);
            if packed.exists() {
                format!("Some({})", include(&packed))
            } else {
                "None".to_owned()
            }
        };
        writeln!(
            text,
            "    EmbeddedFile {{ path: {path:?}, identity: {}, br: {}, gz: {} }},",
            include(file),
            variant(".br"),
            variant(".gz"),
        )?;
    }
    Ok(())
}

/// `a.js.br` beside `a.js`.
fn is_variant(file: &Path) -> bool {
    file.extension().is_some_and(|it| it == "br" || it == "gz") && file.with_extension("").exists()
}
