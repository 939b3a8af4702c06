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

/// What `parlour config check` says of a configuration, in a folder with every file that it names.
fn checked(config: &str) -> Result<(), String> {
    let folder = new_folder();
    let mut text = config.to_owned();
    let value: toml::Value = toml::from_str(config).map_err(|error| error.to_string())?;
    for (key, file) in named_files(&value) {
        let plain = file.replace('/', "-");
        text = text.replace(&format!("\"{file}\""), &format!("\"{plain}\""));
        let content = match key.as_str() {
            "script" => include_str!("../../demo.script.toml"),
            "url_file" => "postgres://parlour@db/parlour",
            // Right for all others: long enough, and in the form of webhooks' keys.
            _ => "whsec_dEs0dDJ2UW1TMGNXOHlYckU2dUoxelBhQjVkSG5MZkc=",
        };
        std::fs::write(folder.join(plain), content).unwrap();
    }
    std::fs::write(folder.join("parlour.toml"), text).unwrap();
    let checked = parlour_in(&folder)
        .args(["config", "check"])
        .output()
        .unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    if checked.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&checked.stderr).into_owned())
    }
}

/// Keys whose value is the path of a file: a secret or a script.
fn named_files(value: &toml::Value) -> Vec<(String, String)> {
    match value {
        toml::Value::Table(table) => table
            .iter()
            .flat_map(|(key, value)| match value.as_str() {
                Some(file) if key.ends_with("_file") || key == "script" => {
                    vec![(key.clone(), file.to_owned())]
                }
                _ => named_files(value),
            })
            .collect(),
        toml::Value::Array(items) => items.iter().flat_map(named_files).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_configuration_in_the_documents_passes_config_check() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(repository().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "md") {
            continue;
        }
        let document = std::fs::read_to_string(&path).unwrap();
        for block in blocks(&document, "toml") {
            if let Err(what) = checked(&block) {
                wrong.push(format!("{}: {what}{block}", path.display()));
            }
            seen += 1;
        }
    }
    assert!(wrong.is_empty() && seen > 10, "{}", wrong.join("\n"));
}

#[test]
fn the_configuration_of_the_kubernetes_manifest_passes_config_check() {
    let manifest = repository().join("deploy/kubernetes/parlour.yaml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    let (_, text) = manifest.split_once("parlour.toml: |\n").unwrap();
    let lines = text
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with("    "));
    let config: Vec<_> = lines.map(str::trim_start).collect();
    assert_eq!(checked(&config.join("\n")), Ok(()));
}

#[test]
fn the_unit_gives_the_server_time_to_end_and_is_told_that_it_listens() {
    let unit = repository().join("deploy/parlour.service");
    let unit = std::fs::read_to_string(unit).unwrap();
    let value = |key: &str| {
        unit.lines()
            .find_map(|line| line.strip_prefix(key))
            .unwrap()
    };
    assert_eq!(value("Type="), "notify");
    let patience: u64 = value("TimeoutStopSec=").parse().unwrap();
    let document = std::fs::read_to_string(repository().join("docs/deploy.md")).unwrap();
    for block in blocks(&document, "toml") {
        let server = Config::load_text(&block, &Sources::default())
            .unwrap()
            .server;
        let drain = server.drain_delay.seconds() + server.drain_within.seconds();
        assert!(patience > drain, "{block}");
    }
    let sockets = new_folder();
    let manager = std::os::unix::net::UnixDatagram::bind(sockets.join("notify")).unwrap();
    let folder = new_folder();
    let server = Program::start_told(&folder, &[("NOTIFY_SOCKET", sockets.join("notify"))]);
    let mut said = [0; 64];
    let bytes = manager.recv(&mut said).unwrap();
    assert_eq!(&said[..bytes], b"READY=1");
    server.terminate();
    let bytes = manager.recv(&mut said).unwrap();
    assert_eq!(&said[..bytes], b"STOPPING=1");
    std::fs::remove_dir_all(sockets).unwrap();
}

#[test]
fn a_container_asks_the_server_whether_it_is_ready() {
    let folder = new_folder();
    let behind = "[server]\nproxy_protocol = true\ntrusted_proxies = [\"127.0.0.1\"]\n";
    std::fs::write(folder.join("parlour.toml"), behind).unwrap();
    let server = Program::start(&folder);
    let ask = |address: &str| {
        let mut ready = parlour_in(&folder);
        let done = ready.args(["ready", "--listen", address]).output().unwrap();
        let said = String::from_utf8(done.stdout).unwrap();
        (done.status.code(), said)
    };
    let everywhere = server.address().replace("127.0.0.1", "0.0.0.0");
    assert_eq!(ask(&everywhere), (Some(0), "ready\n".to_owned()));
    let (code, said) = ask("127.0.0.1:1");
    assert!(
        code == Some(1) && said.contains("nothing answers"),
        "{said}"
    );
}
