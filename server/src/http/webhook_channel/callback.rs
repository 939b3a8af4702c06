//! Answers that are sent to an app, instead of being polled: the `callback_url` of its webhook channel.
//!
//! In the path: a stored request makes sure that a task follows its conversation. Each answer in it, including late
//! ones and those of people, becomes one call to the app's address, signed as in Standard Webhooks.
//!
//! Invariants: the calls keep the order of the transcript, one at a time. `webhook-id` is the message's id, so an app
//! can recognise a repetition. What cannot be delivered is in the transcript, and is one line in the log.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Kept, data, is_closed};
use crate::bus::{Event, Received, Subscription, Wake};
use crate::error::ApiError;
use crate::outbound::{Address, Call, CallFault, OutboundError};
use crate::records::{ConversationId, Sender, StoredMessage};
use crate::rtm::limits::{MAX_REPLAY, REPLAY_BYTES};
use crate::signing::BearerCaller;
use crate::state::AppState;

/// How long a quiet conversation is followed.
const FOLLOWED: Duration = Duration::from_mins(30);
/// The pauses before the next attempts, unless the app asks for longer ones.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
];
/// The most bytes of an app's acknowledgement, which nobody reads.
const ACKNOWLEDGEMENT_BYTES: usize = 64 * 1024;

/// The app to call, and the conversation.
#[derive(Clone)]
pub(super) struct Receiver {
    caller: BearerCaller,
    bot: String,
}

impl Receiver {
    pub(super) fn new(caller: &BearerCaller, bot: &str) -> Self {
        Self {
            caller: caller.clone(),
            bot: bot.to_owned(),
        }
    }
}

/// Makes sure that the conversation is followed.
pub(super) async fn forward(
    state: &AppState,
    receiver: Receiver,
    kept: &Kept,
) -> Result<(), ApiError> {
    let Some(awaited) = &kept.awaited else {
        return Ok(());
    };
    let conversation = kept.conversation;
    let subscribed = state.rtm.bus.subscribe(conversation).await;
    let subscription = subscribed.map_err(anyhow::Error::from)?;
    if !state.callbacks.lock().insert(conversation) {
        return Ok(());
    }
    let follow = Follow {
        state: state.clone(),
        receiver,
        conversation,
        last_seq: awaited.after,
        subscription,
    };
    state
        .shutdown
        .spawn("webhook channel callbacks", follow.run());
    Ok(())
}

struct Follow {
    state: AppState,
    receiver: Receiver,
    conversation: ConversationId,
    /// The newest sequence that was handled.
    last_seq: u64,
    subscription: Subscription,
}

impl Follow {
    async fn run(mut self) {
        let shutdown = self.state.shutdown.clone();
        let following = async {
            loop {
                self.send_all().await;
                let until = Instant::now() + FOLLOWED;
                let quiet = tokio::select! {
                    () = stored(&mut self.subscription) => false,
                    () = sleep_until(until) => true,
                };
                if quiet {
                    let mut followed = self.state.callbacks.lock();
                    if self.subscription.recv().now_or_never().is_none() {
                        followed.remove(&self.conversation);
                        return;
                    }
                }
            }
        };
        tokio::select! {
            () = following => {}
            () = shutdown.cancelled() => {}
        }
    }

    /// Sends everything that the app has not got yet.
    async fn send_all(&mut self) {
        let rtm = &self.state.rtm;
        loop {
            let missed = rtm
                .store
                .since(self.conversation, self.last_seq, MAX_REPLAY, REPLAY_BYTES)
                .await;
            let missed = match missed {
                Ok(missed) => missed,
                Err(error) => {
                    tracing::warn!(%error, "answers for a callback could not be read; the next one brings them along");
                    return;
                }
            };
            if missed.truncated || missed.messages.is_empty() {
                self.last_seq = self.last_seq.max(missed.last_seq);
                return;
            }
            for message in missed.messages {
                if message.sender == Sender::Bot {
                    self.send(&message).await;
                }
                self.last_seq = message.seq;
            }
        }
    }

    async fn send(&self, message: &StoredMessage) {
        let Receiver { caller, bot } = &self.receiver;
        let closed = is_closed(&self.state, caller, bot)
            .await
            .unwrap_or_default();
        let one = std::slice::from_ref(message);
        let from = &caller.identity.subject;
        let body = data::answer(bot, from, &message.session_id, one, closed).to_string();
        let mut pauses = PAUSES.iter();
        loop {
            let error = match self.call(&message.message_id, &body).await {
                Ok(()) => return,
                Err(error) => error,
            };
            let pause = pauses.next().filter(|_| error.fault.is_temporary());
            let Some(pause) = pause else {
                tracing::error!(
                    app = caller.app, bot, message = message.message_id,
                    class = error.fault.class(), %error,
                    "an answer could not be delivered to the app's callback_url; it is in the transcript"
                );
                return;
            };
            let asked_for = error.fault.retry_after().unwrap_or_default();
            tracing::warn!(
                app = caller.app, bot,
                class = error.fault.class(), %error,
                "a callback failed; it is tried again"
            );
            sleep(asked_for.max(*pause)).await;
        }
    }

    /// One attempt, with the address and the secret of this moment.
    async fn call(&self, id: &str, body: &str) -> Result<(), OutboundError> {
        let config = self.state.config();
        let app = config.apps.get(&self.receiver.caller.app);
        let channel = app.and_then(|app| app.webhook.as_ref());
        let url = channel.and_then(|channel| channel.callback_url.as_ref());
        let secrets = self.state.callbacks.secrets.get();
        let secrets = secrets.get(&self.receiver.caller.app);
        let (Some(url), Some(secrets)) = (url, secrets) else {
            // The address was removed from the configuration in the meantime.
            return Ok(());
        };
        let address = Address::configured(url.url().clone())?;
        let unsendable = || OutboundError {
            authority: "an address".to_owned(),
            fault: CallFault::Unsendable("its id cannot be signed"),
        };
        let signed = secrets.sign(id, self.state.clock.now(), body.as_bytes());
        let call = Call::post(address)
            .headers(signed.map_err(|_| unsendable())?)
            .body("application/json", body.to_owned())
            .max_bytes(ACKNOWLEDGEMENT_BYTES);
        let mut answer = self.state.around.outbound.send(call).await?.successful()?;
        // It is read so that the connection can be used again. Its contents do not matter.
        drop(answer.bytes().await);
        Ok(())
    }
}

/// Something was stored, or an event was missed.
async fn stored(subscription: &mut Subscription) {
    while let Received::Wake(Wake {
        event: Event::Streaming(_) | Event::Stop(_) | Event::Access,
        ..
    }) = subscription.recv().await
    {}
}
