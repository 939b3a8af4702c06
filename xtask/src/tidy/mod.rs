//! The rules of structure that no compiler checks.
//!
//! In the path: a step of `test`. `crates` and `leptos` read what cargo knows of the workspace, `files` reads every source, `modules`
//! reads who uses whom inside `server` and `app` (with `paths`), `documents` reads what the documents say of the tree.
//!
//! **Invariants.** Every rule has a test that breaks it. A rule's message says what to do instead.

mod crates;
mod documents;
mod files;
mod leptos;
mod modules;
mod paths;

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use crate::workspace::Workspace;

/// Folders that hold what a run made, as in `.gitignore`.
const MADE: [&str; 3] = ["target", "data", "end2end/results"];
/// Hidden folders that are ours.
const HIDDEN: [&str; 2] = [".ci", ".cargo"];

/// A text file of ours: its path below the root, with `/`, and its content.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Checks everything and prints each broken rule on a line.
pub(crate) fn tidy(workspace: &Workspace) -> anyhow::Result<()> {
    println!("{}", check(workspace)?);
    Ok(())
}

/// The same for `test`: returns a short sentence.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<String> {
    let documents = sources(workspace, |path| modules::has_extension(path, "md"))?;
    let sources = sources(workspace, files::is_source)?;
    let mut broken = crates::check(&workspace.metadata);
    broken.extend(leptos::check(&workspace.metadata));
    broken.extend(documents::check(&workspace.root, &documents));
    for source in &sources {
        broken.extend(files::check(source));
        broken.extend(modules::check(source));
    }
    for line in &broken {
        println!("{line}");
    }
    if !broken.is_empty() {
        bail!("tidy: {} broken rule(s)", broken.len());
    }
    if !sources
        .iter()
        .any(|source| source.path == "xtask/src/tidy/mod.rs")
    {
        bail!("tidy did not even find itself: the list of sources is wrong");
    }
    Ok(format!(
        "{} files, {} documents",
        sources.len(),
        documents.len()
    ))
}

/// Every file of ours that is `wanted`.
fn sources(workspace: &Workspace, wanted: fn(&str) -> bool) -> anyhow::Result<Vec<Source>> {
    let mut found = Vec::new();
    let mut waiting = vec![(workspace.root.clone(), String::new())];
    while let Some((folder, prefix)) = waiting.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                if is_ours(&path) && entry.path() != workspace.target {
                    waiting.push((entry.path(), format!("{path}/")));
                }
            } else if wanted(&path) {
                found.push(read(&entry.path(), path)?);
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// False for the folders whose content nobody here wrote.
fn is_ours(folder: &str) -> bool {
    let name = folder.rsplit('/').next().unwrap_or_default();
    let hidden = name.starts_with('.') && !HIDDEN.contains(&name);
    !hidden && name != "node_modules" && !MADE.contains(&folder)
}

fn read(file: &Path, path: String) -> anyhow::Result<Source> {
    let text = fs::read_to_string(file).with_context(|| format!("{path} is not readable text"))?;
    Ok(Source { path, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_that_a_run_made_are_left_out() {
        for ours in [
            "server/src/data",
            "app/src/target",
            ".cargo",
            "end2end/fixtures",
        ] {
            assert!(is_ours(ours), "{ours}");
        }
        for made in [
            "target",
            "data",
            "end2end/results",
            "end2end/node_modules",
            ".git",
        ] {
            assert!(!is_ours(made), "{made}");
        }
    }
}
