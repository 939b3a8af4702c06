//! The brokers there are, and how a node gets a connection to one.
//!
//! In the path: [`super::link`] calls [`connect`] and then speaks in the bytes of [`Broker`]; [`super::nats`] and
//! [`super::redis`] know them.
//!
//! Invariants: with TLS the broker's certificate is verified, always. Credentials are sent to the broker only, and are
//! part of no error.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{nats, redis};

/// Name, handshake and greeting, together.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Longest line of a greeting. NATS lists the addresses of its cluster there.
const LINE_BYTES: usize = 64 * 1024;
/// Largest message that is taken: the whole of the largest answer, with every letter escaped.
pub(super) const MAX_MESSAGE: usize = 512 * 1024;

/// Which program carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broker {
    /// NATS, core publish and subscribe.
    Nats,
    /// Redis 6 or newer, or one of its kin; its publish and subscribe.
    Redis,
}

/// How to reach a broker.
#[derive(Clone, Debug)]
pub struct BrokerSettings {
    /// Which one.
    pub broker: Broker,
    /// Its name or address. Of a name with several addresses each is tried.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Encrypted, with a verified certificate.
    pub tls: bool,
    /// Whom to trust, as PEM; none: whom the machine trusts.
    pub ca_file: Option<PathBuf>,
    /// Who we are.
    pub credentials: Credentials,
    /// Begins the names of all our subjects.
    pub prefix: String,
}

/// What a broker wants to know of its client.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nothing.
    None,
    /// A user, or the usual one, and a password.
    Password(Option<String>, SecretString),
    /// NATS' token.
    Token(SecretString),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// It said no.
    #[error("the broker refuses: {0}")]
    Refused(String),
    /// It has closed the connection.
    #[error("the broker closed the connection")]
    Closed,
    /// It does not answer.
    #[error("the broker does not answer")]
    Silent,
    /// What came is not its protocol.
    #[error("it is no {0}: correct bus.kind or bus.url")]
    Foreign(&'static str),
    /// The file with certificates cannot be used.
    #[error("bus.ca_file cannot be used: {0}")]
    Authorities(String),
    /// The network, or TLS.
    #[error("{0}")]
    Network(#[from] std::io::Error),
}

/// What a broker says, without what only its own protocol needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming<'a> {
    /// To subject and payload.
    Message(&'a [u8], &'a [u8]),
    /// Answer it at once.
    Ping,
    /// Everything before our ping is done.
    Pong,
    /// Nothing that matters.
    Other,
}

/// A connection, encrypted or not.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl Broker {
    /// From now on messages to this subject are wanted. `number` names the subscription.
    pub(super) fn subscribe(self, subject: &str, number: i64, out: &mut Vec<u8>) {
        match self {
            Self::Nats => nats::subscribe(subject, number, out),
            Self::Redis => redis::command(&[b"SUBSCRIBE", subject.as_bytes()], out),
        }
    }

    /// They are wanted no longer.
    pub(super) fn unsubscribe(self, subject: &str, number: i64, out: &mut Vec<u8>) {
        match self {
            Self::Nats => nats::unsubscribe(number, out),
            Self::Redis => redis::command(&[b"UNSUBSCRIBE", subject.as_bytes()], out),
        }
    }

    pub(super) fn publish(self, subject: &str, payload: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Nats => nats::publish(subject, payload, out),
            Self::Redis => redis::command(&[b"PUBLISH", subject.as_bytes(), payload], out),
        }
    }

    pub(super) fn ping(self, out: &mut Vec<u8>) {
        match self {
            Self::Nats => out.extend_from_slice(b"PING\r\n"),
            Self::Redis => redis::command(&[b"PING"], out),
        }
    }

    /// Only NATS asks.
    pub(super) fn pong(self, out: &mut Vec<u8>) {
        if self == Self::Nats {
            out.extend_from_slice(b"PONG\r\n");
        }
    }

    /// The first thing that was said, and how many bytes it has; `None`: not all of it is there yet.
    pub(super) fn read(self, bytes: &[u8]) -> Result<Option<(usize, Incoming<'_>)>, LinkError> {
        match self {
            Self::Nats => nats::read(bytes),
            Self::Redis => redis::read(bytes),
        }
    }
}

/// A connection whose broker knows who we are.
pub(super) async fn connect(settings: &BrokerSettings) -> Result<Box<dyn Wire>, LinkError> {
    let connecting = tokio::time::timeout(CONNECT_WITHIN, enter(settings));
    connecting.await.unwrap_or(Err(LinkError::Silent))
}

async fn enter(settings: &BrokerSettings) -> Result<Box<dyn Wire>, LinkError> {
    let mut tcp = TcpStream::connect((settings.host.as_str(), settings.port)).await?;
    tcp.set_nodelay(true)?;
    let tls = match settings.broker {
        // NATS speaks first, in plain words, and then goes over to TLS.
        Broker::Nats => nats::wants_tls(&line(&mut tcp).await?)? || settings.tls,
        Broker::Redis => settings.tls,
    };
    let mut wire: Box<dyn Wire> = if tls {
        let client = client(settings.ca_file.as_deref())?;
        let name = ServerName::try_from(settings.host.clone());
        let name = name.map_err(std::io::Error::other)?;
        Box::new(
            TlsConnector::from(Arc::new(client))
                .connect(name, tcp)
                .await?,
        )
    } else {
        Box::new(tcp)
    };
    match settings.broker {
        Broker::Nats => nats::greet(&mut wire, &settings.credentials).await?,
        Broker::Redis => redis::greet(&mut wire, &settings.credentials).await?,
    }
    Ok(wire)
}

/// Read at each connection, so that a file that was renewed is used.
fn client(ca_file: Option<&Path>) -> Result<ClientConfig, LinkError> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = ca_file {
        let fails = |what: String| LinkError::Authorities(format!("{}: {what}", file.display()));
        let certificates = CertificateDer::pem_file_iter(file).map_err(|e| fails(e.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|e| fails(e.to_string()))?;
            roots.add(certificate).map_err(|e| fails(e.to_string()))?;
        }
        if roots.is_empty() {
            return Err(fails("holds no certificate".to_owned()));
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let builder = ClientConfig::builder().with_root_certificates(roots);
    Ok(builder.with_no_client_auth())
}

/// A line of a greeting, and no byte after it.
pub(super) async fn line(wire: &mut (impl AsyncRead + Unpin)) -> Result<String, LinkError> {
    let mut line = Vec::new();
    while line.len() < LINE_BYTES {
        let byte = wire.read_u8().await.map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => LinkError::Closed,
            _ => LinkError::Network(error),
        })?;
        if byte == b'\n' {
            return Ok(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
        }
        line.push(byte);
    }
    Err(LinkError::Foreign("broker that we know"))
}

/// What a broker complains of, fit for a log.
pub(super) fn complaint(bytes: &[u8]) -> LinkError {
    let text = String::from_utf8_lossy(bytes);
    let text = text.chars().filter(|c| !c.is_control()).take(200);
    LinkError::Refused(text.collect())
}
