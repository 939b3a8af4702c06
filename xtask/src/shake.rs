//! Takes out of the bound widget what nothing calls, and gives what crosses between wasm and glue short names.
//!
//! In the path: `site` runs it on what wasm-bindgen wrote. Leptos brings whole classes that the widget never makes, and every
//! import and export carries a hash that no compressor makes smaller; together they are a twentieth of the download.
//!
//! **Invariants.** Works on whole top-level statements and on whole entries of the import object, as wasm-bindgen lays them
//! out; what it does not recognise stays. An import of the wasm that the glue does not have is an error, never a widget that fails
//! in the browser.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use walrus::{Module, ModuleConfig};

/// Where wasm-bindgen imports from.
const FROM: &str = "./frontend_bg.js";
/// How the import object's entries are indented.
const ENTRY: &str = "        ";
/// Names only these begin with are wasm-bindgen's own; others are the page's, which calls them.
const OWN: [&str; 3] = ["__wb", "__extern", "wasm_bindgen_"];

/// Wasm and glue without what is never called.
pub(crate) fn shake(wasm: &[u8], glue: &str) -> anyhow::Result<(Vec<u8>, String)> {
    let mut config = ModuleConfig::new();
    config
        .generate_name_section(false)
        .generate_producers_section(false);
    let mut module = config.parse(wasm)?;
    let glue = glue.replace("export { initSync, ", "export { ");
    let called = reachable(&glue, |_| true);
    delete_exports(&mut module, &called);
    walrus::passes::gc::run(&mut module);
    let imported: BTreeSet<String> = module.imports.iter().map(|it| it.name.clone()).collect();
    let glue = reachable(&glue, |entry| imported.contains(entry));
    // Exports that only a dropped entry called.
    delete_exports(&mut module, &glue);
    walrus::passes::gc::run(&mut module);
    let glue = rename(&mut module, &glue)?;
    Ok((module.emit_wasm(), glue))
}

/// Exports of functions and globals that the glue never takes from the wasm.
fn delete_exports(module: &mut Module, glue: &str) {
    let called: BTreeSet<&str> = glue
        .split("wasm.")
        .skip(1)
        .filter_map(|rest| words(rest).next())
        .collect();
    let unused: Vec<_> = module
        .exports
        .iter()
        .filter(|export| !called.contains(export.name.as_str()))
        .map(walrus::Export::id)
        .collect();
    for export in unused {
        module.exports.delete(export);
    }
}

/// Short names on both sides.
fn rename(module: &mut Module, glue: &str) -> anyhow::Result<String> {
    let mut short = BTreeMap::new();
    let known: BTreeSet<&str> = words(glue).collect();
    for import in module.imports.iter_mut() {
        if !known.contains(import.name.as_str()) {
            bail!("the glue has no {}", import.name);
        }
        import.name = new_name(&mut short, &import.name);
        FROM[..1].clone_into(&mut import.module);
    }
    for export in module.exports.iter_mut() {
        if OWN.iter().any(|own| export.name.starts_with(own)) {
            export.name = new_name(&mut short, &export.name);
        }
    }
    let mut renamed = String::with_capacity(glue.len());
    let mut rest = glue;
    while let Some(word) = words(rest).next() {
        let start = word.as_ptr() as usize - rest.as_ptr() as usize;
        renamed.push_str(&rest[..start]);
        renamed.push_str(short.get(word).map_or(word, String::as_str));
        rest = &rest[start + word.len()..];
    }
    renamed.push_str(rest);
    let from = format!("\"{FROM}\": ");
    if !renamed.contains(&from) {
        bail!("the glue imports from another module than {FROM}");
    }
    Ok(renamed.replace(&from, "\".\": "))
}

/// The name that stands for `long`: `$a`, `$b` and so on, which wasm-bindgen never writes.
fn new_name(short: &mut BTreeMap<String, String>, long: &str) -> String {
    let count = short.len();
    let new = || {
        let mut name = String::from("$");
        let mut left = count;
        loop {
            name.push(char::from(b"abcdefghijklmnopqrstuvwxyz"[left % 26]));
            left /= 26;
            if left == 0 {
                return name;
            }
        }
    };
    short.entry(long.to_owned()).or_insert_with(new).clone()
}

/// A statement at the top of the glue.
struct Statement {
    text: String,
    /// What it defines; nothing: it does something, and stays.
    defines: Option<String>,
}

/// The statements that can be reached from what the module exports or does, without the entries of the import object
/// that `wanted` refuses.
fn reachable(glue: &str, wanted: impl Fn(&str) -> bool) -> String {
    let statements = statements(glue, wanted);
    let mut kept = vec![false; statements.len()];
    let mut reached = BTreeSet::new();
    loop {
        let before = reached.len();
        for (statement, kept) in statements.iter().zip(&mut kept) {
            let needed = statement
                .defines
                .as_ref()
                .is_none_or(|it| reached.contains(it.as_str()));
            if needed && !*kept {
                *kept = true;
                reached.extend(words(&statement.text));
            }
        }
        if reached.len() == before {
            break;
        }
    }
    let kept = statements.iter().zip(kept).filter(|(_, kept)| *kept);
    kept.map(|(statement, _)| statement.text.as_str()).collect()
}

