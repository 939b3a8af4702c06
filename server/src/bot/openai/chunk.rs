//! One chunk of a streamed answer, in the forms that the many servers of this API write.
//!
//! In the path: [`super::completion`] takes one chunk after the other.
//!
//! Invariant: a field that is missing, null or of another type is ignored. Only what is not a JSON object is refused.

use serde_json::Value;

/// The most tool calls of one answer. More is a loop.
pub(super) const MAX_CALLS: usize = 16;

/// One chunk, or a whole answer that was not streamed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Chunk {
    /// What is said.
    pub(super) text: String,
    /// Pieces of tool calls.
    pub(super) calls: Vec<CallPiece>,
    /// Why the answer ends here. Empty: it goes on.
    pub(super) finish: String,
    /// The tokens of question and answer so far.
    pub(super) tokens: Option<u64>,
    /// An error under a success status.
    pub(super) error: Option<Value>,
}

/// A piece of one tool call. The pieces of one call have one index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CallPiece {
    /// The index of the call in the answer. `None`: servers that send complete calls leave it out.
    pub(super) index: Option<usize>,
    /// The server's name for the call.
    pub(super) id: String,
    /// The tool's name.
    pub(super) name: String,
    /// JSON text, or a piece of it.
    pub(super) arguments: String,
}

impl Chunk {
    /// `None`: this is not a JSON object.
    pub(super) fn read(data: &str) -> Option<Self> {
        let read: Value = serde_json::from_str(data).ok()?;
        read.is_object().then(|| Self::of(&read))
    }

    fn of(read: &Value) -> Self {
        let mut chunk = Self {
            tokens: tokens(&read["usage"]),
            error: read.get("error").filter(|it| !it.is_null()).cloned(),
            ..Self::default()
        };
        let choices = read["choices"].as_array().map_or(&[][..], Vec::as_slice);
        // One answer is requested. If a server gives several, the first one counts.
        let ours = |choice: &&Value| choice["index"].as_u64().unwrap_or_default() == 0;
        let Some(choice) = choices.iter().find(ours) else {
            return chunk;
        };
        text_of(&choice["finish_reason"]).clone_into(&mut chunk.finish);
        // OpenRouter puts an error there, too.
        if let Some(error) = choice.get("error").filter(|it| !it.is_null()) {
            chunk.error = Some(error.clone());
        }
        let said = if choice["delta"].is_object() {
            &choice["delta"]
        } else {
            &choice["message"]
        };
        said_by(&said["content"], &mut chunk.text);
        said_by(&said["refusal"], &mut chunk.text);
        let calls = said["tool_calls"].as_array().map_or(&[][..], Vec::as_slice);
        chunk.calls = calls.iter().take(MAX_CALLS).map(CallPiece::of).collect();
        chunk
    }
}

impl CallPiece {
    fn of(read: &Value) -> Self {
        let function = &read["function"];
        let arguments = match &function["arguments"] {
            Value::String(text) => text.clone(),
            // Some servers send the object instead of its text.
            object @ Value::Object(_) => object.to_string(),
            _ => String::new(),
        };
        Self {
            index: read["index"]
                .as_u64()
                .and_then(|it| usize::try_from(it).ok()),
            id: text_of(&read["id"]).to_owned(),
            name: text_of(&function["name"]).to_owned(),
            arguments,
        }
    }
}

