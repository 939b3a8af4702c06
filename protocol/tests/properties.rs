//! Whatever a bot says: its markup is read without panic, bounded, safe, and loses no words.

use proptest::prelude::*;
use protocol::content::{Action, Content};
use protocol::link::{safe_image, safe_link};
use protocol::markup::{Block, MAX_DEPTH, Span, parse, plain};

/// Anything, but more often what means something to the reader.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-z]{1,5}",
        4 => "[*_~`'\\[\\]()!<>|#\\\\. \n-]{1,4}",
        1 => prop::sample::select(vec![
            "https://a.test/x", "www.a.test", "](https://a.test)", "](javascript:x)", "![i](",
            "](data:image/png;base64,x)", "<br>", "<b>", "</b>", "<a href=\"javascript:x\">",
            "<a href='https://b.test'>", "</a>", "\n- ", "\n1. ", "\n> ", "\n```js\n", "\n'''\n",
            "\n|a|b|\n|-|-|\n", "#h1", "\\d(", "\\$(1,EUR)", "é", "重", "ไทย", "؟", "&amp;", "&lt;", "&#x41;", "[[1]](https://a.test)", "\n~~~\n",
            "\n``` js\n", "\n1. ```\n", "```\n", "\\d(10:00)", "\u{202e}", "\r\n", "\0",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_text_is_read_bounded_safe_and_always_the_same(text in hostile()) {
        let tree = parse(&text);
        for spans in all_spans(&tree) {
            prop_assert!(depth(spans) <= MAX_DEPTH);
            assert_safe(spans, false);
        }
        prop_assert_eq!(&tree, &parse(&text));
        let _ = plain(&text);
    }

    #[test]
    fn plain_words_are_shown_as_they_are(
        words in prop::collection::vec("[a-zA-Zäß0-9]{1,9}[,;:?]?", 1..30),
        blanks in prop::collection::vec(prop::sample::select(vec![" ", "\n", "\n\n"]), 30),
    ) {
        let mut text = String::new();
        for (word, blank) in words.iter().zip(&blanks) {
            text.push_str(word);
            text.push_str(blank);
        }
        let shown: Vec<_> = plain(&text).split_whitespace().map(str::to_owned).collect();
        prop_assert_eq!(shown, words);
    }

    /// No address, tag, heading mark or call can be made of these, so each letter must be there.
    #[test]
    fn no_letter_is_lost_between_marks(text in "[abc \n*_~`'\\[\\]!|>.\\\\-]{0,80}") {
        let mut shown = String::new();
        for block in parse(&text) {
            if let Block::Code { language, text } = &block {
                shown.extend(language.iter().map(String::as_str));
                shown.push_str(text);
            }
            for spans in all_spans(&[block]) {
                add_words(spans, &mut shown);
            }
        }
        let letters = |text: &str| text.chars().filter(char::is_ascii_lowercase).collect::<String>();
        prop_assert_eq!(letters(&shown), letters(&text));
    }

    #[test]
    fn what_links_accept_is_safe_and_stays_so(address in hostile()) {
        if let Some(url) = safe_link(&address) {
            prop_assert!(safe_link(&url).is_some());
            let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
            prop_assert!(["http", "https", "mailto", "tel"].contains(&scheme.as_str()), "{}", url);
            prop_assert!(!url.contains(|c: char| c.is_control() || c == ' '));
        }
    }

    #[test]
    fn any_json_is_content_without_panic_and_with_safe_addresses(
        text in hostile(),
        template in prop::sample::select(vec!["button", "quick_replies", "SYSTEM", "image", "x"]),
        url in hostile(),
        nesting in 0_usize..8,
        as_text in any::<bool>(),
    ) {
        let mut payload = serde_json::json!({"template_type":template,"text":text,"url":url,
            "buttons":[{"type":"url","title":text,"url":url,"image_url":url},{"title":url}]});
        if template == "image" {
            payload = serde_json::json!({"type":"image","payload":{"url":url,"name":text}});
        }
        for _ in 0..nesting {
            payload = serde_json::json!({"type":"template","payload":payload});
        }
        if as_text {
            payload = serde_json::Value::String(payload.to_string());
        }
        let live = serde_json::json!({"component":{"type":"template","payload":payload}});
        let content = Content::of_bot_message(&serde_json::from_value(live).expect("a message"));
        for button in content.buttons() {
            if let Action::Open { url } = &button.action {
                prop_assert!(safe_link(url).is_some());
            }
            prop_assert!(button.image.iter().all(|url| safe_image(url).is_some()));
        }
        if let Content::Image { url, .. } = &content {
            prop_assert!(safe_image(url).is_some());
        }
        prop_assert_eq!(Content::of_history_text(&url), Content::text(url.trim()));
    }
}

fn all_spans(blocks: &[Block]) -> Vec<&[Span]> {
    let mut all: Vec<&[Span]> = Vec::new();
    for block in blocks {
        match block {
            Block::Code { .. } | Block::Rule => {}
            Block::Heading { spans, .. } | Block::Paragraph(spans) | Block::Quote(spans) => {
                all.push(spans);
            }
            Block::List { items, .. } => all.extend(items.iter().map(Vec::as_slice)),
            Block::Table { head, rows } => {
                assert!(rows.iter().all(|row| row.len() == head.len()));
                let cells = rows.iter().flatten();
                all.extend(head.iter().chain(cells).map(Vec::as_slice));
            }
        }
    }
    all
}

fn depth(spans: &[Span]) -> usize {
    let one = |span: &Span| match span {
        Span::Emphasis(spans) | Span::Strong(spans) | Span::Link { spans, .. } => 1 + depth(spans),
        Span::Break | Span::Code(_) | Span::Image { .. } | Span::Text(_) => 1,
    };
    spans.iter().map(one).max().unwrap_or(0)
}

fn assert_safe(spans: &[Span], in_link: bool) {
    for span in spans {
        match span {
            Span::Break | Span::Code(_) => {}
            Span::Text(text) => assert!(!text.is_empty()),
            Span::Image { url, .. } => assert!(safe_image(url).is_some(), "{url}"),
            Span::Emphasis(spans) | Span::Strong(spans) => assert_safe(spans, in_link),
            Span::Link { url, spans } => {
                assert!(!in_link, "a link in a link");
                assert!(safe_link(url).is_some(), "{url}");
                assert_safe(spans, true);
            }
        }
    }
}

fn add_words(spans: &[Span], out: &mut String) {
    for span in spans {
        match span {
            Span::Break => out.push('\n'),
            Span::Code(text) | Span::Text(text) => out.push_str(text),
            Span::Emphasis(spans) | Span::Strong(spans) | Span::Link { spans, .. } => {
                add_words(spans, out);
            }
            Span::Image { alt, .. } => out.push_str(alt),
        }
    }
}
