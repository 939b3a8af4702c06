//! A tool call of an agent, as a part of a message.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The most bytes of a name or of an id.
const MAX_NAME_BYTES: usize = 256;

/// The most bytes of a tool's input, of its output, and of what its provider wants back.
const MAX_VALUE_BYTES: usize = 4 * 1024;

/// A call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Tool {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
    pub(super) input: Value,
    /// The output. `None`: there is none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<Value>,
    /// The id of the request for permission, its other fields, and the visitor's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) approval: Option<Approval>,
    /// Fields that are sent back unchanged.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    more: serde_json::Map<String, Value>,
    dynamic: bool,
}

/// The request for the visitor's permission.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Approval {
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) approved: Option<bool>,
}

impl Tool {
    /// Reads a `tool-input-available`. `None`: it is too large to remember.
    pub(super) fn of(chunk: &Value) -> Option<Self> {
        let text = |name: &str| chunk[name].as_str().unwrap_or_default().to_owned();
        let mut more = serde_json::Map::new();
        for (name, part) in [
            ("providerExecuted", "providerExecuted"),
            ("providerMetadata", "callProviderMetadata"),
        ] {
            if !chunk[name].is_null() {
                more.insert(part.to_owned(), chunk[name].clone());
            }
        }
        let tool = Self {
            id: text("toolCallId"),
            name: text("toolName"),
            title: chunk["title"].as_str().map(ToOwned::to_owned),
            input: chunk["input"].clone(),
            more,
            dynamic: chunk["dynamic"] == true,
            ..Self::default()
        };
        let title = tool.title.as_deref().unwrap_or_default();
        let names = [&*tool.id, &*tool.name, title];
        let fits = names.iter().all(|name| name.len() <= MAX_NAME_BYTES)
            && fits(&tool.input)
            && tool.more.values().all(fits);
        fits.then_some(tool)
    }

    /// Reads a `tool-approval-request`. False: its ids are too long.
    pub(super) fn ask(&mut self, chunk: &Value) -> bool {
        let id = chunk["approvalId"].as_str().unwrap_or_default().to_owned();
        let signature = chunk["signature"].as_str().map(ToOwned::to_owned);
        let long = signature
            .as_ref()
            .is_some_and(|it| it.len() > MAX_VALUE_BYTES);
        if id.is_empty() || id.len() > MAX_NAME_BYTES || long {
            return false;
        }
        self.approval = Some(Approval {
            id,
            signature,
            approved: None,
        });
        true
    }

    /// Reads a `tool-output-available`. False: the output is too large to remember.
    pub(super) fn find(&mut self, chunk: &Value) -> bool {
        let found = &chunk["output"];
        self.output = fits(found).then(|| found.clone());
        self.output.is_some()
    }

    /// Whether the visitor must still be asked.
    pub(super) fn is_open(&self) -> bool {
        self.approval
            .as_ref()
            .is_some_and(|it| it.approved.is_none())
    }

    /// The part of a message. `None`: there is nothing to send.
    pub(super) fn part(&self) -> Option<Value> {
        let mut part = Value::Object(self.more.clone());
        part["toolCallId"] = json!(self.id);
        part["input"] = self.input.clone();
        if self.dynamic {
            part["type"] = json!("dynamic-tool");
            part["toolName"] = json!(self.name);
        } else {
            part["type"] = json!(format!("tool-{}", self.name));
        }
        if let Some(title) = &self.title {
            part["title"] = json!(title);
        }
        match (&self.output, &self.approval) {
            (Some(output), _) => {
                part["state"] = json!("output-available");
                part["output"] = output.clone();
            }
            (None, Some(approval)) => {
                let mut sent =
                    json!({"id": approval.id, "approved": approval.approved == Some(true)});
                if let Some(signature) = &approval.signature {
                    sent["signature"] = json!(signature);
                }
                part["approval"] = sent;
                part["state"] = json!("approval-responded");
                if approval.approved.is_none() {
                    // A message of another kind follows, and models need a result in between.
                    part["state"] = json!("output-denied");
                    part["approval"]["reason"] = json!("The visitor has said something else.");
                }
            }
            (None, None) => return None,
        }
        Some(part)
    }
}

fn fits(value: &Value) -> bool {
    value.to_string().len() <= MAX_VALUE_BYTES
}
