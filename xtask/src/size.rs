//! What a visitor downloads, against the budget.
//!
//! In the path: after `build`. Sizes are bytes on the wire with brotli: files as `site` packed them, the page as the started
//! server sends it.
//!
//! **Invariants.** A part that cannot be measured is an error, never a zero. Each late part has a budget.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;

use crate::build::{self, Build};
use crate::compress;
use crate::served::Served;
use crate::split::PARTS;
use crate::workspace::Workspace;

const FILE: &str = "size-budget.toml";
/// The page whose weight counts: the demo bot's, which a first start makes.
const PAGE: &str = "/chat/demo";
/// The table of late parts: `parts.form` is the part of the function `form`.
const LATE: &str = "parts.";

/// What was measured, by its key in `size-budget.toml`.
type Measured = Vec<(String, u64)>;

/// Chosen on the command line.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Write what was measured to `size-budget.toml`.
    #[arg(long)]
    record: bool,
    /// Leave the page out, for a server that cannot start yet. The total then says less.
    #[arg(long)]
    without_page: bool,
}

/// One line of the table.
struct Part {
    name: String,
    now: u64,
    /// What it was when it was last recorded.
    recorded: Option<u64>,
    budget: Option<u64>,
}

/// Builds, measures, prints, and fails over the budget.
pub(crate) fn size(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    build::site(workspace)?;
    if !options.without_page {
        build::server(workspace, Build::Dev)?;
    }
    check(workspace, options).map(drop)
}

/// Measures what is built already; returns a short sentence.
pub(crate) fn check(workspace: &Workspace, options: &Options) -> anyhow::Result<String> {
    let file = workspace.root.join(FILE);
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {FILE}"))?;
    let measured = measure(workspace, options)?;
    let parts = compare(
        &measured,
        &text.parse().with_context(|| format!("{FILE} is no TOML"))?,
    );
    println!("{}", table(&parts));
    if options.record {
        fs::write(&file, record(&text, &measured))?;
        println!("recorded in {FILE}");
    }
    over(&parts)?;
    let total = measured
        .iter()
        .find(|(name, _)| name == "total")
        .map_or(0, |it| it.1);
    Ok(format!("{total} bytes until hydrated"))
}

/// Name and size of every part.
fn measure(workspace: &Workspace, options: &Options) -> anyhow::Result<Measured> {
    let site = workspace.site();
    let package = package_folder(&site)?;
    let loader = on_the_wire(&site.join("parlour.js"))?;
    let glue = sum_of_scripts(&package)?;
    let wasm = on_the_wire(&package.join("frontend_bg.wasm"))?;
    let page = if options.without_page {
        None
    } else {
        Some(page(workspace)?)
    };
    let mut measured = vec![("loader", loader), ("glue", glue), ("wasm", wasm)];
    if let Some(page) = page {
        measured.extend([("page", page), ("usable", loader + page)]);
    }
    measured.push(("total", glue + wasm + page.unwrap_or_default()));
    let measured = measured
        .into_iter()
        .map(|(name, size)| (name.to_owned(), size));
    Ok(measured.chain(late_parts(&package)?).collect())
}

/// What the browser loads when each late function is first called: the function's own part and the parts it shares with others.
fn late_parts(package: &Path) -> anyhow::Result<Measured> {
    let list = package.join(PARTS);
    if !list.exists() {
        return Ok(Vec::new());
    }
    let list: BTreeMap<String, Vec<String>> = serde_json::from_slice(&fs::read(list)?)?;
    list.into_iter()
        .map(|(function, files)| {
            let sizes = files
                .iter()
                .map(|file| on_the_wire(&package.join(format!("{file}.wasm"))));
            Ok((
                format!("{LATE}{}", plain(&function)),
                sizes.sum::<anyhow::Result<u64>>()?,
            ))
        })
        .collect()
}

/// Leptos adds a number to a late function's name.
fn plain(function: &str) -> &str {
    function.rsplit_once('_').map_or(function, |(name, _)| name)
}

