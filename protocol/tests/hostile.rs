//! Whatever a template's payload is: it is read without panic, bounded, and with safe addresses.

use proptest::prelude::*;
use protocol::content::{Action, Button, Template};
use protocol::link::{safe_image, safe_link};
use protocol::template::collection::{Card, More};
use protocol::template::form::FormButton;
use protocol::template::{Collection, Form, Tables};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_json_is_a_template_without_panic_and_with_safe_addresses(
        name in prop::sample::select(vec!["list", "listView", "carousel", "table",
            "custom_table", "mini_table", "tableList", "form_template"]),
        fields in prop::collection::vec((prop::sample::select(NAMES.to_vec()), any_json()), 0..8),
        values in prop::collection::vec(any::<String>(), 0..4),
    ) {
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
        let template = Template {
            name: name.to_owned(),
            payload: serde_json::Value::Object(fields.collect()).into(),
            fallback: String::new(),
        };
        if let Some(collection) = Collection::of(&template) {
            assert_safe_cards(&collection.cards);
            match &collection.more {
                Some(More::Button(button)) => assert_safe_button(button),
                Some(More::Tabs { tabs, .. }) => tabs.iter().for_each(|tab| assert_safe_cards(&tab.cards)),
                None => {}
            }
        }
        if let Some(tables) = Tables::of(&template) {
            for table in &tables.tables {
                for row in &table.rows {
                    prop_assert_eq!(row.len(), table.columns.len());
                    row.iter().filter_map(|cell| cell.action.as_ref()).for_each(assert_safe_button);
                }
            }
        }
        if let Some(form) = Form::of(&template) {
            let answer = form.answer(&values);
            let record = form.record(&answer.shown);
            prop_assert!(record.len() == form.fields.len() || record.len() == 1);
            for button in &form.buttons {
                if let FormButton::Open { url, .. } = button {
                    prop_assert!(safe_link(url).is_some());
                }
            }
        }
    }
}

/// JSON of any shape, under the names that templates use.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec![
            "url",
            "postback",
            "button",
            "text",
            "javascript:x",
            "a.test"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let named = (prop::sample::select(NAMES.to_vec()), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::from),
            prop::collection::vec(named, 0..8).prop_map(|fields| {
                let fields = fields.into_iter();
                Value::Object(
                    fields
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

const NAMES: [&str; 24] = [
    "title",
    "text",
    "type",
    "payload",
    "value",
    "url",
    "link",
    "image_url",
    "elements",
    "buttons",
    "default_action",
    "moreData",
    "columns",
    "Values",
    "primary",
    "additional",
    "rowItems",
    "formFields",
    "key",
    "label",
    "maxLength",
    "piiReductionChar",
    "topSection",
    "image",
];

fn assert_safe_button(button: &Button) {
    if let Action::Open { url } = &button.action {
        assert!(safe_link(url).is_some(), "{url}");
    }
}

fn assert_safe_cards(cards: &[Card]) {
    for card in cards {
        assert!(card.image.iter().all(|url| safe_image(url).is_some()));
        card.tap
            .iter()
            .chain(&card.buttons)
            .for_each(assert_safe_button);
    }
}
