//! Sources for which figment has no provider: our defaults, variables and flags. Each has a name that a person can find
//! again.
//!
//! In the path: `load` merges them. `provenance` reads their metadata when a sentence must name its source.

use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

/// Every key with its default and a sentence: the manual, compiled in.
pub(super) const DEFAULTS: &str = include_str!("../../config.default.toml");

/// The name of [`Defaults`] in the metadata.
pub(super) const THE_DEFAULTS: &str = "the defaults";
/// The name of [`Environment`].
pub(super) const THE_ENVIRONMENT: &str = "the environment";
/// The name of every [`Flag`].
pub(super) const THE_COMMAND_LINE: &str = "the command line";

/// Prefix of the environment's variables.
const PREFIX: &str = "PARLOUR_";
/// Between section and key in the name of a variable.
const SEPARATOR: &str = "__";

/// The manual.
pub(super) struct Defaults;

impl Provider for Defaults {
    fn metadata(&self) -> Metadata {
        Metadata::named(THE_DEFAULTS)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Toml::string(DEFAULTS).data()
    }
}

/// One flag that was given.
pub(super) struct Flag {
    /// As it is typed, `--listen`.
    pub(super) name: &'static str,
    /// The key that it sets, with its section.
    pub(super) path: [&'static str; 2],
    /// The value behind the flag.
    pub(super) value: String,
}

impl Provider for Flag {
    fn metadata(&self) -> Metadata {
        let name = self.name;
        Metadata::named(THE_COMMAND_LINE).interpolater(move |_: &Profile, _: &[&str]| name.into())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut all = Dict::new();
        insert(&mut all, &self.path, Value::from(self.value.clone()));
        Ok(Profile::Default.collect(all))
    }
}

/// Variables like `PARLOUR_SECTION__KEY`.
pub(super) struct Environment<'a>(pub(super) &'a [(String, String)]);

impl Environment<'_> {
    /// Whether a variable of this name sets a key.
    pub(super) fn takes(variable: &str) -> bool {
        Self::path(variable).is_some()
    }

    /// `PARLOUR_BOTS__ST_DEMO__NAME` is `bots.st-demo.name`: a shell cannot write the dash.
    fn path(variable: &str) -> Option<Vec<String>> {
        let name = variable.strip_prefix(PREFIX)?;
        if !name.contains(SEPARATOR) {
            return None;
        }
        let mut parts: Vec<String> = name.split(SEPARATOR).map(str::to_ascii_lowercase).collect();
        if matches!(parts[0].as_str(), "apps" | "bots") {
            parts[1] = parts[1].replace('_', "-");
        }
        Some(parts)
    }
}

impl Provider for Environment<'_> {
    fn metadata(&self) -> Metadata {
        let variables = self.0.iter().map(|(variable, _)| variable);
        let known: Vec<(Vec<String>, String)> = variables
            .filter_map(|variable| Some((Self::path(variable)?, variable.clone())))
            .collect();
        // A variable may hold a whole table, so the variable that sets a key may have a shorter path.
        Metadata::named(THE_ENVIRONMENT).interpolater(move |_: &Profile, path: &[&str]| {
            let holds = |of: &[String]| {
                of.len() <= path.len() && of.iter().zip(path).all(|(part, key)| part == key)
            };
            let holder = known.iter().find(|(of, _)| holds(of));
            holder.map_or_else(
                || {
                    let name = path.join(SEPARATOR).to_ascii_uppercase();
                    format!("{PREFIX}{}", name.replace('-', "_"))
                },
                |(_, variable)| variable.clone(),
            )
        })
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut all = Dict::new();
        for (variable, text) in self.0 {
            let Some(path) = Self::path(variable) else {
                continue;
            };
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            // This is figment's own way to read a variable: numbers, booleans, [lists] and {tables}, or else text.
            let value: Value = text.parse().unwrap_or_else(|never| match never {});
            if !insert(&mut all, &path, value) {
                return Err(
                    format!("{variable}: write {PREFIX}SECTION__KEY, and each key once").into(),
                );
            }
        }
        Ok(Profile::Default.collect(all))
    }
}

/// Puts the value at its path. `false`: this is not a path, or something else is there.
fn insert(into: &mut Dict, path: &[&str], value: Value) -> bool {
    match path {
        [] | ["", ..] => false,
        [last] => into.insert((*last).to_owned(), value).is_none(),
        [first, rest @ ..] => {
            let below = into
                .entry((*first).to_owned())
                .or_insert_with(|| Value::from(Dict::new()));
            match below {
                Value::Dict(_, below) => insert(below, rest, value),
                _ => false,
            }
        }
    }
}
