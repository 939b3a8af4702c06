//!
//!   [`records`]: the words they share.
//! # Layout, in the order of a request
//! - [`bot`]: what answers a visitor; [`store`]: the truth; [`bus`]: who should look;
//! - [`cli`]: arguments and commands; [`config`]: what is configured; [`first_start`]: the demo.
//! - [`clock`], [`ids`], [`shutdown`]: the only sources of time, names and tasks.
//! - [`http`]: signing, files, probes; [`signing`]: keys, assertions, visitors.
//! - [`limits`]: every number that bounds something; [`telemetry`]: the log.
//! - [`listen`]: connections; [`router`]: every route; [`state`]: what handlers share.
//! - [`rtm`]: the platform side, from an assertion to a conversation.
//! - [`security`]: who calls, how often, what browsers refuse; [`error`]: what a failure answers.
//! What answers.
//! What answers: the whole server as a library, so that tests start it on a free port.

pub mod bot;
pub mod bus;
pub mod clock;
<<<<<<< HEAD
pub mod config;
pub mod error;
pub mod first_start;
pub mod http;
pub mod ids;
pub mod limits;
pub mod records;
pub mod router;
pub mod rtm;
pub mod security;
pub mod shutdown;
pub mod signing;
pub mod state;
pub mod store;
pub mod telemetry;
=======
pub mod ids;
pub mod records;
pub mod shutdown;
pub mod store;
>>>>>>> store
