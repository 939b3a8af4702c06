//! One streamed answer of a model, joined from its chunks.
//!
//! In the path: `ask` gives it each event's data, and writes the text that it returns.
//!
//! Invariants: it is lenient about fields, and strict about the end. Either `[DONE]` or a finish reason is the end; a
//! stream that stops without both has broken off. What is kept is bounded.

use serde_json::Value;

use super::chunk::{CallPiece, Chunk, MAX_CALLS};
use super::thinking::Thinking;

/// The most JSON text of the arguments of all calls of one answer.
const MAX_ARGUMENT_BYTES: usize = 64 * 1024;

/// The most bytes of a tool's name or of a call's id.
const MAX_NAME_BYTES: usize = 256;

/// The answer so far.
#[derive(Debug, Default)]
pub(super) struct Completion {
    thinking: Thinking,
    calls: Vec<ToolCall>,
    finish: Option<Finish>,
    done: bool,
    tokens: Option<u64>,
}

/// A call that the model wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ToolCall {
    /// The server's id of the call. Empty: it gave none.
    pub(super) id: String,
    /// The tool.
    pub(super) name: String,
    /// JSON text.
    pub(super) arguments: String,
    /// The server's index of the call, while pieces come.
    pub(super) index: Option<usize>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// The answer is complete, or the model calls tools.
    Whole,
    /// The answer is longer than it may be.
    Length,
    /// The provider has filtered it.
    Filtered,
    /// The server says that something broke.
    Error,
}

/// Why an answer cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wrong {
    /// It is not a JSON object.
    Unreadable,
    /// The server's own error.
    Reported(Value),
    /// There are more or longer calls than are accepted.
    TooManyCalls,
}

impl Completion {
    /// Takes the data of one event, and gives the text in it.
    pub(super) fn take(&mut self, data: &str) -> Result<String, Wrong> {
        let data = data.trim();
        if data == "[DONE]" {
            self.done = true;
            return Ok(String::new());
        }
        if data.is_empty() {
            return Ok(String::new());
        }
        let chunk = Chunk::read(data).ok_or(Wrong::Unreadable)?;
        if let Some(error) = chunk.error {
            return Err(Wrong::Reported(error));
        }
        if chunk.tokens.is_some() {
            self.tokens = chunk.tokens;
        }
        if self.finish.is_some() {
            // After the end only the count comes.
            return Ok(String::new());
        }
        for piece in chunk.calls {
            self.join(piece)?;
        }
        self.finish = finish_of(&chunk.finish);
        Ok(self.thinking.take(&chunk.text))
    }

