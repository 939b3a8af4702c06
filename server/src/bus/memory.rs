//! The bus of a single node: a broadcast channel for each conversation somebody listens to.
//!
//! Invariant: a conversation without subscribers takes no memory; the last one to leave removes
//! its channel.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::{BACKLOG, Bus, BusError, Subscription, Wake};
use crate::records::ConversationId;

/// Locks are held for a map operation only; sixteen of them keep cores out of each other's way.
const SHARDS: usize = 16;

type Channels = HashMap<ConversationId, broadcast::Sender<Wake>>;

/// A [`Bus`] within the process. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryBus {
    shards: Arc<[Mutex<Channels>; SHARDS]>,
}

impl MemoryBus {
    /// Nobody listens yet.
    pub fn new() -> MemoryBus {
        MemoryBus::default()
    }

    /// Conversations that somebody listens to.
    pub fn conversations(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn channels(&self, conversation: ConversationId) -> MutexGuard<'_, Channels> {
        let shard = usize::try_from(conversation.0.unsigned_abs()).unwrap_or_default() % SHARDS;
        lock(&self.shards[shard])
    }

    fn leave(&self, conversation: ConversationId) {
        let mut channels = self.channels(conversation);
        if channels
            .get(&conversation)
            .is_some_and(|channel| channel.receiver_count() == 0)
        {
            channels.remove(&conversation);
        }
    }
}

fn lock(shard: &Mutex<Channels>) -> MutexGuard<'_, Channels> {
    // The map is whole after every single operation, so a panic elsewhere does not spoil it.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, wake: Wake) -> Result<(), BusError> {
        if let Some(channel) = self.channels(wake.conversation).get(&wake.conversation) {
            // No receiver: the last one is leaving.
            let _ = channel.send(wake);
        }
        Ok(())
    }

    async fn subscribe(&self, conversation: ConversationId) -> Result<Subscription, BusError> {
        let receiver = self
            .channels(conversation)
            .entry(conversation)
            .or_insert_with(|| broadcast::Sender::new(BACKLOG))
            .subscribe();
        let bus = self.clone();
        Ok(Subscription::new(receiver, move || bus.leave(conversation)))
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
