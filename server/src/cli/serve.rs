//! Without a command: the server from its first line to its exit.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{LocationArgs, manager, reached_at, say};
use crate::base_path::must_be_taken_away;
use crate::clock::SystemClock;
use crate::config::{BaseUrl, Config, Sources};
use crate::dev::DevBuild;
use crate::first_start::prepare;
use crate::http::metrics;
use crate::ids::RandomIds;
use crate::limits::{CLOSE_STORE, STOP_THREADS};
use crate::listen;
use crate::router::router;
use crate::shutdown::Shutdown;
use crate::start_error::StartError;
use crate::state::{AppState, World};
use crate::store::StoreError;
use crate::store::sqlite::copy::Presence;
use crate::telemetry;

pub(super) fn serve(location: &LocationArgs, sources: &Sources) -> Result<(), StartError> {
    let config = Config::load(sources)?;
    let dev_build = DevBuild::of(&sources.environment)?;
    telemetry::start(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            StartError::Listen(format!(
                "cannot start threads ({error}); raise the limit of processes"
            ))
        })?;
    let done = runtime.block_on(run(location, sources.clone(), config, dev_build));
    // A thread that waits for the disk must not delay the exit.
    runtime.shutdown_timeout(STOP_THREADS);
    done
}

async fn run(
    location: &LocationArgs,
    mut sources: Sources,
    mut config: Config,
    dev_build: Option<DevBuild>,
) -> Result<(), StartError> {
    // The port comes first: if another server has it, nothing is made and no database is opened.
    let listener = listen::bind(config.server.listen)?;
    let bind_metrics = |address| listen::bind_as("server.metrics", address);
    let metrics_listener = config.server.metrics.map(bind_metrics).transpose()?;
    let prepared = prepare(&mut config, &RandomIds)?;
    // It is held to the end, so that nothing is restored under a running server and no other server uses the folder.
    let _here = Presence::alone(&config.server.data)?;
    let address = listener.local_addr().unwrap_or(config.server.listen);
    // Port 0 has become a real port, and bots need to know where they reach us.
    config.server.listen = address;
    let mut signals = Signals::new()?;
    let shutdown = Shutdown::new();
    let world = World {
        clock: Arc::new(SystemClock),
        ids: Arc::new(RandomIds),
        shutdown: shutdown.clone(),
        bots: HashMap::new(),
        dev_build,
        store: None,
    };
    let state = AppState::build(config, &prepared.visitor_secret, world)?;
    state.join().await?;
    state.start_background();
    warn(&state);
    announce(&state, address, &prepared.notes);
    if let Some(listener) = metrics_listener {
        if let Ok(address) = listener.local_addr() {
            say(&format!("  metrics       http://{address}/metrics"));
        }
        shutdown.spawn("metrics", metrics::serve(listener, state.clone()));
    }
    let serving = listen::serve(
        listener,
        router(state.clone()),
        state.config(),
        shutdown.clone(),
    );
    shutdown.spawn("listener", serving);
    manager::tell(manager::READY);

    while matches!(signals.next().await, Signal::Reload) {
        reload(&state, location, &mut sources);
    }
    tracing::info!("ending");
    manager::tell(manager::STOPPING);
    state.readiness.drain();
    let server = &state.config().server;
    let delay = server.drain_delay.0;
    if delay > Duration::ZERO {
        tokio::time::sleep(delay).await;
    }
    let tasks = server.drain_tasks();
    let closed_by = Instant::now() + tasks + CLOSE_STORE;
    let drained = shutdown.drain(tasks).await;
    if drained.left > 0 {
        tracing::warn!(tasks = drained.left, "ended before everything was finished");
    }
    close(state.store.close(), closed_by).await;
    tracing::info!("ended");
    Ok(())
}

/// Waits for the store to close, but not for a disk that hangs.
async fn close(closing: impl Future<Output = Result<(), StoreError>>, until: Instant) {
    match tokio::time::timeout_at(until, closing).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the store was not closed cleanly"),
        Err(_late) => {
            tracing::error!("the store was not closed in time; the next start reads its log");
        }
    }
}

/// Logs what an operator should know at every start.
fn warn(state: &AppState) {
    let config = state.config();
    warn_of_claims(&config);
    if state.site.is_missing() {
        tracing::warn!(
            "there is no built widget: pages work without scripts only; build it with `cargo xtask build`, or give --site"
        );
    }
    if config.server.public_url.is_none() && !config.server.listen.ip().is_loopback() {
        tracing::warn!("server.public_url is not set: addresses are taken from each request");
    }
    if let Some(address) = config.server.metrics.filter(|it| !it.ip().is_loopback()) {
        tracing::warn!(
            %address,
            "server.metrics is no address of this machine alone: whoever reaches it reads how much there is to do here"
        );
    }
    for warning in proxy_warnings(&config) {
        tracing::warn!("{warning}");
    }
}

