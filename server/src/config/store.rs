//! `[store]`: where conversations are kept.

use std::num::{NonZeroU16, NonZeroUsize};
use std::path::PathBuf;

use figment::value::magic::RelativePathBuf;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio_postgres::config::Host;

use super::secrets::secret;
use super::show::MASK;
use super::values::Size;
use super::{Config, ConfigError};

/// Connections that a server may have at most: PostgreSQL takes 100 by default, of all nodes together.
const MOST_CONNECTIONS: u16 = 500;

/// `[store]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// Which store.
    pub kind: StoreKind,
    /// What an acknowledgement promises.
    pub durability: Durability,
    /// With less room on the disk no new message is taken; 0: until it is full.
    pub keep_free: Size,
    /// PostgreSQL's address; it may hold the password.
    url: SecretString,
    url_file: RelativePathBuf,
    /// The parts of an address, in its place.
    host: String,
    port: u16,
    database: String,
    user: String,
    password: SecretString,
    password_file: RelativePathBuf,
    tls: TlsMode,
    tls_ca: RelativePathBuf,
    /// Besides the one that writes to conversations.
    connections: NonZeroU16,
}

/// The stores there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// One file in the data folder.
    Sqlite,
    /// A database that several servers share.
    Postgres,
}

impl StoreKind {
    /// May other nodes have the same store?
    pub fn is_shared(self) -> bool {
        self == Self::Postgres
    }
}

/// What an acknowledgement promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// On the disk.
    Full,
    /// With the operating system.
    Normal,
}

/// How connections to PostgreSQL are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TlsMode {
    /// Encrypted, with a verified certificate; a socket of this machine needs none.
    Require,
    /// Not encrypted.
    Off,
}

/// How a PostgreSQL database is reached.
pub(crate) struct Database {
    /// Hosts, name, user, password.
    pub(crate) server: tokio_postgres::Config,
    /// Whether the connection is encrypted, and the certificate verified.
    pub(crate) encrypted: bool,
    /// A file of certificates to trust. `None`: those that the machine trusts.
    pub(crate) authorities: Option<PathBuf>,
    /// Whether a commit waits for the disk.
    pub(crate) durable: bool,
    /// Connections besides the one that writes to conversations.
    pub(crate) connections: NonZeroUsize,
}

/// What is wrong, and the key below `store`.
type Mistake = (&'static str, String);

impl Config {
    /// How PostgreSQL is reached. Reads the files of secrets.
    ///
    /// # Errors
    /// The key that is wrong.
    pub(crate) fn postgres(&self) -> Result<Database, ConfigError> {
        let options = self.store.postgres();
        options.map_err(|(key, what)| self.at(&format!("store.{key}"), what))
    }

    /// How the PostgreSQL at another address is reached: with the password and the TLS of the configured one.
    ///
    /// # Errors
    /// The address, or a key that is wrong.
    pub(crate) fn postgres_at(&self, address: &str) -> Result<Database, ConfigError> {
        let options = self.store.postgres_at(address);
        options.map_err(|(key, what)| self.at(&format!("store.{key}"), what))
    }

    /// Options of one store with another one.
    pub(super) fn check_store(&self) -> Result<(), ConfigError> {
        if self.store.kind == StoreKind::Postgres {
            return self.postgres().map(drop);
        }
        match self.store.given() {
            Some(key) => Err(self.at(
                &format!("store.{key}"),
                "is for `kind = \"postgres\"`, and the kind is `sqlite`; correct the kind or take this out",
            )),
            None => Ok(()),
        }
    }
}

impl Store {
    /// The first key that only PostgreSQL has and that somebody has set.
    fn given(&self) -> Option<&'static str> {
        let path = |file: &RelativePathBuf| !file.original().as_os_str().is_empty();
        let secret = |it: &SecretString| !it.expose_secret().is_empty();
        let set = [
            ("url", secret(&self.url)),
            ("url_file", path(&self.url_file)),
            ("host", !self.host.is_empty()),
            ("database", !self.database.is_empty()),
            ("user", !self.user.is_empty()),
            ("password", secret(&self.password)),
            ("password_file", path(&self.password_file)),
            ("tls_ca", path(&self.tls_ca)),
        ];
        set.into_iter().find_map(|(key, set)| set.then_some(key))
    }

    fn postgres(&self) -> Result<Database, Mistake> {
        self.reached(self.server()?)
    }

    fn postgres_at(&self, address: &str) -> Result<Database, Mistake> {
        self.reached(parsed(address)?)
    }

    fn reached(&self, mut server: tokio_postgres::Config) -> Result<Database, Mistake> {
        let password = secret("password", Some(&self.password), Some(&self.password_file));
        if let Some(password) = password.map_err(|what| ("password", what))? {
            if server.get_password().is_some() {
                return Err((
                    "password",
                    "the address has one, too; name it once".to_owned(),
                ));
            }
            server.password(password.expose_secret());
        }
        if server.get_user().is_none() {
            return Err((
                "user",
                "name the user that PostgreSQL knows this server by".to_owned(),
            ));
        }
        let socket = |host: &Host| matches!(host, Host::Unix(_));
        let (local, all_local) = (
            server.get_hosts().iter().any(socket),
            server.get_hosts().iter().all(socket),
        );
        let encrypted = self.tls == TlsMode::Require && !all_local;
        if encrypted && local {
            let what = "hosts and sockets of this machine cannot stand together";
            return Err(("host", what.to_owned()));
        }
        let authorities = Some(self.tls_ca.relative());
        let authorities = authorities.filter(|file| !file.as_os_str().is_empty());
        let authorities = authorities.filter(|_| !self.tls_ca.original().as_os_str().is_empty());
        if authorities.is_some() && !encrypted {
            let what = "is of no use without encryption; take it out, or set `tls = \"require\"`";
            return Err(("tls_ca", what.to_owned()));
        }
        if self.connections.get() > MOST_CONNECTIONS {
            return Err(("connections", format!("must be at most {MOST_CONNECTIONS}")));
        }
        Ok(Database {
            server,
            encrypted,
            authorities,
            durable: self.durability == Durability::Full,
            connections: self.connections.into(),
        })
    }

    /// The address, from its one text or its parts.
    fn server(&self) -> Result<tokio_postgres::Config, Mistake> {
        let url = secret("url", Some(&self.url), Some(&self.url_file));
        let Some(url) = url.map_err(|what| ("url", what))? else {
            let mut server = tokio_postgres::Config::new();
            for (key, value) in [("host", &self.host), ("database", &self.database)] {
                if value.is_empty() {
                    let what = "PostgreSQL needs `url`, or `host`, `database` and `user`";
                    return Err((key, what.to_owned()));
                }
            }
            server
                .host(&self.host)
                .port(self.port)
                .dbname(&self.database);
            if !self.user.is_empty() {
                server.user(&self.user);
            }
            return Ok(server);
        };
        for (key, value) in [
            ("host", &self.host),
            ("database", &self.database),
            ("user", &self.user),
        ] {
            if !value.is_empty() {
                return Err((
                    key,
                    "the address in `url` says it, too; name it once".to_owned(),
                ));
            }
        }
        parsed(url.expose_secret())
    }
}

