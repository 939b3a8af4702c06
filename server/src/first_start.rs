//! Makes what a start needs and does not find: the data folder, secrets, a demo app and a demo bot.
//!
//! In the path: it runs after the configuration is read and before anything is opened. It runs again on SIGHUP, and
//! finds everything then.
//!
//! Invariants: nothing that exists is changed. Secrets are files that only their owner may read. They are never
//! printed; their paths are.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{Bot, Config, ConfigError, KeyEntry, VisitorSecret, read_secret};
use crate::ids::Ids;
use crate::limits::SECRET_BYTES;

/// The demo app's client id.
pub const DEMO_APP: &str = "cs-demo";
/// The demo bot's id.
pub const DEMO_BOT: &str = "st-demo";
/// The key id of the demo app.
const DEMO_KID: &str = "demo-1";
/// The demo app's secret, in the data folder.
const DEMO_SECRET: &str = "demo-app.secret";
/// The visitors' secret, in the data folder.
const VISITOR_SECRET: &str = "visitor.secret";

/// What was missing, and the visitors' secret.
pub struct Prepared {
    /// Lines for people, one for each thing that was made or that is only a demo.
    pub notes: Vec<String>,
    /// Signs visitors.
    pub visitor_secret: SecretString,
}

/// Prepares the data folder and completes the configuration.
///
/// # Errors
/// If the folder or a secret cannot be made or read. The text says what to do.
pub fn prepare(config: &mut Config, ids: &dyn Ids) -> Result<Prepared, ConfigError> {
    let data = config.server.data.clone();
    let mut notes = Vec::new();
    if make_folder(&data)? {
        notes.push(format!("made the data folder {}", shown(&data)));
    }
    if config.apps.is_empty() {
        let secret = data.join(DEMO_SECRET);
        if make_secret(&secret, ids)? {
            notes.push(format!(
                "made the demo app's secret {} (mode 0600)",
                shown(&secret)
            ));
        }
        add_demo(config, &secret)?;
        notes.push(format!(
            "no app is configured: the demo app `{DEMO_APP}` may be embedded by any page of this machine \
             (`parlour app add` makes a real one)"
        ));
    }
    let own = data.join(VISITOR_SECRET);
    if matches!(config.visitor_secret()?, VisitorSecret::Own) && make_secret(&own, ids)? {
        notes.push(format!(
            "made the visitors' secret {} (mode 0600)",
            shown(&own)
        ));
    }
    let visitor_secret = visitor_secret(config)?
        .ok_or_else(|| ConfigError::in_file(&own, "cannot be found; correct its permissions"))?;
    Ok(Prepared {
        notes,
        visitor_secret,
    })
}

/// Completes the configuration with the demo of an earlier start. It makes nothing.
///
/// # Errors
/// If there was no such start.
pub(crate) fn find_demo(config: &mut Config) -> Result<(), ConfigError> {
    if !config.apps.is_empty() {
        return Ok(());
    }
    let secret = config.server.data.join(DEMO_SECRET);
    if !secret.exists() {
        return Err(config.at(
            "server.data",
            format!(
                "there is no {}; give the server's folder with --data, or its file with --config",
                shown(&secret)
            ),
        ));
    }
    add_demo(config, &secret)
}

/// The secret that signs visitors. Its length is checked. `None`: a start will make it.
///
/// # Errors
/// If it cannot be read or is too short.
pub(crate) fn visitor_secret(config: &Config) -> Result<Option<SecretString>, ConfigError> {
    let read = |file: &Path, key: &str| read_secret(file).map_err(|what| config.at(key, what));
    let own = config.server.data.join(VISITOR_SECRET);
    let secret = match config.visitor_secret()? {
        VisitorSecret::Value(value) => value,
        VisitorSecret::File(file) => read(&file, "tokens.visitor_secret_file")?,
        VisitorSecret::Own if own.exists() => read(&own, "tokens.visitor_secret")?,
        VisitorSecret::Own => return Ok(None),
    };
    let length = secret.expose_secret().len();
    if length < SECRET_BYTES {
        return Err(config.at(
            "tokens.visitor_secret",
            format!(
                "the secret has {length} bytes and needs {SECRET_BYTES} or more; make one with `openssl rand -hex 32`"
            ),
        ));
    }
    Ok(Some(secret))
}

