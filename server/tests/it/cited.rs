//! What a comment cites stands in the repository: every document, and every section of Kore's protocol.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::manuals::repository;

/// Where sources are, but `xtask`: its tests name documents that there are not.
const FOLDERS: [&str; 7] = [
    "app", "bench", "end2end", "frontend", "protocol", "public", "server",
];
/// Kinds of files that cite.
const SOURCES: [&str; 7] = ["css", "js", "mjs", "rs", "sql", "toml", "ts"];
/// What is built or fetched.
const PASSED_OVER: [&str; 2] = ["node_modules", "target"];
/// The document that is cited by its sections.
const PROTOCOL: &str = "docs/kore-protocol.md";

/// Every source with its text, but this one.
fn sources() -> Vec<(PathBuf, String)> {
    let mut folders: Vec<PathBuf> = FOLDERS.map(|it| repository().join(it)).into();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let kind = path.extension().unwrap_or_default().to_string_lossy();
            if path.is_dir() && !PASSED_OVER.contains(&&*name) {
                folders.push(path);
            } else if path.is_file() && SOURCES.contains(&&*kind) && name != "cited.rs" {
                let text = std::fs::read_to_string(&path).unwrap();
                sources.push((path, text));
            }
        }
    }
    assert!(sources.len() > 100, "the sources are not here any more");
    sources
}

/// The documents that a text names, each with what follows its name.
fn cited(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.match_indices(".md").filter_map(|(at, end)| {
        let (before, after) = (&text[..at], &text[at + end.len()..]);
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        let name = before.trim_end_matches(is_of_name).len();
        let ends = !after.starts_with(|c: char| c.is_ascii_alphanumeric());
        (ends && name < at).then(|| (&text[name..at + end.len()], after))
    })
}

/// The numbers that follow a document's name: `4.2 to 4.4`, `1, 2 and 8`. A line may end between them.
fn sections(after: &str) -> Vec<&str> {
    let between = |text: &str| -> Option<usize> {
        let words = text.trim_start_matches(|c: char| c.is_whitespace() || "`,/!*".contains(c));
        let words = words.strip_prefix("and ").unwrap_or(words);
        let words = words.strip_prefix("to ").unwrap_or(words);
        words
            .starts_with(|c: char| c.is_ascii_digit())
            .then(|| text.len() - words.len())
    };
    let (mut rest, mut found) = (after, Vec::new());
    while let Some(start) = between(rest) {
        let number = &rest[start..];
        let end = number.find(|c: char| !c.is_ascii_digit() && c != '.');
        let end = end.unwrap_or(number.len());
        found.push(number[..end].trim_end_matches('.'));
        rest = &number[end..];
    }
    found
}

#[test]
fn every_document_that_a_source_names_is_here() {
    for (file, text) in sources() {
        for (name, _) in cited(&text) {
            let name = Path::new(name.trim_start_matches("../"));
            let here = [repository(), file.parent().unwrap().to_owned()];
            assert!(
                here.iter().any(|folder| folder.join(name).is_file()),
                "{} names {}, which is not here",
                file.display(),
                name.display()
            );
        }
    }
}

#[test]
fn every_section_of_the_protocol_that_a_source_cites_is_there() {
    let document = std::fs::read_to_string(repository().join(PROTOCOL)).unwrap();
    let headings = document.lines().filter_map(|line| {
        let (marks, words) = line.split_once(' ')?;
        let number = words.split(' ').next()?.trim_end_matches('.');
        (marks.len() > 1 && marks.chars().all(|c| c == '#')).then_some(number)
    });
    let headings: BTreeSet<&str> = headings.collect();
    let mut seen = 0;
    for (file, text) in sources() {
        let of_protocol = cited(&text).filter(|(name, _)| *name == PROTOCOL);
        for (_, after) in of_protocol {
            let cited = sections(after);
            assert!(!cited.is_empty(), "{} cites no section", file.display());
            for section in cited {
                let file = file.display();
                assert!(headings.contains(section), "{file}: there is no {section}");
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "the sections are not found any more");
}

#[test]
fn sections_are_read_as_they_are_written() {
    assert_eq!(sections("` 4.2 to 4.4. One"), ["4.2", "4.4"]);
    assert_eq!(sections("` 4.6, 6.2 and 8. Only"), ["4.6", "6.2", "8"]);
    assert_eq!(sections("`\n/// 3.5)."), ["3.5"]);
    assert!(sections(" says it").is_empty());
}
