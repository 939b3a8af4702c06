//! What a socket's frames do: store, acknowledge, stop, end.
//!
//! In the path: `live` gives each frame that arrives to [`Live::on_frame`].

use futures_util::{FutureExt as _, StreamExt as _};
use protocol::message_ref::MessageRef;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{self, Message};

use super::{ENDED, Live, written};
use crate::bus::Event;
use crate::rtm::conversation::{Offence, Step, VisitorMessage, ack, day_is_full, not_stored, pong};
use crate::rtm::end::{End, broken};
use crate::rtm::limits::{FRAME_BURST, GOOD_FRAMES_PER_PARDON, MAX_OFFENCES, REFUSED_FOR};
use crate::rtm::turn::context_with;
use crate::rtm::{answers, at_once};
use crate::security::refusals::Refused;
use crate::store::{NewMessage, StoreError};

impl Live {
    /// Handles the frames that have arrived with the last one, so that their answers go out together. Our widget sends a
    /// ping with each message.
    pub(super) async fn on_more_frames(&mut self) -> Result<(), End> {
        for _ in 1..FRAME_BURST {
            let Some(frame) = self.socket.next().now_or_never() else {
                break;
            };
            Box::pin(self.on_frame(frame)).await?;
        }
        Ok(())
    }

    /// Handles one frame. Its answer goes out with the next [`Live::flush`].
    pub(super) async fn on_frame(
        &mut self,
        frame: Option<Result<Message, tungstenite::Error>>,
    ) -> Result<(), End> {
        let text = match frame {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Binary(_))) => {
                return Box::pin(self.offended(Offence::Binary, None)).await;
            }
            // The library has answered. Frames without content are work, too.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                if self.pace.allows(Instant::now()) {
                    return Ok(());
                }
                return Box::pin(self.offended(Offence::TooFast, None)).await;
            }
            Some(Ok(Message::Close(_))) | None => return Err(End::Gone),
            Some(Err(error)) => return Err(broken(&error)),
        };
        if self.has_ended() {
            return Err(ENDED);
        }
        let step = if self.pace.allows(Instant::now()) {
            Step::of(&text)
        } else {
            self.refuse_what_follows();
            Step::of_too_fast(&text)
        };
        drop(text);
        if !matches!(step, Step::Refuse(..)) {
            self.good_frames += 1;
            if self.good_frames.is_multiple_of(GOOD_FRAMES_PER_PARDON) {
                self.offences = self.offences.saturating_sub(1);
            }
        }
        match step {
            Step::Ack(reply_to) => self.write(written(ack(Some(reply_to), None))).await,
            Step::CloseSession(reply_to) => Box::pin(self.close_session(reply_to)).await,
            Step::Ignore => Ok(()),
            Step::Pong(reply_to) => self.feed(written(pong(reply_to))).await,
            Step::Refuse(offence, reply_to) => Box::pin(self.offended(offence, reply_to)).await,
            Step::Stop(message_id) => Box::pin(self.stop(message_id)).await,
            Step::Store(said) => Box::pin(self.store(said)).await,
        }
    }

    /// Stores the message, then publishes it and wakes the bot, then acknowledges it. The bot's answer cannot overtake
    /// the acknowledgement, because only this task writes to the socket.
    async fn store(&mut self, said: Box<VisitorMessage>) -> Result<(), End> {
        if self
            .refusing_until
            .is_some_and(|until| Instant::now() < until)
        {
            return self.refuse(said.reply_to).await;
        }
        if self.rtm.room.is_short() {
            self.refuse_what_follows();
            return self.refuse(said.reply_to).await;
        }
        let (user, address) = (self.registration.user(), self.registration.address());
        let allowed = self.rtm.rates.message(user, address, said.body.len());
        if allowed.is_err() {
            let (app, address) = (Some(&*self.app), address.first());
            self.rtm.refusals.note(Refused::Limit, app, address);
            return self.write(written(day_is_full(said.reply_to))).await;
        }
        // An answer to an earlier frame does not wait for the disk.
        self.flush().await?;
        let at_once = at_once::answers(&self.rtm, &self.listener.bot.task_bot_id, &said.text);
        let now = self.rtm.clock.now();
        let claim = answers::claim(&self.rtm, self.conversation);
        let stored = self.rtm.store.append_message(NewMessage {
            conversation: self.conversation,
            message_id: self.rtm.ids.message(now),
            client_message_id: said.client_message_id,
            words: said.words,
            body: said.body,
            session_id: String::from(&*self.session_id),
            context: context_with(&self.context, said.custom_data),
            at_once,
            now,
        });
        let appended = match stored.await {
            Ok(appended) => appended,
            Err(error) => {
                // Other tasks work on the conversation while this one writes.
                drop(claim);
                self.refuse_what_follows();
                return self.could_not_store(&error, said.reply_to).await;
            }
        };
        self.cursor.wrote(appended.message.seq);
        let ack = written(ack(said.reply_to, Some(&appended.message)));
        if !appended.duplicate {
            self.rtm.publish(appended.message).await;
            for answer in appended.answers {
                self.rtm.publish(answer).await;
            }
        }
        if appended.job.is_some() {
            answers::begin(&self.rtm, self.conversation, claim, appended.ready);
        } else {
            drop(claim);
        }
        self.feed(ack).await
    }

    async fn close_session(&mut self, reply_to: Option<MessageRef>) -> Result<(), End> {
        let closed = self
            .rtm
            .store
            .close_session(self.conversation, self.rtm.clock.now())
            .await;
        match closed {
            Ok(job) => {
                if job.is_some() {
                    answers::wake(&self.rtm, self.conversation);
                }
                match reply_to {
                    Some(reply_to) => self.write(written(ack(Some(reply_to), None))).await,
                    None => Ok(()),
                }
            }
            Err(error) => self.could_not_store(&error, reply_to).await,
        }
    }

    /// Asks to stop an answer. The task that runs the turn, here or on another node, stores what was said until then.
    async fn stop(&mut self, message_id: String) -> Result<(), End> {
        let event = Event::Stop(message_id.into());
        self.rtm.publish_event(self.conversation, event).await;
        Ok(())
    }

    /// A message was refused. Only our widget sends refused messages again by itself, the oldest first.
    fn refuse_what_follows(&mut self) {
        if self.ours {
            self.refusing_until = Some(Instant::now() + REFUSED_FOR);
        }
    }

    async fn could_not_store(
        &mut self,
        error: &StoreError,
        reply_to: Option<MessageRef>,
    ) -> Result<(), End> {
        if let StoreError::Unknown { .. } = error {
            // The user was forgotten, or the conversation was unused for too long. The next socket begins anew.
            return Err(End::Close(1008, "the conversation is no longer there"));
        }
        tracing::warn!(error = %error, "a message could not be stored");
        self.refuse(reply_to).await
    }

    /// Refuses a message with 503, because the store does not take it.
    async fn refuse(&mut self, reply_to: Option<MessageRef>) -> Result<(), End> {
        self.rtm.counts.not_stored.inc();
        self.write(written(not_stored(reply_to))).await
    }

    async fn offended(
        &mut self,
        offence: Offence,
        reply_to: Option<MessageRef>,
    ) -> Result<(), End> {
        self.offences += 1;
        self.floods |= matches!(offence, Offence::TooFast);
        if self.offences >= MAX_OFFENCES {
            // Now and then a frame of a flood is in time. If that is the last one, the flood ends the socket all the same.
            let why = if self.floods {
                Offence::TooFast
            } else {
                offence
            };
            let text = "too many frames had to be refused";
            return Err(End::Close(why.close_code(), text));
        }
        match reply_to {
            Some(reply_to) => self.write(written(offence.frame(Some(reply_to)))).await,
            None => Ok(()),
        }
    }
}