/// The folder that `manifest.json` names.
fn package_folder(site: &Path) -> anyhow::Result<std::path::PathBuf> {
    let text = fs::read_to_string(site.join("manifest.json")).context("there is no site yet")?;
    let manifest: serde_json::Value = serde_json::from_str(&text)?;
    let package = manifest["pkg"]
        .as_str()
        .context("manifest.json names no pkg")?;
    Ok(site.join(package.trim_start_matches('/')))
}

/// What the server would send of a file: its `.br`, or itself when that is not smaller.
fn on_the_wire(file: &Path) -> anyhow::Result<u64> {
    let content = fs::metadata(file).with_context(|| format!("{} is missing", file.display()))?;
    let mut packed = file.as_os_str().to_owned();
    packed.push(".br");
    Ok(fs::metadata(packed).map_or(content.len(), |packed| packed.len()))
}

/// The glue and the snippets it imports.
fn sum_of_scripts(folder: &Path) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sum += sum_of_scripts(&path)?;
        } else if path.extension().is_some_and(|it| it == "js") {
            sum += on_the_wire(&path)?;
        }
    }
    Ok(sum)
}

/// The page with its inline style and data, as the server sends it.
fn page(workspace: &Workspace) -> anyhow::Result<u64> {
    let served = Served::start(workspace, &Build::Dev.server(workspace))
        .context("the page cannot be measured (--without-page leaves it out)")?;
    let url = format!("http://{}{PAGE}", served.address);
    let mut answer = ureq::get(&url)
        .header("accept", "text/html")
        .header("accept-encoding", "br")
        .call()
        .with_context(|| format!("{PAGE} is not there"))?;
    let packed = answer
        .headers()
        .get("content-encoding")
        .is_some_and(|it| it == "br");
    let body = answer.body_mut().read_to_vec()?;
    if !packed {
        let could = compress::brotli(&body)?.len();
        println!("    note: {PAGE} is not sent with brotli, which would make it {could} bytes");
    }
    Ok(body.len() as u64)
}

fn compare(measured: &[(String, u64)], file: &toml::Table) -> Vec<Part> {
    measured
        .iter()
        .map(|(name, now)| Part {
            name: name.clone(),
            now: *now,
            recorded: value(file, "recorded", name),
            budget: value(file, "budget", name),
        })
        .collect()
}

/// A number of the file; the dots of `key` lead into tables.
fn value(file: &toml::Table, section: &str, key: &str) -> Option<u64> {
    let mut keys = key.split('.');
    let first = file.get(section)?.get(keys.next()?)?;
    let found = keys.try_fold(first, |table, key| table.get(key))?;
    u64::try_from(found.as_integer()?).ok()
}

/// The file with what was measured now; what stands above `[recorded]` stays.
fn record(file: &str, measured: &[(String, u64)]) -> String {
    let kept = file.split("[recorded]").next().unwrap_or_default();
    let mut text = format!("{kept}[recorded]\n");
    for (name, now) in measured {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name} = {now}");
    }
    text
}

fn table(parts: &[Part]) -> String {
    let mut text = format!(
        "{:16} {:>9} {:>9} {:>16} {:>9}\n",
        "part", "now", "recorded", "grew", "budget"
    );
    let or_dash = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |it| it.to_string());
    for part in parts {
        let _ = writeln!(
            text,
            "{:16} {:>9} {:>9} {:>16} {:>9}",
            part.name,
            part.now,
            or_dash(part.recorded),
            part.recorded
                .map_or_else(|| "-".to_owned(), |old| growth(old, part.now)),
            or_dash(part.budget)
        );
    }
    text.push_str("bytes on the wire, brotli; usable = loader + page; total = glue + wasm + page; a late part with what it shares");
    text
}

/// Difference in bytes and in per cent with one decimal.
fn growth(old: u64, now: u64) -> String {
    let difference = now.abs_diff(old);
    if difference == 0 {
        return "0".to_owned();
    }
    let sign = if now > old { '+' } else { '-' };
    let tenths = difference
        .saturating_mul(1000)
        .checked_div(old)
        .unwrap_or_default();
    format!(
        "{sign}{difference} ({sign}{}.{} %)",
        tenths / 10,
        tenths % 10
    )
}

