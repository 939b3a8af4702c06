//! `[server]`, `[log]`: the process itself.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use super::values::{BaseUrl, Period, empty_is_none};

/// `[server]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that operators set by itself"
)]
pub struct Server {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Address and port of the metrics. `None`: there are none.
    #[serde(deserialize_with = "address")]
    pub metrics: Option<SocketAddr>,
    /// Folder for the database and generated secrets.
    pub data: PathBuf,
    /// Folder with the built widget. `None`: `http::assets` looks for it.
    #[serde(deserialize_with = "empty_is_none")]
    pub site: Option<PathBuf>,
    /// The address that visitors see. `None`: it is taken from each request.
    #[serde(deserialize_with = "empty_is_none")]
    pub public_url: Option<BaseUrl>,
    /// Refuse plain HTTP.
    pub require_https: bool,
    /// Whether there is `/`.
    pub home_page: bool,
    /// Whether there is `/demo`.
    pub demo_page: bool,
    /// Proxies in front. Only they may say where a request came from.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// The headers in which they say it.
    pub forwarded_by: ForwardedBy,
    /// Whether their connections begin with a PROXY header.
    pub proxy_protocol: bool,
    /// The most connections. 0: no limit.
    pub max_connections: u32,
    /// The most connections from one address that are not sockets. 0: no limit.
    pub max_connections_per_address: u32,
    /// The most open sockets from one address. 0: no limit.
    pub max_sockets_per_address: u32,
    /// How long the server goes on after SIGTERM, while its readiness is off.
    pub drain_delay: Period,
    /// The longest time from the end of that delay to the exit.
    pub drain_within: Period,
}

impl Server {
    /// How long tasks may take. The last second of [`Server::drain_within`] is for closing the store and for threads
    /// that are busy.
    pub fn drain_tasks(&self) -> Duration {
        self.drain_within.0.saturating_sub(Duration::from_secs(1))
    }

    /// The window over which sockets are closed. The official clients come back after a fixed time, so the server must
    /// spread them. Each socket then needs up to four seconds for its last messages and its close frame.
    pub fn drain_spread(&self) -> Duration {
        let within = self.drain_within.0;
        (within / 5).max(within.saturating_sub(Duration::from_secs(8)))
    }

    /// How long a bot's running turn may take. What is not done by then stays a stored job for the next start. The rest
    /// of the time is for storing the answer and sending it.
    pub fn drain_bots(&self) -> Duration {
        let within = self.drain_within.0;
        (within / 10 * 3).max(within.saturating_sub(Duration::from_secs(7)))
    }
}

/// The headers in which proxies say where a request came from. Only one family counts, because a proxy passes on what a
/// stranger wrote into the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedBy {
    /// `X-Forwarded-For` and `X-Forwarded-Proto`.
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// An address with a port. Empty: none.
fn address<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    let text: Option<String> = empty_is_none(deserializer)?;
    let parsed = text.map(|text| {
        text.parse().map_err(|_| {
            format!("`{text}` is no address with a port; write for example 127.0.0.1:9464")
        })
    });
    parsed.transpose().map_err(serde::de::Error::custom)
}

/// Networks, or single addresses without a prefix length.
fn networks<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts
        .iter()
        .map(|text| network(text).map_err(serde::de::Error::custom))
        .collect()
}

fn network(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    text.parse().map_err(|_| {
        format!("`{text}` is not a network; write for example 10.0.0.0/8 or 192.0.2.7")
    })
}

/// `[log]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A level or a filter of `tracing`.
    pub level: String,
    /// For people or for machines.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