    /// Whether the answer has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.done || self.finish.is_some()
    }

    /// Whether the stream itself said that nothing more comes.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// The last text: what was still held back.
    pub(super) fn rest(&mut self) -> String {
        self.thinking.finish()
    }

    /// Why the answer ended.
    pub(super) fn finish(&self) -> Finish {
        self.finish.unwrap_or(Finish::Whole)
    }

    /// The tokens of question and answer, if the server has counted them.
    pub(super) fn tokens(&self) -> Option<u64> {
        self.tokens
    }

    /// The calls of the answer. An answer that was cut off has none, because half a call is not a call.
    pub(super) fn take_calls(&mut self) -> Vec<ToolCall> {
        let calls = std::mem::take(&mut self.calls);
        if self.finish() != Finish::Whole {
            return Vec::new();
        }
        calls
            .into_iter()
            .filter(|call| !call.name.is_empty())
            .collect()
    }

    fn join(&mut self, piece: CallPiece) -> Result<(), Wrong> {
        // Complete calls have an id each and often no index. Pieces have one index, and only the first piece has an id.
        let known = match piece.index {
            Some(_) => self.calls.iter().position(|call| call.index == piece.index),
            None if piece.id.is_empty() && piece.name.is_empty() => self.calls.len().checked_sub(1),
            None => None,
        };
        // Several complete calls may share one index: a new id begins a new call.
        let known = known.filter(|at| {
            let call = &self.calls[*at];
            piece.id.is_empty()
                || call.id.is_empty()
                || call.id == piece.id
                || piece.name.is_empty()
        });
        let at = match known {
            Some(at) => at,
            None if self.calls.len() == MAX_CALLS => return Err(Wrong::TooManyCalls),
            None => {
                if let Some(index) = piece.index {
                    // From now on this index belongs to the new call.
                    for call in self.calls.iter_mut().filter(|it| it.index == Some(index)) {
                        call.index = None;
                    }
                }
                self.calls.push(ToolCall {
                    index: piece.index,
                    ..ToolCall::default()
                });
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[at];
        if call.id.is_empty() {
            call.id = piece.id;
        }
        // Some servers repeat the name with each piece.
        if call.name.is_empty() {
            call.name = piece.name;
        }
        call.arguments.push_str(&piece.arguments);
        let long = call.id.len() > MAX_NAME_BYTES || call.name.len() > MAX_NAME_BYTES;
        let bytes: usize = self.calls.iter().map(|call| call.arguments.len()).sum();
        if long || bytes > MAX_ARGUMENT_BYTES {
            return Err(Wrong::TooManyCalls);
        }
        Ok(())
    }
}

/// An unknown reason is an end, too.
fn finish_of(reason: &str) -> Option<Finish> {
    Some(match reason.to_ascii_lowercase().as_str() {
        "" | "null" => return None,
        "length" | "model_length" | "max_tokens" => Finish::Length,
        "content_filter" | "safety" => Finish::Filtered,
        "error" => Finish::Error,
        _ => Finish::Whole,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn delta(delta: &Value, finish: &Value) -> String {
        json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).to_string()
    }

    fn content(text: &str) -> String {
        delta(&json!({"content": text}), &Value::Null)
    }

    fn all(events: &[String]) -> (String, Completion) {
        let mut completion = Completion::default();
        let mut said = String::new();
        for event in events {
            said += &completion.take(event).expect("is read");
        }
        said += &completion.rest();
        (said, completion)
    }

    #[test]
    fn either_end_is_an_end_and_none_is_none() {
        let done = || "[DONE]".to_owned();
        let stop = || delta(&json!({}), &json!("stop"));
        for (events, ended) in [
            (vec![content("Hi"), stop(), done()], true),
            (vec![content("Hi"), stop()], true),
            (vec![content("Hi"), done()], true),
            (vec![content("Hi")], false),
            (vec![content("Hi"), delta(&json!({}), &json!(""))], false),
            (vec![], false),
        ] {
            let (said, completion) = all(&events);
            assert_eq!(completion.has_ended(), ended, "{events:?}");
            assert_eq!(said.is_empty(), events.is_empty());
        }
    }

    #[test]
    fn the_count_is_read_behind_the_end_and_nothing_else() {
        let (said, completion) = all(&[
            json!({"choices": [], "prompt_filter_results": []}).to_string(),
            delta(&json!({"role": "assistant", "content": ""}), &Value::Null),
            content("Hi"),
            delta(&json!({"content": " there"}), &json!("stop")),
            content("more"),
            json!({"choices": [], "usage": {"total_tokens": 12}}).to_string(),
        ]);
        assert_eq!((said.as_str(), completion.tokens()), ("Hi there", Some(12)));
        assert!(completion.has_ended() && !completion.is_done());
    }

    #[test]
    fn reasons_are_told_apart() {
        for (reason, finish) in [
            ("stop", Finish::Whole),
            ("STOP", Finish::Whole),
            ("eos", Finish::Whole),
            ("tool_calls", Finish::Whole),
            ("length", Finish::Length),
            ("model_length", Finish::Length),
            ("content_filter", Finish::Filtered),
            ("error", Finish::Error),
        ] {
            let (_, completion) = all(&[delta(&json!({"content": "x"}), &json!(reason))]);
            assert_eq!(completion.finish(), finish, "{reason}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let mut completion = Completion::default();
        assert_eq!(completion.take("{\"choices\":"), Err(Wrong::Unreadable));
        let error = json!({"error": "text"}).to_string();
        assert_eq!(completion.take(&error), Err(Wrong::Reported(json!("text"))));
        assert_eq!(completion.take("  "), Ok(String::new()));
    }

    fn call(piece: &Value) -> String {
        delta(&json!({"tool_calls": [piece]}), &Value::Null)
    }

    fn named(calls: &[ToolCall]) -> Vec<(&str, &str, &str)> {
        calls
            .iter()
            .map(|call| {
                (
                    call.id.as_str(),
                    call.name.as_str(),
                    call.arguments.as_str(),
                )
            })
            .collect()
    }

    #[test]
    fn pieces_of_a_call_are_joined_by_their_index() {
        let (_, mut completion) = all(&[
            call(&json!({"index": 0, "id": "a", "function": {"name": "search", "arguments": ""}})),
            call(
                &json!({"index": 1, "id": "b", "function": {"name": "cancel", "arguments": "{\"no"}}),
            ),
            call(&json!({"index": 0, "function": {"arguments": "{\"q\":1}"}})),
            call(&json!({"index": 1, "function": {"name": "cancel", "arguments": "\":17}"}})),
            delta(&json!({}), &json!("tool_calls")),
        ]);
        let calls = completion.take_calls();
        let expected = [("a", "search", "{\"q\":1}"), ("b", "cancel", "{\"no\":17}")];
        assert_eq!(named(&calls), expected);
    }

    #[test]
    fn whole_calls_without_an_index_or_with_the_same_one_are_several() {
        for index in [json!(null), json!(0)] {
            let (_, mut completion) = all(&[
                call(
                    &json!({"index": index, "id": "a", "function": {"name": "search", "arguments": "{}"}}),
                ),
                call(
                    &json!({"index": index, "id": "b", "function": {"name": "search", "arguments": "{\"q\":2}"}}),
                ),
                delta(&json!({}), &json!("stop")),
            ]);
            let calls = completion.take_calls();
            let expected = [("a", "search", "{}"), ("b", "search", "{\"q\":2}")];
            assert_eq!(named(&calls), expected, "{index}");
        }
    }

    #[test]
    fn a_call_that_was_cut_off_is_none() {
        let (_, mut completion) = all(&[
            call(
                &json!({"index": 0, "id": "a", "function": {"name": "cancel", "arguments": "{\"no\":1"}}),
            ),
            delta(&json!({}), &json!("length")),
        ]);
        assert_eq!(completion.take_calls(), []);
    }

    #[test]
    fn calls_without_end_are_refused() {
        let mut completion = Completion::default();
        let piece = |index: u64| {
            call(
                &json!({"index": index, "id": index.to_string(), "function": {"name": "x", "arguments": ""}}),
            )
        };
        let refused = (0..1000).find_map(|index| completion.take(&piece(index)).err());
        assert_eq!(refused, Some(Wrong::TooManyCalls));
        let mut completion = Completion::default();
        let long =
            call(&json!({"index": 0, "function": {"name": "x", "arguments": "1".repeat(1000)}}));
        let refused = (0..1000).find_map(|_| completion.take(&long).err());
        assert_eq!(refused, Some(Wrong::TooManyCalls));
    }
}
