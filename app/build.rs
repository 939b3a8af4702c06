//! Collects the scoped style sheets that stand beside their components.
//!
//! For every `src/**/*.css` the same class as `stylers::style_sheet!` takes, the same code to put it into the
//! selectors, and one file for the widget (`OUT_DIR/widget.css`) and one for the other pages
//! (`OUT_DIR/pages.css`). Two traps of stylers are closed here: files whose text has the same number of characters would
//! share a class, and selectors that its parser cuts or leaves unscoped are refused (`fault`).
//! `tests/styles.rs` includes this file and shows each trap.

use std::{
    collections::HashMap,
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};
use stylers_core::{Class, from_str};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=../style/main.css");
    let source = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("src");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut classes = HashMap::new();
    for folder in ["widget", "pages"] {
        let mut files = Vec::new();
        find(&source.join(folder), &mut files)?;
        files.sort();
        let mut sheet = String::new();
        for file in files {
            let css = fs::read_to_string(&file)?;
            let name = file.display().to_string();
            if let Some(fault) = css.split(['{', '}']).find_map(fault) {
                return Err(format!("{name}: {fault} (see app/build.rs)").into());
            }
            let class = Class::rand_class_from_seed(css.clone());
            if let Some(other) = classes.insert(class.as_name().to_owned(), name.clone()) {
                return Err(format!(
                    "{name} and {other} would share a class, because stylers counts characters: \
                     add or remove a declaration in one of them"
                )
                .into());
            }
            sheet.push_str(&lean(&from_str(&css, &class)));
        }
        fs::write(out.join(folder).with_extension("css"), sheet)?;
    }
    let main = fs::read_to_string(source.join("../../style/main.css"))?;
    fs::write(out.join("main.css"), lean(&main))?;
    Ok(())
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "css") {
            files.push(path);
        }
    }
    Ok(())
}

/// What stylers would misread in a piece of text before a brace: a selector, or declarations and a selector.
pub fn fault(piece: &str) -> Option<String> {
    let uncommented = without_comments(piece);
    let selector = uncommented.rsplit(';').next().unwrap_or_default().trim();
    if selector.is_empty() || selector.starts_with('@') {
        return None;
    }
    let fault = |why: &str| Some(format!("`{selector}` {why}"));
    if selector.starts_with('[') || selector.contains(":root") {
        return fault("would put the class on another element: write `:deep([…]) .a`");
    }
    if [" >", "> ", " +", "+ ", " ~", "~ "]
        .iter()
        .any(|spaced| selector.contains(spaced))
    {
        return fault("must have no blanks around `>`, `+`, `~`");
    }
    // After a pseudo-class the parser wakes up only at a blank.
    for tail in selector
        .split(':')
        .skip(1)
        .map(|tail| tail.split(' ').next().unwrap_or_default())
    {
        let outside = tail.rsplit(')').next().unwrap_or_default();
        if outside.trim_end_matches(',').contains([',', '>', '+', '~']) {
            return fault(
                "goes on unscoped after its pseudo-class: put a blank after the comma, or nest",
            );
        }
    }
    None
}

fn without_comments(css: &str) -> String {
    let mut rest = css;
    let mut kept = String::with_capacity(css.len());
    while let Some((before, comment)) = rest.split_once("/*") {
        kept.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    kept + rest
}

/// Without comments, line breaks and the blanks that mean nothing. Careful rather than thorough: what is left goes
/// through brotli.
pub fn lean(css: &str) -> String {
    let css = without_comments(css);
    let words: Vec<&str> = css.split_whitespace().collect();
    let mut css = words.join(" ");
    for (wide, narrow) in [
        (" { ", "{"),
        ("{ ", "{"),
        (" {", "{"),
        (" }", "}"),
        ("} ", "}"),
        ("; ", ";"),
        (";}", "}"),
    ] {
        css = css.replace(wide, narrow);
    }
    // Only in declarations: in a selector, ` :focus` and `:focus` are two things.
    css.replace(": ", ":").replace(", ", ",")
}
