//! The site: what a browser loads, ready to be served as files.
//!
//! In the path: cargo builds `frontend` to wasm, wasm-bindgen (linked in, so its version is the lock file's) writes wasm and
//! glue, `compress` packs them. The server reads the result:
//!
//! ```text
//! <target>/site/manifest.json               {"pkg":"/pkg/<hash>","scripts":{…}}: those that stand in a page
//! <target>/site/pkg/<hash>/frontend.js      and frontend_bg.wasm, with .br and .gz: immutable for ever
//! <target>/site/parlour.js                  the loader, with .br and .gz
//! <target>/site/*                           the files of public/, with .br and .gz
//! ```
//!
//! **Invariants.** The folder's name is the hash of what is in it. The site is replaced as a whole, and only when something in it
//! changed, so that a warm run touches nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use wasm_bindgen_cli_support::Bindgen;

use crate::compress::{Compressor, hash, write};
use crate::process;
use crate::scripts::{self, Scripts};
use crate::split::{self, split};
use crate::workspace::Workspace;

/// Counted up when this file makes something else from the same wasm.
const FORMAT: u32 = 4;

/// What glue and wasm are called.
pub(crate) const NAME: &str = "frontend";
/// The folder of the packages, each below its hash.
pub(crate) const PACKAGE: &str = "pkg";
/// The folder of the files that are served as they are.
pub(crate) const ASSETS: &str = "public";
/// The cargo profile of what visitors get.
pub(crate) const RELEASE: &str = "wasm-release";

/// How the browser part is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build, with names for the debugger, not compressed; in `<target>/site-dev`.
    Dev,
    /// What visitors get; in `<target>/site`.
    Release,
}

impl Profile {
    /// The profile's name for cargo, and the folder cargo gives it.
    fn cargo(self) -> (&'static str, &'static str) {
        match self {
            Self::Dev => ("dev", "debug"),
            Self::Release => (RELEASE, RELEASE),
        }
    }

    fn folder(self, workspace: &Workspace) -> PathBuf {
        match self {
            Self::Dev => workspace.target.join("site-dev"),
            Self::Release => workspace.site(),
        }
    }
}

/// One file of the site: its path below the site's folder, and its content.
pub(crate) type Asset = (String, Vec<u8>);

/// Builds the site and returns its folder.
pub(crate) fn site(workspace: &Workspace, profile: Profile) -> anyhow::Result<PathBuf> {
    let (name, folder) = profile.cargo();
    process::stream(
        "browser part (wasm)",
        workspace
            .cargo()
            .args(["rustc", "--package", NAME, "--lib"])
            .args(["--target", "wasm32-unknown-unknown", "--profile", name])
            // `split` moves code and data by their relocations.
            .args(["--", "-Clink-arg=--emit-relocs"]),
    )?;
    let wasm = workspace
        .target
        .join("wasm32-unknown-unknown")
        .join(folder)
        .join(NAME)
        .with_extension("wasm");
    let started = Instant::now();
    let cache = workspace.target.join("site-cache");
    let package = bind(workspace, &wasm, profile, &cache)?;
    let scripts = scripts::build(workspace, profile)?;
    let assets = collect(workspace, &package, scripts)?;
    let site = profile.folder(workspace);
    let changed = assemble(&assets, profile, &site, &cache)?;
    let state = if changed { "written" } else { "unchanged" };
    println!(
        "    site {state} in {}: {}",
        process::elapsed(started),
        site.display()
    );
    Ok(site)
}

/// Splits and runs wasm-bindgen; skipped when the same wasm was bound before.
fn bind(
    workspace: &Workspace,
    wasm: &Path,
    profile: Profile,
    cache: &Path,
) -> anyhow::Result<PathBuf> {
    let bytes = fs::read(wasm).with_context(|| format!("cannot read {}", wasm.display()))?;
    let recipe = format!("{FORMAT} {}", profile.cargo().0);
    let input = [recipe.as_bytes(), &bytes].concat();
    let done = cache
        .join(format!("bound-{}", profile.cargo().0))
        .join(hash(&input));
    if done.exists() {
        return Ok(done);
    }
    // Only the newest of a profile is worth its space.
    let older = done.with_file_name("");
    drop(fs::remove_dir_all(&older));
    let unfinished = done.with_extension("new");
    drop(fs::remove_dir_all(&unfinished));
    let release = profile == Profile::Release;
    let split = split(&bytes, &unfinished, &format!("{NAME}.js"))?;
    Bindgen::new()
        .input_bytes(NAME, split.main)
        .web(true)?
        .typescript(false)
        .debug(!release)
        .remove_name_section(release)
        .remove_producers_section(release)
        .omit_default_module_path(true)
        // Late parts import the main part's memory, table and stack.
        .keep_lld_exports(split.late)
        .generate(&unfinished)
        .context("wasm-bindgen refused the browser part")?;
    if release {
        let short = scripts::minify(workspace, &unfinished)?;
        split::shorten(&unfinished, &short)?;
    }
    fs::rename(&unfinished, &done)?;
    Ok(done)
}

