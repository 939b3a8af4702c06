//! Logs what was refused, as lines that can be counted: by class, app and address, and never with a token.
//!
//! In the path: the signing service, the grant and every limit note what they refuse. Once a minute a task logs how
//! many more there were of each kind.
//!
//! Invariants: a flood does not flood the log. The first refusal of its kind is logged at once, and the rest of the
//! minute as one line with a count. If there are more than [`REFUSALS_A_MINUTE`] kinds in a minute, the others are one
//! line together. The name of an app is written only if the app exists, because it comes from a stranger.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::client_ip::AddressKey;
use crate::limits::{REFUSALS_A_MINUTE, REFUSALS_EVERY};
use crate::shutdown::Shutdown;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// An assertion with a wrong signature.
    Signature,
    /// An assertion that names an unknown app or key.
    UnknownKey,
    /// An assertion that was used before.
    Replay,
    /// An assertion that is not valid for another reason: form, claims, times, audience.
    Assertion,
    /// A wrong secret of an app.
    Secret,
    /// A page with an origin that the app does not list.
    Page,
    /// A bot that the app may not open, or that is not for anonymous visitors.
    Bot,
    /// More than a limit allows.
    Limit,
}

impl Refused {
    /// The name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::UnknownKey => "unknown key",
            Self::Replay => "replay",
            Self::Assertion => "assertion",
            Self::Secret => "secret",
            Self::Page => "page",
            Self::Bot => "bot",
            Self::Limit => "limit",
        }
    }
}

/// The refusals of this minute, and how many there were since the start.
#[derive(Debug, Default)]
pub struct Refusals {
    minute: Mutex<Minute>,
    all: Family<[(&'static str, &'static str); 1], Counter>,
}

#[derive(Debug, Default)]
struct Minute {
    kinds: HashMap<(Refused, Box<str>, AddressKey), Counted>,
    /// The number of refusals whose kind is not listed.
    others: u64,
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    /// The address of the first refusal. The others come from the same address, or from the same IPv6 network.
    address: IpAddr,
    /// The number of refusals after the first.
    more: u64,
}

impl Refusals {
    /// No refusals yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a refusal. `app` is the app's id, or `None` if it is unknown. True: it is the first of its kind in this
    /// minute, so it was logged at once.
    pub fn note(&self, what: Refused, app: Option<&str>, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let app = app.unwrap_or("");
        let first = self.count(what, app, address);
        self.all.get_or_create(&[("class", what.name())]).inc();
        if first {
            tracing::warn!(class = what.name(), app, %address, count = 1, "refused");
        }
        first
    }

    /// All since the start, by class. It shares the counts.
    pub fn all(&self) -> Family<[(&'static str, &'static str); 1], Counter> {
        self.all.clone()
    }

    /// Logs how many more there were, and begins a new minute.
    pub fn log(&self) {
        let Minute { kinds, others } = std::mem::take(&mut *self.lock());
        for ((what, app, _), counted) in kinds {
            if counted.more > 0 {
                let (class, address, count) = (what.name(), counted.address, counted.more);
                tracing::warn!(class, app = &*app, %address, count, "refused, since the last line about it");
            }
        }
        if others > 0 {
            tracing::warn!(
                count = others,
                "refused, from more addresses than are told apart"
            );
        }
    }

    fn count(&self, what: Refused, app: &str, address: IpAddr) -> bool {
        let mut minute = self.lock();
        let full = minute.kinds.len() >= REFUSALS_A_MINUTE;
        match minute.kinds.entry((what, app.into(), address.into())) {
            Entry::Occupied(mut known) => {
                known.get_mut().more += 1;
                false
            }
            Entry::Vacant(_) if full => {
                minute.others += 1;
                false
            }
            Entry::Vacant(free) => {
                free.insert(Counted { address, more: 0 });
                true
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Minute> {
        // Nothing in the critical sections can panic.
        self.minute.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs every minute, and once more at the end.
pub fn keep_logging(shutdown: &Shutdown, refusals: Arc<Refusals>) {
    let ending = shutdown.clone();
    shutdown.spawn("refusals", async move {
        let mut minute = tokio::time::interval(REFUSALS_EVERY);
        loop {
            tokio::select! {
                _ = minute.tick() => refusals.log(),
                () = ending.cancelled() => return refusals.log(),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    /// What one thread logs.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Log {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn logged(work: impl FnOnce(&Refusals)) -> Vec<String> {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(log.clone())
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .finish();
        tracing::subscriber::with_default(subscriber, || work(&Refusals::new()));
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let mut lines: Vec<_> = text.lines().map(|line| line.trim().to_owned()).collect();
        lines.sort();
        lines
    }

    fn address(last: u32) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::from_bits(0xc633_6400 + last))
    }

    #[test]
    fn a_kind_is_a_line_at_once_and_one_more_with_its_count() {
        let lines = logged(|refusals| {
            for _ in 0..500 {
                refusals.note(Refused::Signature, Some("cs-shop"), address(1));
            }
            refusals.note(Refused::Replay, Some("cs-shop"), address(1));
            refusals.note(Refused::UnknownKey, None, address(2));
            refusals.log();
            refusals.log();
        });
        assert_eq!(
            lines,
            [
                r#"WARN refused class="replay" app="cs-shop" address=198.51.100.1 count=1"#,
                r#"WARN refused class="signature" app="cs-shop" address=198.51.100.1 count=1"#,
                r#"WARN refused class="unknown key" app="" address=198.51.100.2 count=1"#,
                r#"WARN refused, since the last line about it class="signature" app="cs-shop" address=198.51.100.1 count=499"#,
            ]
        );
    }

    #[test]
    fn a_flood_from_everywhere_does_not_flood_the_log() {
        let most = u32::try_from(REFUSALS_A_MINUTE).unwrap();
        let lines = logged(|refusals| {
            for last in 0..most + 50 {
                refusals.note(Refused::Limit, None, address(last));
            }
            assert_eq!(refusals.lock().kinds.len(), REFUSALS_A_MINUTE);
            refusals.log();
            assert!(refusals.lock().kinds.is_empty());
        });
        assert_eq!(lines.len(), REFUSALS_A_MINUTE + 1);
        let rest = "WARN refused, from more addresses than are told apart count=50";
        assert!(lines.iter().any(|line| line == rest));
    }
}
