//! The token that a bot in the cloud demands of its callers: OAuth client credentials of its own app.
//!
//! In the path: the connector gets one before each turn. It is kept until shortly before its end.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::form_urlencoded::Serializer;

use crate::bot::{BotError, Class};
use crate::outbound::{Address, Call, Outbound, Waits};

/// A token is not used in its last minutes, because the clocks of two machines differ, and a turn takes a while.
const EARLY: Duration = Duration::from_mins(5);
/// The longest time that a token is kept, whatever it says.
const LONGEST: Duration = Duration::from_hours(24);
/// The most bytes of a token and the fields around it.
const TOKEN_BYTES: usize = 64 * 1024;
const WAIT: Duration = Duration::from_secs(15);

/// Asks for tokens and keeps the last one.
#[derive(Clone)]
pub(super) struct Tokens(Arc<Inner>);

struct Inner {
    outbound: Outbound,
    url: Address,
    app_id: String,
    password: SecretString,
    scope: String,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    token: SecretString,
    until: Instant,
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    #[serde(default)]
    expires_in: u64,
}

impl Tokens {
    /// `scope` may be empty: then it is the scope of the app itself.
    pub(super) fn new(
        outbound: Outbound,
        url: Address,
        app_id: &str,
        password: SecretString,
        scope: &str,
    ) -> Self {
        let scope = if scope.is_empty() {
            format!("{app_id}/.default")
        } else {
            scope.to_owned()
        };
        Self(Arc::new(Inner {
            outbound,
            url,
            app_id: app_id.to_owned(),
            password,
            scope,
            kept: Mutex::default(),
        }))
    }

    /// A valid token.
    ///
    /// # Errors
    /// If there is none. A wrong app id or password is not tried again.
    pub(super) async fn get(&self) -> Result<SecretString, BotError> {
        // Callers in the meantime wait for the same token, instead of requesting another.
        let mut kept = self.0.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| Instant::now() < kept.until) {
            return Ok(kept.token.clone());
        }
        let Granted {
            access_token,
            expires_in,
        } = self.ask().await?;
        let life = Duration::from_secs(expires_in).min(LONGEST);
        *kept = Some(Kept {
            token: access_token.clone(),
            until: Instant::now() + life.saturating_sub(EARLY),
        });
        Ok(access_token)
    }

    /// The bot has refused the token: the next turn asks for a new one.
    pub(super) async fn forget(&self) {
        *self.0.kept.lock().await = None;
    }

    async fn ask(&self) -> Result<Granted, BotError> {
        let inner = &self.0;
        let form = Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &inner.app_id)
            .append_pair("client_secret", inner.password.expose_secret())
            .append_pair("scope", &inner.scope)
            .finish();
        let waits = Waits {
            first_byte: WAIT,
            idle: WAIT,
            total: WAIT,
        };
        let call = Call::post(inner.url.clone())
            .body("application/x-www-form-urlencoded", form.into_bytes())
            .waits(waits)
            .max_bytes(TOKEN_BYTES);
        let mut answer = inner.outbound.send(call).await?;
        // For a wrong app id or secret this is a 400.
        if answer.status().as_u16() == 400 {
            let reason = format!(
                "{} gives no token for this app id and password",
                answer.authority()
            );
            return Err(BotError::failed(Class::Refused, reason));
        }
        if !answer.status().is_success() {
            return Err(answer.refused().into());
        }
        Ok(answer.json().await?)
    }
}
