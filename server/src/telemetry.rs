//! The log: one line an event on the standard error output, for people or for machines.
//!
//! Invariants: secrets, tokens, assertions, identities and message text are never given to it; requests are
//! logged by path, never with their query (a socket's ticket stands there).

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Config, ConfigError, LogFormat};

/// Never louder than this, whatever the configuration says.
const QUIET: [&str; 4] = [
    "tungstenite=info",
    "tokio_tungstenite=info",
    "hyper=info",
    "h2=info",
];

/// Starts logging. A second call (tests) changes nothing.
///
/// # Errors
/// When the filter cannot be read.
pub fn start(config: &Config) -> Result<(), ConfigError> {
    let log = &config.log;
    let filter = EnvFilter::try_new(&log.level).map_err(|_| {
        config.at(
            "log.level",
            format!(
                "`{}` is not a level; write error, warn, info, debug or a filter",
                log.level
            ),
        )
    })?;
    // At `trace` these write whole frames and headers, which are nobody's business.
    let filter = QUIET
        .iter()
        .fold(filter, |filter, quiet| match quiet.parse() {
            Ok(quiet) => filter.add_directive(quiet),
            Err(_) => filter,
        });
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal());
    let registry = tracing_subscriber::registry().with(filter);
    // Fails only when a log was started before.
    drop(match log.format {
        LogFormat::Text => registry.with(lines).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    });
    Ok(())
}
