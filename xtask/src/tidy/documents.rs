//! What documents say of the tree: links lead somewhere, paths exist, examples of configuration can be read.
//!
//! In the path: `tidy`, for every Markdown file.

use std::collections::BTreeMap;
use std::path::Path;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use serde_json::{Deserializer, Value};

use super::Source;

/// What a path of ours starts with.
const FOLDERS: [&str; 12] = [
    ".cargo/",
    "app/",
    "bench/",
    "docs/",
    "end2end/",
    "examples/",
    "frontend/",
    "protocol/",
    "public/",
    "server/",
    "style/",
    "xtask/",
];
/// Marks a path that stands for many: `<hash>`, `{bot}`, `*`, `NNNN`, `…`.
const PLACEHOLDERS: [char; 6] = ['<', '{', '*', '…', '$', ' '];

/// The broken rules of all documents, one a line.
pub(super) fn check(root: &Path, documents: &[Source]) -> Vec<String> {
    let read: BTreeMap<&str, Document> = documents
        .iter()
        .map(|source| (source.path.as_str(), Document::read(&source.text)))
        .collect();
    let mut broken = Vec::new();
    for (path, document) in &read {
        for (line, target) in &document.links {
            if let Some(what) = broken_link(root, path, target, &read) {
                broken.push(format!("{path}:{line}: {what}"));
            }
        }
        for (line, code) in &document.code {
            broken.extend(missing(root, code).map(|what| format!("{path}:{line}: {what}")));
        }
        for (line, language, text) in &document.blocks {
            if let Some(what) = unreadable(root, language, text) {
                broken.push(format!("{path}:{line}: {what}"));
            }
        }
    }
    broken
}

/// What is checked of one document, each with its line.
#[derive(Default)]
struct Document {
    anchors: Vec<String>,
    links: Vec<(usize, String)>,
    /// Code inside a sentence.
    code: Vec<(usize, String)>,
    /// Language and text.
    blocks: Vec<(usize, String, String)>,
}

impl Document {
    fn read(text: &str) -> Self {
        let mut document = Self::default();
        let mut heading: Option<String> = None;
        let mut block: Option<(usize, String, String)> = None;
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            let line = text[..range.start].matches('\n').count() + 1;
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    document.add_anchor(&heading.take().unwrap_or_default());
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.links.push((line, dest_url.into_string()));
                }
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                    block = Some((line, language.into_string(), String::new()));
                }
                Event::End(TagEnd::CodeBlock) => document.blocks.extend(block.take()),
                Event::Text(part) => match (&mut block, &mut heading) {
                    (Some((_, _, text)), _) => text.push_str(&part),
                    (None, Some(heading)) => heading.push_str(&part),
                    (None, None) => {}
                },
                Event::Code(code) => match &mut heading {
                    Some(heading) => heading.push_str(&code),
                    None => document.code.push((line, code.into_string())),
                },
                _ => {}
            }
        }
        document
    }

    /// The anchor that a forge gives to a heading; the second of the same words gets a number.
    fn add_anchor(&mut self, heading: &str) {
        let kept = heading.chars().filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            _ => c.is_alphanumeric().then_some(c),
        });
        let plain = kept.collect::<String>().to_lowercase();
        let numbered = (1..).map(|number| format!("{plain}-{number}"));
        let anchor = std::iter::once(plain.clone())
            .chain(numbered)
            .find(|it| !self.anchors.contains(it));
        self.anchors.extend(anchor);
    }
}

fn broken_link(
    root: &Path,
    from: &str,
    target: &str,
    documents: &BTreeMap<&str, Document>,
) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() {
        from.to_owned()
    } else {
        below(from, file)
    };
    let known = documents.get(path.as_str());
    if known.is_none() && !root.join(&path).exists() {
        return Some(format!("a link leads to {path}, which is not there"));
    }
    let known = known?;
    let leads = anchor.is_empty() || known.anchors.iter().any(|it| it == anchor);
    (!leads).then(|| format!("a link leads to #{anchor}, a heading that {path} does not have"))
}

/// The path below the root of what a document names from its own folder.
fn below(from: &str, target: &str) -> String {
    let mut path: Vec<&str> = from.split('/').collect();
    path.pop();
    for part in target.split('/').filter(|part| *part != ".") {
        match part {
            ".." => drop(path.pop()),
            _ => path.push(part),
        }
    }
    path.join("/")
}

/// The paths of ours in a text that are not there. One word behind a folder's name may be something else.
fn missing<'a>(root: &'a Path, text: &'a str) -> impl Iterator<Item = String> + 'a {
    let around = |c: char| !(c.is_alphanumeric() || "./_-".contains(c));
    text.split_whitespace()
        .map(move |word| word.trim_matches(around).trim_end_matches('.'))
        .filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)))
        .filter(|word| !word.contains(PLACEHOLDERS) && !word.contains("NNNN"))
        .filter(|word| word.contains('.') || word.matches('/').count() > 1)
        .map(|word| word.split(':').next().unwrap_or(word))
        .filter(|path| !root.join(path).exists())
        .map(|path| format!("{path} is not there"))
}

/// Why a block cannot be what it says it is.
fn unreadable(root: &Path, language: &str, text: &str) -> Option<String> {
    match language {
        "toml" => text
            .parse::<toml::Table>()
            .err()
            .map(|error| format!("this is no TOML: {}", error.message())),
        // One value, or one a line.
        "json" => Deserializer::from_str(text)
            .into_iter::<Value>()
            .find_map(Result::err)
            .map(|error| format!("this is no JSON: {error}")),
        "sh" | "text" => missing(root, text).next(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> Vec<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let source = |path: &str, text: &str| Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        check(
            root,
            &[
                source("docs/a.md", text),
                source("docs/bots.md", "# One `two`, three\n\n# One two three\n"),
            ],
        )
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        for link in [
            "bots.md",
            "bots.md#one-two-three-1",
            "../README.md",
            "https://a.b/c",
            "#here",
            "mailto:a@b.c",
        ] {
            assert_eq!(broken(&format!("# Here\n\n[x]({link})")), [""; 0], "{link}");
        }
        assert_eq!(
            broken("`[x](nowhere.md)`\n\n```\n[x](nowhere.md)\n```\n"),
            [""; 0]
        );
    }

    #[test]
    fn links_that_lead_nowhere_are_named_with_their_line() {
        let missing = "docs/a.md:3: a link leads to docs/gone.md, which is not there";
        assert_eq!(broken("# Here\n\n[x](gone.md)"), [missing]);
        let missing =
            "docs/a.md:1: a link leads to #four, a heading that docs/bots.md does not have";
        assert_eq!(broken("[x](bots.md#four)"), [missing]);
    }

    #[test]
    fn a_path_of_ours_must_exist() {
        assert_eq!(
            broken("`xtask/src/main.rs` `server/src/*` `docs/adr/NNNN-x.md` `xtask/src`"),
            [""; 0]
        );
        assert_eq!(
            broken("`xtask/src/gone.rs`"),
            ["docs/a.md:1: xtask/src/gone.rs is not there"]
        );
        assert_eq!(
            broken("```sh\nnode end2end/gone.mjs --x\n```"),
            ["docs/a.md:1: end2end/gone.mjs is not there"]
        );
    }

    #[test]
    fn examples_can_be_read() {
        assert_eq!(
            broken("```toml\n[a]\nb = 1\n```\n\n```json\n{\"a\": [1]}\n```\n"),
            [""; 0]
        );
        assert!(broken("```toml\nb = \n```")[0].contains("no TOML"));
        assert!(broken("```json\n{a}\n```")[0].contains("no JSON"));
    }
}