/// Every file of the site, in the order of their paths.
fn collect(workspace: &Workspace, package: &Path, scripts: Scripts) -> anyhow::Result<Vec<Asset>> {
    let bound = files(package)?;
    let mut all = Vec::new();
    for (path, content) in &bound {
        all.extend_from_slice(path.as_bytes());
        all.extend_from_slice(content);
    }
    let folder = format!("{PACKAGE}/{}", hash(&all));
    let mut assets: Vec<Asset> = bound
        .into_iter()
        .map(|(path, content)| (format!("{folder}/{path}"), content))
        .collect();
    let public = workspace.root.join(ASSETS);
    if public.exists() {
        assets.extend(files(&public)?);
    }
    assets.push(("parlour.js".to_owned(), scripts.loader));
    let manifest = serde_json::json!({ "pkg": format!("/{folder}"), "scripts": scripts.inline });
    assets.push((
        "manifest.json".to_owned(),
        manifest.to_string().into_bytes(),
    ));
    assets.sort();
    Ok(assets)
}

/// All files below `folder`, sorted; paths with `/` on every system. Hidden files stay out.
pub(crate) fn files(folder: &Path) -> anyhow::Result<Vec<Asset>> {
    let mut found = Vec::new();
    let mut waiting = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = waiting.pop() {
        for entry in fs::read_dir(&folder)
            .with_context(|| format!("cannot read the folder {}", folder.display()))?
        {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            if entry.file_type()?.is_dir() {
                waiting.push((entry.path(), format!("{prefix}{name}/")));
            } else {
                found.push((format!("{prefix}{name}"), fs::read(entry.path())?));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Writes the site beside the old one and swaps them. False: the old one was the same.
fn assemble(assets: &[Asset], profile: Profile, site: &Path, cache: &Path) -> anyhow::Result<bool> {
    let lines = assets
        .iter()
        .map(|(path, content)| format!("{path} {}", hash(content)));
    let listing = format!("{FORMAT}\n{}", lines.collect::<Vec<_>>().join("\n"));
    let name = site
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let written = cache.join(format!("{name}.listing"));
    if site.join("manifest.json").exists()
        && fs::read_to_string(&written).is_ok_and(|old| old == listing)
    {
        return Ok(false);
    }
    let compressor = Compressor::new(&cache.join("compressed"))?;
    let fresh = site.with_extension("new");
    drop(fs::remove_dir_all(&fresh));
    for (path, content) in assets {
        match profile {
            Profile::Dev => write(&fresh.join(path), content)?,
            Profile::Release => compressor.write(&fresh.join(path), content)?,
        }
    }
    if profile == Profile::Release {
        compressor.prune()?;
    }
    drop(fs::remove_file(&written));
    drop(fs::remove_dir_all(site));
    fs::rename(&fresh, site).with_context(|| format!("cannot write {}", site.display()))?;
    write(&written, listing.as_bytes())?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(path: &str, content: &str) -> Asset {
        (path.to_owned(), content.as_bytes().to_vec())
    }

    #[test]
    fn an_unchanged_site_is_left_alone_and_a_changed_one_is_replaced_whole() {
        let folder = std::env::temp_dir().join(format!("xtask-assemble-{}", std::process::id()));
        let (site, cache) = (folder.join("site"), folder.join("cache"));
        let manifest = asset("manifest.json", r#"{"pkg":"/pkg/1"}"#);
        let first = [manifest.clone(), asset("pkg/1/frontend.js", "one")];
        assert!(assemble(&first, Profile::Release, &site, &cache).unwrap());
        assert!(!assemble(&first, Profile::Release, &site, &cache).unwrap());
        let second = [manifest, asset("pkg/2/frontend.js", "two")];
        assert!(assemble(&second, Profile::Release, &site, &cache).unwrap());
        assert!(site.join("pkg/2/frontend.js").exists());
        assert!(!site.join("pkg/1").exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn files_are_found_in_folders_and_hidden_ones_are_not() {
        let folder = std::env::temp_dir().join(format!("xtask-files-{}", std::process::id()));
        for path in ["b.js", "snippets/inline0.js", ".hidden"] {
            write(&folder.join(path), b"x").unwrap();
        }
        let paths: Vec<String> = files(&folder).unwrap().into_iter().map(|it| it.0).collect();
        assert_eq!(paths, ["b.js", "snippets/inline0.js"]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
