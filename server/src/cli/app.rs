//! `parlour app add`: a section in the configuration file and a secret beside the data.
//!
//! Invariants: nothing that exists is changed or overwritten. The new file is checked as a whole before it replaces the
//! old one.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{reached_at, say};
use crate::config::{Config, ConfigError, OriginPattern, Sources};
use crate::first_start::{DEMO_BOT, make_folder, make_secret};
use crate::ids::{Ids as _, RandomIds};

/// The new app.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// Client id [default: a random one, cs-…]
    #[arg(long, value_name = "CLIENT_ID")]
    id: Option<String>,
    /// Name for people
    #[arg(long, default_value = "")]
    name: String,
    /// Page that may embed the widget, for example `https://shop.example.com`; may be repeated
    #[arg(long = "origin", value_name = "ORIGIN", value_parser = origin)]
    origins: Vec<OriginPattern>,
    /// Bot that the app may open [default: the demo bot]; may be repeated
    #[arg(long = "bot", value_name = "BOT_ID")]
    bots: Vec<String>,
}

fn origin(text: &str) -> Result<OriginPattern, String> {
    OriginPattern::try_from(text.to_owned())
}

pub(super) fn add(args: &Add, file: &Path, sources: &Sources) -> Result<(), ConfigError> {
    let old = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            return Err(ConfigError::in_file(
                file,
                format!("cannot be read ({error})"),
            ));
        }
    };
    let before = Config::load(&Sources {
        file: file.is_file().then(|| file.to_owned()),
        ..sources.clone()
    })?;
    let id = args
        .id
        .clone()
        .unwrap_or_else(|| format!("cs-{}", RandomIds.uuid()));
    if before.apps.contains_key(&id) {
        return Err(before.at(
            &format!("apps.{id}"),
            "is there already; choose another --id",
        ));
    }
    if id.is_empty()
        || !id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    {
        return Err(ConfigError::of("--id", "use letters, digits, `-` and `_`"));
    }
    let bots = if args.bots.is_empty() {
        vec![DEMO_BOT.to_owned()]
    } else {
        args.bots.clone()
    };
    let data =
        std::path::absolute(&before.server.data).unwrap_or_else(|_| before.server.data.clone());
    let secret = data.join(format!("{id}.secret"));
    if secret.exists() {
        return Err(ConfigError::in_file(
            &secret,
            "is there already; move it away or choose another --id",
        ));
    }

    let section = section(args, &id, &bots, &before, &secret);
    let text = format!(
        "{old}{}{section}",
        if old.is_empty() || old.ends_with('\n') {
            ""
        } else {
            "\n"
        }
    );
    // This is the whole file as a start will read it, before anything is written.
    let after = Config::load_text(&text, sources)?;
    make_folder(&data)?;
    if !make_secret(&secret, &RandomIds)? {
        return Err(ConfigError::in_file(
            &secret,
            "is there already; move it away or choose another --id",
        ));
    }
    replace(file, &text)?;

    say(&format!("added the app {id} to {}", file.display()));
    say(&format!(
        "its secret is in {} (mode 0600)",
        secret.display()
    ));
    for line in next_steps(&after, &id, file) {
        say(&line);
    }
    Ok(())
}

/// What the operator has to do now: the line for the site, and what must still be set.
fn next_steps(config: &Config, id: &str, file: &Path) -> Vec<String> {
    let Some(app) = config.apps.get(id) else {
        return Vec::new();
    };
    let mut steps = vec!["the line for the site, before the end of the body:".to_owned()];
    let base = reached_at(config, config.server.listen);
    let mut open = Vec::new();
    let mut to_set = |section: &str, key: &str, why: &str| {
        open.push(format!("  [{section}] {key}: {why}"));
    };
    if config.server.public_url.is_none() {
        let why = "the address that visitors see; without it the line above is for this machine";
        to_set("server", "public_url", why);
    }
    if app.origins.is_empty() {
        let why = "no page may embed it yet; for example [\"https://shop.example.com\"]";
        to_set(&format!("apps.{id}"), "origins", why);
    }
    let bots = app.bots.iter();
    for (bot_id, bot) in bots.filter_map(|bot| Some((bot, config.bots.get(bot)?))) {
        let page = bot.page.as_str();
        // Another app comes first for this bot's pages.
        let usual = config
            .app_of_bot(bot_id)
            .is_some_and(|(first, _)| first == id);
        let through = if usual {
            String::new()
        } else {
            format!(" data-app=\"{id}\"")
        };
        steps.push(format!(
            "  <script async src=\"{base}parlour.js\" data-bot=\"{page}\"{through}></script>"
        ));
        let section = format!("bots.{bot_id}");
        if bot.name == *bot_id {
            to_set(&section, "name", "visitors see its id");
        }
        if bot.script_file().is_none() {
            to_set(&section, "script", "it answers with the demo");
        }
    }
    if !open.is_empty() {
        steps.push(format!("still to be set in {}:", file.display()));
        steps.append(&mut open);
    }
    steps.push(
        "a running server takes it up on SIGHUP (kill -HUP); check it first: parlour config check"
            .to_owned(),
    );
    steps
}