/// Warns about apps whose pages may speak for anybody.
fn warn_of_claims(config: &Config) {
    for (id, app) in config
        .apps
        .iter()
        .filter(|(_, app)| app.trust_claimed_identity)
    {
        let pages = app.origins.len();
        tracing::warn!(
            app = id,
            origins = pages,
            "trust_claimed_identity is on: every page of this app's origins can speak as anybody; switch it off when you have moved over"
        );
    }
}

/// What can be said about the proxy in front before it has sent a request.
fn proxy_warnings(config: &Config) -> impl Iterator<Item = &'static str> {
    let server = &config.server;
    let https = server.public_url.as_ref().is_some_and(BaseUrl::is_https);
    let nobody = https && server.trusted_proxies.is_empty();
    let nobody = nobody.then_some(
        "server.public_url is https, so a proxy stands in front, but server.trusted_proxies is empty: every visitor counts \
         as the proxy; add its address, for example [\"127.0.0.1\"]",
    );
    let like_ours = must_be_taken_away(&config.base_path()).then_some(
        "the path of server.public_url begins like an address of Parlour's own: the proxy must take it away before it asks \
         here",
    );
    nobody.into_iter().chain(like_ours)
}

/// Says what was made and which pages to open.
fn announce(state: &AppState, address: SocketAddr, notes: &[String]) {
    say(&format!("Parlour {}", env!("CARGO_PKG_VERSION")));
    for note in notes {
        say(&format!("  {note}"));
    }
    let config = state.config();
    let base = reached_at(&config, address);
    say(&format!("listening on http://{address}"));
    if config.server.home_page {
        say(&format!("  start here    {base}"));
    }
    if config.server.demo_page {
        say(&format!("  demo page     {base}demo"));
    }
    for bot in config.bots.values() {
        say(&format!("  chat          {base}chat/{}", bot.page.as_str()));
    }
}

/// Takes over apps, bots, keys and scripts. If something is wrong, everything stays as it was.
fn reload(state: &AppState, location: &LocationArgs, sources: &mut Sources) {
    match take_over(state, location, sources) {
        Ok(restart) => {
            let config = state.config();
            warn_of_claims(&config);
            let (apps, bots) = (config.apps.len(), config.bots.len());
            tracing::info!(apps, bots, "apps, bots, keys and scripts were read again");
            if !restart.is_empty() {
                let sections = restart.join(", ");
                tracing::warn!(
                    sections,
                    "these sections have changed, too: restart to use them"
                );
            }
        }
        Err(error) => {
            tracing::error!(%error, "nothing was taken over: correct this and send SIGHUP once more");
        }
    }
}

/// Gives the sections that have also changed but need a restart.
fn take_over(
    state: &AppState,
    location: &LocationArgs,
    sources: &mut Sources,
) -> Result<Vec<String>, StartError> {
    // The usual file may have been made since the start, for example by `parlour app add`. If the file is gone, that is
    // a mistake, and not the wish for a demo.
    if sources.file.is_none() {
        sources.file = location.sources()?.file;
    }
    let mut config = Config::load(sources)?;
    // The folder stays the same, and so do the secrets in it.
    config.server.data.clone_from(&state.config().server.data);
    prepare(&mut config, &RandomIds)?;
    state.reload(&config)
}

/// What the operating system asks for.
enum Signal {
    Reload,
    End,
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Result<Self, StartError> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind)
                .map_err(|error| StartError::Listen(format!("cannot receive signals ({error})")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::End,
            _ = self.terminate.recv() => Signal::End,
            _ = self.hang_up.recv() => Signal::Reload,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Result<Self, StartError> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        // There are no signals, so the server runs until the process is ended from outside.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::End
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::test_config;

    #[test]
    fn a_proxy_that_nobody_listed_is_warned_of_at_the_start() {
        let https = "public_url = \"https://chat.test/\"\n";
        let listed = "trusted_proxies = [\"127.0.0.1\"]\n";
        for (server, warned) in [
            (String::new(), None),
            ("public_url = \"http://chat.test/p/\"".to_owned(), None),
            (https.to_owned(), Some("server.trusted_proxies is empty")),
            (format!("{https}{listed}"), None),
            (
                format!("{listed}public_url = \"https://chat.test/chat/\""),
                Some("must take it away"),
            ),
        ] {
            let config = test_config(&format!("[server]\n{server}"));
            let warnings: Vec<_> = proxy_warnings(&config).collect();
            assert_eq!(warnings.len(), usize::from(warned.is_some()), "{server}");
            assert!(
                warnings
                    .iter()
                    .all(|w| warned.is_some_and(|part| w.contains(part)))
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_hangs_does_not_hold_up_the_exit() {
        let until = Instant::now() + CLOSE_STORE;
        close(std::future::pending(), until).await;
        assert_eq!(Instant::now(), until);
    }
}
