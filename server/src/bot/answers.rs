//! The answers of one turn, bounded.

use protocol::reply::BotMessage;
use tokio::sync::watch;

use super::{BotError, Class};
use crate::records::{Effects, Owner};

/// A turn with more answers than this is a loop, not a conversation.
pub const MAX_ANSWERS: usize = 20;

/// The largest answer: half of the 128 KiB that a socket may have to hold for one event.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The longest streamed text. It stands twice in its answer, and JSON adds some letters.
pub const MAX_STREAMED_BYTES: usize = MAX_ANSWER_BYTES * 3 / 8;

/// The longest streamed text as JSON, once. The JSON around it needs some letters, too.
const MAX_STREAMED_JSON: usize = MAX_ANSWER_BYTES / 2 - 256;

/// The mark behind a text that was cut.
const CUT: &str = " …";

/// The most that a bot may keep of a conversation for its next turn.
pub const MAX_STATE_BYTES: usize = 16 * 1024;

/// Collects what a bot answers to one turn, in order.
#[derive(Debug, Default)]
pub struct Answers {
    bodies: Vec<String>,
    effects: Effects,
    /// An answer is streaming.
    open: bool,
    /// The length of its text in JSON.
    open_json: usize,
    progress: watch::Sender<Progress>,
}

/// The streamed answers of a turn, as far as the bot has said them. The last one may go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// In the order in which they began.
    pub answers: Vec<StreamedAnswer>,
    /// What the bot is doing, in the visitor's language: "Looking up orders …". It is shown beside the typing dots, and
    /// never stored.
    pub doing: Option<String>,
}

/// A streamed answer.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamedAnswer {
    /// The index of the answer in the turn, from 0.
    pub index: usize,
    /// The text so far.
    pub text: String,
}

/// Leaves out the text, which is never logged.
impl std::fmt::Debug for StreamedAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamedAnswer")
            .field("index", &self.index)
            .field("bytes", &self.text.len())
            .finish()
    }
}

impl Answers {
    /// No answers yet.
    pub fn new() -> Answers {
        Answers::default()
    }

    /// Adds one `bot_response.message[]` entry.
    ///
    /// # Errors
    /// [`BotError::TooMany`] and [`BotError::TooBig`]: the turn has failed.
    pub fn push(&mut self, answer: &BotMessage) -> Result<(), BotError> {
        self.end()?;
        self.add(answer)
    }

    /// Says the configured greeting to a new visitor, if there is one.
    ///
    /// # Errors
    /// As [`Answers::push`].
    pub fn greet(&mut self, greeting: &str) -> Result<(), BotError> {
        if greeting.is_empty() {
            return Ok(());
        }
        self.push(&BotMessage::text(greeting.to_owned()))
    }

    /// Adds a piece to the streaming answer, or begins one. The visitor sees it at once; the store gets the complete
    /// answer.
    ///
    /// # Errors
    /// [`BotError::TooMany`] and [`BotError::TooBig`]: the turn has failed.
    pub fn write(&mut self, piece: &str) -> Result<(), BotError> {
        if piece.is_empty() {
            return Ok(());
        }
        let index = self.bodies.len();
        if index == MAX_ANSWERS {
            return Err(BotError::TooMany);
        }
        let begins = !self.open;
        let mut fits = true;
        self.progress.send_modify(|Progress { answers, doing }| {
            *doing = None;
            if begins {
                let text = String::new();
                answers.push(StreamedAnswer { index, text });
            }
            if let Some(StreamedAnswer { text, .. }) = answers.last_mut() {
                fits = text.len() + piece.len() <= MAX_STREAMED_BYTES;
                if fits {
                    text.push_str(piece);
                }
            }
        });
        if begins {
            self.open_json = 0;
        }
        self.open = true;
        self.open_json += json_bytes(piece);
        if fits { Ok(()) } else { Err(BotError::TooBig) }
    }

