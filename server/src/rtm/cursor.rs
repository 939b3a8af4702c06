//! Which messages one socket has, and what to do with the next one. Without I/O.
//!
//! In the path: `live` asks [`Cursor::meet`] about everything that the bus or the store brings.
//!
//! Invariant: a socket gets every message once and in the order of sequences, although events may be lost, doubled or
//! reordered on the way.

/// Which messages a socket has.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    /// The last sequence that the socket knows.
    seen: u64,
    /// Sequences after `seen` of messages that came in on this socket. Its client got an ack and needs no echo. There
    /// are at most as many as a socket may send before their events come back.
    own: Vec<u64>,
    /// The last `user_message.id`. Clients take it as id and time, so it must be new each time.
    last_echo: u64,
}

/// The position of a message relative to a socket's cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The socket has it already.
    Past,
    /// It is the next one: send it.
    Next,
    /// It came in on this socket, which has got the ack.
    Own,
    /// Something before it is missing: read the store.
    Gap,
}

impl Cursor {
    /// A socket that knows everything up to `seen`.
    pub fn at(seen: u64) -> Self {
        Self {
            seen,
            ..Self::default()
        }
    }

    /// The last sequence that the socket knows.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Where a message stands. [`Position::Next`] and [`Position::Own`] count as sent from now on.
    pub fn meet(&mut self, seq: u64) -> Position {
        if seq <= self.seen {
            return Position::Past;
        }
        if seq > self.seen + 1 {
            return Position::Gap;
        }
        self.seen = seq;
        let before = self.own.len();
        self.own.retain(|own| *own > seq);
        if self.own.len() < before {
            Position::Own
        } else {
            Position::Next
        }
    }

    /// The message with this sequence came in on this socket.
    pub fn wrote(&mut self, seq: u64) {
        if seq > self.seen && !self.own.contains(&seq) {
            self.own.push(seq);
        }
    }

    /// Skips to the newest message, because what lies between cannot be sent.
    pub fn jump(&mut self, head: u64) {
        self.seen = self.seen.max(head);
        self.own.retain(|own| *own > head);
        self.own.shrink_to_fit();
    }

    /// Replaces a cursor beyond the newest message, as a client has it after the store was replaced by an older copy.
    pub fn rewind(&mut self, head: u64) {
        *self = Self::at(head);
    }

    /// The id of the next `user_message`: its time, or a later one if that was used.
    pub fn echo_id(&mut self, created_ms: u64) -> u64 {
        self.last_echo = created_ms.max(self.last_echo + 1);
        self.last_echo
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_told_once_and_in_order() {
        let mut cursor = Cursor::at(3);
        assert_eq!(cursor.meet(3), Position::Past);
        assert_eq!(cursor.meet(5), Position::Gap);
        assert_eq!(cursor.meet(4), Position::Next);
        assert_eq!(cursor.meet(4), Position::Past);
        assert_eq!(cursor.meet(5), Position::Next);
        assert_eq!(cursor.seen(), 5);
    }

    #[test]
    fn an_own_message_is_counted_but_not_told() {
        let mut cursor = Cursor::at(3);
        cursor.wrote(4);
        cursor.wrote(4);
        cursor.wrote(6);
        assert_eq!(cursor.meet(4), Position::Own);
        assert_eq!(cursor.meet(5), Position::Next);
        assert_eq!(cursor.meet(6), Position::Own);
        cursor.wrote(2);
        assert!(
            cursor.own.is_empty(),
            "a message of the past is not waited for"
        );
    }

    #[test]
    fn a_jump_forgets_what_lies_before_it() {
        let mut cursor = Cursor::at(3);
        cursor.wrote(4);
        cursor.wrote(300);
        cursor.jump(250);
        assert_eq!(
            (cursor.seen(), cursor.own.as_slice()),
            (250, [300].as_slice())
        );
        cursor.rewind(10);
        assert_eq!(cursor.meet(11), Position::Next);
    }

    #[test]
    fn two_messages_of_one_millisecond_get_two_ids() {
        let mut cursor = Cursor::default();
        assert_eq!(
            [cursor.echo_id(100), cursor.echo_id(100), cursor.echo_id(90)],
            [100, 101, 102]
        );
        assert_eq!(cursor.echo_id(500), 500);
    }
}
