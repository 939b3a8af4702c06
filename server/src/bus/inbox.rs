//! What comes from other nodes, for the conversations that somebody listens to here.
//!
//! In the path: [`super::link`] hands over each message of the broker. What is whole goes to the subscribers in this
//! process at once; of a stored message comes the sequence only, so it is read from the store first, once for all of
//! its subscribers.
//!
//! Invariants: subscribers get the events of another node in the order in which they came, also while the store is
//! read. Nothing here waits for a subscriber. A conversation that nobody listens to takes no memory; of one that
//! somebody listens to, so many events wait for the store, and so many growing answers are kept. What cannot be told
//! is looked for in the store.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::{Notify, Semaphore, oneshot};

use super::wire::{Grown, Said};
use super::{Event, Looks, MemoryBus, Streaming, Wake};
use crate::clock::Millis;
use crate::records::{ConversationId, StoredMessage};
use crate::shutdown::Shutdown;

/// Messages that are read for one wake. More were stored at once only while something was lost.
pub const READ_AT_ONCE: u32 = 16;
/// Reads of the store at the same time: enough to keep its connections busy, too few to hold up everybody else.
const READS: usize = 16;
/// Events of a conversation that wait for the store. A turn has a few; an answer grows 25 times a second.
const WAITING: usize = 64;
/// Growing answers of a conversation that are known whole. A turn seldom has two.
const GROWING: usize = 4;

/// Where stored messages are read.
#[async_trait]
pub trait StoredMessages: Send + Sync + 'static {
    /// What was stored after this sequence, at most [`READ_AT_ONCE`]. `None`: it cannot be read now.
    async fn after(&self, conversation: ConversationId, seq: u64) -> Option<Vec<StoredMessage>>;
}

/// All conversations that somebody listens to. Clones share them.
#[derive(Clone)]
pub(super) struct Inboxes(Arc<Shared>);

struct Shared {
    inboxes: Mutex<Conversations>,
    /// Something is in `changed`.
    woken: Notify,
    memory: MemoryBus,
    looks: Looks,
    stored: Arc<dyn StoredMessages>,
    reads: Semaphore,
    shutdown: Shutdown,
}

#[derive(Default)]
struct Conversations {
    open: HashMap<ConversationId, Inbox>,
    /// The first has come to listen, or the last has left, since the broker was told.
    changed: HashSet<ConversationId>,
}

#[derive(Default)]
struct Inbox {
    listeners: usize,
    /// The broker knows that somebody listens.
    subscribed: bool,
    /// Listeners who wait for that.
    waiting: Vec<oneshot::Sender<()>>,
    /// The newest sequence that was told here.
    told: u64,
    growing: Vec<Arc<Streaming>>,
    /// The store is being read, and this came meanwhile.
    reading: Option<VecDeque<Said>>,
}

impl Inboxes {
    pub(super) fn new(
        memory: MemoryBus,
        looks: Looks,
        stored: Arc<dyn StoredMessages>,
        shutdown: Shutdown,
    ) -> Self {
        Self(Arc::new(Shared {
            inboxes: Mutex::default(),
            woken: Notify::new(),
            memory,
            looks,
            stored,
            reads: Semaphore::new(READS),
            shutdown,
        }))
    }

    /// Somebody begins to listen. The receiver resolves when the broker knows it; `None`: it does.
    pub(super) fn enter(&self, conversation: ConversationId) -> Option<oneshot::Receiver<()>> {
        let mut all = self.0.lock();
        let all = &mut *all;
        let inbox = all.open.entry(conversation).or_default();
        inbox.listeners += 1;
        if inbox.listeners == 1 {
            all.changed.insert(conversation);
            self.0.woken.notify_one();
        }
        if inbox.subscribed {
            return None;
        }
        let (known, waits) = oneshot::channel();
        inbox.waiting.push(known);
        Some(waits)
    }

    /// Somebody listens no longer.
    pub(super) fn leave(&self, conversation: ConversationId) {
        let mut all = self.0.lock();
        let all = &mut *all;
        if let Entry::Occupied(mut inbox) = all.open.entry(conversation) {
            inbox.get_mut().listeners -= 1;
            if inbox.get().listeners == 0 {
                inbox.remove();
                all.changed.insert(conversation);
                self.0.woken.notify_one();
            }
        }
    }

    /// Resolves when [`Inboxes::changed`] has something.
    pub(super) async fn wait(&self) {
        self.0.woken.notified().await;
    }

    /// Which conversations have changed since the last call, and whether somebody listens to them now.
    pub(super) fn changed(&self) -> Vec<(ConversationId, bool)> {
        let mut all = self.0.lock();
        let changed = std::mem::take(&mut all.changed);
        let now = |id: ConversationId| (id, all.open.contains_key(&id));
        changed.into_iter().map(now).collect()
    }

    /// The broker is another one, or has forgotten us: it is told of everybody again.
    pub(super) fn forget_broker(&self) {
        let mut all = self.0.lock();
        let all = &mut *all;
        all.changed = all.open.keys().copied().collect();
        for inbox in all.open.values_mut() {
            inbox.subscribed = false;
        }
        self.0.woken.notify_one();
    }

    /// The broker knows that somebody listens to these.
    pub(super) fn subscribed(&self, conversations: &[ConversationId]) {
        let mut all = self.0.lock();
        for conversation in conversations {
            let Some(inbox) = all.open.get_mut(conversation) else {
                continue;
            };
            inbox.subscribed = true;
            let mut late = false;
            for waiting in std::mem::take(&mut inbox.waiting) {
                // Who did not wait so long has read the store before the broker knew of them.
                late |= waiting.send(()).is_err();
            }
            if late {
                self.0.tell(*conversation, Event::Look);
            }
        }
    }

