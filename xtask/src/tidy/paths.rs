//! Every path from the crate's root that a module names: `crate::a::b`, `super::c`, and each branch of `crate::{a, b::c}`.
//!
//! In the path: `modules` compares them with its rules.
//!
//! **Invariants.** Reads what the compiler reads, also inside macros: tokens. A file's own path decides what `super` means.

use proc_macro2::{TokenStream, TokenTree};

/// A word, a sign or a bracket, and its line. Comments are no tokens, and the text of a string is left out.
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

/// A path as it is seen from the crate's root, and its line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) line: usize,
    pub(super) path: Vec<String>,
}

/// The tokens of a Rust file; none where it is no Rust, which the compiler says better.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    flatten(text.parse().unwrap_or_default(), &mut found);
    found
}

fn flatten(stream: TokenStream, found: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        let mut add = |text: String| found.push(Token { text, line });
        match tree {
            TokenTree::Ident(word) => add(word.to_string()),
            TokenTree::Punct(sign) => add(sign.as_char().to_string()),
            TokenTree::Literal(_) => add("\"".to_owned()),
            TokenTree::Group(group) => {
                add("{".to_owned());
                flatten(group.stream(), found);
                found.push(Token {
                    text: "}".to_owned(),
                    line: group.span_close().start().line,
                });
            }
        }
    }
}

/// The module of a file below `src/`: `store/sqlite.rs` is `store::sqlite`, `store/mod.rs` is `store`, `lib.rs` is the root.
pub(super) fn module_of(file: &str) -> Vec<&str> {
    let mut module: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    if matches!(module.last(), Some(&("mod" | "lib" | "main"))) {
        module.pop();
    }
    module
}

/// All paths that start at `crate` or `super`.
pub(super) fn uses(tokens: &[Token], module: &[&str]) -> Vec<Use> {
    let mut found = Vec::new();
    for (at, line) in starts(tokens, &["crate", "super"]) {
        let mut paths = Vec::new();
        tree(&tokens[at..], &mut Vec::new(), &mut paths);
        found.extend(paths.iter().map(|path| Use {
            line,
            path: resolve(path, module),
        }));
    }
    found
}

/// Where a path starts with one of `words`: place and line.
pub(super) fn starts<'a>(
    tokens: &'a [Token],
    words: &'a [&str],
) -> impl Iterator<Item = (usize, usize)> + 'a {
    let all = tokens.iter().enumerate();
    let starts = all.filter(|(at, token)| {
        let inside = *at > 1 && is_separator(&tokens[at - 2..]);
        words.contains(&token.text.as_str()) && !inside
    });
    starts.map(|(at, token)| (at, token.line))
}

/// `::`
pub(super) fn is_separator(tokens: &[Token]) -> bool {
    tokens.len() > 1 && tokens[..2].iter().all(|token| token.text == ":")
}

/// Reads one use tree; returns the tokens behind it.
fn tree<'a>(
    tokens: &'a [Token],
    prefix: &mut Vec<String>,
    found: &mut Vec<Vec<String>>,
) -> &'a [Token] {
    let Some((first, mut rest)) = tokens.split_first() else {
        return tokens;
    };
    match first.text.as_str() {
        "{" => loop {
            rest = tree(rest, &mut prefix.clone(), found);
            match rest.split_first() {
                Some((token, next)) if token.text == "," => rest = next,
                Some((token, next)) if token.text == "}" => return next,
                _ => return rest,
            }
        },
        // The empty end of a group.
        "}" => tokens,
        "*" => {
            found.push(prefix.clone());
            rest
        }
        word => {
            prefix.push(word.to_owned());
            if is_separator(rest) {
                return tree(&rest[2..], prefix, found);
            }
            found.push(prefix.clone());
            // `as name` belongs to this branch.
            let renamed = rest.first().is_some_and(|token| token.text == "as");
            &rest[if renamed { 2 } else { 0 }.min(rest.len())..]
        }
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
        let uses = uses(&tokens(code), module).into_iter();
        uses.map(|it| it.path.join("::")).collect()
    }

    #[test]
    fn every_branch_of_a_use_is_found() {
        let code =
            "use crate::{http::{self, sign as s}, rtm::*, a};\nlet x = vec![crate::bus::new()];";
        let expected = ["http::self", "http::sign", "rtm", "a", "bus::new"];
        assert_eq!(paths(code, &["store"]), expected);
        assert_eq!(uses(&tokens(code), &["store"])[4].line, 2);
    }

    #[test]
    fn comments_and_strings_name_nothing() {
        let code = "//! [`crate::rtm`]\n/* crate::bus */ let x = \"crate::http\"; let c = '\"';";
        assert_eq!(paths(code, &["store"]), [""; 0]);
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
