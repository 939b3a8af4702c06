//! What handlers share. This is the only code that chooses a store, a bus and bots.
//!
//! In the path: `cli::serve` (or a test) builds it once. Every handler gets a clone, which is one pointer.
//!
//! Invariant: no state of a visitor's session lives only here. Any instance with the same keys and store can serve any
//! request.

use std::collections::HashMap;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::FromRef;
use secrecy::SecretString;

use crate::bot::{self, Bot, BotError, Surroundings};
use crate::bus::Bus;
use crate::clock::{Clock, SharedClock};
use crate::config::{BusKind, Config, ConfigError, Database, Durability, StoreKind};
use crate::dev::DevBuild;
use crate::http::assets::Site;
use crate::http::in_flight::InFlight;
use crate::http::requests::Requests;
use crate::http::way_in::BotKeys;
use crate::http::webhook_channel::ChannelCallbacks;
use crate::ids::Ids;
use crate::limits::{RETENTION_PAUSE, RETENTION_SWEEP, ROOM_CHECK, SENT_AGAIN_WITHIN, STORE_SWEEP};
use crate::open_bus::open_bus;
use crate::rtm::{self, Rtm};
use crate::security::rates::Rates;
use crate::security::refusals::{Refusals, keep_logging};
use crate::shutdown::Shutdown;
use crate::signing::{KeyTable, Keys, Policy, Visitors};
use crate::start_error::StartError;
use crate::store::postgres::{PostgresOptions, PostgresStore, TlsOptions};
use crate::store::room::Room;
use crate::store::sqlite::{SqliteOptions, SqliteStore, Synchronous};
use crate::store::{NodeRecord, RetentionLimits, Store, StoreError};
use crate::swap::Swap;

/// Shared by all handlers.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What [`AppState`] holds.
pub struct Shared {
    /// The configuration. Its apps and bots are read again on SIGHUP.
    config: Arc<Swap<Config>>,
    /// The apps' keys. They are read again on SIGHUP.
    pub keys: Arc<Keys>,
    /// Rules for assertions.
    pub policy: Policy,
    /// Makes and recognises anonymous visitors.
    pub visitors: Visitors,
    /// The store.
    pub store: Arc<dyn Store>,
    /// Wakes the sockets of a conversation.
    pub bus: Arc<dyn Bus>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Makes names and secrets.
    pub ids: Arc<dyn Ids>,
    /// The only spawner.
    pub shutdown: Shutdown,
    /// What bots need when they are opened.
    pub around: Surroundings,
    /// Bots of a test, instead of the configured ones.
    bots: HashMap<String, Arc<dyn Bot>>,
    /// The platform side.
    pub rtm: Arc<Rtm>,
    /// The keys with which bots call us, by bot. They are read again on SIGHUP.
    pub bot_keys: Swap<HashMap<String, BotKeys>>,
    /// Counts refusals in the log.
    pub refusals: Arc<Refusals>,
    /// Sends answers to apps.
    pub callbacks: ChannelCallbacks,
    /// The memory of answers that wait for their readers.
    pub in_flight: Arc<InFlight>,
    /// Counts requests.
    pub requests: Requests,
    /// The widget's files.
    pub site: Site,
    /// Whether a load balancer should send work.
    pub readiness: Readiness,
    /// The build, while developing.
    pub dev_build: Option<DevBuild>,
}

impl Shared {
    /// The configuration at this moment. It may change between two calls, so a request asks once and keeps it.
    pub fn config(&self) -> Arc<Config> {
        self.config.get()
    }
}

/// Whether the server is ready for work.
#[derive(Debug, Default)]
pub struct Readiness(AtomicBool);

