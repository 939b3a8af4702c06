//! The whole server as a library, so that tests can start it on a free port.
//!
//! # Layout, in the order of a request
//! - [`cli`]: arguments and commands; [`config`]: what is configured; [`first_start`]: the demo.
//! - [`listen`]: connections, `proxy_protocol`: whose they are, `answering`: the answers on them, `draining`: their end;
//!   [`base_path`] and [`router`]: every route; [`state`]:
//!   what handlers share.
//! - [`security`]: who calls, how often, and security headers; [`error`]: the answers to failed requests,
//!   [`start_error`]: why the server cannot start.
//! - [`http`]: signing, files, probes, metrics; [`signing`]: keys, assertions, visitors.
//! - [`rtm`]: the platform side, from an assertion to a conversation.
//! - [`bot`]: what answers a visitor; [`store`]: the truth; [`bus`]: wakes sockets; [`records`]: types that these
//!   share; [`outbound`]: the client for calls to other servers.
//! - [`clock`], [`ids`], [`shutdown`]: the only sources of time, names and tasks; [`swap`]: values that are replaced
//!   while they are read.
//! - [`limits`]: every number that bounds something; [`telemetry`]: the log; [`dev`]: reload while developing.

mod answering;
pub mod base_path;
pub mod bot;
pub mod bus;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dev;
mod draining;
pub mod error;
mod fingerprint;
pub mod first_start;
pub mod http;
pub mod ids;
pub mod limits;
pub mod listen;
mod open_bus;
pub mod outbound;
mod proxy_protocol;
pub mod records;
pub mod router;
pub mod rtm;
pub mod security;
pub mod shutdown;
pub mod signing;
pub mod start_error;
pub mod state;
pub mod store;
pub mod swap;
pub mod telemetry;
#[cfg(test)]
mod test_port;
pub mod theme;
