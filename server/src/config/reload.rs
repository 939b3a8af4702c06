//! What SIGHUP takes over from a changed file: apps and bots. Everything else stays as it was at the start, and a
//! change of it is reported, so that somebody restarts.
//!
//! In the path: `state` reloads. [`Config::of`] notes the [`Sections`] while the sources are merged.

use std::collections::BTreeMap;

use figment::Figment;
use figment::value::Dict;
use sha2::{Digest as _, Sha256};

use super::{Config, ConfigError};

/// The sections that are read again.
const READ_AGAIN: [&str; 2] = ["apps", "bots"];

/// A hash of each section that needs a restart. A hash, because sections may hold secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sections(BTreeMap<String, [u8; 32]>);

impl Sections {
    /// The hashes of the merged sources.
    pub(super) fn of(figment: &Figment) -> Result<Self, Box<figment::Error>> {
        let merged: Dict = figment.extract()?;
        let sections = merged
            .into_iter()
            .filter(|(name, _)| !READ_AGAIN.contains(&name.as_str()))
            .map(|(name, value)| {
                // A value from TOML can always be written as JSON.
                let text = serde_json::to_vec(&value).unwrap_or_default();
                (name, Sha256::digest(text).into())
            });
        Ok(Self(sections.collect()))
    }
}

impl Config {
    /// This configuration with the apps and bots of another, checked as a whole.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn taking_over(&self, fresh: &Self) -> Result<Self, ConfigError> {
        let next = Self {
            apps: fresh.apps.clone(),
            bots: fresh.bots.clone(),
            provenance: fresh.provenance.clone(),
            ..self.clone()
        };
        next.check()?;
        Ok(next)
    }

    /// The sections in which another configuration differs and that only a restart takes over.
    pub fn restart_for(&self, fresh: &Self) -> Vec<String> {
        let differs =
            |(name, hash): &(&String, &[u8; 32])| self.sections.0.get(name.as_str()) != Some(*hash);
        let sections = fresh.sections.0.iter().filter(differs);
        sections.map(|(name, _)| name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_config;

    #[test]
    fn apps_and_bots_are_taken_over_and_the_rest_is_named() {
        let running = test_config("[log]\nlevel = \"warn\"");
        let fresh = test_config(
            "[log]\nlevel = \"debug\"\n[tokens]\nvisitor_secret = \"0123456789abcdef0123456789abcdef\"\n\
             [bots.st-a]\npage = \"a\"\nname = \"A\"",
        );
        assert_eq!(running.restart_for(&fresh), ["log", "tokens"]);
        assert!(running.restart_for(&running).is_empty());
        let next = running.taking_over(&fresh).unwrap();
        assert_eq!(next.log.level, "warn");
        assert!(next.bots.contains_key("st-a"));
        // The next time the comparison is with what runs, and not with what was read last.
        assert_eq!(next.restart_for(&fresh), ["log", "tokens"]);
    }

    #[test]
    fn what_the_running_sections_need_must_still_be_there() {
        let platform = "[platform]\nbase_url = \"https://bots.example.com/api/\"\napp = \"cs-a\"\n";
        let running = test_config(&format!("{platform}[apps.cs-a]\nbots = []"));
        let error = running.taking_over(&test_config("")).unwrap_err();
        assert!(error.to_string().contains("no app `cs-a`"), "{error}");
    }
}