impl Readiness {
    /// From now on it is not.
    pub fn drain(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the drain has begun.
    pub fn is_draining(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl FromRef<AppState> for Arc<Rtm> {
    fn from_ref(state: &AppState) -> Self {
        Arc::clone(&state.rtm)
    }
}

/// Sources of time, names and tasks.
pub struct World {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Makes names and secrets.
    pub ids: Arc<dyn Ids>,
    /// The only spawner.
    pub shutdown: Shutdown,
    /// Bots of a test, by id, instead of the configured ones.
    pub bots: HashMap<String, Arc<dyn Bot>>,
    /// The build, while developing. Pages then reload themselves.
    pub dev_build: Option<DevBuild>,
    /// A store instead of the configured one: tests share one between nodes.
    pub store: Option<Arc<dyn Store>>,
}

impl AppState {
    /// Opens and starts everything that handlers need. It needs a running tokio.
    ///
    /// # Errors
    /// If a key, the data folder or the site is wrong.
    pub fn build(
        config: Config,
        visitor_secret: &SecretString,
        world: World,
    ) -> Result<Self, StartError> {
        let keys = Arc::new(Keys::new(KeyTable::load(&config)?));
        let bot_keys = Swap::new(BotKeys::load(&config)?);
        let refusals = Arc::new(Refusals::new());
        keep_logging(&world.shutdown, Arc::clone(&refusals));
        let visitors = Visitors::new(visitor_secret, config.base_path());
        let has_bus = config.bus.kind != BusKind::Memory;
        let rates = Rates::new(&config.rate, &visitors, has_bus, &world.shutdown);
        let store = match world.store {
            Some(store) => store,
            None => open_store(&config, world.ids.as_ref())?,
        };
        let clock: Arc<dyn Clock> = if store.is_shared() {
            let store = Arc::clone(&store);
            Arc::new(SharedClock::new(world.clock, move || store.clock_ahead()))
        } else {
            world.clock
        };
        let room = Arc::new(Room::default());
        // PostgreSQL's disk is another's.
        let keep_free = match config.store.kind {
            StoreKind::Sqlite => config.store.keep_free.bytes(),
            StoreKind::Postgres => 0,
        };
        let folder = config.server.data.clone();
        room.look(&folder, keep_free);
        let looking = keep_looking(world.shutdown.clone(), Arc::clone(&room), folder, keep_free);
        world.shutdown.spawn("disk check", looking);
        let bus = open_bus(&config, &store, &rates, world.ids.as_ref(), &world.shutdown)?;
        let around = Surroundings::new(&config, visitor_secret, Arc::clone(&clock));
        let mut bots = open_bots(&config, &around)?;
        bots.extend(world.bots.clone());
        let policy = Policy::from(&config.tokens);
        let callbacks = ChannelCallbacks::new(&config)?;
        let mut site = Site::find(config.server.site.as_deref())?;
        let config = Arc::new(Swap::new(config));
        let rtm = Rtm::new(rtm::Dependencies {
            config: Arc::clone(&config),
            keys: Arc::clone(&keys),
            store: Arc::clone(&store),
            bus: Arc::clone(&bus),
            rates,
            room,
            bots,
            clock: Arc::clone(&clock),
            ids: Arc::clone(&world.ids),
            shutdown: world.shutdown.clone(),
            refusals: Arc::clone(&refusals),
        });
        if world.dev_build.is_some() {
            site = site.asked_again();
        }
        Ok(Self(Arc::new(Shared {
            policy,
            visitors,
            callbacks,
            store,
            bus,
            around,
            bots: world.bots,
            rtm,
            site,
            dev_build: world.dev_build,
            in_flight: Arc::default(),
            requests: Requests::default(),
            readiness: Readiness::default(),
            clock,
            ids: world.ids,
            shutdown: world.shutdown,
            config,
            keys,
            bot_keys,
            refusals,
        })))
    }

    /// Takes over the apps, bots, keys and scripts of a configuration that was read again. If one of them is wrong,
    /// nothing is taken over. Gives the other sections that have changed, because they need a restart.
    ///
    /// # Errors
    /// The first thing that is wrong. Then nothing has changed.
    pub fn reload(&self, fresh: &Config) -> Result<Vec<String>, StartError> {
        let running = self.config();
        let next = running.taking_over(fresh)?;
        let keys = KeyTable::load(&next)?;
        let bot_keys = BotKeys::load(&next)?;
        let callbacks = self.callbacks.reread(&next)?;
        let mut bots = open_bots(&next, &self.around)?;
        bots.extend(self.bots.clone());
        // The keys come first, so that a new app has its keys when a request sees it.
        self.keys.replace(keys);
        self.bot_keys.replace(bot_keys);
        callbacks();
        self.rtm.replace_bots(bots);
        self.config.replace(next);
        self.rtm.end_removed();
        Ok(running.restart_for(fresh))
    }

    /// Starts the background tasks: the open jobs of the last process, and the removal of what has expired or is too
    /// old.
    pub fn start_background(&self) {
        self.rtm.resume();
        let retention = &self.config().retention;
        if retention.age.is_some() || retention.messages > 0 {
            self.shutdown.spawn("retention", keep_pruned(self.clone()));
        }
        let (store, clock, ending) = (
            Arc::clone(&self.store),
            Arc::clone(&self.clock),
            self.shutdown.clone(),
        );
        self.shutdown.spawn("store sweep", async move {
            let mut minute = tokio::time::interval(STORE_SWEEP);
            loop {
                tokio::select! {
                    _ = minute.tick() => {}
                    () = ending.cancelled() => return,
                }
                // Each sweep is a bounded step, so it is repeated until nothing is left or the server shuts down.
                loop {
                    match store.sweep(clock.now()).await {
                        Ok(swept) if swept.any() && !ending.is_cancelled() => {}
                        Ok(_) => break,
                        Err(error) => {
                            tracing::warn!(%error, "expired tokens were not removed; the next minute tries again");
                            break;
                        }
                    }
                }
            }
        });
    }
}

/// Watches the free space of the disk until the server shuts down.
async fn keep_looking(ending: Shutdown, room: Arc<Room>, folder: PathBuf, keep_free: u64) {
    if keep_free == 0 {
        return;
    }
    let mut due = tokio::time::interval(ROOM_CHECK);
    loop {
        tokio::select! {
            _ = due.tick() => {}
            () = ending.cancelled() => return,
        }
        let (room, folder) = (Arc::clone(&room), folder.clone());
        // A network disk may be slow, so another thread asks it. If that panics, the next round asks again.
        let look = move || room.look(&folder, keep_free);
        drop(tokio::task::spawn_blocking(look).await);
    }
}

/// Removes old messages, and users without any, now and every [`RETENTION_SWEEP`].
async fn keep_pruned(state: AppState) {
    let mut due = tokio::time::interval(RETENTION_SWEEP);
    let ending = state.shutdown.cancelled();
    tokio::pin!(ending);
    loop {
        tokio::select! {
            _ = due.tick() => {}
            () = &mut ending => return,
        }
        let pruned = tokio::select! {
            pruned = prune(&state) => pruned,
            () = &mut ending => return,
        };
        match pruned {
            Ok((0, 0)) => {}
            Ok((messages, users)) => {
                tracing::info!(
                    messages,
                    users,
                    "old messages and unused users were removed"
                );
            }
            Err(error) => {
                tracing::warn!(%error, "old messages were not removed; the next time tries again");
            }
        }
    }
}

/// Walks once over all conversations and users. Gives how many messages and users were removed.
async fn prune(state: &AppState) -> Result<(u64, usize), StoreError> {
    let configured = &state.config().retention;
    let now = state.clock.now();
    let retention = RetentionLimits {
        sent_again_from: now.minus(SENT_AGAIN_WITHIN),
        older_than: configured.age.map(|age| now.minus(age.0)),
        newest: Some(u64::from(configured.messages)).filter(|count| *count > 0),
    };
    let (mut removed, mut after) = (0_u64, None);
    loop {
        let pruned = state.store.prune(retention, after).await?;
        removed += u64::from(pruned.messages);
        after = pruned.next;
        if after.is_none() {
            break;
        }
        tokio::time::sleep(RETENTION_PAUSE).await;
    }
    // A user without messages is kept as long as messages are.
    let Some(unused_since) = retention.older_than else {
        return Ok((removed, 0));
    };
    let (mut users, mut after) = (0, None);
    loop {
        let pruned = state.store.prune_users(unused_since, now, after).await?;
        users += pruned.users;
        after = pruned.next;
        if after.is_none() {
            return Ok((removed, users));
        }
        tokio::time::sleep(RETENTION_PAUSE).await;
    }
}

fn open_store(config: &Config, ids: &dyn Ids) -> Result<Arc<dyn Store>, StartError> {
    match config.store.kind {
        StoreKind::Sqlite => {
            let options = SqliteOptions {
                synchronous: match config.store.durability {
                    Durability::Full => Synchronous::Full,
                    Durability::Normal => Synchronous::Normal,
                },
                ..SqliteOptions::default()
            };
            Ok(Arc::new(SqliteStore::open(&config.server.data, &options)?))
        }
        StoreKind::Postgres => {
            let options = postgres_options(config.postgres()?, &ids.uuid());
            Ok(Arc::new(PostgresStore::open(&options)?))
        }
    }
}

/// Opens an existing store, for a command beside a running server. It makes no store.
///
/// # Errors
/// If there is none, or it has another version.
pub(crate) fn open_store_beside(config: &Config) -> Result<Arc<dyn Store>, StartError> {
    match config.store.kind {
        StoreKind::Sqlite => {
            let options = SqliteOptions::default();
            let store = SqliteStore::beside(&config.server.data, &options)?;
            Ok(Arc::new(store))
        }
        StoreKind::Postgres => {
            let options = postgres_options(config.postgres()?, OPERATOR);
            Ok(Arc::new(PostgresStore::beside(&options)?))
        }
    }
}

/// What the servers that share a configured database now say of themselves. Nothing is changed there.
///
/// # Errors
/// It is of another version, or cannot be reached.
pub(crate) fn living_nodes(database: Database) -> Result<Vec<NodeRecord>, StoreError> {
    PostgresStore::living(&postgres_options(database, OPERATOR))
}

/// The name of a command in a store that servers share. It takes no leases.
pub(crate) const OPERATOR: &str = "operator";

/// How a configured database is opened, for the node of this name.
pub(crate) fn postgres_options(database: Database, node: &str) -> PostgresOptions {
    let Database {
        server,
        encrypted,
        authorities,
        durable,
        connections,
    } = database;
    PostgresOptions {
        node: node.into(),
        tls: encrypted.then_some(TlsOptions { authorities }),
        durable,
        connections,
        ..PostgresOptions::new(server)
    }
}

/// Opens every configured bot, and reads its script or its connector's files.
///
/// # Errors
/// The first one that is wrong.
pub(crate) fn open_bots(
    config: &Config,
    around: &Surroundings,
) -> Result<HashMap<String, Arc<dyn Bot>>, ConfigError> {
    let bots = config.bots.iter().map(|(id, bot)| {
        let mistake = |error: BotError| {
            let key = match &error {
                BotError::Setting { key, .. } => key,
                _ => "script",
            };
            config.at(&format!("bots.{id}.{key}"), error.to_string())
        };
        Ok((id.clone(), bot::open(id, bot, around).map_err(mistake)?))
    });
    bots.collect()
}

/// A state for tests: a fresh folder, a clock that stands still, known ids.
#[cfg(test)]
pub(crate) fn test_state(text: &str) -> AppState {
    use crate::clock::{FixedClock, Millis};
    use crate::ids::{RandomIds, SeededIds};
    crate::signing::install_crypto();
    let mut config = crate::config::test_config(text);
    config.server.data = std::env::temp_dir().join(format!("parlour-state-{}", RandomIds.uuid()));
    let prepared = crate::first_start::prepare(&mut config, &RandomIds).unwrap();
    let world = World {
        clock: Arc::new(FixedClock::new(Millis(1_795_000_000_000))),
        ids: Arc::new(SeededIds::new(1)),
        shutdown: Shutdown::new(),
        bots: HashMap::new(),
        dev_build: None,
        store: None,
    };
    AppState::build(config, &prepared.visitor_secret, world).unwrap()
}
