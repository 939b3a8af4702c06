//! A node's connection to the broker: kept, and made anew when it breaks.
//!
//! In the path: [`super::relayed`] puts what happens here into the [`Link`]; [`Line::run`] is the task that sends it, tells the
//! broker what is listened to here, and hands what comes to the [`Inboxes`].
//!
//! Invariants: nobody waits for the broker. What waits for it is bounded by number and by bytes; what finds no room, or
//! no broker, is dropped and counted, and the other nodes are told to look at the store as soon as they can be told.
//! While there is no connection, the sockets of this process look at the store. The broker is given credentials and
//! wakes; neither is logged.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::broker::{BrokerSettings, connect};
use super::inbox::Inboxes;
use super::peers::Peers;
use super::session::Session;
use super::wire::{self, Said};
use super::{Looks, Reason, SharedLimits};
use crate::records::ConversationId;
use crate::shutdown::Shutdown;

/// Messages that wait for the broker: a second of the busiest node.
const QUEUE: usize = 8 * 1024;
/// Bytes of them.
const QUEUE_BYTES: usize = 8 * 1024 * 1024;
/// Pause before the second try to connect; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause. A broker that comes back is used within so long.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What a node has said and heard since its start, read at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// See [`Counters::sent`].
    pub sent: u64,
    /// See [`Counters::sent`].
    pub sent_bytes: u64,
    /// See [`Counters::received`].
    pub received: u64,
    /// See [`Counters::dropped`].
    pub dropped: u64,
    /// See [`Counters::connected`].
    pub connected: u64,
    /// How often a socket was told to look at the store.
    pub looks: u64,
}

/// What a node has said and heard since its start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages about conversations given to the broker, and their bytes. Signs of life and reports of limits are not
    /// counted: a node sends one or two a second.
    pub sent: AtomicU64,
    /// See [`Counters::sent`].
    pub sent_bytes: AtomicU64,
    /// Messages of other nodes, of every kind.
    pub received: AtomicU64,
    /// Messages that found no room or no broker.
    pub dropped: AtomicU64,
    /// Connections.
    pub connected: AtomicU64,
}

/// One message on its way to the broker.
pub(super) struct Outgoing {
    pub(super) conversation: ConversationId,
    pub(super) payload: Vec<u8>,
}

/// What this process says to the broker. Clones share it.
#[derive(Clone)]
pub(super) struct Link(Arc<Shared>);

struct Shared {
    node: String,
    outgoing: mpsc::Sender<Outgoing>,
    queued: AtomicUsize,
    up: AtomicBool,
    /// Something was dropped, and the other nodes do not know it yet.
    owes: AtomicBool,
    counters: Counters,
}

/// The task's half.
pub(super) struct Line {
    pub(super) link: Link,
    pub(super) settings: BrokerSettings,
    pub(super) beat: Duration,
    pub(super) inboxes: Inboxes,
    pub(super) looks: Looks,
    pub(super) peers: Mutex<Peers>,
    pub(super) limits: Arc<dyn SharedLimits>,
    /// Another node wants to know how the limits stand.
    pub(super) asked: AtomicBool,
    pub(super) shutdown: Shutdown,
}

impl Link {
    /// `node` is this process' name among the others.
    pub(super) fn new(node: String) -> (Self, mpsc::Receiver<Outgoing>) {
        let (outgoing, taken) = mpsc::channel(QUEUE);
        let shared = Shared {
            node,
            outgoing,
            queued: AtomicUsize::new(0),
            up: AtomicBool::new(false),
            owes: AtomicBool::new(false),
            counters: Counters::default(),
        };
        (Self(Arc::new(shared)), taken)
    }

    /// Tells the nodes that listen to this conversation.
    pub(super) fn say(&self, conversation: ConversationId, said: &Said) {
        if !self.is_up() {
            return self.dropped();
        }
        let payload = wire::write(&self.0.node, said);
        let bytes = payload.len();
        if self.0.queued.fetch_add(bytes, Ordering::Relaxed) + bytes > QUEUE_BYTES {
            self.0.queued.fetch_sub(bytes, Ordering::Relaxed);
            return self.dropped();
        }
        let outgoing = Outgoing {
            conversation,
            payload,
        };
        if self.0.outgoing.try_send(outgoing).is_err() {
            self.0.queued.fetch_sub(bytes, Ordering::Relaxed);
            self.dropped();
        }
    }

    /// Is the broker there?
    pub(super) fn is_up(&self) -> bool {
        self.0.up.load(Ordering::SeqCst)
    }

    pub(super) fn node(&self) -> &str {
        &self.0.node
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// This was taken out of the queue.
    pub(super) fn taken(&self, outgoing: &Outgoing) {
        let bytes = outgoing.payload.len();
        self.0.queued.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Do others have to be told that something was dropped? Asking settles it.
    pub(super) fn settle(&self) -> bool {
        self.0.owes.swap(false, Ordering::SeqCst)
    }

    /// The connection is broken: what waits for it is of no use later, and what was under way may be lost.
    fn lost(&self, outgoing: &mut mpsc::Receiver<Outgoing>) {
        self.0.owes.store(true, Ordering::SeqCst);
        while let Ok(outgoing) = outgoing.try_recv() {
            self.taken(&outgoing);
            self.dropped();
        }
    }

    pub(super) fn set_up(&self, up: bool) {
        self.0.up.store(up, Ordering::SeqCst);
    }

    fn dropped(&self) {
        self.0.counters.dropped.fetch_add(1, Ordering::Relaxed);
        self.0.owes.store(true, Ordering::SeqCst);
    }
}

impl Line {
    /// The other nodes.
    pub(super) fn peers(&self) -> MutexGuard<'_, Peers> {
        // The map is whole after every single operation.
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects, speaks, and connects again, until the server has ended.
    pub(super) async fn run(self, mut outgoing: mpsc::Receiver<Outgoing>) {
        self.looks.begin(Reason::Away);
        let mut pause = FIRST_PAUSE;
        let mut told = None;
        loop {
            let connecting = connect(&self.settings);
            let connected = tokio::select! {
                connected = connecting => connected,
                () = self.shutdown.cancelled() => return,
            };
            let outcome = match connected {
                Ok(wire) => {
                    let connected = Instant::now();
                    let outcome = Session::new(&self).speak(wire, &mut outgoing).await;
                    if connected.elapsed() > LONGEST_PAUSE {
                        (pause, told) = (FIRST_PAUSE, None);
                    }
                    outcome
                }
                Err(error) => Err(error),
            };
            self.link.set_up(false);
            let Err(error) = outcome else {
                return;
            };
            self.looks.begin(Reason::Away);
            self.inboxes.forget_broker();
            self.link.lost(&mut outgoing);
            // Once for each reason, not at every try.
            let reason = error.to_string();
            if told.as_ref() != Some(&reason) {
                tracing::warn!(
                    reason,
                    "the bus is away: what happens on other nodes is seen a few seconds late, until it is back"
                );
                told = Some(reason);
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.shutdown.cancelled() => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
