//! `[platform]`: the platform that the widget talks to.

use serde::Deserialize;

use super::values::{BaseUrl, ConnectOrigin, empty_is_none};

/// `[platform]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// The API of another platform. `None`: this server is the platform.
    #[serde(deserialize_with = "empty_is_none")]
    pub base_url: Option<BaseUrl>,
    /// The app whose assertions the other platform accepts. Empty without another platform.
    pub app: String,
    /// Origins of the other platform's sockets besides that of `base_url`.
    pub socket_origins: Vec<ConnectOrigin>,
}

impl Platform {
    /// Whether another server is the platform.
    pub fn is_external(&self) -> bool {
        self.base_url.is_some()
    }

    /// Everything that the widget must be allowed to connect to, besides this server.
    pub fn connect_sources(&self) -> Vec<String> {
        let Some(base) = &self.base_url else {
            return Vec::new();
        };
        let own = [base.origin(), base.socket_origin()];
        own.into_iter()
            .chain(
                self.socket_origins
                    .iter()
                    .map(|origin| origin.as_str().to_owned()),
            )
            .collect()
    }
}
