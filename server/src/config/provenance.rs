//! The source of each value, so that a mistake can be corrected where it was made.
//!
//! In the path: [`Provenance::of`] notes the sources before they are merged. [`Config::at`] words every [`ConfigError`]
//! about a value, also those that are found long after parsing.
//!
//! Invariant: it holds only names, never a value.

use std::collections::BTreeMap;
use std::path::PathBuf;

use figment::value::{Dict, Value};
use figment::{Figment, Metadata, Profile};

use super::providers::{THE_COMMAND_LINE, THE_DEFAULTS, THE_ENVIRONMENT};
use super::{Config, ConfigError};

/// The source of each key that a source sets, by its path with dots.
#[derive(Clone, Debug, Default)]
pub(super) struct Provenance(BTreeMap<String, Source>);

#[derive(Clone, Debug)]
pub(super) enum Source {
    Defaults,
    File(PathBuf),
    /// The variable's name.
    Variable(String),
    /// The flag as it is typed.
    Flag(String),
    /// A text without a name, as tests give it.
    Unnamed,
}

impl Source {
    /// The source of the value at this path.
    pub(super) fn of(metadata: &Metadata, path: &[&str]) -> Self {
        let name = || metadata.interpolate(&Profile::Default, path);
        match metadata.name.as_ref() {
            THE_DEFAULTS => Self::Defaults,
            THE_ENVIRONMENT => Self::Variable(name()),
            THE_COMMAND_LINE => Self::Flag(name()),
            _ => metadata
                .source
                .as_ref()
                .and_then(|source| source.file_path())
                .map_or(Self::Unnamed, |file| Self::File(file.to_owned())),
        }
    }

    /// The words before the colon: the source, and its name for the key.
    pub(super) fn says(&self, key: &str) -> String {
        let source = match self {
            Self::Variable(variable) => return format!("{THE_ENVIRONMENT}, {variable}"),
            Self::Flag(flag) => return format!("{THE_COMMAND_LINE}, {flag}"),
            Self::Defaults => THE_DEFAULTS.to_owned(),
            Self::File(file) => file.display().to_string(),
            Self::Unnamed => "configuration".to_owned(),
        };
        if key.is_empty() {
            source
        } else {
            format!("{source}, {key}")
        }
    }
}

impl Provenance {
    /// Notes every key of the merged sources.
    pub(super) fn of(figment: &Figment) -> Result<Self, Box<figment::Error>> {
        let mut provenance = Self::default();
        let merged: Dict = figment.extract()?;
        for (key, value) in &merged {
            provenance.note(figment, &mut vec![key], value);
        }
        Ok(provenance)
    }

    fn note<'a>(&mut self, figment: &Figment, path: &mut Vec<&'a str>, value: &'a Value) {
        if let Some(metadata) = figment.get_metadata(value.tag()) {
            self.0.insert(path.join("."), Source::of(metadata, path));
        }
        if let Value::Dict(_, below) = value {
            for (key, value) in below {
                path.push(key);
                self.note(figment, path, value);
                path.pop();
            }
        }
    }

    /// The words before the colon for a key: of its own source, or else of the section in which it is missing.
    pub(super) fn says(&self, key: &str) -> String {
        let mut section = key;
        loop {
            if let Some(source) = self.0.get(section) {
                return source.says(key);
            }
            match section.rsplit_once('.') {
                Some((above, _)) => section = above,
                None => return Source::Unnamed.says(key),
            }
        }
    }
}

impl Config {
    /// A mistake at a key, with the file, variable or flag that set the value.
    pub fn at(&self, key: &str, what: impl AsRef<str>) -> ConfigError {
        ConfigError::of(&self.says(key), what)
    }

    /// The words before the colon of such a mistake.
    pub(crate) fn says(&self, key: &str) -> String {
        self.provenance.says(key)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Flags, Sources};
    use super::*;

    /// One mistake after parsing and one while parsing, as `main` would meet them.
    fn refused(file: Option<&str>, environment: &[(&str, &str)], listen: Option<&str>) -> String {
        let file = file.map(|text| {
            use crate::ids::{Ids as _, RandomIds};
            let name = format!("parlour-provenance-{}.toml", RandomIds.uuid());
            let file = std::env::temp_dir().join(name);
            std::fs::write(&file, text).unwrap();
            file
        });
        let pairs = environment.iter();
        let sources = Sources {
            environment: pairs
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            flags: Flags {
                listen: listen.map(str::to_owned),
                ..Flags::default()
            },
            file: file.clone(),
        };
        let error = Config::load(&sources).unwrap_err().to_string();
        match file {
            Some(file) => error.replace(&file.display().to_string(), "FILE"),
            None => error,
        }
    }

    #[test]
    fn a_mistake_in_a_file_names_the_file() {
        for (text, expected) in [
            ("[tokens]\nleeway = \"2m\"", "FILE, tokens.leeway: must be"),
            (
                "[apps.cs-a]\nbots = [\"st-x\"]",
                "FILE, apps.cs-a.bots: there is no bot `st-x`",
            ),
            (
                "[server]\npublic_url = \"chat\"",
                "FILE, server.public_url: `chat` is not an address",
            ),
            (
                "[bots.st-a]\nname = \"A\"",
                "FILE, bots.st-a: the key `page` is missing",
            ),
        ] {
            let error = refused(Some(text), &[], None);
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_mistake_in_the_environment_names_the_variable() {
        let file = "[tokens]\nleeway = \"5s\"\n[server]\npublic_url = \"https://chat.test/\"";
        for (variable, value) in [
            ("PARLOUR_TOKENS__LEEWAY", "2m"),
            ("PARLOUR_SERVER__PUBLIC_URL", "chat"),
            ("PARLOUR_APPS__CS_A__BOTS", "[st-x]"),
            // A variable may hold a whole table. Then the error names that variable.
            ("PARLOUR_BOTS__ST_A", r#"{page="a/b", name="A"}"#),
        ] {
            let error = refused(Some(file), &[(variable, value)], None);
            assert!(
                error.starts_with("the environment") && error.contains(&format!("{variable}:")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_mistake_in_a_flag_names_the_flag() {
        let error = refused(
            Some("[server]\nlisten = \"127.0.0.1:1\""),
            &[("PARLOUR_SERVER__LISTEN", "127.0.0.1:2")],
            Some("nowhere"),
        );
        assert!(error.starts_with("the command line, --listen: "), "{error}");
    }

    #[test]
    fn what_nobody_set_is_said_of_the_defaults() {
        let error = refused(
            None,
            &[("PARLOUR_PLATFORM__BASE_URL", "https://bots.test/")],
            None,
        );
        assert!(error.starts_with("the defaults, platform.app: "), "{error}");
    }

    #[test]
    fn an_id_with_dots_is_found_too() {
        let error = refused(Some("[apps.\"cs.a\"]\nbots = [\"st-x\"]"), &[], None);
        assert!(error.starts_with("FILE, apps.cs.a.bots: "), "{error}");
    }
}
