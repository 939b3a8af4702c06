//! Splits the browser part: code that only a `#[lazy]` function needs becomes a part of its own, which the browser loads when
//! the function is first called.
//!
//! In the path: `site` calls it between cargo and wasm-bindgen, which then binds the main part.
//!
//! **Invariants.** The page imports the same two files with and without late parts. No part that visitors get carries the names
//! of its functions.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};
use walrus::ModuleConfig;
use wasm_split_cli_support::{Options, transform};

/// Says for each late function which files the browser loads before it runs; beside the parts.
pub(crate) const PARTS: &str = "parts.json";
/// The script that loads the late parts. The glue imports it by this name.
const LOADERS: &str = "__wasm_split.js";

/// What `split` made.
pub(crate) struct Split {
    /// The part that wasm-bindgen binds.
    pub(crate) main: Vec<u8>,
    /// True when there is a late part.
    pub(crate) late: bool,
}

/// Writes the late parts and the script that loads them into `folder`. `wasm` must be linked with `--emit-relocs`; `glue` is
/// the file name that wasm-bindgen will give to the main part's script.
pub(crate) fn split(wasm: &[u8], folder: &Path, glue: &str) -> anyhow::Result<Split> {
    fs::create_dir_all(folder)?;
    let main = folder.join("main.wasm");
    let glue = format!("./{glue}");
    let mut options = Options::new(wasm);
    options.output_dir = folder;
    options.main_out_path = &main;
    options.main_module = &glue;
    let made = transform(options)
        .map_err(|error| anyhow!("the browser part cannot be split: {error:#}"))?;
    let split = Split {
        main: fs::read(&main)?,
        late: !made.split_modules.is_empty(),
    };
    fs::remove_file(&main)?;
    if split.late {
        // Sorted, because the name of the package is the hash of its files.
        let parts: BTreeMap<_, _> = made.prefetch_map.into_iter().collect();
        fs::write(folder.join(PARTS), serde_json::to_vec(&parts)?)?;
    } else {
        fs::remove_file(folder.join(LOADERS))?;
    }
    Ok(split)
}

/// Gives the imports and exports of every part in `folder` their short names, and drops the names of functions, which are half of
/// a late part. `short` is what the minifier made of the glue's names.
pub(crate) fn shorten(folder: &Path, short: &BTreeMap<String, String>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            let part = shortened(&fs::read(&path)?, short)
                .with_context(|| format!("cannot shorten {}", path.display()))?;
            fs::write(&path, part)?;
        }
    }
    Ok(())
}

fn shortened(part: &[u8], short: &BTreeMap<String, String>) -> anyhow::Result<Vec<u8>> {
    let mut module = ModuleConfig::new()
        .generate_name_section(false)
        .generate_producers_section(false)
        .parse(part)?;
    let imports = module.imports.iter_mut().map(|import| &mut import.name);
    let exports = module.exports.iter_mut().map(|export| &mut export.name);
    for name in imports.chain(exports) {
        if let Some(new) = short.get(name) {
            name.clone_from(new);
        }
    }
    Ok(module.emit_wasm())
}

#[cfg(test)]
mod tests {
    use super::*;
    use walrus::{FunctionBuilder, Module};

    #[test]
    fn both_sides_of_a_part_get_the_names_of_the_glue_and_the_others_stay() {
        let mut module = Module::default();
        let kind = module.types.add(&[], &[]);
        let (callee, _) = module.add_import_func("./frontend_bg.js", "__wbg_now_0011", kind);
        let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
        builder
            .name("a_long_name".to_owned())
            .func_body()
            .call(callee);
        let function = builder.finish(vec![], &mut module.funcs);
        module.exports.add("__wbindgen_malloc", function);
        module.exports.add("hydrate", function);
        let short = [("__wbg_now_0011", "a"), ("__wbindgen_malloc", "b")];
        let short = short.map(|(long, short)| (long.to_owned(), short.to_owned()));
        let part = shortened(&module.emit_wasm(), &short.into()).unwrap();
        let text = String::from_utf8_lossy(&part);
        assert!(!text.contains("a_long_name"));
        let part = Module::from_buffer(&part).unwrap();
        let imports: Vec<_> = part.imports.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(imports, ["a"]);
        let mut exports: Vec<_> = part.exports.iter().map(|it| it.name.as_str()).collect();
        exports.sort_unstable();
        assert_eq!(exports, ["b", "hydrate"]);
    }
}
