//! One example of every template of the protocol, as `docs/kore-protocol.md` 8 lists them.
//!
//! In the path: a script answers with one of them by name. The widget's templates are built and tested with them.

use std::sync::LazyLock;

use protocol::reply::{BotMessage, CInfo, Component};
use serde::Deserialize;
use serde_json::Value;

/// One example.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    /// The `template_type`, with a second word if there are several of one type.
    name: String,
    /// The text for a client that does not know the template.
    fallback: String,
    /// The inner payload, which is nested into a component.
    payload: Option<Value>,
    /// The whole component, if it is not an ordinary template.
    component: Option<Component>,
}

/// A test proves that the data can be read.
static EXAMPLES: LazyLock<Vec<Example>> =
    LazyLock::new(|| serde_json::from_str(include_str!("templates.json")).unwrap_or_default());

/// The names, in the order of the file.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    EXAMPLES.iter().map(|example| example.name.as_str())
}

/// The example with this name, in any case.
pub(super) fn named(name: &str) -> Option<BotMessage> {
    let example = EXAMPLES
        .iter()
        .find(|example| example.name.eq_ignore_ascii_case(name.trim()))?;
    let fallback = example.fallback.clone();
    let mut message = match (&example.payload, &example.component) {
        (Some(payload), _) => BotMessage::template(payload.clone(), fallback.clone()),
        (None, component) => BotMessage {
            kind: Some("text".to_owned()),
            component: component.clone(),
            ..BotMessage::default()
        },
    };
    message.c_info = Some(CInfo {
        body: fallback.into(),
        ..CInfo::default()
    });
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_has_one_well_formed_example() {
        let examples: Vec<Example> =
            serde_json::from_str(include_str!("templates.json")).expect("the data is in order");
        assert_eq!(examples.len(), 42);
        for example in &examples {
            let same = examples
                .iter()
                .filter(|other| other.name.eq_ignore_ascii_case(&example.name));
            assert_eq!(same.count(), 1, "{}", example.name);
            assert!(
                example.payload.is_some() != example.component.is_some(),
                "{}",
                example.name
            );
            assert!(!example.fallback.is_empty(), "{}", example.name);
            assert!(!example.fallback.starts_with('{'), "{}", example.name);
            if let Some(payload) = &example.payload {
                let kind = payload["template_type"].as_str().expect("a template_type");
                assert_eq!(example.name.split(' ').next(), Some(kind));
            }
        }
    }

    #[test]
    fn an_example_is_nested_as_official_clients_demand() {
        let carousel = serde_json::to_value(named("CAROUSEL").expect("is there")).expect("JSON");
        assert_eq!(carousel["type"], "text");
        assert_eq!(carousel["component"]["type"], "template");
        assert_eq!(carousel["component"]["payload"]["type"], "template");
        let inner = &carousel["component"]["payload"]["payload"];
        assert_eq!(inner["template_type"], "carousel");
        assert_eq!(inner["elements"][0]["title"], "Card A");
        assert_eq!(carousel["cInfo"]["body"], "Card A");
        let form = serde_json::to_value(named("digitalForm").expect("is there")).expect("JSON");
        assert_eq!(form["component"]["formData"]["renderType"], "inline");
        assert_eq!(named("nonsense"), None);
    }
}