/// Without the library's words, which may quote the address with its password.
fn parsed(address: &str) -> Result<tokio_postgres::Config, Mistake> {
    let wrong = || {
        let what = "is no address of PostgreSQL; write for example postgres://parlour@db.example.com/parlour";
        ("url", what.to_owned())
    };
    let server: tokio_postgres::Config = address.trim().parse().map_err(|_| wrong())?;
    if server.get_hosts().is_empty() || server.get_dbname().is_none() {
        return Err(wrong());
    }
    Ok(server)
}

/// An address of PostgreSQL as it may be shown.
pub(super) fn without_password(address: &str) -> String {
    let Ok(parsed) = address.trim().parse::<tokio_postgres::Config>() else {
        return MASK.to_owned();
    };
    if parsed.get_password().is_none() {
        return address.to_owned();
    }
    let hidden = || MASK.to_owned();
    let Ok(mut url) = url::Url::parse(address.trim()) else {
        return hidden();
    };
    // A password among the parameters is not looked for: then nothing is shown.
    if url.password().is_none() || url.query().is_some() || url.set_password(Some(MASK)).is_err() {
        return hidden();
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::{Config, test_config};
    use super::*;

    fn postgres(text: &str) -> Result<Database, String> {
        let text = format!("[store]\nkind = \"postgres\"\n{text}");
        let config = Config::from_text(&text).map_err(|error| error.to_string())?;
        config.postgres().map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_is_one_text_or_parts() {
        let one = postgres("url = \"postgres://ann:hush@db.example.com:5433/chat\"").unwrap();
        let parts = "host = \"db.example.com\"\nport = 5433\ndatabase = \"chat\"\nuser = \"ann\"\npassword = \"hush\"";
        let parts = postgres(parts).unwrap();
        assert_eq!(one.server, parts.server);
        assert!(one.encrypted && one.durable);
        let local = postgres("url = \"host=/run/postgresql user=ann dbname=chat\"").unwrap();
        assert!(!local.encrypted, "a socket of this machine");
    }

    #[test]
    fn what_does_not_go_together_is_said_without_a_password() {
        let url = "url = \"postgres://ann:hush@db.example.com/chat\"\n";
        for (text, key) in [
            ("", "store.host"),
            ("url = \"mysql://ann:hush@db/chat\"", "store.url"),
            ("url = \"postgres://ann:hush@db.example.com\"", "store.url"),
            ("url = \"postgres://db.example.com/chat\"", "store.user"),
            (&format!("{url}password = \"hush\""), "store.password"),
            (&format!("{url}host = \"db\""), "store.host"),
            (
                &format!("{url}tls = \"off\"\ntls_ca = \"ca.pem\""),
                "store.tls_ca",
            ),
            (&format!("{url}url_file = \"u\""), "store.url"),
            (&format!("{url}connections = 0"), "store.connections"),
            (&format!("{url}tls = \"prefer\""), "store.tls"),
        ] {
            let error = postgres(text).err().unwrap();
            assert!(error.contains(key), "{text}: {error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn what_is_for_postgresql_is_refused_with_sqlite() {
        for line in [
            "url = \"postgres://a@b/c\"",
            "host = \"b\"",
            "password_file = \"p\"",
        ] {
            let error = Config::from_text(&format!("[store]\n{line}")).unwrap_err();
            assert!(
                error.to_string().contains("the kind is `sqlite`"),
                "{error}"
            );
        }
        assert_eq!(test_config("").store.kind, StoreKind::Sqlite);
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (address, shown) in [
            ("postgres://ann@db/chat", "postgres://ann@db/chat"),
            (
                "postgres://ann:hush@db/chat",
                "postgres://ann:********@db/chat",
            ),
            ("host=db user=ann password=hush", "********"),
            ("postgres://ann@db/chat?password=hush", "********"),
            ("nonsense:hush", "********"),
        ] {
            assert_eq!(without_password(address), shown);
        }
    }
}
