//! Names to IP addresses, for the client.
//!
//! In the path: the connection is made to exactly what [`Names`] gives, so that a name that leads elsewhere the next
//! time (DNS rebinding) gains nothing. A connection that is used again was checked when it was made.
//!
//! Invariant: the system's resolver blocks a thread. A name whose servers hang holds one of a few, not all.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::ranges::{Range, must_be_public};
use crate::limits::{ADDRESSES_OF_A_NAME, NAMES_AT_ONCE};

/// The system's resolver.
type Lookup = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// What an address must be.
pub(super) type Check = fn(IpAddr) -> Result<(), Range>;

/// Looks names up.
#[derive(Clone)]
pub(super) struct Names {
    lookup: Arc<Lookup>,
    check: Check,
    places: Arc<Semaphore>,
}

impl Names {
    /// For the operator's own words: anything goes.
    pub(super) fn any() -> Self {
        Self::new(system, |_| Ok(()))
    }

    /// For the words of strangers: every address of the name must be public.
    pub(super) fn public() -> Self {
        Self::new(system, must_be_public)
    }

    pub(super) fn new(
        lookup: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
        check: Check,
    ) -> Self {
        Self {
            lookup: Arc::new(lookup),
            check,
            places: Arc::new(Semaphore::new(NAMES_AT_ONCE)),
        }
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let Self {
            lookup,
            check,
            places,
        } = self.clone();
        Box::pin(async move {
            let place = places.acquire_owned().await?;
            let looking = tokio::task::spawn_blocking(move || {
                // Held until the resolver returns, also when nobody waits for it any more.
                let _place = place;
                lookup(name.as_str())
            });
            let found = looking.await??;
            // One bad address spoils the name: who mixes them is up to something, and which one is taken is chance.
            for address in &found {
                check(address.ip())?;
            }
            let found: Addrs = Box::new(found.into_iter().take(ADDRESSES_OF_A_NAME));
            Ok(found)
        })
    }
}

fn system(name: &str) -> io::Result<Vec<SocketAddr>> {
    Ok((name, 0).to_socket_addrs()?.collect())
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    fn leading_to(addresses: &'static [&'static str]) -> Names {
        let found = move |_: &str| {
            let parsed = addresses
                .iter()
                .map(|it| SocketAddr::new(it.parse().unwrap(), 0));
            Ok(parsed.collect())
        };
        Names::new(found, must_be_public)
    }

    async fn addresses(names: &Names) -> Result<Vec<String>, Box<dyn Error + Send + Sync>> {
        let found = names.resolve("bot.example".parse().unwrap()).await?;
        Ok(found.map(|it| it.ip().to_string()).collect())
    }

    #[tokio::test]
    async fn a_name_gives_what_was_checked() {
        let names = leading_to(&["93.184.215.14", "2606:4700::1111"]);
        let found = addresses(&names).await.unwrap();
        assert_eq!(found, ["93.184.215.14", "2606:4700::1111"]);
    }

    #[tokio::test]
    async fn one_address_inside_refuses_the_name() {
        for list in [
            &["127.0.0.1"][..],
            &["93.184.215.14", "10.0.0.1"],
            &["::ffff:10.0.0.1", "93.184.215.14"],
        ] {
            let error = addresses(&leading_to(list)).await.unwrap_err();
            assert!(error.downcast_ref::<Range>().is_some(), "{list:?}: {error}");
        }
    }

    #[tokio::test]
    async fn a_name_with_a_thousand_addresses_gives_a_few() {
        let many = |_: &str| {
            let each = (0..1_000_u32).map(|n| IpAddr::from((0x5db8_0000 + n).to_be_bytes()));
            Ok(each.map(|ip| SocketAddr::new(ip, 0)).collect())
        };
        let found = addresses(&Names::new(many, must_be_public)).await.unwrap();
        assert_eq!(found.len(), ADDRESSES_OF_A_NAME);
    }

    #[tokio::test]
    async fn the_systems_resolver_knows_this_machine_and_the_guard_refuses_it() {
        let found = Names::any().resolve("localhost".parse().unwrap()).await;
        let mut found = found.unwrap_or_else(|error| panic!("{error}"));
        assert!(found.any(|it| it.ip().is_loopback()));
        let refused = Names::public().resolve("localhost".parse().unwrap()).await;
        let refused = refused.map(|_| ()).unwrap_err();
        assert_eq!(refused.downcast_ref::<Range>(), Some(&Range::Loopback));
    }

    #[tokio::test]
    async fn names_that_hang_hold_a_few_threads_only() {
        let (release, hold) = std::sync::mpsc::channel::<()>();
        let (begun, beginnings) = std::sync::mpsc::channel();
        let hold = std::sync::Mutex::new(hold);
        let begun = std::sync::Mutex::new(begun);
        let names = Names::new(
            move |_| {
                begun.lock().unwrap().send(()).unwrap();
                // Ends with the sender.
                let _ = hold.lock().unwrap().recv();
                Ok(Vec::new())
            },
            must_be_public,
        );
        let waiting: Vec<_> = (0..=NAMES_AT_ONCE)
            .map(|_| Box::pin(addresses(&names)))
            .collect();
        let waiting = futures_util::future::join_all(waiting);
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        let beginnings = tokio::task::spawn_blocking(move || {
            for _ in 0..NAMES_AT_ONCE {
                beginnings.recv().unwrap();
            }
            beginnings
        });
        let beginnings = beginnings.await.unwrap();
        assert!(beginnings.try_recv().is_err(), "one has to wait");
        drop(release);
        assert_eq!(waiting.await.len(), NAMES_AT_ONCE + 1);
    }
}
