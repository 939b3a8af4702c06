//! What bots are opened with.

use std::net::SocketAddr;
use std::sync::Arc;

use secrecy::SecretString;

use super::bot_framework::Callbacks;
use crate::clock::Clock;
use crate::config::{BaseUrl, Config};
use crate::outbound::Outbound;

/// What bots are opened with.
#[derive(Clone)]
pub struct Surroundings {
    /// What they are asked with.
    pub outbound: Outbound,
    /// Where those answer that call.
    pub callbacks: Callbacks,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where this server is reached.
    pub public_url: Option<BaseUrl>,
    /// Where it listens.
    pub listen: SocketAddr,
}

impl Surroundings {
    /// Those of a server. `secret`: the addresses for callbacks are signed with a key that is made of it.
    pub fn new(config: &Config, secret: &SecretString, clock: Arc<dyn Clock>) -> Self {
        Self {
            outbound: Outbound::new(Arc::clone(&clock)),
            callbacks: Callbacks::new(secret),
            clock,
            public_url: config.server.public_url.clone(),
            listen: config.server.listen,
        }
    }

    /// Where a bot reaches this server, with a slash at the end: what its settings say, else the public address, else
    /// this machine.
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
