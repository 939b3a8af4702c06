//! What every bus must do. Run [`passes`] on an empty one.

use std::sync::Arc;

use super::{BACKLOG, Bus, Event, Received, Subscription, Wake};
use crate::clock::Millis;
use crate::records::{ConversationId, Sender, StoredMessage};

pub(super) async fn passes(bus: &dyn Bus) {
    every_subscriber_of_the_conversation_is_woken_in_order(bus).await;
    nobody_is_woken_for_another_conversation(bus).await;
    publishing_to_nobody_is_no_error(bus).await;
    a_slow_subscriber_is_told_that_it_missed_some(bus).await;
    leaving_does_not_disturb_those_who_stay(bus).await;
}

pub(super) fn wake(conversation: i64, seq: u64) -> Wake {
    wake_of(conversation, seq, 2)
}

pub(super) fn wake_of(conversation: i64, seq: u64, bytes: usize) -> Wake {
    let conversation = ConversationId(conversation);
    let message = StoredMessage {
        conversation,
        seq,
        message_id: format!("ms-{seq}"),
        sender: Sender::Bot,
        client_message_id: None,
        body: "x".repeat(bytes),
        created: Millis(seq),
        session_id: "ss-1".to_owned(),
        agent: None,
    };
    Wake {
        conversation,
        event: Event::Stored(Arc::new(message)),
    }
}

/// What comes next. A bus may tell everybody to look at the store at any time.
async fn next(subscription: &mut Subscription) -> Received {
    loop {
        match subscription.recv().await {
            Received::Wake(wake) if wake.event == Event::Look => {}
            received => return received,
        }
    }
}

async fn every_subscriber_of_the_conversation_is_woken_in_order(bus: &dyn Bus) {
    let mut first = bus.subscribe(ConversationId(1)).await.expect("subscribes");
    let mut second = bus.subscribe(ConversationId(1)).await.expect("subscribes");
    for seq in 1..=3 {
        bus.publish(wake(1, seq)).await.expect("publishes");
    }
    for seq in 1..=3 {
        assert_eq!(next(&mut first).await, Received::Wake(wake(1, seq)));
        assert_eq!(next(&mut second).await, Received::Wake(wake(1, seq)));
    }
}

async fn nobody_is_woken_for_another_conversation(bus: &dyn Bus) {
    // A conversation of the same shard, and one of the next shard.
    for other in [2 + 16, 3] {
        let mut here = bus.subscribe(ConversationId(2)).await.expect("subscribes");
        let mut there = bus
            .subscribe(ConversationId(other))
            .await
            .expect("subscribes");
        bus.publish(wake(other, 1)).await.expect("publishes");
        bus.publish(wake(2, 2)).await.expect("publishes");
        assert_eq!(next(&mut here).await, Received::Wake(wake(2, 2)));
        assert_eq!(next(&mut there).await, Received::Wake(wake(other, 1)));
    }
}

async fn publishing_to_nobody_is_no_error(bus: &dyn Bus) {
    bus.publish(wake(4, 1)).await.expect("publishes");
}

async fn a_slow_subscriber_is_told_that_it_missed_some(bus: &dyn Bus) {
    let mut slow = bus.subscribe(ConversationId(5)).await.expect("subscribes");
    let last = u64::try_from(BACKLOG).expect("small") * 4;
    for seq in 1..=last {
        bus.publish(wake(5, seq))
            .await
            .expect("publishes without waiting");
    }
    assert_eq!(next(&mut slow).await, Received::Lagged);
    // After that the subscription goes on, up to the newest event.
    loop {
        match next(&mut slow).await {
            Received::Wake(wake) if matches!(&wake.event, Event::Stored(it) if it.seq == last) => {
                break;
            }
            Received::Wake(_) | Received::Lagged => {}
        }
    }
}

async fn leaving_does_not_disturb_those_who_stay(bus: &dyn Bus) {
    let mut stays = bus.subscribe(ConversationId(6)).await.expect("subscribes");
    drop(bus.subscribe(ConversationId(6)).await.expect("subscribes"));
    bus.publish(wake(6, 1)).await.expect("publishes");
    assert_eq!(next(&mut stays).await, Received::Wake(wake(6, 1)));
}
