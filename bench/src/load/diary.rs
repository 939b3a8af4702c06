//! What one visitor said and heard: the witness' side of the accounting.
//!
//! In the path: [`super::visitor`] writes it, `crash::account` compares it with the stored history.
//!
//! A message's text is `u<user> n<number>`, its id is its number: the same ids for every visitor, so that a server that mixes
//! them up is found out. The bot's answer carries the text back.

use std::time::Instant;

/// One thing said.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    at: Instant,
    /// Where the server says that it stands; the first acknowledgement's word.
    pub(crate) acked: Option<u64>,
    /// The server was too busy or too full for it at some time, so that it went out again later.
    pub(crate) refused: bool,
    /// Live answers to it, over all sockets.
    pub(crate) answered: bool,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Diary {
    /// Who.
    pub(crate) user: usize,
    /// Number 1 is at 0.
    pub(crate) said: Vec<Said>,
    /// Between saying and the acknowledgement, in microseconds, while it was measured.
    pub(crate) acks: Vec<u32>,
    /// What no server should do, in words.
    pub(crate) wrong: Vec<String>,
    /// How often the server could not replay and sent us to the history.
    pub(crate) resyncs: u32,
    /// Said and not acknowledged yet.
    pub(crate) open: usize,
    /// Acknowledged and, as far as we heard, not answered yet.
    pub(crate) unanswered: usize,
}

impl Diary {
    /// The next message's number and text.
    pub(crate) fn say(&mut self, padding: usize) -> (u64, String) {
        self.said.push(Said {
            at: Instant::now(),
            acked: None,
            refused: false,
            answered: false,
        });
        self.open += 1;
        let number = self.said.len() as u64;
        let mut text = text(self.user, number);
        if padding > 0 {
            text.push(' ');
            text.extend(std::iter::repeat_n('.', padding));
        }
        (number, text)
    }

    /// An acknowledgement came. How long it took, if it is the first for its message.
    pub(crate) fn acked(&mut self, number: Option<u64>, seq: Option<u64>, measure: bool) -> bool {
        let user = self.user;
        let Some((said, number)) = self.find(number) else {
            self.wrong.push(format!(
                "u{user}: acknowledged {number:?}, which was never said"
            ));
            return false;
        };
        let Some(seq) = seq else {
            self.wrong.push(format!(
                "u{user} n{number}: acknowledged without a sequence"
            ));
            return false;
        };
        match said.acked {
            Some(first) if first != seq => {
                self.wrong.push(format!(
                    "u{user} n{number}: acknowledged as {first}, then as {seq}"
                ));
                false
            }
            Some(_) => false,
            None => {
                said.acked = Some(seq);
                let took = u32::try_from(said.at.elapsed().as_micros()).unwrap_or(u32::MAX);
                let answered = said.answered;
                self.open -= 1;
                self.unanswered += usize::from(!answered);
                if measure {
                    self.acks.push(took);
                }
                true
            }
        }
    }

    /// The bot said something, live or in a page. True: the first answer to a message.
    pub(crate) fn heard(&mut self, text: &str) -> bool {
        let user = self.user;
        let Some(answered) = answered(text) else {
            return false;
        };
        if answered.0 != user {
            self.wrong.push(format!("u{user}: heard {text:?}"));
            return false;
        }
        let Some((said, _)) = self.find(Some(answered.1)) else {
            self.wrong
                .push(format!("u{user}: answered {text:?}, never said"));
            return false;
        };
        let (first, acked) = (!said.answered, said.acked.is_some());
        said.answered = true;
        self.unanswered -= usize::from(first && acked);
        first
    }

    /// The server would not take it now.
    pub(crate) fn refused(&mut self, number: Option<u64>) {
        if let Some((said, _)) = self.find(number) {
            said.refused = true;
        }
    }

    fn find(&mut self, number: Option<u64>) -> Option<(&mut Said, u64)> {
        let number = number?;
        let at = usize::try_from(number.checked_sub(1)?).ok()?;
        Some((self.said.get_mut(at)?, number))
    }
}

/// What a visitor says.
pub(crate) fn text(user: usize, number: u64) -> String {
    format!("u{user} n{number}")
}

/// Who said it and which of theirs it is.
pub(crate) fn parse(text: &str) -> Option<(usize, u64)> {
    let mut words = text.split(' ');
    let user = words.next()?.strip_prefix('u')?.parse().ok()?;
    let number = words.next()?.strip_prefix('n')?.parse().ok()?;
    Some((user, number))
}

/// Whose message the bot answers.
pub(crate) fn answered(text: &str) -> Option<(usize, u64)> {
    parse(text.strip_prefix("echo ")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diary() -> Diary {
        let mut diary = Diary {
            user: 7,
            ..Diary::default()
        };
        assert_eq!(diary.say(0), (1, "u7 n1".to_owned()));
        assert_eq!(diary.say(3), (2, "u7 n2 ...".to_owned()));
        diary
    }

    #[test]
    fn what_is_open_is_counted() {
        let mut diary = diary();
        assert!(diary.acked(Some(1), Some(2), true));
        assert!(!diary.acked(Some(1), Some(2), true));
        assert_eq!((diary.open, diary.unanswered, diary.acks.len()), (1, 1, 1));
        assert!(diary.heard("echo u7 n1"));
        assert!(!diary.heard("echo u7 n1"));
        assert!(!diary.heard("Welcome"));
        assert!(diary.heard("echo u7 n2 ..."));
        assert!(diary.acked(Some(2), Some(4), false));
        assert_eq!((diary.open, diary.unanswered, diary.acks.len()), (0, 0, 1));
        assert!(diary.wrong.is_empty(), "{:?}", diary.wrong);
    }

    #[test]
    fn what_no_server_should_do_is_written_down() {
        let mut diary = diary();
        diary.acked(None, Some(1), true);
        diary.acked(Some(3), Some(1), true);
        diary.acked(Some(1), None, true);
        diary.acked(Some(1), Some(2), true);
        diary.acked(Some(1), Some(3), true);
        diary.heard("echo u8 n1");
        diary.heard("echo u7 n9");
        assert_eq!(diary.wrong.len(), 6, "{:?}", diary.wrong);
    }
}
