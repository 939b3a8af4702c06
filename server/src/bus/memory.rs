//! The bus of a single node: a backlog for each subscriber of a conversation.
//!
//! Invariant: a conversation without subscribers takes no memory. The last subscriber to leave removes the
//! conversation's entry.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Backlog, Bus, BusError, Event, Subscription, Wake};
use crate::records::ConversationId;

/// Locks are held for one map operation only. Sixteen of them keep threads from waiting for each other.
const SHARDS: usize = 16;

/// A look at the store goes around in so many parts: a multiple of [`SHARDS`], so that a slice lies in one shard.
pub(super) const LOOK_SLICES: usize = 4 * SHARDS;

type Subscribers = HashMap<ConversationId, Vec<Arc<Backlog>>>;

/// A [`Bus`] within the process. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryBus {
    shards: Arc<[Mutex<Subscribers>; SHARDS]>,
}

impl MemoryBus {
    /// A bus without subscribers.
    pub fn new() -> MemoryBus {
        MemoryBus::default()
    }

    /// The number of conversations with a subscriber.
    pub fn conversations(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Wakes every subscriber of the conversation.
    pub(super) fn tell(&self, wake: &Wake) {
        let all = self.subscribers(wake.conversation);
        for backlog in all.get(&wake.conversation).into_iter().flatten() {
            backlog.put(wake.clone());
        }
    }

    /// Lets the subscribers of every conversation in this slice look at the store. Gives how many there are.
    pub(super) fn look(&self, slice: usize) -> usize {
        let slice = slice % LOOK_SLICES;
        let all = lock(&self.shards[slice % SHARDS]);
        let mut looks = 0;
        for (conversation, backlogs) in all.iter() {
            if place(*conversation, LOOK_SLICES) != slice {
                continue;
            }
            looks += backlogs.len();
            for backlog in backlogs {
                backlog.put(Wake {
                    conversation: *conversation,
                    event: Event::Look,
                });
            }
        }
        looks
    }

    fn subscribers(&self, conversation: ConversationId) -> MutexGuard<'_, Subscribers> {
        lock(&self.shards[place(conversation, SHARDS)])
    }

    fn leave(&self, conversation: ConversationId, who: &Arc<Backlog>) {
        let mut all = self.subscribers(conversation);
        if let Entry::Occupied(mut subscribers) = all.entry(conversation) {
            subscribers.get_mut().retain(|it| !Arc::ptr_eq(it, who));
            if subscribers.get().is_empty() {
                subscribers.remove();
            }
        }
    }
}

/// Which of so many parts a conversation belongs to.
fn place(conversation: ConversationId, parts: usize) -> usize {
    usize::try_from(conversation.0.unsigned_abs()).unwrap_or_default() % parts
}

fn lock(shard: &Mutex<Subscribers>) -> MutexGuard<'_, Subscribers> {
    // The map is consistent after every single operation, so a panic elsewhere does not spoil it.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, wake: Wake) -> Result<(), BusError> {
        self.tell(&wake);
        Ok(())
    }

    async fn subscribe(&self, conversation: ConversationId) -> Result<Subscription, BusError> {
        let backlog = Arc::<Backlog>::default();
        let mut all = self.subscribers(conversation);
        let subscribers = all
            .entry(conversation)
            .or_insert_with(|| Vec::with_capacity(1));
        subscribers.push(Arc::clone(&backlog));
        drop(all);
        let (bus, who) = (self.clone(), Arc::clone(&backlog));
        Ok(Subscription::new(backlog, move || {
            bus.leave(conversation, &who);
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::contract;

    #[tokio::test]
    async fn passes_the_contract() {
        contract::passes(&MemoryBus::new()).await;
    }

    #[tokio::test]
    async fn forgets_a_conversation_when_the_last_subscriber_leaves() {
        let bus = MemoryBus::new();
        let conversation = ConversationId(3);
        let first = bus.subscribe(conversation).await.expect("subscribes");
        let second = bus.subscribe(conversation).await.expect("subscribes");
        assert_eq!(bus.conversations(), 1);
        drop(first);
        assert_eq!(bus.conversations(), 1);
        drop(second);
        assert_eq!(bus.conversations(), 0);
    }
}
