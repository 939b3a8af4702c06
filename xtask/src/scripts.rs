//! The browser scripts that are not wasm: the loader, and what a page runs before the wasm is there.
//!
//! In the path: `frontend/scripts` is TypeScript; esbuild (from npm, pinned by `frontend/package-lock.json`) bundles and minifies
//! it. `site` takes the loader as a file and the page's scripts for its manifest, from where the server puts them into pages.
//!
//! **Invariants.** Without a change of the sources nothing is built, so Node is needed only where they changed. No script can end
//! its own script element.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::compress::{hash, write};
use crate::site::{Profile, files};
use crate::workspace::Workspace;
use crate::{node, process};

/// What the browser loads of them.
pub(crate) struct Scripts {
    /// `parlour.js`, which websites load.
    pub(crate) loader: Vec<u8>,
    /// By name: the scripts that stand in a page.
    pub(crate) inline: BTreeMap<String, String>,
}

/// Bundles them, or takes what the same sources gave before.
pub(crate) fn build(workspace: &Workspace, profile: Profile) -> anyhow::Result<Scripts> {
    let folder = folder(workspace);
    let kind = match profile {
        Profile::Dev => "dev",
        Profile::Release => "release",
    };
    let cache = workspace
        .target
        .join("site-cache")
        .join(format!("scripts-{kind}"));
    let done = cache.join(fingerprint(&folder)?);
    if !done.exists() {
        install(workspace)?;
        // Only the newest is worth its space.
        drop(fs::remove_dir_all(&cache));
        let unfinished = done.with_extension("new");
        let mut node = Command::new("node");
        node.arg("scripts/build.mjs").arg(&unfinished);
        if profile == Profile::Dev {
            node.arg("--dev");
        }
        process::stream("browser scripts", node.current_dir(&folder))?;
        fs::rename(&unfinished, &done)?;
    }
    read(&done)
}

/// Makes one small script of the glue in `folder`. Returns the short names of what crosses between glue and wasm, by the long ones.
pub(crate) fn minify(
    workspace: &Workspace,
    folder: &Path,
) -> anyhow::Result<BTreeMap<String, String>> {
    install(workspace)?;
    let output = Command::new("node")
        .arg("scripts/glue.mjs")
        .arg(folder)
        .current_dir(self::folder(workspace))
        .output()
        .context("node cannot be started")?;
    ensure!(
        output.status.success(),
        "the glue cannot be minified:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("the minifier printed no names")
}

/// Checks their types and runs their unit tests; returns a word for the summary.
pub(crate) fn check(workspace: &Workspace, log: &Path) -> anyhow::Result<String> {
    let folder = folder(workspace);
    let stamp = workspace.target.join("site-cache").join("scripts-checked");
    let wanted = fingerprint(&folder)?;
    if let Ok(checked) = fs::read_to_string(&stamp)
        && let Some((of, note)) = checked.split_once('\n')
        && of == wanted
    {
        return Ok(format!("{note}, unchanged"));
    }
    install(workspace)?;
    let run = |title: &str, script: &str| {
        let mut npm = Command::new("npm");
        npm.args(["run", "--silent", script]).current_dir(&folder);
        process::capture(title, log, &mut npm)
    };
    run("types of the browser scripts", "check")?;
    let output = run("unit tests of the browser scripts", "test")?;
    let note = match passed(&output) {
        0 => bail!("no test of the browser scripts was executed"),
        passed => format!("{passed} tests"),
    };
    write(&stamp, format!("{wanted}\n{note}").as_bytes())?;
    Ok(note)
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root.join("frontend")
}

fn install(workspace: &Workspace) -> anyhow::Result<()> {
    node::require().context("the browser scripts are bundled with Node.js")?;
    let log = workspace.target.join("xtask-logs").join("npm-scripts.log");
    node::install(&folder(workspace), &log)
}

/// A number that changes with the sources and with the tools' versions.
fn fingerprint(folder: &Path) -> anyhow::Result<String> {
    let mut all = Vec::new();
    for name in ["package-lock.json", "tsconfig.json"] {
        all.extend(fs::read(folder.join(name))?);
    }
    for (path, content) in files(&folder.join("scripts"))? {
        all.extend(path.into_bytes());
        all.extend(content);
    }
    Ok(hash(&all))
}

/// What esbuild wrote.
fn read(folder: &Path) -> anyhow::Result<Scripts> {
    let mut scripts = Scripts {
        loader: fs::read(folder.join("parlour.js"))?,
        inline: BTreeMap::new(),
    };
    for (path, content) in files(&folder.join("inline"))? {
        let script = String::from_utf8(content)?;
        can_stand_in_a_page(&script).with_context(|| format!("the script {path}"))?;
        let name = path.trim_end_matches(".js").to_owned();
        scripts.inline.insert(name, script.trim_end().to_owned());
    }
    Ok(scripts)
}

/// The text of a script element ends at the first `</script`, and is read in another way after `<!--`.
fn can_stand_in_a_page(script: &str) -> anyhow::Result<()> {
    for text in ["</", "<!--"] {
        ensure!(
            !script.contains(text),
            "holds `{text}`, so it cannot stand in a script element"
        );
    }
    Ok(())
}

/// The number in `# pass 12`, a closing line of Node's test runner.
fn passed(output: &str) -> u64 {
    output
        .lines()
        .filter_map(|line| line.split_once("pass "))
        .find_map(|(_, number)| number.trim().parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_would_end_its_element_is_refused() {
        assert!(can_stand_in_a_page("let a = b < c;").is_ok());
        assert!(can_stand_in_a_page(r#"html = "</p>""#).is_err());
        assert!(can_stand_in_a_page("let a = b<!--c").is_err());
    }

    #[test]
    fn loader_and_inline_scripts_are_told_apart() {
        let folder = std::env::temp_dir().join(format!("xtask-scripts-{}", std::process::id()));
        write(&folder.join("parlour.js"), b"loader\n").unwrap();
        write(&folder.join("inline/early.js"), b"early();\n").unwrap();
        let scripts = read(&folder).unwrap();
        assert_eq!(scripts.loader, b"loader\n");
        assert_eq!(scripts.inline["early"], "early();");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn nodes_closing_lines_are_counted() {
        assert_eq!(passed("ℹ tests 3\nℹ pass 2\nℹ fail 1\n"), 2);
        assert_eq!(passed("# tests 3\n# pass 3\n"), 3);
        assert_eq!(passed("nothing"), 0);
    }
}