    /// This message was stored here and told.
    pub(super) fn told(&self, conversation: ConversationId, seq: u64) {
        if let Some(inbox) = self.0.lock().open.get_mut(&conversation) {
            inbox.told = inbox.told.max(seq);
        }
    }

    /// Another node says something about a conversation.
    pub(super) fn heard(&self, conversation: ConversationId, said: Said) {
        let mut all = self.0.lock();
        let Some(inbox) = all.open.get_mut(&conversation) else {
            return;
        };
        if let Some(waiting) = &mut inbox.reading {
            if waiting.len() == WAITING {
                waiting.clear();
                self.0.looks.once();
            }
            waiting.push_back(said);
            return;
        }
        let Some(seq) = self.0.take(conversation, inbox, said) else {
            return;
        };
        inbox.reading = Some(VecDeque::new());
        let after = inbox.read_after(seq);
        let reading = Arc::clone(&self.0).read(conversation, seq, after);
        drop(all);
        self.0.shutdown.spawn("bus read", reading);
    }
}

impl Inbox {
    /// From where to read: without what was told, and not too far back.
    fn read_after(&self, seq: u64) -> u64 {
        let before = seq.saturating_sub(1);
        if before.saturating_sub(self.told) < u64::from(READ_AT_ONCE) {
            self.told.min(before)
        } else {
            before
        }
    }

    /// The answer with what was added; `None` when something before it is missing.
    fn grow(&mut self, grown: Grown) -> Option<Arc<Streaming>> {
        let place = self.growing.iter().position(|it| it.message_id == grown.id);
        let streaming = match (grown.whole, place.map(|place| &self.growing[place])) {
            (Some(whole), _) => Streaming {
                message_id: grown.id,
                attempt: grown.attempt,
                began: Millis(whole.began),
                behind: whole.behind,
                from: grown.from,
                text: grown.text,
                session_id: whole.session,
            },
            (None, Some(known))
                if known.attempt == grown.attempt && known.text.len() == grown.from =>
            {
                Streaming {
                    from: grown.from,
                    text: [known.text.as_str(), &grown.text].concat(),
                    ..Streaming::clone(known)
                }
            }
            (None, _) => return None,
        };
        let streaming = Arc::new(streaming);
        if let Some(place) = place {
            self.growing[place] = Arc::clone(&streaming);
        } else {
            if self.growing.len() == GROWING {
                self.growing.remove(0);
            }
            self.growing.push(Arc::clone(&streaming));
        }
        Some(streaming)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Conversations> {
        // The maps are whole after every single operation.
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, conversation: ConversationId, event: Event) {
        self.memory.tell(&Wake {
            conversation,
            event,
        });
    }

    /// Tells what can be told. Gives the sequence that has to be read first.
    fn take(&self, conversation: ConversationId, inbox: &mut Inbox, said: Said) -> Option<u64> {
        let event = match said {
            Said::Stored(seq) => return (seq > inbox.told).then_some(seq),
            Said::Grown(grown) => inbox.grow(grown).map(Event::Streaming),
            said => said.event(),
        };
        if let Some(event) = event {
            self.tell(conversation, event);
        }
        None
    }

    /// Reads what was stored and tells it, and then what came meanwhile.
    async fn read(self: Arc<Self>, conversation: ConversationId, mut seq: u64, mut after: u64) {
        loop {
            let found = match self.reads.acquire().await {
                Ok(_permit) => self.stored.after(conversation, after).await,
                Err(_closed) => None,
            };
            let mut all = self.lock();
            let Some(inbox) = all.open.get_mut(&conversation) else {
                return;
            };
            let Some(next) = self.tell_read(conversation, inbox, seq, found) else {
                return;
            };
            seq = next;
            after = inbox.read_after(seq);
        }
    }

    /// Tells what was read, up to this sequence.
    fn tell_until(
        &self,
        conversation: ConversationId,
        inbox: &mut Inbox,
        seq: u64,
        read: &mut VecDeque<StoredMessage>,
    ) {
        while let Some(message) = read.pop_front_if(|message| message.seq <= seq) {
            if message.seq <= inbox.told {
                continue;
            }
            inbox.told = message.seq;
            let known = |it: &Arc<Streaming>| it.message_id != message.message_id;
            inbox.growing.retain(known);
            self.tell(conversation, Event::Stored(Arc::new(message)));
        }
    }

    /// Tells what was read. Gives the sequence to read next.
    fn tell_read(
        &self,
        conversation: ConversationId,
        inbox: &mut Inbox,
        seq: u64,
        found: Option<Vec<StoredMessage>>,
    ) -> Option<u64> {
        let failed = found.is_none();
        // What was stored since the wake was sent waits for its own: who comes is told before what they say.
        let mut ahead = VecDeque::from(found.unwrap_or_default());
        self.tell_until(conversation, inbox, seq, &mut ahead);
        if failed {
            // Not at once: a store that is away is not asked for every message.
            self.looks.once();
        } else if inbox.told < seq {
            // More than was read.
            inbox.told = seq;
            self.tell(conversation, Event::Look);
        }
        while let Some(said) = inbox.reading.as_mut().and_then(VecDeque::pop_front) {
            let Some(next) = self.take(conversation, inbox, said) else {
                continue;
            };
            self.tell_until(conversation, inbox, next, &mut ahead);
            if inbox.told < next {
                return Some(next);
            }
        }
        inbox.reading = None;
        None
    }
}
