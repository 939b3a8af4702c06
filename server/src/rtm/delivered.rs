//! How much of each streaming answer was delivered to one socket, and what it still lacks. Without I/O.
//!
//! In the path: `live` asks [`Delivered::piece`] about each piece of an answer, and [`Delivered::rest`] about each
//! stored message.
//!
//! Invariants: a socket gets each letter of an answer at most once, unless its client can put a piece where it belongs.
//! If a piece is lost, the next one or the stored message makes up for it.

use protocol::content::Content;
use protocol::reply::BotMessage;

use crate::bot::MAX_ANSWERS;
use crate::bus::Streaming;
use crate::records::{Sender, StoredMessage};

/// What the client does with pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// The client shows only the first piece (v2), so it gets complete answers.
    Whole,
    /// The client adds each piece to those before (v3).
    Added,
    /// Our widget: it puts each piece where it belongs, and replaces the pieces by the stored message.
    Placed,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Delivered {
    reads: Reads,
    /// The streaming answers of one turn.
    answers: Vec<Answer>,
}

#[derive(Debug)]
struct Answer {
    message_id: Box<str>,
    attempt: u32,
    /// The number of bytes of the text that were delivered.
    bytes: usize,
    /// What was delivered belongs to an earlier try.
    torn: bool,
    /// The stored message was delivered.
    ended: bool,
}

impl Delivered {
    pub(super) fn new(reads: Reads) -> Self {
        Self {
            reads,
            answers: Vec::new(),
        }
    }

    /// The piece of a streaming answer that the socket lacks, and where in the text it begins.
    pub(super) fn piece<'a>(&mut self, streaming: &'a Streaming) -> Option<(usize, &'a str)> {
        let reads = self.reads;
        let known = self.find(&streaming.message_id);
        // A client that adds pieces may have got the beginning on an earlier socket.
        let late = reads == Reads::Added && streaming.from > 0;
        if reads == Reads::Whole || known.is_none() && late {
            return None;
        }
        let answer = match known {
            Some(known) => &mut self.answers[known],
            None => self.add(&streaming.message_id, streaming.attempt),
        };
        if answer.attempt != streaming.attempt {
            answer.attempt = streaming.attempt;
            if reads == Reads::Placed {
                answer.bytes = 0;
            } else {
                answer.torn = true;
            }
        }
        if answer.ended || answer.torn {
            return None;
        }
        let piece = streaming.text.get(answer.bytes..);
        let piece = piece.filter(|piece| !piece.is_empty())?;
        let at = std::mem::replace(&mut answer.bytes, streaming.text.len());
        Some((at, piece))
    }

    /// The last piece of a stored message, for a socket that got the beginning as pieces. `None`: it gets the message.
    pub(super) fn rest(&mut self, message: &StoredMessage) -> Option<String> {
        if self.reads != Reads::Added || message.sender != Sender::Bot {
            return None;
        }
        let Some(known) = self.find(&message.message_id) else {
            self.add(&message.message_id, 0).ended = true;
            return None;
        };
        let answer = &mut self.answers[known];
        answer.ended = true;
        if answer.bytes == 0 {
            return None;
        }
        let body: BotMessage = serde_json::from_str(&message.body).unwrap_or_default();
        let text = Content::piece(&body).text;
        match text.get(answer.bytes..) {
            Some(rest) if !answer.torn => Some(rest.to_owned()),
            // The bot was asked again and said something else. What is on the screen cannot be taken back.
            _ => Some(["\n\n", text].concat()),
        }
    }

    /// The message has come over the bus: no piece of it comes after this.
    pub(super) fn forget(&mut self, message_id: &str) {
        if let Some(known) = self.find(message_id) {
            self.answers.remove(known);
        }
    }

    fn find(&self, message_id: &str) -> Option<usize> {
        self.answers
            .iter()
            .position(|known| *known.message_id == *message_id)
    }

    fn add(&mut self, message_id: &str, attempt: u32) -> &mut Answer {
        // There are more only if the end of a turn was lost on the bus.
        if self.answers.len() == MAX_ANSWERS {
            self.answers.remove(0);
        }
        self.answers.push(Answer {
            message_id: message_id.into(),
            attempt,
            bytes: 0,
            torn: false,
            ended: false,
        });
        let last = self.answers.len() - 1;
        &mut self.answers[last]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Millis;
    use crate::records::ConversationId;

    fn streaming(from: usize, text: &str, attempt: u32) -> Streaming {
        Streaming {
            message_id: "ms-1".to_owned(),
            attempt,
            began: Millis(1),
            behind: None,
            from,
            text: text.to_owned(),
            session_id: "ss-1".to_owned(),
        }
    }

    fn stored(text: &str) -> StoredMessage {
        StoredMessage {
            conversation: ConversationId(1),
            seq: 3,
            message_id: "ms-1".to_owned(),
            sender: Sender::Bot,
            client_message_id: None,
            body: serde_json::to_string(&BotMessage::text(text)).unwrap(),
            created: Millis(2),
            session_id: "ss-1".to_owned(),
            agent: None,
        }
    }

    #[test]
    fn a_socket_gets_what_it_lacks_whatever_was_lost() {
        for reads in [Reads::Added, Reads::Placed] {
            let mut delivered = Delivered::new(reads);
            assert_eq!(delivered.piece(&streaming(0, "Hel", 0)), Some((0, "Hel")));
            assert_eq!(delivered.piece(&streaming(0, "Hel", 0)), None);
            assert_eq!(
                delivered.piece(&streaming(5, "Hello w", 0)),
                Some((3, "lo w"))
            );
        }
        assert_eq!(
            Delivered::new(Reads::Whole).piece(&streaming(0, "Hel", 0)),
            None
        );
    }

    #[test]
    fn a_client_that_adds_up_gets_every_letter_once() {
        let mut delivered = Delivered::new(Reads::Added);
        delivered.piece(&streaming(0, "Hel", 0));
        assert_eq!(delivered.rest(&stored("Hello")).as_deref(), Some("lo"));
        assert_eq!(
            delivered.piece(&streaming(3, "Hell", 0)),
            None,
            "it came late"
        );
        delivered.forget("ms-1");
        // A socket that came in the middle gets the complete answer at the end.
        let mut delivered = Delivered::new(Reads::Added);
        assert_eq!(delivered.piece(&streaming(3, "Hello", 0)), None);
        assert_eq!(delivered.rest(&stored("Hello")), None);
        assert_eq!(
            delivered.piece(&streaming(0, "Hel", 0)),
            None,
            "it came late"
        );
    }

    #[test]
    fn another_try_begins_anew_where_that_can_be_shown() {
        let mut delivered = Delivered::new(Reads::Placed);
        delivered.piece(&streaming(0, "One", 0));
        assert_eq!(delivered.piece(&streaming(0, "Two", 1)), Some((0, "Two")));
        assert_eq!(delivered.rest(&stored("Two")), None, "the message itself");
        let mut delivered = Delivered::new(Reads::Added);
        delivered.piece(&streaming(0, "One", 0));
        assert_eq!(delivered.piece(&streaming(0, "Two", 1)), None);
        assert_eq!(delivered.rest(&stored("Two")).as_deref(), Some("\n\nTwo"));
    }

    #[test]
    fn one_that_comes_in_the_middle_and_can_place_it_gets_all() {
        let mut delivered = Delivered::new(Reads::Placed);
        assert_eq!(
            delivered.piece(&streaming(3, "Hello", 0)),
            Some((0, "Hello"))
        );
    }
}
