//! The texts of one stream. They have ids and may stream side by side.
//!
//! Invariants: one text streams at a time, and the others wait for their turn, bounded like answers. A text without a
//! letter is not shown. A text that is too long is cut and marked, and the stream goes on.

use protocol::visible::is_blank;

use crate::bot::reply::Halves;
use crate::bot::{Answers, BotError, MAX_ANSWERS, MAX_STREAMED_BYTES};

/// The most blanks in front of a text that are kept.
const MAX_BLANK_BYTES: usize = 1024;

/// The texts of one stream.
#[derive(Default)]
pub(in crate::bot) struct Blocks {
    grows: Option<Block>,
    /// The texts that wait, in the order in which they began.
    wait: Vec<Block>,
}

#[derive(Default)]
struct Block {
    id: String,
    /// The text that is held back.
    text: String,
    halves: Halves,
    shown: bool,
    full: bool,
    ended: bool,
}

impl Blocks {
    /// Begins a text, unless there is one with this id.
    ///
    /// # Errors
    /// [`BotError::TooMany`].
    pub(in crate::bot) fn begin(
        &mut self,
        id: &str,
        answers: &mut Answers,
    ) -> Result<(), BotError> {
        if self.open(id).is_some() {
            return Ok(());
        }
        let block = Block {
            id: id.to_owned(),
            ..Block::default()
        };
        if self.grows.is_none() {
            answers.end()?;
            self.grows = Some(block);
            return Ok(());
        }
        if self.wait.len() == MAX_ANSWERS {
            return Err(BotError::TooMany);
        }
        self.wait.push(block);
        Ok(())
    }

    /// Appends a piece to a text, and begins the text if necessary. `said` is the JSON object in which the piece stands
    /// as `delta`.
    ///
    /// # Errors
    /// [`BotError::TooMany`].
    pub(in crate::bot) fn append(
        &mut self,
        id: &str,
        delta: &str,
        said: &str,
        answers: &mut Answers,
    ) -> Result<(), BotError> {
        self.begin(id, answers)?;
        if let Some(block) = self.grows.as_mut().filter(|block| block.id == id) {
            let text = block.halves.mended(delta, said);
            return block.write(&text, answers);
        }
        if let Some(block) = self.open(id) {
            let text = block.halves.mended(delta, said);
            block.hold(&text);
        }
        Ok(())
    }

    /// Ends a text. Then the texts that waited for it follow.
    ///
    /// # Errors
    /// [`BotError::TooMany`].
    pub(in crate::bot) fn finish(
        &mut self,
        id: &str,
        answers: &mut Answers,
    ) -> Result<(), BotError> {
        let Some(mut block) = self.grows.take_if(|block| block.id == id) else {
            if let Some(block) = self.open(id) {
                block.ended = true;
            }
            return Ok(());
        };
        block.finish(answers)?;
        while !self.wait.is_empty() {
            let mut next = self.wait.remove(0);
            let held = std::mem::take(&mut next.text);
            next.write(&held, answers)?;
            if !next.ended {
                self.grows = Some(next);
                return Ok(());
            }
            next.finish(answers)?;
        }
        Ok(())
    }

    /// Ends the stream, and all texts with it.
    ///
    /// # Errors
    /// [`BotError::TooMany`].
    pub(in crate::bot) fn end(&mut self, answers: &mut Answers) -> Result<(), BotError> {
        while let Some(block) = &self.grows {
            let id = block.id.clone();
            self.finish(&id, answers)?;
        }
        answers.end()
    }

    fn open(&mut self, id: &str) -> Option<&mut Block> {
        let all = self.grows.iter_mut().chain(&mut self.wait);
        all.into_iter().find(|block| block.id == id && !block.ended)
    }
}

impl Block {
    fn write(&mut self, text: &str, answers: &mut Answers) -> Result<(), BotError> {
        if self.full || text.is_empty() {
            return Ok(());
        }
        if self.shown {
            return self.say(text, answers);
        }
        self.text.push_str(text);
        if is_blank(&self.text) {
            if self.text.len() > MAX_BLANK_BYTES {
                self.text.clear();
            }
            return Ok(());
        }
        self.shown = true;
        let text = std::mem::take(&mut self.text);
        self.say(&text, answers)
    }

    fn say(&mut self, text: &str, answers: &mut Answers) -> Result<(), BotError> {
        if !answers.write_what_fits(text)? {
            answers.cut()?;
            self.full = true;
        }
        Ok(())
    }

