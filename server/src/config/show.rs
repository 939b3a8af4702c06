//! `parlour config show`: the merged result, with secrets masked.

use figment::value::{Dict, Value};

use super::load::figment;
use super::store::without_password;
use super::{Config, ConfigError, Sources};

/// The keys whose value never leaves the process.
const SECRET_KEYS: [&str; 7] = [
    "app_password",
    "key",
    "password",
    "private_key",
    "secret",
    "token",
    "visitor_secret",
];

/// What stands in the place of a secret.
pub(super) const MASK: &str = "********";

/// The tables of such values.
const SECRET_TABLES: [&str; 1] = ["headers"];

/// The merged configuration as TOML, secrets masked.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn masked(sources: &Sources) -> Result<String, ConfigError> {
    Config::load(sources)?;
    let merged: Dict = figment(sources)?
        .extract()
        .map_err(|error| ConfigError::of("configuration", error.to_string()))?;
    let masked = merged
        .into_iter()
        .map(|(key, value)| {
            let value = mask(value);
            if key == "store" {
                (key, mask_address(value))
            } else {
                (key, value)
            }
        })
        .collect::<Dict>();
    toml::to_string_pretty(&masked)
        .map_err(|error| ConfigError::of("configuration", error.to_string()))
}

fn mask(value: Value) -> Value {
    match value {
        Value::Dict(tag, entries) => {
            let entries = entries.into_iter().map(|(key, value)| {
                let value = match value {
                    value if SECRET_KEYS.contains(&key.as_str()) => hide(value),
                    Value::Dict(tag, values) if SECRET_TABLES.contains(&key.as_str()) => {
                        let values = values.into_iter().map(|(name, value)| (name, hide(value)));
                        Value::Dict(tag, values.collect())
                    }
                    value => mask(value),
                };
                (key, value)
            });
            Value::Dict(tag, entries.collect())
        }
        Value::Array(tag, items) => Value::Array(tag, items.into_iter().map(mask).collect()),
        other => other,
    }
}

/// The address of a database may hold the password.
fn mask_address(mut store: Value) -> Value {
    if let Value::Dict(_, entries) = &mut store
        && let Some(url) = entries.get_mut("url")
        && let Some(address) = url.as_str().filter(|address| !address.is_empty())
    {
        *url = Value::from(without_password(address));
    }
    store
}

fn hide(value: Value) -> Value {
    if value.as_str() == Some("") {
        value
    } else {
        Value::from(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let sources = Sources {
            environment: vec![(
                "PARLOUR_APPS__CS_A".to_owned(),
                r#"{bots=[], keys=[{kid="k", algorithm="HS256", secret="hush-hush-hush-hush-hush-hush-hush"}]}"#.to_owned(),
            )],
            ..Sources::default()
        };
        let text = masked(&sources).unwrap();
        assert!(
            text.contains("********") && text.contains("[server]"),
            "{text}"
        );
        assert!(!text.contains("hush"), "{text}");
    }

    #[test]
    fn a_models_key_and_headers_are_masked_and_its_words_are_shown() {
        let table = r#"{page="a", name="A", openai={base_url="http://127.0.0.1:1/v1", model="m", key="hush", headers={X-Pass="hush"}, system="Be kind."}}"#;
        let sources = Sources {
            environment: vec![("PARLOUR_BOTS__ST_A".to_owned(), table.to_owned())],
            ..Sources::default()
        };
        let text = masked(&sources).unwrap();
        assert!(
            text.contains("Be kind.") && text.contains("X-Pass"),
            "{text}"
        );
        assert!(!text.contains("hush"), "{text}");
    }

    #[test]
    fn the_password_in_the_address_of_a_database_is_masked() {
        let set = |key: &str, value: &str| (format!("PARLOUR_STORE__{key}"), value.to_owned());
        let sources = Sources {
            environment: vec![
                set("KIND", "postgres"),
                set("URL", "postgres://ann:hush@db.example.com/chat"),
            ],
            ..Sources::default()
        };
        let text = masked(&sources).unwrap();
        assert!(text.contains("db.example.com"), "{text}");
        assert!(!text.contains("hush"), "{text}");
    }

    #[test]
    fn the_password_of_a_bots_app_is_masked() {
        let table = r#"{page="a", name="A", bot_framework={url="http://127.0.0.1:1/", app_id="app-1", app_password="hush"}}"#;
        let sources = Sources {
            environment: vec![("PARLOUR_BOTS__ST_A".to_owned(), table.to_owned())],
            ..Sources::default()
        };
        let text = masked(&sources).unwrap();
        assert!(text.contains("app-1"), "{text}");
        assert!(!text.contains("hush"), "{text}");
    }
}
