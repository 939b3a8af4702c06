//! A tool call of an agent.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A tool call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

impl Call {
    /// The message that holds this call.
    pub(super) fn message(&self) -> Value {
        json!({
            "id": format!("call-{}", self.id),
            "role": "assistant",
            "toolCalls": [{
                "id": self.id,
                "type": "function",
                "function": {"name": self.name, "arguments": self.arguments},
            }],
        })
    }

    /// What the tool would get.
    pub(super) fn input(&self) -> Value {
        serde_json::from_str(&self.arguments).unwrap_or_default()
    }
}
