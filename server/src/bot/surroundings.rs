//! What bots need from the server when they are opened.

use std::net::SocketAddr;
use std::sync::Arc;

use secrecy::SecretString;

use super::bot_framework::Callbacks;
use crate::clock::Clock;
use crate::config::{BaseUrl, Config};
use crate::outbound::Outbound;

/// What bots need from the server when they are opened.
#[derive(Clone)]
pub struct Surroundings {
    /// The HTTP client.
    pub outbound: Outbound,
    /// The addresses and open turns of bots that answer by calls.
    pub callbacks: Callbacks,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The public address of this server.
    pub public_url: Option<BaseUrl>,
    /// The address on which it listens.
    pub listen: SocketAddr,
}

impl Surroundings {
    /// The surroundings in a server. A key that is derived from `secret` signs the addresses for callbacks.
    pub fn new(config: &Config, secret: &SecretString, clock: Arc<dyn Clock>) -> Self {
        Self {
            outbound: Outbound::new(Arc::clone(&clock)),
            callbacks: Callbacks::new(secret),
            clock,
            public_url: config.server.public_url.clone(),
            listen: config.server.listen,
        }
    }

    /// The address at which a bot reaches this server, with a slash at the end: the one in the bot's settings, or else
    /// the public address, or else this machine.
    pub fn reached_at(&self, configured: Option<&BaseUrl>) -> String {
        match configured.or(self.public_url.as_ref()) {
            Some(url) => url.as_str().to_owned(),
            None if self.listen.ip().is_unspecified() => {
                format!("http://localhost:{}/", self.listen.port())
            }
            None => format!("http://{}/", self.listen),
        }
    }
}