/// Cuts the glue where a line begins at the margin; comments are left out.
fn statements(glue: &str, wanted: impl Fn(&str) -> bool) -> Vec<Statement> {
    let mut found: Vec<Statement> = Vec::new();
    // False: inside an entry of the import object that is not wanted.
    let mut keep = true;
    for line in glue.lines().filter(|line| !line.trim().is_empty()) {
        if !line.starts_with([' ', '}']) {
            found.push(Statement {
                text: String::new(),
                defines: defined(line),
            });
        }
        let Some(statement) = found.last_mut() else {
            continue;
        };
        if statement.defines.as_deref() == Some("__wbg_get_imports") {
            let entry = line.strip_prefix(ENTRY).unwrap_or_default();
            let name = entry.split_once(": ").map(|(name, _)| name);
            match name.filter(|name| words(name).next() == Some(name)) {
                Some(name) => keep = name == "__proto__" || wanted(name),
                None if line.starts_with("    }") => keep = true,
                None => {}
            }
        }
        if keep {
            statement.text.push_str(line);
            statement.text.push('\n');
        }
    }
    found.retain(|statement| !statement.text.starts_with("/*"));
    found
}

/// The one name that a statement defines, or the class it only adds to.
fn defined(line: &str) -> Option<String> {
    let kinds = ["function ", "async function ", "class ", "const ", "let "];
    let rest = kinds.iter().find_map(|kind| line.strip_prefix(kind));
    let rest = rest.or_else(|| line.strip_prefix("if (Symbol.dispose) "))?;
    let name = words(rest).next()?;
    // `let a, b;` stays: one of them may be used.
    let several = rest[name.len()..].starts_with(',');
    (!several).then(|| name.to_owned())
}

/// Everything that may be a name.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let part = |it: char| !(it.is_ascii_alphanumeric() || it == '_' || it == '$');
    text.split(part).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use walrus::{FunctionBuilder, ValType};

    const GLUE: &str = r#"/**
 * Never made.
 */
class Unused {
    free() {
        wasm.__wbg_unused_free(0);
    }
}
if (Symbol.dispose) Unused.prototype[Symbol.dispose] = Unused.prototype.free;
export function hydrate() {
    wasm.hydrate();
}
function __wbg_get_imports() {
    const import0 = {
        __proto__: null,
        __wbg_now_0011223344556677: function() {
            return clock();
        },
        __wbg_later_0011223344556677: function() { return handle(function () {
            return later();
        }, arguments); },
    };
    return {
        __proto__: null,
        "./frontend_bg.js": import0,
    };
}
function clock() {
    return 1;
}
function later() {
    return wasm.__wbindgen_later();
}
let wasm;
export { initSync, __wbg_get_imports as default };
"#;

    /// `hydrate` calls `now`; `__wbg_unused_free` calls `later`.
    fn module() -> Module {
        let mut module = Module::default();
        let kind = module.types.add(&[], &[ValType::I32]);
        let mut export = |import: Option<&str>, name: &str| {
            let mut builder = FunctionBuilder::new(&mut module.types, &[], &[ValType::I32]);
            if let Some(import) = import {
                let (callee, _) = module.add_import_func(FROM, import, kind);
                builder.func_body().call(callee);
            } else {
                builder.func_body().i32_const(1);
            }
            let function = builder.finish(vec![], &mut module.funcs);
            module.exports.add(name, function);
        };
        export(Some("__wbg_now_0011223344556677"), "hydrate");
        export(Some("__wbg_later_0011223344556677"), "__wbg_unused_free");
        export(None, "__wbindgen_later");
        module
    }

    #[test]
    fn what_nothing_calls_goes_on_both_sides_and_the_rest_meets_by_short_names() {
        let (wasm, glue) = shake(&module().emit_wasm(), GLUE).unwrap();
        let small = Module::from_buffer(&wasm).unwrap();
        let imports: Vec<_> = small
            .imports
            .iter()
            .map(|it| (&*it.module, &*it.name))
            .collect();
        assert_eq!(imports, [(".", "$a")]);
        let exports: Vec<_> = small.exports.iter().map(|it| &*it.name).collect();
        assert_eq!(exports, ["hydrate"]);
        assert_eq!(
            glue,
            r#"export function hydrate() {
    wasm.hydrate();
}
function __wbg_get_imports() {
    const import0 = {
        __proto__: null,
        $a: function() {
            return clock();
        },
    };
    return {
        __proto__: null,
        ".": import0,
    };
}
function clock() {
    return 1;
}
let wasm;
export { __wbg_get_imports as default };
"#
        );
    }

    #[test]
    fn an_import_that_the_glue_lacks_stops_the_build() {
        let glue = GLUE.replace("__wbg_now_", "__wbg_new_");
        let error = shake(&module().emit_wasm(), &glue).unwrap_err().to_string();
        assert_eq!(error, "the glue has no __wbg_now_0011223344556677");
    }
}