    /// Holds a text back. Text beyond the limit of an answer is not needed to see that it is too long.
    fn hold(&mut self, text: &str) {
        if self.text.len() <= MAX_STREAMED_BYTES {
            self.text.push_str(text);
        }
    }

    fn finish(&mut self, answers: &mut Answers) -> Result<(), BotError> {
        if let Some(rest) = self.halves.finish() {
            self.write(&rest, answers)?;
        }
        answers.end()
    }
}

#[cfg(test)]
mod tests {
    use protocol::reply::BotMessage;
    use serde_json::json;

    use super::*;

    fn texts(answers: Answers) -> Vec<String> {
        let text = |body: String| {
            let message: BotMessage = serde_json::from_str(&body).unwrap();
            message.c_info.unwrap().body.as_str().unwrap().to_owned()
        };
        answers.into_bodies().into_iter().map(text).collect()
    }

    fn append(blocks: &mut Blocks, id: &str, said: &str, answers: &mut Answers) {
        let value: serde_json::Value = protocol::json::from_text(said).unwrap();
        let delta = value["delta"].as_str().unwrap();
        blocks.append(id, delta, said, answers).unwrap();
    }

    fn piece(text: &str) -> String {
        json!({"delta": text}).to_string()
    }

    #[test]
    fn texts_side_by_side_do_not_run_into_each_other() {
        let (mut blocks, mut answers) = (Blocks::default(), Answers::new());
        for (id, text) in [("a", "one "), ("b", "two "), ("c", "three"), ("a", "first")] {
            append(&mut blocks, id, &piece(text), &mut answers);
        }
        blocks.finish("c", &mut answers).unwrap();
        blocks.finish("unknown", &mut answers).unwrap();
        blocks.finish("a", &mut answers).unwrap();
        append(&mut blocks, "b", &piece("second"), &mut answers);
        blocks.end(&mut answers).unwrap();
        assert_eq!(texts(answers), ["one first", "two second", "three"]);
    }

    #[test]
    fn an_id_that_comes_again_is_another_text_and_blanks_are_none() {
        let (mut blocks, mut answers) = (Blocks::default(), Answers::new());
        for text in ["first", "", " \n", "\n  second"] {
            blocks.begin("a", &mut answers).unwrap();
            append(&mut blocks, "a", &piece(text), &mut answers);
            blocks.finish("a", &mut answers).unwrap();
        }
        append(&mut blocks, "b", &piece(&" ".repeat(5_000)), &mut answers);
        blocks.end(&mut answers).unwrap();
        assert_eq!(texts(answers), ["first", "\n  second"]);
    }

    #[test]
    fn halves_come_together_in_each_text() {
        let (mut blocks, mut answers) = (Blocks::default(), Answers::new());
        for id in ["a", "b"] {
            append(&mut blocks, id, r#"{"delta":"x\ud83d"}"#, &mut answers);
        }
        for id in ["a", "b"] {
            append(&mut blocks, id, r#"{"delta":"\ude00"}"#, &mut answers);
        }
        append(&mut blocks, "a", r#"{"delta":"\ud83d"}"#, &mut answers);
        blocks.end(&mut answers).unwrap();
        assert_eq!(texts(answers), ["x😀\u{fffd}", "x😀"]);
    }

    #[test]
    fn texts_are_bounded_in_number_and_size() {
        let (mut blocks, mut answers) = (Blocks::default(), Answers::new());
        let refused = (0..100).find_map(|id| blocks.begin(&id.to_string(), &mut answers).err());
        assert_eq!(refused, Some(BotError::TooMany));
        let (mut blocks, mut answers) = (Blocks::default(), Answers::new());
        for _ in 0..100 {
            append(&mut blocks, "a", &piece(&"x".repeat(1_000)), &mut answers);
            append(&mut blocks, "b", &piece(&"y".repeat(1_000)), &mut answers);
        }
        assert!(blocks.wait[0].text.len() <= MAX_STREAMED_BYTES + 1_000);
        blocks.end(&mut answers).unwrap();
        let texts = texts(answers);
        assert_eq!(texts.len(), 2);
        assert!(
            texts
                .iter()
                .all(|text| text.ends_with(" …") && text.len() <= MAX_STREAMED_BYTES)
        );
    }
}
