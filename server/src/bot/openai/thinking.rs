//! Removes a model's thoughts at the beginning of its answer (`<think>…</think>`), if its server does not do that, and
//! the blank lines in front of the text.

const OPEN: [&str; 2] = ["<think>", "<thinking>"];
const CLOSE: [&str; 2] = ["</think>", "</thinking>"];

/// Longer than every mark: this many bytes are held back while it is unclear whether a mark comes.
const LONGEST: usize = 16;

/// The part of the answer that comes now.
#[derive(Debug, Default)]
pub(super) struct Thinking {
    state: State,
    /// The text that is held back.
    held: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Only blanks so far, or the beginning of a mark.
    #[default]
    Beginning,
    /// Behind an opening mark.
    Inside,
    /// The text, to the end.
    Saying,
}

impl Thinking {
    /// The text to show of this piece and of what was held back.
    pub(super) fn take(&mut self, piece: &str) -> String {
        if self.state == State::Saying {
            return piece.to_owned();
        }
        self.held.push_str(piece);
        loop {
            match self.state {
                State::Beginning => {
                    let begun = self.held.trim_start();
                    let mark = OPEN.iter().find(|mark| begun.starts_with(**mark));
                    if let Some(mark) = mark {
                        self.held = begun[mark.len()..].to_owned();
                        self.state = State::Inside;
                        continue;
                    }
                    if begun.is_empty() || OPEN.iter().any(|mark| mark.starts_with(begun)) {
                        self.held = begun.to_owned();
                        return String::new();
                    }
                    let said = begun.to_owned();
                    self.held = String::new();
                    self.state = State::Saying;
                    return said;
                }
                State::Inside => {
                    let ends = CLOSE.iter().filter_map(|mark| {
                        let at = self.held.find(mark)?;
                        Some((at, at + mark.len()))
                    });
                    let Some((_, end)) = ends.min() else {
                        // Thoughts are dropped, except for what may be the beginning of the closing mark.
                        let keep = self.held.len().saturating_sub(LONGEST);
                        let keep = self.held.ceil_char_boundary(keep);
                        self.held.drain(..keep);
                        return String::new();
                    };
                    self.held.drain(..end);
                    self.state = State::Beginning;
                }
                State::Saying => return std::mem::take(&mut self.held),
            }
        }
    }

    /// The answer has ended. A beginning that did not become a mark is text.
    pub(super) fn finish(&mut self) -> String {
        if self.state == State::Beginning {
            std::mem::take(&mut self.held)
        } else {
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, cut: usize) -> String {
        let mut thinking = Thinking::default();
        let mut said = String::new();
        let letters: Vec<char> = text.chars().collect();
        for piece in letters.chunks(cut) {
            said += &thinking.take(&piece.iter().collect::<String>());
        }
        said + &thinking.finish()
    }

    #[test]
    fn thoughts_at_the_beginning_are_taken_out_however_they_are_cut() {
        for (text, expected) in [
            ("Hi", "Hi"),
            ("\n\n Hi\n\nthere\n", "Hi\n\nthere\n"),
            ("<think>hm <b> é</think>\n\nHi", "Hi"),
            (
                "\n<thinking>hm</thinking>Hi <think>aloud</think>",
                "Hi <think>aloud</think>",
            ),
            ("<think></think>Hi", "Hi"),
            ("<think>one</think>\n<think>two</think>Hi", "Hi"),
            ("<think>never ends", ""),
            ("<think>ends</think>  ", ""),
            ("<th", "<th"),
            ("<table>", "<table>"),
            ("", ""),
            (" \n", ""),
        ] {
            for cut in [1, 2, 3, 100] {
                assert_eq!(said(text, cut), expected, "{text:?} by {cut}");
            }
        }
    }

    #[test]
    fn long_thoughts_take_no_memory() {
        let mut thinking = Thinking::default();
        thinking.take("<think>");
        for _ in 0..1000 {
            assert_eq!(thinking.take("Let me sée… "), "");
            assert!(thinking.held.len() <= LONGEST);
        }
        assert_eq!(thinking.take("</think>Hi"), "Hi");
    }
}
