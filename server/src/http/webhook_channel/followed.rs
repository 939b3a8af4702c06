//! The conversations whose answers are sent to apps, and the secrets that sign them.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::{Config, ConfigError};
use crate::outbound::webhook_signature::{Secret, Secrets};
use crate::records::ConversationId;
use crate::swap::Swap;

/// The conversations that are followed here, and the apps' secrets.
pub struct ChannelCallbacks {
    pub(super) followed: Mutex<HashSet<ConversationId>>,
    pub(super) secrets: Swap<ByApp>,
}

type ByApp = HashMap<String, Secrets>;

impl ChannelCallbacks {
    /// Reads the secrets of all channels.
    ///
    /// # Errors
    /// The first one that is wrong.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self {
            followed: Mutex::default(),
            secrets: Swap::new(read(config)?),
        })
    }

    /// Reads the secrets again. They replace the old ones when the result is called.
    ///
    /// # Errors
    /// The first one that is wrong. Then the old ones stay.
    pub fn reread(&self, config: &Config) -> Result<impl FnOnce() + '_, ConfigError> {
        let fresh = read(config)?;
        Ok(|| self.secrets.replace(fresh))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, HashSet<ConversationId>> {
        // Nothing in the critical sections can panic.
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(config: &Config) -> Result<ByApp, ConfigError> {
    let mut secrets = ByApp::new();
    for (id, app) in &config.apps {
        let Some(channel) = app.webhook.as_ref().filter(|it| it.callback_url.is_some()) else {
            continue;
        };
        let wrong = |what: String| config.at(&format!("apps.{id}.webhook.secret"), what);
        let text = channel.secret().map_err(&wrong)?;
        let missing = "is needed with `callback_url`: what goes there is signed with it; make one: echo whsec_$(openssl rand -base64 32)";
        let text = text.ok_or_else(|| wrong(missing.to_owned()))?;
        let secret = Secret::parse(&text).map_err(|error| wrong(error.to_string()))?;
        secrets.insert(id.clone(), Secrets::new(secret));
    }
    Ok(secrets)
}
