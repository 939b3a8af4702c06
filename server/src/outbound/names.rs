//! Looks up names for the client.
//!
//! In the path: the client connects to exactly what [`Names`] gives. So a name that leads elsewhere the next time (DNS
//! rebinding) gains nothing. A connection that is reused was checked when it was made.
//!
//! Invariant: the system's resolver blocks a thread for as long as a name's servers take. All callers of one name wait
//! for one thread, and all names together have a few threads. So a bot whose name hangs does not hold up any other.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _, Shared};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::ranges::{Range, must_be_public};
use crate::limits::{ADDRESSES_OF_A_NAME, NAMES_AT_ONCE};

/// The system's resolver.
type Lookup = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// The condition that an address must meet.
pub(super) type Check = fn(IpAddr) -> Result<(), Range>;

/// A lookup in progress, which all of its callers share.
type Looking = Shared<BoxFuture<'static, Result<Vec<SocketAddr>, Unknown>>>;

/// The name is unknown.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the name is not known")]
struct Unknown;

/// Looks names up.
#[derive(Clone)]
pub(super) struct Names(Arc<Inner>);

struct Inner {
    lookup: Box<Lookup>,
    check: Check,
    permits: Arc<Semaphore>,
    looking: Mutex<HashMap<String, Looking>>,
}

impl Names {
    /// For the operator's addresses: any result is accepted.
    pub(super) fn any() -> Self {
        Self::new(system, |_| Ok(()))
    }

    /// For strangers' addresses: every result must be public.
    pub(super) fn public() -> Self {
        Self::new(system, must_be_public)
    }

    pub(super) fn new(
        lookup: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
        check: Check,
    ) -> Self {
        Self(Arc::new(Inner {
            lookup: Box::new(lookup),
            check,
            permits: Arc::new(Semaphore::new(NAMES_AT_ONCE)),
            looking: Mutex::default(),
        }))
    }

    async fn look(&self, name: &str) -> Result<Vec<SocketAddr>, Unknown> {
        let running = self.looking().get(name).cloned();
        if let Some(running) = running {
            return running.await;
        }
        let permits = Arc::clone(&self.0.permits);
        let permit = permits.acquire_owned().await.map_err(|_| Unknown)?;
        let looking = {
            let mut looking = self.looking();
            // Another caller may have begun in the meantime.
            let begun = looking.entry(name.to_owned()).or_insert_with(|| {
                let (names, name) = (self.clone(), name.to_owned());
                let done = tokio::task::spawn_blocking(move || {
                    // Both end with the resolver's answer, even if nobody waits for it any more.
                    let _permit = permit;
                    let _listed = Listed(&names, &name);
                    (names.0.lookup)(&name).map_err(|_| Unknown)
                });
                done.map(|done| done.map_err(|_| Unknown)?).boxed().shared()
            });
            begun.clone()
        };
        looking.await
    }

    fn looking(&self) -> MutexGuard<'_, HashMap<String, Looking>> {
        // Nothing under the lock can panic.
        let looking = self.0.looking.lock();
        looking.unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name in the list of lookups, until this is dropped.
struct Listed<'a>(&'a Names, &'a str);

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.0.looking().remove(self.1);
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.clone();
        Box::pin(async move {
            let found = names.look(name.as_str()).await?;
            // One bad address spoils the name. Whoever mixes them attacks us, and it is chance which one the connection
            // takes.
            for address in &found {
                (names.0.check)(address.ip())?;
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
    use std::sync::mpsc;

    use futures_util::future::join_all;
    use futures_util::poll;

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

    /// A resolver that hangs until it is released, except for one name.
    struct Hanging {
        names: Names,
        begun: mpsc::Receiver<()>,
        release: mpsc::Sender<()>,
    }

    fn hanging() -> Hanging {
        let (release, hold) = mpsc::channel::<()>();
        let (tell, begun) = mpsc::channel();
        let hold = Mutex::new(hold);
        let names = Names::new(
            move |name| {
                if name != "quick.example" {
                    tell.send(()).unwrap();
                    // This ends with the sender.
                    let _ = hold.lock().unwrap().recv();
                }
                Ok(Vec::new())
            },
            must_be_public,
        );
        Hanging {
            names,
            begun,
            release,
        }
    }

    async fn look(names: &Names, name: &str) -> bool {
        names.resolve(name.parse().unwrap()).await.is_ok()
    }

    #[tokio::test]
    async fn a_name_that_hangs_holds_one_thread_however_many_ask_for_it() {
        let Hanging {
            names,
            begun,
            release,
        } = hanging();
        let all = (0..NAMES_AT_ONCE * 3).map(|_| look(&names, "slow.example"));
        let mut all = Box::pin(join_all(all));
        assert!(poll!(&mut all).is_pending());
        assert!(look(&names, "quick.example").await, "another passes");
        // A caller that has given up and asks again waits for the same thread.
        drop(all);
        let mut again = Box::pin(look(&names, "slow.example"));
        assert!(poll!(&mut again).is_pending());
        drop(release);
        assert!(again.await);
        assert_eq!(begun.try_iter().count(), 1);
        // A lookup that has ended is done anew.
        assert!(look(&names, "slow.example").await);
    }

    #[tokio::test]
    async fn many_names_that_hang_hold_a_few_threads() {
        let Hanging {
            names,
            begun,
            release,
        } = hanging();
        let each: Vec<_> = (0..=NAMES_AT_ONCE)
            .map(|n| format!("slow-{n}.example"))
            .collect();
        let all = each.iter().map(|name| look(&names, name));
        let mut all = Box::pin(join_all(all));
        assert!(poll!(&mut all).is_pending());
        let begun = tokio::task::spawn_blocking(move || {
            for _ in 0..NAMES_AT_ONCE {
                begun.recv().unwrap();
            }
            begun
        });
        let begun = begun.await.unwrap();
        assert!(begun.try_recv().is_err(), "one has to wait");
        drop(release);
        assert!(all.await.into_iter().all(|known| known));
        assert_eq!(begun.try_recv(), Ok(()), "until the others are done");
    }
}