/// Adds the demo app, and the demo bot if there is no other bot.
fn add_demo(config: &mut Config, secret: &Path) -> Result<(), ConfigError> {
    if config.bots.is_empty() {
        let demo = Bot::demo().map_err(|what| config.at("bots", what))?;
        config.bots.insert(DEMO_BOT.to_owned(), demo);
    }
    let loopback = ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"];
    let origins = loopback.map(|origin| origin.to_owned().try_into());
    let app = crate::config::App {
        name: "Demo".to_owned(),
        bots: config.bots.keys().cloned().collect(),
        origins: origins
            .into_iter()
            .collect::<Result<_, String>>()
            .map_err(|what| config.at("apps", what))?,
        trust_claimed_identity: false,
        anonymous: true,
        webhook: None,
        keys: vec![KeyEntry::of_secret_file(DEMO_KID, secret)],
    };
    config.apps.insert(DEMO_APP.to_owned(), app);
    Ok(())
}

/// Makes a folder that only its owner may enter. `false`: it exists.
pub(crate) fn make_folder(folder: &Path) -> Result<bool, ConfigError> {
    if folder.is_dir() {
        return Ok(false);
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder).map(|()| true).map_err(|error| {
        ConfigError::in_file(
            folder,
            format!("the data folder cannot be made ({error}); change the permissions or give another with --data"),
        )
    })
}

/// Makes a file with a random secret. `false`: it exists.
pub(crate) fn make_secret(file: &Path, ids: &dyn Ids) -> Result<bool, ConfigError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let fails = |error: std::io::Error| {
        ConfigError::in_file(
            file,
            format!(
                "the secret cannot be written ({error}); change the permissions of the folder or give another with --data"
            ),
        )
    };
    match options.open(file) {
        Ok(mut made) => {
            made.write_all(hex(ids.secret()).as_bytes())
                .and_then(|()| made.sync_all())
                .map_err(fails)?;
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(fails(error)),
    }
}

/// As lower-case hexadecimal digits.
fn hex(bytes: [u8; 32]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// The path in a form that a person can paste.
fn shown(path: &Path) -> String {
    std::path::absolute(path)
        .unwrap_or_else(|_| PathBuf::from(path))
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::test_config;
    use crate::ids::{RandomIds, SeededIds};
    use crate::signing::{KeyTable, install_crypto};

    fn folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!(
            "parlour-first-{name}-{}-{}",
            std::process::id(),
            RandomIds.uuid()
        ))
    }

    fn config_in(folder: &Path, text: &str) -> Config {
        let mut config = test_config(text);
        config.server.data = folder.to_owned();
        config
    }

    #[test]
    fn the_first_start_makes_a_demo_that_can_sign_and_the_second_finds_it() {
        install_crypto();
        let folder = folder("demo");
        let mut config = config_in(&folder, "");
        let first = prepare(&mut config, &RandomIds).unwrap();
        assert_eq!(first.notes.len(), 4, "{:?}", first.notes);
        assert_eq!(config.bots[DEMO_BOT].page.as_str(), "demo");
        assert!(
            config.apps[DEMO_APP].allows("http://localhost:5173")
                && !config.apps[DEMO_APP].trust_claimed_identity
        );
        let secret = fs::read_to_string(folder.join(DEMO_SECRET)).unwrap();
        assert_eq!(secret.len(), 64);
        assert!(
            KeyTable::load(&config)
                .unwrap()
                .app(DEMO_APP)
                .unwrap()
                .knows_secret(&secret)
        );
        assert!(first.notes.iter().all(|note| !note.contains(&secret)));

        let mut again = config_in(&folder, "");
        let second = prepare(&mut again, &RandomIds).unwrap();
        assert_eq!(second.notes.len(), 1, "{:?}", second.notes);
        assert_eq!(
            second.visitor_secret.expose_secret(),
            first.visitor_secret.expose_secret()
        );
        assert_eq!(
            fs::read_to_string(folder.join(DEMO_SECRET)).unwrap(),
            secret
        );
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_what_was_made() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = folder("modes");
        prepare(&mut config_in(&folder, ""), &SeededIds::new(1)).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join(DEMO_SECRET)), 0o600);
        assert_eq!(mode(&folder.join(VISITOR_SECRET)), 0o600);
    }

    #[test]
    fn a_configured_app_needs_no_demo() {
        let folder = folder("configured");
        let mut config = config_in(&folder, "[apps.cs-a]\nbots = []");
        let prepared = prepare(&mut config, &RandomIds).unwrap();
        assert!(!config.apps.contains_key(DEMO_APP) && config.bots.is_empty());
        assert!(!folder.join(DEMO_SECRET).exists());
        assert!(prepared.notes.iter().all(|note| !note.contains("demo")));
    }

    #[test]
    fn a_place_that_cannot_be_a_folder_is_one_sentence_with_the_remedy() {
        let error = prepare(&mut config_in(Path::new("/dev/null/data"), ""), &RandomIds)
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("/dev/null/data") && error.contains("--data") && !error.contains('\n'),
            "{error}"
        );
    }
}
