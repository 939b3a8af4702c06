//! The bus of many nodes: this process' own, and a broker between it and the others.
//!
//! In the path: whoever stores a message publishes it here. The subscribers of this process are woken at once, as by
//! [`MemoryBus`]; the other nodes by a message to the broker ([`super::link`]), which they hear in their [`super::inbox`].
//!
//! Invariants: publishing waits for nobody. A node listens to a conversation at the broker while somebody listens to it
//! here. What gets lost on the way is in the store, and the sockets look for it there: at once when a sequence is
//! missing, within [`LOOK_EVERY`] while the broker is away, or another node is not heard of.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use super::broker::BrokerSettings;
use super::inbox::{Inboxes, StoredMessages};
use super::link::{Counters, Line, Link, Traffic};
use super::peers::{BEAT, Peers};
use super::wire::Said;
use super::{
    Bus, BusError, Event, LOOK_EVERY, Looks, MemoryBus, Reason, SharedLimits, Subscription, Wake,
};
use crate::records::ConversationId;
use crate::shutdown::Shutdown;

/// How long a new listener waits until the broker knows of it. Who does not wait so long looks at the store once more
/// when it does.
const SUBSCRIBE_WITHIN: Duration = Duration::from_secs(1);

/// How often the log says what went over the bus.
const TRAFFIC_EVERY: Duration = Duration::from_mins(10);

/// How fast a node notices things; shorter in tests.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Of looks at the store: [`LOOK_EVERY`].
    pub look_every: Duration,
    /// Of signs of life. A broker or a node is missed after three of them.
    pub beat: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            look_every: LOOK_EVERY,
            beat: BEAT,
        }
    }
}

/// What the bus knows of this process.
pub struct Around {
    /// A name that no other process has.
    pub node: String,
    /// Where stored messages are read.
    pub stored: Arc<dyn StoredMessages>,
    /// Counts what is let through.
    pub limits: Arc<dyn SharedLimits>,
}

/// The process' own bus, and a link to the broker.
pub struct RelayedBus {
    memory: MemoryBus,
    inboxes: Inboxes,
    link: Link,
    looks: Looks,
}

impl RelayedBus {
    /// Starts to connect. Whether the broker is there does not matter now.
    pub fn start(
        settings: BrokerSettings,
        pace: Pace,
        around: Around,
        shutdown: &Shutdown,
    ) -> Self {
        let Around {
            node,
            stored,
            limits,
        } = around;
        let memory = MemoryBus::new();
        let looks = Looks::new(memory.clone(), pace.look_every);
        shutdown.spawn("bus looks", looks.clone().run(shutdown.clone()));
        let inboxes = Inboxes::new(memory.clone(), looks.clone(), stored, shutdown.clone());
        let (link, outgoing) = Link::new(node);
        // From the first moment on: who listens before the broker is there has missed nothing.
        looks.begin(Reason::Away);
        let task = Line {
            link: link.clone(),
            settings,
            beat: pace.beat,
            inboxes: inboxes.clone(),
            looks: looks.clone(),
            peers: Mutex::new(Peers::default()),
            limits,
            asked: AtomicBool::new(false),
            shutdown: shutdown.clone(),
        };
        shutdown.spawn("bus", task.run(outgoing));
        let traffic = log_traffic(link.clone(), looks.clone(), shutdown.clone());
        shutdown.spawn("bus traffic", traffic);
        Self {
            memory,
            inboxes,
            link,
            looks,
        }
    }

    /// What was said and heard since the start.
    pub fn counters(&self) -> &Counters {
        self.link.counters()
    }

    /// When this process' sockets look at the store.
    pub fn looks(&self) -> &Looks {
        &self.looks
    }
}

/// Logs what was said and heard, if anything was, now and then and at the end. The numbers are those since the start, so that
/// two lines give what was in between.
async fn log_traffic(link: Link, looks: Looks, ending: Shutdown) {
    let mut logged = None;
    let mut ends = false;
    while !ends {
        tokio::select! {
            () = tokio::time::sleep(TRAFFIC_EVERY) => {}
            () = ending.cancelled() => ends = true,
        }
        let Traffic {
            sent,
            sent_bytes,
            received,
            dropped,
            connected,
            looks: looked,
        } = traffic(&link, &looks);
        let now = (sent, received, dropped);
        if logged.replace(now) == Some(now) || now == (0, 0, 0) {
            continue;
        }
        tracing::info!(
            sent,
            sent_bytes,
            received,
            dropped,
            connected,
            looks = looked,
            degraded = looks.has(Reason::Away),
            "bus traffic since the start"
        );
    }
}

fn traffic(link: &Link, looks: &Looks) -> Traffic {
    let counters = link.counters();
    Traffic {
        sent: counters.sent.load(Ordering::Relaxed),
        sent_bytes: counters.sent_bytes.load(Ordering::Relaxed),
        received: counters.received.load(Ordering::Relaxed),
        dropped: counters.dropped.load(Ordering::Relaxed),
        connected: counters.connected.load(Ordering::Relaxed),
        looks: looks.count(),
    }
}

#[async_trait]
impl Bus for RelayedBus {
    async fn publish(&self, wake: Wake) -> Result<(), BusError> {
        if let Event::Stored(message) = &wake.event {
            self.inboxes.told(wake.conversation, message.seq);
        }
        self.memory.tell(&wake);
        if let Some(said) = Said::of(&wake.event) {
            self.link.say(wake.conversation, &said);
        }
        Ok(())
    }

    async fn subscribe(&self, conversation: ConversationId) -> Result<Subscription, BusError> {
        let subscription = self.memory.subscribe(conversation).await?;
        let known = self.inboxes.enter(conversation);
        let inboxes = self.inboxes.clone();
        // Made before anything is waited for: a caller that gives up leaves, too.
        let subscription = subscription.and_then(move || inboxes.leave(conversation));
        if let Some(known) = known.filter(|_| self.link.is_up()) {
            // Late or lost: then the store is looked at when the broker knows.
            let _ = timeout(SUBSCRIBE_WITHIN, known).await;
        }
        Ok(subscription)
    }

    fn is_degraded(&self) -> bool {
        self.looks.has(Reason::Away)
    }

    fn traffic(&self) -> Option<Traffic> {
        Some(traffic(&self.link, &self.looks))
    }
}