/// The app's section, and a section for each bot that does not exist yet.
fn section(args: &Add, id: &str, bots: &[String], before: &Config, secret: &Path) -> String {
    let mut text = String::new();
    for bot in bots.iter().filter(|bot| !before.bots.contains_key(*bot)) {
        let page = bot.strip_prefix("st-").unwrap_or(bot).to_ascii_lowercase();
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n# Answers with the demo script until `script` names another.\n[bots.{}]\npage = {}\nname = {}\n",
            quoted(bot),
            quoted(&page),
            quoted(bot)
        );
    }
    let list = |items: &[String]| {
        items
            .iter()
            .map(|item| quoted(item))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let origins: Vec<String> = args.origins.iter().map(ToString::to_string).collect();
    let _ = write!(
        text,
        "\n[apps.{id}]\nname = {}\nbots = [{}]\norigins = [{}]\n\n[[apps.{id}.keys]]\nkid = \"1\"\nalgorithm = \"HS256\"\nsecret_file = {}\n",
        quoted(&args.name),
        list(bots),
        list(&origins),
        quoted(&secret.display().to_string()),
    );
    text
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Replaces the old text by the new one in one step. It may hold secrets, so at no moment may anybody read the new file
/// who may not read the old one.
fn replace(file: &Path, text: &str) -> Result<(), ConfigError> {
    // If the file is a link, the link stays and its target is replaced.
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mut name = target.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    // An addition that was interrupted left this.
    drop(fs::remove_file(&new));
    let written = || {
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut made = options.open(&new)?;
        if let Ok(old) = fs::metadata(&target) {
            made.set_permissions(old.permissions())?;
        }
        made.write_all(text.as_bytes())?;
        made.sync_all()?;
        fs::rename(&new, &target)
    };
    written().map_err(|error| {
        drop(fs::remove_file(&new));
        ConfigError::in_file(
            file,
            format!("cannot be written ({error}); change its permissions"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;
    use crate::signing::{KeyTable, install_crypto};

    fn folder() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("parlour-app-{}", RandomIds.uuid()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn new_app(id: &str) -> Add {
        Add {
            id: Some(id.to_owned()),
            name: "The \"Shop\"".to_owned(),
            origins: vec![origin("https://shop.example.com").unwrap()],
            bots: vec!["st-shop".to_owned()],
        }
    }

    #[test]
    fn an_added_app_can_sign_at_once_and_is_never_overwritten() {
        install_crypto();
        let folder = folder();
        let file = folder.join("parlour.toml");
        let data = Flags {
            data: Some(folder.join("data")),
            ..Flags::default()
        };
        let sources = Sources {
            flags: data,
            ..Sources::default()
        };
        fs::write(&file, "# mine\n[log]\nlevel = \"warn\"").unwrap();
        add(&new_app("cs-shop"), &file, &sources).unwrap();

        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# mine\n[log]"), "{text}");
        let config = Config::load(&Sources {
            file: Some(file.clone()),
            ..sources.clone()
        })
        .unwrap();
        assert_eq!(config.apps["cs-shop"].name, "The \"Shop\"");
        assert_eq!(config.bots["st-shop"].page.as_str(), "shop");
        assert!(
            KeyTable::load(&config)
                .unwrap()
                .app("cs-shop")
                .unwrap()
                .signer()
                .is_some()
        );
        let secret = fs::read_to_string(folder.join("data/cs-shop.secret")).unwrap();
        assert!(!text.contains(&secret));

        let error = add(&new_app("cs-shop"), &file, &sources)
            .unwrap_err()
            .to_string();
        assert!(error.contains("is there already"), "{error}");
        add(&new_app("cs-second"), &file, &sources).unwrap();
        assert_eq!(
            fs::read_to_string(folder.join("data/cs-shop.secret")).unwrap(),
            secret
        );
    }

    fn steps(text: &str, id: &str) -> String {
        let config = Config::from_text(text).unwrap();
        next_steps(&config, id, Path::new("parlour.toml")).join("\n")
    }

    #[test]
    fn the_line_for_the_site_is_printed_and_what_is_missing_is_named() {
        let bare = "[bots.st-shop]\npage = \"shop\"\nname = \"st-shop\"\n[apps.cs-b]\nbots = [\"st-shop\"]\n";
        let said = steps(bare, "cs-b");
        let line =
            r#"<script async src="http://127.0.0.1:8080/parlour.js" data-bot="shop"></script>"#;
        for expected in [
            line,
            "[server] public_url",
            "[apps.cs-b] origins",
            "[bots.st-shop] name",
            "[bots.st-shop] script",
            "SIGHUP",
        ] {
            assert!(said.contains(expected), "{expected}: {said}");
        }

        // It is complete, below a path, and behind an app that comes first.
        let whole = r#"
            [server]
            public_url = "https://chat.example.com/p/"
            [bots.st-shop]
            page = "shop"
            name = "Ada"
            script = "shop.script.toml"
            [apps.cs-a]
            bots = ["st-shop"]
            [apps.cs-b]
            bots = ["st-shop"]
            origins = ["https://shop.example.com"]
        "#;
        let said = steps(whole, "cs-b");
        let line =
            r#"src="https://chat.example.com/p/parlour.js" data-bot="shop" data-app="cs-b">"#;
        assert!(said.contains(line), "{said}");
        assert!(!said.contains("still to be set"), "{said}");
    }

    #[test]
    fn an_origin_is_a_whole_one() {
        assert!(origin("https://shop.example.com:8443").is_ok());
        let error = origin("shop.example.com").unwrap_err();
        assert!(error.contains("is not an origin"), "{error}");
    }

    #[test]
    fn a_wrong_bot_leaves_everything_as_it_was() {
        let folder = folder();
        let file = folder.join("parlour.toml");
        let sources = Sources {
            flags: Flags {
                data: Some(folder.join("data")),
                ..Flags::default()
            },
            ..Sources::default()
        };
        let wrong = Add {
            bots: vec!["st shop".to_owned()],
            ..new_app("cs-shop")
        };
        let error = add(&wrong, &file, &sources).unwrap_err().to_string();
        assert!(error.contains("cannot stand in an address"), "{error}");
        assert!(!file.exists() && !folder.join("data").exists());
        assert!(
            add(
                &Add {
                    id: Some("a.b]".to_owned()),
                    ..new_app("x")
                },
                &file,
                &sources
            )
            .is_err()
        );
    }

    #[cfg(unix)]
    #[test]
    fn nobody_may_read_the_new_file_who_may_not_read_the_old_one() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = folder();
        let (target, link) = (folder.join("real.toml"), folder.join("parlour.toml"));
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&target, &link).unwrap();
        // Somebody's own file, open under the name that the new one has at first.
        let new = folder.join("real.toml.new");
        fs::write(&new, "").unwrap();
        let mut prying = fs::File::open(&new).unwrap();

        replace(&link, "secret").unwrap();
        assert_eq!(std::io::read_to_string(&mut prying).unwrap(), "");
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "secret");
        let mode = fs::metadata(&target).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);

        let fresh = folder.join("fresh.toml");
        replace(&fresh, "secret").unwrap();
        let mode = fs::metadata(&fresh).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_cannot_be_put_in_its_place_is_not_left_beside_it() {
        let folder = folder();
        let file = folder.join("parlour.toml");
        fs::create_dir(&file).unwrap();
        replace(&file, "secret").unwrap_err();
        assert!(!folder.join("parlour.toml.new").exists());
    }

    #[test]
    fn what_the_environment_says_counts_for_the_new_file_too() {
        let folder = folder();
        let file = folder.join("parlour.toml");
        fs::write(&file, "[server]\nrequire_https = true").unwrap();
        let environment = [
            ("PARLOUR_SERVER__PUBLIC_URL", "https://chat.example.com/"),
            ("PARLOUR_SERVER__TRUSTED_PROXIES", "[\"127.0.0.1\"]"),
            ("PARLOUR_BOTS__ST_SHOP__PAGE", "shop"),
            ("PARLOUR_BOTS__ST_SHOP__NAME", "Ada"),
        ];
        let sources = Sources {
            environment: environment
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            flags: Flags {
                data: Some(folder.join("data")),
                ..Flags::default()
            },
            ..Sources::default()
        };
        add(&new_app("cs-shop"), &file, &sources).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("[apps.cs-shop]"), "{text}");
    }
}