    /// Writes as much of the piece as there is room for, for a bot whose answers may have any length. False: that was
    /// not all of it, and [`Answers::cut`] ends the answer.
    ///
    /// # Errors
    /// [`BotError::TooMany`]: the turn has failed.
    pub fn write_what_fits(&mut self, piece: &str) -> Result<bool, BotError> {
        let (bytes, json) = if self.open {
            let progress = self.progress.borrow();
            let bytes = progress
                .answers
                .last()
                .map_or(0, |answer| answer.text.len());
            (bytes, self.open_json)
        } else {
            (0, 0)
        };
        let room = MAX_STREAMED_BYTES - CUT.len() - bytes.min(MAX_STREAMED_BYTES - CUT.len());
        let json_room = MAX_STREAMED_JSON.saturating_sub(CUT.len() + json);
        if piece.len() <= room && json_bytes(piece) <= json_room {
            self.write(piece)?;
            return Ok(true);
        }
        let (mut end, mut json) = (0, 0);
        for letter in piece.chars() {
            json += json_bytes(letter.encode_utf8(&mut [0; 4]));
            if end + letter.len_utf8() > room || json > json_room {
                break;
            }
            end += letter.len_utf8();
        }
        self.write(&piece[..end])?;
        Ok(false)
    }

    /// Ends the streaming answer, and marks it as incomplete.
    ///
    /// # Errors
    /// [`BotError::TooBig`]: the turn has failed.
    pub fn cut(&mut self) -> Result<(), BotError> {
        if self.open {
            self.write(CUT)?;
        }
        match self.take_open() {
            Some(text) => self.add(&stopped(text)),
            None => Ok(()),
        }
    }

    /// Ends the streaming answer, if there is one. The end of the turn does so, too.
    ///
    /// # Errors
    /// [`BotError::TooBig`]: the turn has failed.
    pub fn end(&mut self) -> Result<(), BotError> {
        match self.take_open() {
            Some(text) => self.add(&BotMessage::text(text)),
            None => Ok(()),
        }
    }

    /// Replaces the streaming answer by this one, which is stored. If no answer is streaming, this one is added.
    ///
    /// # Errors
    /// [`BotError::TooMany`] and [`BotError::TooBig`]: the pieces are kept.
    pub fn end_as(&mut self, answer: &BotMessage) -> Result<(), BotError> {
        self.add(answer)?;
        self.open = false;
        Ok(())
    }

    /// Shows what the bot is doing, until the bot says something.
    pub fn doing(&self, what: &str) {
        self.progress
            .send_modify(|progress| progress.doing = Some(what.to_owned()));
    }

    /// Keeps this for the bot's next turn in the conversation. It replaces what was kept; an empty text deletes it.
    ///
    /// # Errors
    /// [`BotError::Failed`] for more than [`MAX_STATE_BYTES`].
    pub fn keep(&mut self, state: impl Into<String>) -> Result<(), BotError> {
        let state = state.into();
        if state.len() > MAX_STATE_BYTES {
            let reason = format!("it keeps more than {MAX_STATE_BYTES} bytes of a conversation");
            return Err(BotError::failed(Class::TooMuch, reason));
        }
        self.effects.state = Some(state);
        Ok(())
    }

    /// Gives the conversation to somebody else when this turn ends, or back to the bot.
    pub fn hand_over(&mut self, owner: Owner) {
        self.effects.owner = Some(owner);
    }

    /// Ends the session with this turn.
    pub fn close(&mut self) {
        self.effects.closes = true;
    }

    /// Counts tokens of a language model.
    pub fn count_tokens(&mut self, tokens: u64) {
        self.effects.tokens = self.effects.tokens.saturating_add(tokens);
    }

    /// What the turn changes besides the transcript.
    pub fn effects(&self) -> &Effects {
        &self.effects
    }

    /// The streaming answers, for those who show them.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Whether anything was streamed.
    pub fn has_streamed(&self) -> bool {
        !self.progress.borrow().answers.is_empty()
    }

    /// The JSON of each complete answer, in order: what the store keeps.
    pub fn into_bodies(self) -> Vec<String> {
        self.bodies
    }

    /// The JSON of the answers of a turn that was broken off. An answer that was streaming is marked as stopped.
    pub fn broken_off(mut self) -> Vec<String> {
        if let Some(text) = self.take_open() {
            // An answer that is too large is not stored. The reader keeps what was shown of it.
            drop(self.add(&stopped(text)));
        }
        self.bodies
    }

    /// The number of answers.
    pub fn len(&self) -> usize {
        self.bodies.len() + usize::from(self.open)
    }

    /// Whether the bot has said nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn take_open(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.open) {
            return None;
        }
        let progress = self.progress.borrow();
        progress.answers.last().map(|answer| answer.text.clone())
    }

    fn add(&mut self, answer: &BotMessage) -> Result<(), BotError> {
        if self.bodies.len() == MAX_ANSWERS {
            return Err(BotError::TooMany);
        }
        let body = serde_json::to_string(answer)
            .map_err(|_| BotError::failed(Class::Unreadable, "its answer is no JSON"))?;
        if body.len() > MAX_ANSWER_BYTES {
            return Err(BotError::TooBig);
        }
        self.bodies.push(body);
        Ok(())
    }
}

