//! The visitor's messages on their way to the server: accepted, sent, given up, deleted.

use super::{
    ACK_WITHIN_MS, AT_ONCE, Effect, GIVE_UP_AFTER_MS, Moment, Outgoing, Phase, Session, Timer,
};
use crate::json::Value;
use crate::message::{BotInfo, UserBody, UserMessage};
use crate::transcript::{Delivery, Entry, own_key};
use crate::write::Write;

impl Session {
    pub(super) fn said(&mut self, at: Moment, id: u64, body: UserBody, effects: &mut Vec<Effect>) {
        if self.outbox.is_full() || self.outbox.has(id) {
            return;
        }
        self.transcript.insert(Entry::own(id, &body, at.now_ms));
        self.outbox.push(Outgoing::new(id, body));
        self.last_id = self.last_id.max(id);
        effects.extend([Effect::Keep(id), Effect::Show]);
        self.tell_said(id, effects);
        self.flush(effects);
        self.hurry(at, effects);
    }

    /// Takes over messages that others kept. Stored ones are dropped.
    pub(super) fn adopt(&mut self, at: Moment, messages: Vec<Outgoing>, effects: &mut Vec<Effect>) {
        for mut message in messages {
            let id = message.id;
            if self.outbox.has(id) {
                continue;
            }
            if self.is_stored(id) {
                effects.push(Effect::Forget(id));
                continue;
            }
            message.on_wire = false;
            message.sends = 0;
            if !message.failed && at.now_ms.saturating_sub(id) > GIVE_UP_AFTER_MS {
                message.failed = true;
                effects.push(Effect::Keep(id));
            }
            self.transcript.insert(entry_of(&message));
            self.last_id = self.last_id.max(id);
            self.outbox.adopt(message);
        }
        // The rows stand in the order in which the messages go out.
        for message in self.outbox.all().iter().filter(|message| !message.failed) {
            self.transcript
                .mark(&own_key(&message.id.into()), Delivery::Sending);
        }
        effects.push(Effect::Show);
        self.flush(effects);
    }

    /// Whether the transcript knows that the server has stored this message.
    pub(super) fn is_stored(&self, id: u64) -> bool {
        let key = own_key(&id.into());
        let mut rows = self.transcript.entries().iter().rev();
        rows.any(|row| row.key == key && row.delivery.is_stored())
    }

    /// Sends everything that has not been sent on this socket yet.
    pub(super) fn flush(&mut self, effects: &mut Vec<Effect>) {
        if self.phase != Phase::Online {
            return;
        }
        for id in self.outbox.tired() {
            self.fail(id, effects);
        }
        let unsent = self.outbox.unsent_count();
        self.careful = unsent > AT_ONCE || (self.careful && unsent > 0);
        let at_once = match self.careful {
            true if self.outbox.is_on_wire() => 0,
            true => 1,
            false => unsent,
        };
        let mut sent = false;
        for message in self.outbox.unsent().take(at_once) {
            effects.push(Effect::Send(frame_text(
                message,
                &self.bot_info,
                self.meta.as_ref(),
            )));
            sent = true;
        }
        if sent {
            effects.push(Effect::Arm {
                timer: Timer::Ack,
                after_ms: ACK_WITHIN_MS,
            });
        }
    }

    pub(super) fn fail(&mut self, id: u64, effects: &mut Vec<Effect>) {
        self.outbox.fail(id);
        self.transcript.mark(&own_key(&id.into()), Delivery::Failed);
        effects.extend([Effect::Keep(id), Effect::Show]);
        self.tell_act("failed", id, effects);
    }

    /// Sends a failed message again.
    pub(super) fn revive(&mut self, id: u64, effects: &mut Vec<Effect>) -> bool {
        let revived = self.outbox.revive(id);
        if revived {
            let key = own_key(&id.into());
            self.transcript.mark(&key, Delivery::Sending);
            effects.extend([Effect::Keep(id), Effect::Show]);
            self.flush(effects);
        }
        revived
    }

    /// Deletes a message.
    pub(super) fn delete(&mut self, id: u64, effects: &mut Vec<Effect>) -> bool {
        let deleted = self.outbox.remove(id);
        if deleted {
            self.transcript.remove(&own_key(&id.into()));
            effects.extend([Effect::Forget(id), Effect::Show]);
        }
        deleted
    }
}

/// The row of a message that is on its way.
pub(super) fn entry_of(message: &Outgoing) -> Entry {
    let mut entry = Entry::own(message.id, &message.body, message.id);
    if message.failed {
        entry.delivery = Delivery::Failed;
    }
    entry
}

fn frame_text(message: &Outgoing, bot: &BotInfo, meta: Option<&Value>) -> String {
    let mut frame = UserMessage::new(message.id, message.body.clone(), bot.clone());
    frame.meta = meta.cloned();
    frame.to_text()
}
