//! The messages that the server has not acknowledged yet, in order.

use crate::json::Value;
use crate::message::UserBody;
use crate::read::{Fields, Read};
use crate::write::{Object, Write};

/// How many messages may wait. If there are more, the composer says that the outbox is full and keeps the text.
pub const MAX_WAITING: usize = 100;

/// How many bytes may wait: a hundred long messages, and far less than a browser lets a site keep.
pub const MAX_WAITING_BYTES: usize = 512 * 1024;

/// A message that waited longer goes out only if a person says so, because nobody expects it any more.
pub const GIVE_UP_AFTER_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// How many times a message goes out, over all connections, before it counts as failed. Otherwise a server that
/// acknowledges nothing would get it for ever.
pub const MAX_SENDS: u8 = 8;

/// One message on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// The client's own id: milliseconds since the epoch, made unique. The idempotence key.
    pub id: u64,
    /// What was said.
    pub body: UserBody,
    /// How often it was put on a socket.
    pub sends: u8,
    /// The message is on the socket that is open now, and waits for its acknowledgement.
    pub on_wire: bool,
    /// The session gave up. Only a person sends the message again.
    pub failed: bool,
}

impl Outgoing {
    /// A message that nobody has tried to send yet.
    #[must_use]
    pub fn new(id: u64, body: UserBody) -> Self {
        Self {
            id,
            body,
            sends: 0,
            on_wire: false,
            failed: false,
        }
    }

    fn bytes(&self) -> usize {
        let shown = self.body.render_msg.as_ref().map_or(0, String::len);
        self.body.body.as_ref().map_or(0, String::len) + shown
    }
}

/// The form in which a message is kept over pages and sent to other tabs, and in which `frontend/scripts/page/early.ts`
/// hands it over: `{id, text, payload?, failed?}`. `text` is shown; `payload` is what the bot gets if that differs. A
/// session sends no files.
impl Write for Outgoing {
    fn write(&self) -> Value {
        let shown = self.body.shown();
        let payload = self.body.body.as_ref().filter(|body| **body != shown);
        let mut object = Object::new();
        object.put("id", &self.id);
        object.put("text", &shown);
        object.put_some("payload", payload);
        object.put_some("failed", self.failed.then_some(&true));
        object.done()
    }
}

impl Read for Outgoing {
    fn read(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        let text: String = fields.get("text")?;
        let body = match fields.get::<String>("payload") {
            Some(payload) => UserBody::choice(payload, text),
            None => UserBody::text(text),
        };
        let mut message = Self::new(fields.get("id")?, body);
        message.failed = fields.get_or_default("failed");
        Some(message)
    }
}

/// The messages on their way, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outbox {
    waiting: Vec<Outgoing>,
}

impl Outbox {
    pub(super) fn new(waiting: Vec<Outgoing>) -> Self {
        Self { waiting }
    }

    pub(super) fn is_full(&self) -> bool {
        let bytes: usize = self.waiting.iter().map(Outgoing::bytes).sum();
        self.waiting.len() >= MAX_WAITING || bytes >= MAX_WAITING_BYTES
    }

    pub(super) fn all(&self) -> &[Outgoing] {
        &self.waiting
    }

    pub(super) fn push(&mut self, message: Outgoing) {
        self.waiting.push(message);
    }

    /// Adds a message that was said before this page or in another tab, ordered by its id.
    pub(super) fn adopt(&mut self, message: Outgoing) {
        let later = |other: &Outgoing| other.id > message.id;
        let index = self.waiting.iter().position(later);
        self.waiting
            .insert(index.unwrap_or(self.waiting.len()), message);
    }

    /// The messages that go onto the socket now, in order. From here on they wait for their acknowledgement.
    pub(super) fn unsent(&mut self) -> impl Iterator<Item = &Outgoing> {
        self.waiting
            .iter_mut()
            .filter(|message| !message.failed && !message.on_wire)
            .map(|message| {
                message.on_wire = true;
                message.sends = message.sends.saturating_add(1);
                &*message
            })
    }

    pub(super) fn unsent_count(&self) -> usize {
        let unsent = |message: &&Outgoing| !message.failed && !message.on_wire;
        self.waiting.iter().filter(unsent).count()
    }

    pub(super) fn is_on_wire(&self) -> bool {
        self.waiting.iter().any(|message| message.on_wire)
    }

    /// The messages that were sent [`MAX_SENDS`] times without success.
    pub(super) fn tired(&self) -> Vec<u64> {
        let tired =
            |message: &&Outgoing| !message.failed && !message.on_wire && message.sends >= MAX_SENDS;
        self.waiting
            .iter()
            .filter(tired)
            .map(|message| message.id)
            .collect()
    }

    /// The socket is gone: nothing is on it any more.
    pub(super) fn off_wire(&mut self) {
        for message in &mut self.waiting {
            message.on_wire = false;
        }
    }

    /// The server was too busy for this one.
    pub(super) fn take_back(&mut self, id: u64) {
        for message in self.waiting.iter_mut().filter(|message| message.id == id) {
            message.on_wire = false;
            message.sends = 0;
        }
    }

    pub(super) fn has(&self, id: u64) -> bool {
        self.waiting.iter().any(|message| message.id == id)
    }

    /// Whether any message is on the wire and unacknowledged.
    pub(super) fn awaits_ack(&self) -> bool {
        self.waiting
            .iter()
            .any(|message| !message.failed && message.sends > 0)
    }

    pub(super) fn failed(&self, id: u64) -> bool {
        let mut waiting = self.waiting.iter();
        waiting.any(|message| message.id == id && message.failed)
    }

    pub(super) fn take(&mut self, id: u64) -> Option<Outgoing> {
        let at = self.waiting.iter().position(|message| message.id == id)?;
        Some(self.waiting.remove(at))
    }

    pub(super) fn remove(&mut self, id: u64) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|message| message.id != id);
        self.waiting.len() < before
    }

    pub(super) fn fail(&mut self, id: u64) {
        for message in self.waiting.iter_mut().filter(|message| message.id == id) {
            message.failed = true;
            message.on_wire = false;
        }
    }

    /// Puts a failed message at the end again, as if the visitor had just said it.
    pub(super) fn revive(&mut self, id: u64) -> bool {
        let Some(at) = self
            .waiting
            .iter()
            .position(|message| message.id == id && message.failed)
        else {
            return false;
        };
        let mut message = self.waiting.remove(at);
        message.failed = false;
        message.sends = 0;
        self.waiting.push(message);
        true
    }
}