/// The text of a content, which may be a list of parts. Other parts (`thinking`, pictures) are ignored.
fn said_by(content: &Value, text: &mut String) {
    match content {
        Value::String(said) => text.push_str(said),
        Value::Array(parts) => {
            for part in parts {
                match part {
                    Value::String(said) => text.push_str(said),
                    part if matches!(text_of(&part["type"]), "text" | "output_text") => {
                        text.push_str(text_of(&part["text"]));
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn tokens(usage: &Value) -> Option<u64> {
    let part = |name: &str| usage[name].as_u64();
    part("total_tokens").or_else(|| {
        let (asked, said) = (part("prompt_tokens"), part("completion_tokens"));
        if asked.is_none() && said.is_none() {
            return None;
        }
        Some(
            asked
                .unwrap_or_default()
                .saturating_add(said.unwrap_or_default()),
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chunk(value: &Value) -> Chunk {
        Chunk::read(&value.to_string()).expect("an object")
    }

    fn said(content: &Value) -> String {
        chunk(&json!({"choices": [{"delta": {"content": content}}]})).text
    }

    #[test]
    fn what_is_said_is_a_text_or_a_list_of_parts() {
        assert_eq!(said(&json!("Hi")), "Hi");
        assert_eq!(said(&json!(null)), "");
        assert_eq!(said(&json!(7)), "");
        let mistral = json!([
            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
            {"type": "text", "text": "Hi "},
            "there",
            {"type": "image_url", "image_url": {"url": "https://a.test/x.png"}},
            null,
        ]);
        assert_eq!(said(&mistral), "Hi there");
    }

    #[test]
    fn what_is_not_there_is_nothing() {
        for nothing in [
            json!({}),
            json!({"choices": null}),
            json!({"choices": []}),
            json!({"choices": "x"}),
            json!({"choices": [null]}),
            json!({"choices": [{}]}),
            json!({"choices": [{"delta": null, "finish_reason": null}]}),
            json!({"choices": [{"delta": {}, "finish_reason": ""}]}),
            json!({"choices": [{"delta": {"role": "assistant", "tool_calls": null}}], "usage": null, "error": null}),
            json!({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}),
            json!({"choices": [{"delta": {"reasoning": "hm", "reasoning_content": "hm", "reasoning_details": [{}]}}]}),
            json!({"choices": [{"index": 1, "delta": {"content": "another answer"}}]}),
        ] {
            assert_eq!(chunk(&nothing), Chunk::default(), "{nothing}");
        }
        for no_object in ["", "null", "[]", "7", "{", "<html>"] {
            assert_eq!(Chunk::read(no_object), None, "{no_object}");
        }
    }

    #[test]
    fn an_answer_that_was_not_streamed_is_one_chunk() {
        let whole = chunk(&json!({
            "object": "chat.completion",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi", "reasoning_content": "hm"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
        }));
        let expected = Chunk {
            text: "Hi".to_owned(),
            finish: "stop".to_owned(),
            tokens: Some(7),
            ..Chunk::default()
        };
        assert_eq!(whole, expected);
    }

    #[test]
    fn errors_and_counts_are_found_where_servers_put_them() {
        let ollama = chunk(&json!({"error": "model runner has stopped"}));
        assert_eq!(ollama.error, Some(json!("model runner has stopped")));
        let openrouter = chunk(&json!({
            "error": {"code": 502, "message": "gone"},
            "choices": [{"delta": {"content": ""}, "finish_reason": "error"}],
        }));
        assert_eq!(
            (openrouter.error.is_some(), openrouter.finish.as_str()),
            (true, "error")
        );
        let inside = chunk(&json!({"choices": [{"error": {"code": 429}}]}));
        assert_eq!(inside.error, Some(json!({"code": 429})));
        let counted = |usage: Value| chunk(&json!({"choices": [], "usage": usage})).tokens;
        assert_eq!(
            counted(json!({"prompt_tokens": 5, "completion_tokens": 2})),
            Some(7)
        );
        assert_eq!(counted(json!({"prompt_tokens": 5})), Some(5));
        assert_eq!(counted(json!({"total_tokens": -1})), None);
        assert_eq!(counted(json!({})), None);
    }

    #[test]
    fn calls_come_in_pieces_or_whole() {
        let pieces = chunk(&json!({"choices": [{"delta": {"tool_calls": [
            {"index": 0, "id": "call_1", "type": "function", "function": {"name": "search", "arguments": "{\"q\""}},
            {"id": null, "function": {"name": "search", "arguments": {"q": 1}}},
            {"index": -1},
        ]}}]}));
        let expected = [
            CallPiece {
                index: Some(0),
                id: "call_1".to_owned(),
                name: "search".to_owned(),
                arguments: "{\"q\"".to_owned(),
            },
            CallPiece {
                index: None,
                id: String::new(),
                name: "search".to_owned(),
                arguments: "{\"q\":1}".to_owned(),
            },
            CallPiece::default(),
        ];
        assert_eq!(pieces.calls, expected);
    }
}
