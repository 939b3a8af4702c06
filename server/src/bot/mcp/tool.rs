//! A tool, as its server describes it.

use serde_json::{Map, Value, json};

/// The largest description of a tool. It goes to the model with every question.
const MAX_DEFINITION_BYTES: usize = 16 * 1024;

/// One tool that may be used.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::bot) struct Tool {
    /// Its name on its server.
    pub(in crate::bot) name: String,
    /// The title for people.
    pub(in crate::bot) title: String,
    /// What it does, in words for the model.
    description: String,
    /// The JSON schema of its arguments.
    parameters: Value,
}

impl Tool {
    /// `None`: it has no name, or is too large.
    pub(super) fn read(value: &Value) -> Option<Self> {
        if value.to_string().len() > MAX_DEFINITION_BYTES {
            return None;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
        let name = text(&value["name"]);
        if name.is_empty() {
            return None;
        }
        let titles = [&value["title"], &value["annotations"]["title"]];
        let title = titles.map(text).into_iter().find(|title| !title.is_empty());
        let parameters = if value["inputSchema"].is_object() {
            value["inputSchema"].clone()
        } else {
            json!({"type": "object", "properties": {}})
        };
        Some(Self {
            title: title.unwrap_or_else(|| name.replace(['_', '-', '.'], " ")),
            description: text(&value["description"]),
            parameters,
            name,
        })
    }

    /// The tool as a request to a model offers it, under this name.
    pub(in crate::bot) fn offered_as(&self, name: &str) -> Value {
        let mut function = Map::new();
        function.insert("name".to_owned(), name.into());
        if !self.description.is_empty() {
            function.insert("description".to_owned(), self.description.clone().into());
        }
        function.insert("parameters".to_owned(), self.parameters.clone());
        json!({"type": "function", "function": function})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_has_a_name_for_people_and_a_schema() {
        let read = |value: Value| Tool::read(&value);
        let search = read(json!({"name": "search_orders", "description": "Finds.", "inputSchema": {"type": "object", "properties": {"q": {}}}})).unwrap();
        assert_eq!(search.title, "search orders");
        assert_eq!(
            search.offered_as("search_orders"),
            json!({"type": "function", "function": {"name": "search_orders", "description": "Finds.", "parameters": {"type": "object", "properties": {"q": {}}}}})
        );
        for (value, title) in [
            (json!({"name": "a", "title": "Orders"}), "Orders"),
            (
                json!({"name": "a", "annotations": {"title": "Orders"}}),
                "Orders",
            ),
            (json!({"name": "a", "title": 7, "inputSchema": null}), "a"),
        ] {
            assert_eq!(read(value).unwrap().title, title);
        }
        for none in [
            json!({}),
            json!({"name": ""}),
            json!(null),
            json!({"name": "a", "description": "x".repeat(MAX_DEFINITION_BYTES)}),
        ] {
            assert_eq!(read(none), None);
        }
    }
}
