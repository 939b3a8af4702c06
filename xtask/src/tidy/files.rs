//! Rules that one file can break by itself: its length, its name, its first line, what it leaves undone.
//!
//! In the path: `tidy`, for every source.

use super::Source;
use super::modules::has_extension;
use super::paths::tokens;

/// Longer files are split.
const LINES: usize = 600;
/// Where length counts; recorded data may be as long as it was.
const MEASURED: [&str; 4] = ["rs", "css", "js", "ts"];
/// What else is read for what it leaves undone.
const READ: [&str; 3] = ["sql", "toml", "mjs"];
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "helpers", "helper", "common", "misc"];
/// Put together here, or this file would break its own rule.
const UNDONE: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// True for the files that `check` has a rule for.
pub(super) fn is_source(path: &str) -> bool {
    MEASURED
        .iter()
        .chain(&READ)
        .any(|extension| has_extension(path, extension))
}

/// The broken rules of one file, one a line.
pub(super) fn check(source: &Source) -> Vec<String> {
    let mut broken = Vec::new();
    let mut say = |line: usize, what: String| {
        broken.push(format!("{}:{line}: {what}", source.path));
    };
    let lines = source.text.lines().count();
    if lines > LINES && MEASURED.iter().any(|it| has_extension(&source.path, it)) {
        say(
            LINES,
            format!("{lines} lines; split it where it changes its subject (at most {LINES})"),
        );
    }
    if let Some(name) = source
        .path
        .split(['/', '.'])
        .find(|name| EMPTY_NAMES.contains(name))
    {
        say(1, format!("'{name}' says nothing; name it by what it is"));
    }
    for (at, line) in source.text.lines().enumerate() {
        let undone = words(line).find(|word| UNDONE.contains(word));
        if let Some(word) = undone.filter(|_| !names_an_issue(line)) {
            say(
                at + 1,
                format!("a {word} needs the number of an issue: {word}(#12)"),
            );
        }
    }
    if has_extension(&source.path, "rs") {
        let first = source
            .text
            .lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default();
        if !first.starts_with("//! ") {
            say(1, "the first line says what this is: //! …".to_owned());
        }
        let tokens = tokens(&source.text);
        let ignored = tokens.windows(3).find(|three| {
            let [sign, _, word] = three else { return false };
            sign.text == "#" && word.text == "ignore"
        });
        if let Some([sign, ..]) = ignored {
            let what = "no ignored tests: fix it or take it away".to_owned();
            say(sign.line, what);
        }
    }
    broken
}

/// The identifiers and words of a line.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_'))
}

/// True when the line has `#` and a digit.
fn names_an_issue(line: &str) -> bool {
    line.split('#')
        .skip(1)
        .any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(path: &str, text: &str) -> String {
        check(&Source {
            path: path.to_owned(),
            text: text.to_owned(),
        })
        .join("\n")
    }

    #[test]
    fn a_file_of_600_lines_passes_and_one_more_does_not() {
        let text = format!("//! Long.\n{}", "\n".repeat(599));
        assert_eq!(broken("app/src/a.rs", &text), "");
        assert!(broken("app/src/a.rs", &format!("{text}\n")).contains("601 lines"));
        assert!(broken("public/a.js", &"\n".repeat(601)).contains("601 lines"));
        assert_eq!(broken("Cargo.toml", &"\n".repeat(601)), "");
    }

    #[test]
    fn a_rust_file_says_first_what_it_is() {
        assert!(broken("app/src/a.rs", "use x;\n//! late").contains("the first line"));
        assert!(broken("app/src/a.rs", "").contains("the first line"));
        assert_eq!(broken("app/src/a.rs", "\n//! What it is."), "");
    }

    #[test]
    fn work_left_undone_names_its_issue() {
        for word in UNDONE {
            assert!(broken("style/a.css", &format!("/* {word}: later */")).contains("needs"));
            assert_eq!(
                broken("style/a.css", &format!("/* {word}(#12): later */")),
                ""
            );
        }
        assert_eq!(broken("style/a.css", "/* mastodon */"), "");
    }

    #[test]
    fn names_that_say_nothing_are_refused() {
        for path in [
            "server/src/utils.rs",
            "server/tests/common/mod.rs",
            "end2end/helpers.ts",
        ] {
            assert!(broken(path, "//! x").contains("says nothing"), "{path}");
        }
        assert_eq!(broken("server/src/commonmark.rs", "//! x"), "");
    }

    #[test]
    fn ignored_tests_are_refused() {
        assert!(broken("a.rs", "//! x\n#[ignore]\nfn f() {}").contains("a.rs:2: no ignored"));
        assert_eq!(broken("a.rs", "//! x\n// #[ignore]"), "");
    }

    #[test]
    fn data_is_no_source() {
        assert!(!is_source("protocol/tests/golden/frames.json"));
        assert!(is_source("end2end/fixtures/server.ts"));
    }
}
