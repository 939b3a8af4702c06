//! Opens the bus that the configuration asks for.
//!
//! In the path: `state` calls [`open_bus`] once. It is here that bus, store and limits meet. The bus knows neither of them,
//! so it is given a way to read what another node has stored, and one to hand on what another node let through.

use std::sync::Arc;

use async_trait::async_trait;

use crate::bus::{
    self, Around, BACKLOG_BYTES, Broker, BrokerSettings, Bus, Credentials, LOOK_EVERY, Pace,
    READ_AT_ONCE, RelayedBus, SharedLimits, StoredMessages,
};
use crate::config::{self, BusKind, Config};
use crate::ids::Ids;
use crate::records::{ConversationId, StoredMessage, Usage};
use crate::security::rates::Rates;
use crate::shutdown::Shutdown;
use crate::start_error::StartError;
use crate::store::Store;

/// Starts the bus. A broker that is away is no reason not to start.
///
/// # Errors
/// If a file with a secret cannot be read.
pub(crate) fn open_bus(
    config: &Config,
    store: &Arc<dyn Store>,
    rates: &Arc<Rates>,
    ids: &dyn Ids,
    shutdown: &Shutdown,
) -> Result<Arc<dyn Bus>, StartError> {
    let Some(settings) = broker(&config.bus).map_err(|(key, what)| config.at(key, what))? else {
        let shared = config.store.kind.is_shared();
        if shared {
            tracing::warn!(
                "other nodes may have the same store, and there is no bus: their messages arrive up to {} seconds late; \
                 set bus.kind",
                LOOK_EVERY.as_secs()
            );
        }
        return Ok(bus::in_process(shared, shutdown));
    };
    if config.bus.is_bare() {
        tracing::warn!(
            "bus.url is not encrypted: whoever listens on the way to the broker reads its password"
        );
    }
    let stored = Arc::new(Stored(Arc::clone(store)));
    let around = Around {
        node: ids.uuid(),
        stored,
        limits: Arc::new(Limits(Arc::clone(rates))),
    };
    let bus = RelayedBus::start(settings, Pace::default(), around, shutdown);
    Ok(Arc::new(bus))
}

/// Where the broker is; `None`: there is none. The error names the key.
fn broker(config: &config::Bus) -> Result<Option<BrokerSettings>, (&'static str, String)> {
    let broker = match config.kind {
        BusKind::Memory => return Ok(None),
        BusKind::Nats => Broker::Nats,
        BusKind::Redis => Broker::Redis,
    };
    let Some(url) = &config.url else {
        return Ok(None);
    };
    let user = Some(config.user.clone()).filter(|user| !user.is_empty());
    let password = config.password().map_err(|what| ("bus.password", what))?;
    let token = config.token().map_err(|what| ("bus.token", what))?;
    let credentials = match (password, token) {
        (Some(password), _) => Credentials::Password(user, password),
        (None, Some(token)) => Credentials::Token(token),
        (None, None) => Credentials::None,
    };
    Ok(Some(BrokerSettings {
        broker,
        host: url.host(),
        port: url.port(),
        tls: url.is_tls(),
        ca_file: config.ca_file(),
        credentials,
        prefix: config.prefix.clone(),
    }))
}

/// The limits, as the bus sees them.
struct Limits(Arc<Rates>);

impl SharedLimits for Limits {
    fn take_used(&self) -> Usage {
        self.0.take_used()
    }

    fn forget_used(&self) {
        self.0.forget_used();
    }

    fn standing(&self) -> Usage {
        self.0.standing()
    }

    fn charge(&self, used: &Usage) {
        self.0.charge(used);
    }

    fn raise(&self, standing: &Usage) {
        self.0.raise(standing);
    }
}

/// The store, as the bus sees it.
struct Stored(Arc<dyn Store>);

#[async_trait]
impl StoredMessages for Stored {
    async fn after(&self, conversation: ConversationId, seq: u64) -> Option<Vec<StoredMessage>> {
        let missed = self.0.since(conversation, seq, READ_AT_ONCE, BACKLOG_BYTES);
        match missed.await {
            Ok(missed) => Some(missed.messages),
            Err(error) => {
                tracing::warn!(%error, "a message of another node could not be read; the sockets look for it later");
                None
            }
        }
    }
}