fn stopped(text: String) -> BotMessage {
    let mut message = BotMessage::text(text);
    message.stopped = Some(true);
    message
}

/// The length of a text in JSON.
fn json_bytes(text: &str) -> usize {
    let letter = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(letter).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_streamed_is_one_answer_in_its_place() {
        let mut answers = Answers::new();
        let mut progress = answers.progress();
        answers.push(&BotMessage::text("first")).unwrap();
        for piece in ["", "Hel", "lo ", "world"] {
            answers.write(piece).unwrap();
        }
        assert!(progress.has_changed().unwrap());
        let now = progress.borrow_and_update().clone();
        let text = "Hello world".to_owned();
        assert_eq!(now.answers, [StreamedAnswer { index: 1, text }]);
        answers.push(&BotMessage::text("last")).unwrap();
        assert!(!progress.has_changed().unwrap());
        answers.write("more").unwrap();
        assert_eq!(answers.len(), 4);
        answers.end().unwrap();
        let bodies = answers.into_bodies();
        let texts: Vec<BotMessage> = bodies
            .iter()
            .map(|body| serde_json::from_str(body).unwrap())
            .collect();
        let expected = ["first", "Hello world", "last", "more"].map(BotMessage::text);
        assert_eq!(texts, expected);
    }

    #[test]
    fn an_answer_may_end_otherwise_than_it_grew() {
        let mut answers = Answers::new();
        answers.write("Once upon").unwrap();
        answers.end_as(&BotMessage::text("Once upon [1]")).unwrap();
        answers.end_as(&BotMessage::text("more")).unwrap();
        answers.end().unwrap();
        let bodies = answers.into_bodies();
        assert_eq!(bodies.len(), 2);
        assert!(bodies[0].contains("[1]") && bodies[1].contains("more"));
    }

    #[test]
    fn a_broken_off_answer_is_kept_and_marked() {
        let mut answers = Answers::new();
        answers.write("whole").unwrap();
        answers.end().unwrap();
        answers.end().unwrap();
        answers.write("half an ans").unwrap();
        let bodies = answers.broken_off();
        assert_eq!(bodies.len(), 2);
        let stopped = |body: &String| {
            let message: BotMessage = serde_json::from_str(body).unwrap();
            message.stopped
        };
        assert_eq!(
            (stopped(&bodies[0]), stopped(&bodies[1])),
            (None, Some(true))
        );
    }

    #[test]
    fn what_does_not_fit_is_cut_at_a_letter_and_marked() {
        for piece in [
            "Some words. ",
            "é😀",
            "\"\\",
            "\n",
            "\u{1}",
            &"x".repeat(100_000),
        ] {
            let mut answers = Answers::new();
            let mut written = 0;
            while answers.write_what_fits(piece).expect("is cut, not refused") {
                written += 1;
                assert!(written <= MAX_STREAMED_BYTES, "{piece:?} has no end");
            }
            answers.cut().expect("fits");
            let bodies = answers.into_bodies();
            assert_eq!(bodies.len(), 1);
            assert!(
                bodies[0].len() <= MAX_ANSWER_BYTES,
                "{piece:?}: {}",
                bodies[0].len()
            );
            let message: BotMessage = serde_json::from_str(&bodies[0]).unwrap();
            assert_eq!(message.stopped, Some(true));
            let text = message.c_info.unwrap().body;
            assert!(text.as_str().unwrap().ends_with(" …"));
        }
    }

    #[test]
    fn json_is_as_long_as_we_say() {
        let all: String = (0..0x300)
            .filter_map(char::from_u32)
            .chain(['…', '😀'])
            .collect();
        let written = serde_json::to_string(&all).unwrap();
        assert_eq!(json_bytes(&all), written.len() - 2);
    }

    #[test]
    fn a_stream_without_end_is_refused_and_takes_no_memory() {
        let mut answers = Answers::new();
        let progress = answers.progress();
        let piece = "x".repeat(1000);
        let refused = (0..1_000).find_map(|_| answers.write(&piece).err());
        assert_eq!(refused, Some(BotError::TooBig));
        assert!(progress.borrow().answers[0].text.len() <= MAX_STREAMED_BYTES);
        assert_eq!(answers.broken_off().len(), 1);
    }
}
