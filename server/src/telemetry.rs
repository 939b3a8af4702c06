//! The log: one line for each event on the standard error output, for people or for machines.
//!
//! Invariants: secrets, tokens, assertions, identities and message text are never logged. Requests are logged by path,
//! and never with their query, because a socket's ticket stands there.

use std::io::{self, IsTerminal as _};

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, filter};

use crate::config::{Config, ConfigError, LogFormat};

/// These are never louder than `info`, whatever the configuration says, because below it they write whole frames and
/// headers.
const QUIET: [&str; 7] = [
    "tungstenite",
    "tokio_tungstenite",
    "hyper",
    "h2",
    "hyper_util",
    "reqwest",
    "rustls",
];

/// It names every step of the schema at each start. Only its warnings are of use.
const SCHEMA: [&str; 2] = ["refinery", "refinery_core"];

/// Starts logging. A second call (tests) changes nothing.
///
/// # Errors
/// If the filter cannot be read.
pub fn start(config: &Config) -> Result<(), ConfigError> {
    // This fails only if a log was started before.
    drop(lines(config, io::stderr)?.try_init());
    Ok(())
}

/// The filter that the operator has configured.
///
/// # Errors
/// If the filter cannot be read.
pub(crate) fn wanted(config: &Config) -> Result<EnvFilter, ConfigError> {
    let level = &config.log.level;
    EnvFilter::try_new(level).map_err(|_| {
        config.at(
            "log.level",
            format!("`{level}` is not a level; write error, warn, info, debug or a filter"),
        )
    })
}

/// Everything that is logged, as lines to a writer.
fn lines<W>(
    config: &Config,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + use<W>, ConfigError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let wanted = wanted(config)?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal());
    let lines = match config.log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // This is a separate filter. In one filter the more specific of two directives wins, and that may be the
    // operator's.
    let registry = tracing_subscriber::registry().with(lines);
    Ok(registry.with(wanted).with(filter::filter_fn(is_fit)))
}

/// Whether its crate may log at this level.
fn is_fit(event: &Metadata<'_>) -> bool {
    let from = |name: &&str| {
        let rest = event.target().strip_prefix(*name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let loudest = if SCHEMA.iter().any(from) {
        Level::WARN
    } else if QUIET.iter().any(from) {
        Level::INFO
    } else {
        Level::TRACE
    };
    *event.level() <= loudest
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Cursor;

    use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

    use super::*;
    use crate::config::test_config;
    use crate::ids::{Ids as _, RandomIds};

    #[test]
    fn no_filter_brings_the_text_of_a_message_into_the_log() {
        let level =
            "info,tungstenite=trace,tungstenite::protocol=trace,hyper::proto=trace,mine=trace";
        let config = test_config(&format!("[log]\nlevel = \"{level}\""));
        let written = std::env::temp_dir().join(format!("parlour-log-{}", RandomIds.uuid()));
        let writer = fs::File::create(&written).unwrap();
        // This also takes what is written with the crate `log`, as by tungstenite.
        let listening = lines(&config, writer).unwrap().set_default();
        let frame = b"\x81\x0fmy card is 4111".to_vec();
        let mut socket = WebSocket::from_raw_socket(Cursor::new(frame), Role::Client, None);
        assert_eq!(socket.read().unwrap().to_text().unwrap(), "my card is 4111");
        tracing::debug!(target: "hyper::proto", "my card is 4111");
        tracing::trace!(target: "mine", "a fine point");
        tracing::info!(target: "tungstenite::protocol", "a plain word");
        tracing::info!(target: "refinery_core::runner", "V1__first");
        drop(listening);

        let log = fs::read_to_string(&written).unwrap();
        fs::remove_file(&written).unwrap();
        assert!(log.contains("a fine point"), "{log}");
        assert!(log.contains("a plain word"), "{log}");
        assert!(!log.contains("4111"), "{log}");
        assert!(!log.contains("V1__first"), "{log}");
    }
}
