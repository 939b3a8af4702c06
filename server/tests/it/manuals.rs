//! What the documents tell people to paste works as it stands.

use std::path::{Path, PathBuf};

use server::config::{Config, Sources};

use crate::program::{Program, new_folder, parlour_in};

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The fenced blocks of a document that are in this language.
pub(crate) fn blocks(document: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let parts = document.split(&fence).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_readmes_configuration_starts_in_an_empty_folder_and_takes_its_app() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let [bot, own, platform] = blocks(&readme, "toml").try_into().unwrap();
    let model = Config::load_text(&bot, &Sources::default()).unwrap();
    assert!(model.bots["st-shop"].openai.is_some());
    let add = blocks(&readme, "sh")
        .into_iter()
        .find_map(|block| {
            block
                .trim()
                .strip_prefix("parlour app add")
                .map(str::to_owned)
        })
        .expect("the command");
    let folder = new_folder();
    let file = folder.join("parlour.toml");
    std::fs::write(&file, &own).unwrap();
    let mut server = Program::start(&folder);
    let https = ["x-forwarded-proto: https", "x-forwarded-for: 192.0.2.7"];
    assert_eq!(server.status_with("/chat/shop", &https), "200");
    let words = add.split_whitespace();
    let added = parlour_in(&folder)
        .args(["app", "add"])
        .args(words)
        .output();
    let said = String::from_utf8(added.unwrap().stdout).unwrap();
    let line =
        r#"<script async src="https://chat.example.com/parlour.js" data-bot="shop"></script>"#;
    assert!(said.contains(line), "{said}");
    let embed = "/embed/shop?origin=https://www.example.com";
    assert_eq!(server.status_with(embed, &https), "403");
    server.hang_up();
    server.logs("were read again");
    assert_eq!(server.status_with(embed, &https), "200");
    drop(server);

    // The second block goes on from the first.
    let folder = new_folder();
    std::fs::write(folder.join("parlour.toml"), own + &platform).unwrap();
    let checked = parlour_in(&folder)
        .args(["config", "check"])
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_way_of_a_message_is_told_in_at_most_twelve_files() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let (_, way) = readme.split_once("## The way of a message").unwrap();
    let (way, _) = way.split_once("More in ").unwrap();
    let steps: Vec<_> = way
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    assert!((8..=12).contains(&steps.len()), "{steps:?}");
    for step in steps {
        let first = step.split('`').nth(1).unwrap_or_default();
        assert!(repository().join(first).is_file(), "{step}");
    }
}

#[test]
fn every_configuration_in_the_documents_is_right() {
    for entry in std::fs::read_dir(repository().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "md") {
            continue;
        }
        let document = std::fs::read_to_string(&path).unwrap();
        for block in blocks(&document, "toml") {
            let read = Config::load_text(&block, &Sources::default());
            assert!(
                read.is_ok(),
                "{}: {:?}\n{block}",
                path.display(),
                read.err()
            );
        }
    }
}
