//! Collects the scoped style sheets that stand beside their components.
//!
//! For every `src/**/*.css` the same class as `stylers::style_sheet!` takes, the same code to put it into the
//! selectors, and one file for the widget (`OUT_DIR/widget.css`) and one for the other pages
//! (`OUT_DIR/pages.css`), and one for each late part. Two traps of stylers are closed here: files whose text has the same number of characters would
//! share a class, and selectors that its parser cuts or leaves unscoped are refused (`styles`).

#[path = "build/styles.rs"]
mod styles;

use std::{
    collections::HashMap,
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};
use stylers_core::{Class, from_str};

/// Where the sheets of the parts are that the browser loads when it needs them.
const LATE: &str = "widget/content/late";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=../style/main.css");
    let source = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("src");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut classes = HashMap::new();
    // A late part has its sheet in itself.
    let late = ["cards", "form"];
    for folder in ["widget", "pages", late[0], late[1]] {
        let mut files = Vec::new();
        let late_sheet = |name: &str| source.join(LATE).join(name).with_extension("css");
        if late.contains(&folder) {
            files.push(late_sheet(folder));
        } else {
            find(&source.join(folder), &mut files)?;
            files.retain(|file| late.iter().all(|name| *file != late_sheet(name)));
        }
        files.sort();
        let mut sheet = String::new();
        for file in files {
            let css = fs::read_to_string(&file)?;
            let name = file.display().to_string();
            if let Some(fault) = css.split(['{', '}']).find_map(styles::fault) {
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
            sheet.push_str(&styles::lean(&from_str(&css, &class)));
        }
        fs::write(out.join(folder).with_extension("css"), sheet)?;
    }
    let main = fs::read_to_string(source.join("../../style/main.css"))?;
    fs::write(out.join("main.css"), styles::lean(&main))?;
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
