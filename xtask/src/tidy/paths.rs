//! Every path from the crate's root that a module names: `crate::a::b`, `super::c`, and each branch of `crate::{a, b::c}`.
//!
//! In the path: `modules` compares them with its rules.
//!
//! **Invariants.** Reads text without comments and strings (`source::code`); a file's own place decides what `super` means.

/// A path as it is seen from the crate's root, and its line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) line: usize,
    pub(super) path: Vec<String>,
}

/// The module of a file below `src/`: `store/sqlite.rs` is `store::sqlite`, `store/mod.rs` is `store`, `lib.rs` is the root.
pub(super) fn module_of(file: &str) -> Vec<&str> {
    let mut module: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    if matches!(module.last(), Some(&("mod" | "lib" | "main"))) {
        module.pop();
    }
    module
}

/// All paths in `code` that start at `crate` or `super`.
pub(super) fn uses(code: &str, module: &[&str]) -> Vec<Use> {
    let mut found = Vec::new();
    for (at, word) in words(code) {
        let after_path = code[..at].trim_end().ends_with("::");
        if after_path || (word != "crate" && word != "super") {
            continue;
        }
        let line = line_of(code, at);
        let mut paths = Vec::new();
        tree(&code[at..], &mut Vec::new(), &mut paths);
        found.extend(paths.iter().map(|path| Use {
            line,
            path: resolve(path, module),
        }));
    }
    found
}

/// Every identifier with its place.
pub(super) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + code[at..].find(is_word)?;
        let end = code[start..]
            .find(|c| !is_word(c))
            .map_or(code.len(), |length| start + length);
        at = end;
        Some((start, &code[start..end]))
    })
}

/// The line of a place, from one.
pub(super) fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

/// Reads one use tree; returns what is left of the text.
fn tree<'a>(text: &'a str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = tree(rest, &mut prefix.clone(), found).trim_start();
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let Some((0, word)) = words(text).next() else {
        // `*`, or the empty end of a group.
        found.push(prefix.clone());
        return text.strip_prefix('*').unwrap_or(text);
    };
    prefix.push(word.to_owned());
    let rest = &text[word.len()..];
    if let Some(next) = rest.trim_start().strip_prefix("::") {
        return tree(next, prefix, found);
    }
    found.push(prefix.clone());
    // `as name` belongs to this branch.
    let rest = rest.trim_start();
    match rest.strip_prefix("as ").map(str::trim_start) {
        Some(renamed) => &renamed[words(renamed).next().map_or(0, |(_, name)| name.len())..],
        None => rest,
    }
}

/// The path from the crate's root. A module inside the file (its tests) is one deeper than the file, so that one `super` too many
/// still ends at the root.
fn resolve(path: &[String], module: &[&str]) -> Vec<String> {
    let supers = path.iter().take_while(|word| *word == "super").count();
    let kept = if supers == 0 {
        0
    } else {
        module.len().saturating_sub(supers)
    };
    let inside = module[..kept].iter().map(|word| (*word).to_owned());
    inside
        .chain(path[supers.max(1)..].iter().cloned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(code: &str, module: &[&str]) -> Vec<String> {
        uses(code, module)
            .into_iter()
            .map(|it| it.path.join("::"))
            .collect()
    }

    #[test]
    fn every_branch_of_a_use_is_found() {
        let code = "use crate::{http::{self, sign as s}, rtm::*, a};\nlet x = crate::bus::new();";
        let expected = ["http::self", "http::sign", "rtm", "a", "bus::new"];
        assert_eq!(paths(code, &["store"]), expected);
        assert_eq!(uses(code, &["store"])[4].line, 2);
    }

    #[test]
    fn super_is_read_from_the_place_of_the_file() {
        assert_eq!(paths("use super::rtm;", &["store"]), ["rtm"]);
        assert_eq!(
            paths("use super::rtm;", &["store", "sqlite"]),
            ["store::rtm"]
        );
        assert_eq!(
            paths("use super::super::rtm::x;", &["store", "sqlite"]),
            ["rtm::x"]
        );
        assert_eq!(paths("pub(crate) fn f() {}", &["store"]), [""]);
    }

    #[test]
    fn a_file_knows_its_module() {
        assert_eq!(module_of("store/sqlite.rs"), ["store", "sqlite"]);
        assert_eq!(module_of("store/mod.rs"), ["store"]);
        assert!(module_of("lib.rs").is_empty());
    }
}
