//! Whether the servers that use a shared database have the secrets of this configuration.
//!
//! In the path: `config check` calls it at the end, and says the same as a start would.
//!
//! Invariant: the database is only read. One that does not answer is no mistake of the configuration.

use super::say;
use crate::config::Config;
use crate::fingerprint;
use crate::first_start::visitor_secret;
use crate::signing::{KeyTable, Visitors};
use crate::start_error::StartError;
use crate::state::living_nodes;

/// Says what differs, or why nothing was compared.
///
/// # Errors
/// With this secret of visitors no server would start beside those that live.
pub(super) fn secrets(config: &Config) -> Result<(), StartError> {
    if !config.store.kind.is_shared() {
        return Ok(());
    }
    let not_compared = "The secrets were not compared with those of other servers";
    let Some(secret) = visitor_secret(config)? else {
        say(&format!(
            "{not_compared}: a start will make the secret of visitors."
        ));
        return Ok(());
    };
    let visitors = Visitors::new(&secret, config.base_path());
    let mine = fingerprint::record(&visitors, &KeyTable::load(config)?);
    match living_nodes(config.postgres()?) {
        Err(error) => say(&format!("{not_compared}: {error}.")),
        Ok(living) if living.is_empty() => {
            say(&format!("{not_compared}: no server uses the database now."));
        }
        Ok(living) => {
            let count = living.len();
            match fingerprint::compare(&mine, living)? {
                Some(sentence) => say(&sentence),
                None => say(&format!(
                    "The secrets are those of the servers that use the database now ({count})."
                )),
            }
        }
    }
    Ok(())
}