fn over(parts: &[Part]) -> anyhow::Result<()> {
    let over: Vec<String> = parts
        .iter()
        .filter_map(|part| {
            let budget = part.budget.filter(|budget| part.now > *budget)?;
            Some(format!(
                "{} is {} bytes over its budget of {budget}",
                part.name,
                part.now - budget
            ))
        })
        .collect();
    if !over.is_empty() {
        bail!("{}", over.join("; "));
    }
    let mut late = parts.iter().filter(|part| part.name.starts_with(LATE));
    if let Some(part) = late.find(|part| part.budget.is_none()) {
        bail!("{FILE} has no budget for {}", part.name);
    }
    if !parts.iter().any(|part| part.budget.is_some()) {
        bail!("{FILE} has no budget, so nothing was checked");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: &str = "# why
[budget]
loader = 10_000 # hard
total = 110_000
[budget.parts]
form = 30_000

[recorded]
loader = 100
";

    fn measured(sizes: &[(&str, u64)]) -> Measured {
        sizes
            .iter()
            .map(|(name, size)| ((*name).to_owned(), *size))
            .collect()
    }

    fn check(sizes: &[(&str, u64)]) -> Result<(), String> {
        over(&compare(&measured(sizes), &BUDGET.parse().unwrap()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_part_over_its_budget_fails_and_one_at_it_does_not() {
        assert_eq!(check(&[("loader", 10_000), ("parts.form", 30_000)]), Ok(()));
        let error = check(&[("loader", 10_001), ("total", 1)]).unwrap_err();
        assert_eq!(error, "loader is 1 bytes over its budget of 10000");
        let error = check(&[("parts.form", 30_001)]).unwrap_err();
        assert_eq!(error, "parts.form is 1 bytes over its budget of 30000");
    }

    #[test]
    fn a_late_part_without_a_budget_fails() {
        let error = check(&[("loader", 1), ("parts.table", 1)]).unwrap_err();
        assert_eq!(error, "size-budget.toml has no budget for parts.table");
    }

    #[test]
    fn a_file_without_a_budget_is_not_a_pass() {
        let file = "[recorded]\nloader = 1\n".parse().unwrap();
        assert!(over(&compare(&measured(&[("loader", 1)]), &file)).is_err());
    }

    #[test]
    fn growth_is_told_in_bytes_and_per_cent() {
        assert_eq!(growth(1000, 1025), "+25 (+2.5 %)");
        assert_eq!(growth(1000, 990), "-10 (-1.0 %)");
        assert_eq!(growth(1000, 1000), "0");
    }

    #[test]
    fn recording_keeps_the_budget_and_replaces_the_measurements() {
        let now = measured(&[("loader", 120), ("total", 90_000), ("parts.form", 7)]);
        let text = record(BUDGET, &now);
        let file: toml::Table = text.parse().unwrap();
        assert_eq!(value(&file, "budget", "loader"), Some(10_000));
        assert_eq!(value(&file, "recorded", "total"), Some(90_000));
        assert_eq!(value(&file, "recorded", "parts.form"), Some(7));
        assert_eq!(text.matches("[recorded]").count(), 1);
    }

    #[test]
    fn a_late_part_counts_with_what_it_shares_under_its_functions_name() {
        let folder = std::env::temp_dir().join(format!("xtask-late-{}", std::process::id()));
        let list = br#"{"form_view_123":["chunk_1","split_form_view_123"]}"#;
        compress::write(&folder.join(PARTS), list).unwrap();
        compress::write(&folder.join("chunk_1.wasm.br"), b"12").unwrap();
        compress::write(&folder.join("chunk_1.wasm"), b"12345").unwrap();
        compress::write(&folder.join("split_form_view_123.wasm"), b"123").unwrap();
        let late = late_parts(&folder).unwrap();
        assert_eq!(late, measured(&[("parts.form_view", 5)]));
        fs::remove_dir_all(&folder).unwrap();
    }
}
