//! Our reader and writer of JSON beside `serde_json`'s: both must take and say the same.

use proptest::prelude::*;
use protocol::json::{self, Value};

const RECORDED: &str = include_str!("golden/recorded.json");
const TEMPLATES: &str = include_str!("golden/templates.json");

fn theirs(text: &str) -> Option<serde_json::Value> {
    json::from_text(text).ok()
}

/// Reads by both, writes by both, reads again by both.
fn assert_same(text: &str) {
    let ours = Value::parse(text);
    let theirs = theirs(text);
    assert_eq!(ours, theirs.clone().map(Value::from), "{text:?}");
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        return;
    };
    let written = ours.to_text();
    assert_eq!(Value::parse(&written), Some(ours.clone()), "{text:?}");
    assert_eq!(self::theirs(&written), Some(theirs.clone()), "{text:?}");
    assert_eq!(serde_json::to_value(&ours).ok(), Some(theirs), "{text:?}");
    assert_eq!(
        json::from_bytes(text.as_bytes()).ok(),
        Some(ours),
        "{text:?}"
    );
}

#[test]
fn what_was_recorded_is_read_and_written_as_by_serde() {
    for text in [RECORDED, TEMPLATES] {
        assert_same(text);
    }
}

#[test]
fn edges_are_read_as_by_serde() {
    let deep = |levels: usize| ["[".repeat(levels), "]".repeat(levels)].concat();
    for text in [
        "",
        " ",
        "null",
        "nul",
        "nulll",
        "true",
        "false",
        "tru",
        "-",
        "0",
        "-1",
        "01",
        "1.",
        ".5",
        "+1",
        "1.5",
        "1e5x",
        "1e",
        "1.5e-",
        "--1",
        "9007199254740993",
        "18446744073709551615",
        "-9223372036854775808",
        "\t[ 1 , 2 ]\r\n",
        "[1,]",
        "[,]",
        "[1 2]",
        "[",
        "]",
        "{}",
        "{ }",
        r#"{"a":1,}"#,
        r#"{"a" : [ ] , "b":{"c":null}}"#,
        r#"{"a":1,"a":2}"#,
        "{a:1}",
        r#"{"a"}"#,
        "{1:2}",
        r#"{"a":1}x"#,
        r#"{"":0}"#,
        r#"""#,
        r#""\"#,
        r#""a"#,
        r#""\"\\\/\b\f\n\r\t""#,
        r#""\x""#,
        r#""\u00e9\uD83D\ude00""#,
        r#""\ud83d""#,
        r#""\ude00""#,
        r#""\ud83dx""#,
        r#""\ud83d\u0041""#,
        r#""\ude00\ud83d""#,
        r#""\ud83d\ud83d\ude00""#,
        r#""\ud83d\n""#,
        r#""\ud83d\u12""#,
        r#""\ud83d\"#,
        r#""\\ud83d""#,
        r#"{"\ud83d":"\ude00"}"#,
        r#""\u12""#,
        r#""\u+123""#,
        r#""\u00""#,
        "\"\u{1}\"",
        "\"\n\"",
        "\"é重😀\u{7f}\u{2028}\"",
        "\u{feff}null",
        "\0",
        "NaN",
        "'a'",
        "[1]//x",
        &deep(127),
        &deep(128),
        &deep(100_000),
    ] {
        assert_same(text);
    }
}

#[test]
fn half_a_character_costs_nothing_but_itself() {
    for (text, expected) in [
        (r#""thanks \ud83d""#, "thanks \u{fffd}"),
        (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
        (r#""\ud83dx\ud83d\ude00""#, "\u{fffd}x😀"),
        (r#""\ud83d\u0041""#, "\u{fffd}A"),
    ] {
        let ours = Value::parse(text).expect(text);
        assert_eq!(ours.as_str(), Some(expected), "{text}");
        assert_eq!(json::from_text(text).ok().as_ref(), Some(&ours), "{text}");
        let piece = Value::parse_piece(text).expect(text);
        assert_eq!(piece.as_str(), Some(expected), "{text}");
        assert_eq!(piece.to_text(), ours.to_text(), "{text}");
    }
}

#[test]
fn a_number_keeps_its_text() {
    for text in ["1e5", "1.50", "-0", "12345678901234567890123", "1e999"] {
        assert_eq!(
            Value::parse(text).map(|value| value.to_text()).as_deref(),
            Some(text)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Pieces of JSON in any order: mostly none, often nearly, sometimes some.
    #[test]
    fn any_text_is_read_as_by_serde(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"b\":", "\\", "\\n", "\\u00", "\\ud83d",
            "\\ude00", "\"\\ud83d", "\\ude00\"", "e", "1", "0", "-", ".5", " ", "null", "true", "é", "\u{1}", "[1,{\"c\":\"\\t\"}]",
        ]), 0..9)
    ) {
        let text = pieces.concat();
        // A number keeps its text here; serde_json writes it its own way.
        if !text.contains(['e', '.']) && !text.contains("-0") {
            assert_same(&text);
        }
        let read = Value::parse(&text).is_some();
        prop_assert_eq!(read, theirs(&text).is_some(), "{}", text);
    }

    #[test]
    fn any_string_comes_back(text in any::<String>()) {
        assert_same(&serde_json::Value::String(text.clone()).to_string());
        let written = Value::from(text.as_str()).to_text();
        prop_assert_eq!(theirs(&written), Some(serde_json::Value::String(text)));
    }
}
