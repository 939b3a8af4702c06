//! The result of a tool, as text for a model.

use serde_json::Value;

/// The most text that a model gets: some pages. More would push the conversation out of its context.
const MAX_RESULT_BYTES: usize = 12 * 1024;

/// The result of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::bot) struct Outcome {
    /// The text for the model.
    pub(in crate::bot) text: String,
    /// The tool says that it failed.
    pub(in crate::bot) failed: bool,
}

impl Outcome {
    /// A failure, in words for the model.
    pub(in crate::bot) fn failure(text: impl Into<String>) -> Self {
        Self {
            text: bounded(text.into()),
            failed: true,
        }
    }

    /// The result of `tools/call`.
    pub(super) fn read(result: &Value) -> Self {
        if result["resultType"] == "input_required" {
            return Self::failure("The tool wants to ask something that nobody here can answer.");
        }
        let parts = result["content"].as_array().map_or(&[][..], Vec::as_slice);
        let texts: Vec<&str> = parts.iter().map(text_of).collect();
        let mut text = texts.join("\n");
        if text.trim().is_empty() && !result["structuredContent"].is_null() {
            text = result["structuredContent"].to_string();
        }
        if text.trim().is_empty() {
            "It answered nothing.".clone_into(&mut text);
        }
        Self {
            text: bounded(text),
            failed: result["isError"] == true,
        }
    }
}

fn text_of(part: &Value) -> &str {
    let text = part["text"]
        .as_str()
        .or_else(|| part["resource"]["text"].as_str());
    text.unwrap_or(match part["type"].as_str() {
        Some("image") => "[a picture]",
        Some("audio") => "[a sound]",
        Some("resource" | "resource_link") => part["uri"].as_str().unwrap_or("[a file]"),
        _ => "",
    })
}

fn bounded(mut text: String) -> String {
    if text.len() > MAX_RESULT_BYTES {
        text.truncate(text.floor_char_boundary(MAX_RESULT_BYTES));
        text.push_str("\n[cut off: the answer was longer]");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_result_is_text_whatever_it_is_made_of() {
        for (result, text, failed) in [
            (
                json!({"content": [{"type": "text", "text": "one"}, {"type": "image", "data": "x"}, {"type": "resource", "resource": {"text": "two"}}]}),
                "one\n[a picture]\ntwo",
                false,
            ),
            (
                json!({"content": [{"type": "text", "text": "no"}], "isError": true}),
                "no",
                true,
            ),
            (
                json!({"content": [], "structuredContent": {"a": 1}}),
                "{\"a\":1}",
                false,
            ),
            (json!({"content": null}), "It answered nothing.", false),
            (
                json!({"resultType": "input_required"}),
                "The tool wants to ask something that nobody here can answer.",
                true,
            ),
        ] {
            let expected = Outcome {
                text: text.to_owned(),
                failed,
            };
            assert_eq!(Outcome::read(&result), expected, "{result}");
        }
    }

    #[test]
    fn a_long_result_is_cut_at_a_letter() {
        let long = json!({"content": [{"type": "text", "text": "é".repeat(MAX_RESULT_BYTES)}]});
        let text = Outcome::read(&long).text;
        assert!(text.len() < MAX_RESULT_BYTES + 50 && text.ends_with("longer]"));
    }
}
