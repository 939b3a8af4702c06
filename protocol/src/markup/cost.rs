//! The cost of hostile text, counted in steps and never in time.

use super::{blocks, spans};

/// Each text has 64 KiB. `spans::steps` is `None` if the reader ran out of fuel. That would mean that it reads
/// something again and again.
#[test]
fn hostile_text_costs_steps_in_proportion_to_its_length() {
    for unit in [
        "*_[(",
        "*",
        "_",
        "*a ",
        "*a* ",
        "**a *b _c ~d ***e __f ",
        "***a ",
        "[",
        "![",
        "]",
        "](",
        "[a](",
        "[a](b",
        "[[a](x)",
        "[[a]](https://a.test)",
        "[`",
        "]`(",
        "[a](b`c](",
        "[[](a.b) ",
        "&",
        "&amp;",
        "&#x",
        "https://a.test/?a&amp;",
        "\\d(1:2)",
        "\\$(1,",
        "\\[",
        "![a](https://a.test)",
        "[a](https://a.test)",
        "`",
        "`a``b",
        "``a```b`",
        "'",
        "'''a",
        "<",
        "<a ",
        "<a href=",
        "<a href=https://a.test>",
        "</a>",
        "<b>",
        "<b><i><a>",
        "</b>",
        "<br>",
        "\\d(",
        "\\",
        "\\*",
        "http://",
        "www.",
        "www.a)",
        "h",
        "hw ",
        "(https://a.test)",
        "a ",
        "é*",
        "(",
        ")",
        " *a_[b](",
        "*a_b~c[d![e<b>f<i>g<a>h**i__j***k ",
    ] {
        let steps = |size: usize| {
            let text = unit.repeat(size / unit.len());
            spans::steps(&text).unwrap_or_else(|| panic!("{unit:?} is not read in linear time"))
        };
        let (half, whole) = (steps(32 * 1024), steps(64 * 1024));
        assert!(whole <= 24 * 64 * 1024, "{unit:?}: {whole}");
        assert!(
            whole <= half * 2 + half / 4 + 64,
            "{unit:?}: {half}, {whole}"
        );
    }
}

#[test]
fn hostile_lines_are_looked_at_a_few_times() {
    for unit in [
        "- a\n",
        "- a\n\n\n\n",
        "\n",
        " \n",
        "> ",
        "> a\n",
        ">\n",
        "```\n",
        "'''a\n",
        "``` ",
        "`\n",
        "| a |\n",
        "|\n",
        "|-|\n",
        "|a|\n|-|\n",
        "| | | | | | | |\n",
        "1. a\n  - b\n",
        "#\n",
        "# a\n",
        "---\n",
        "1. ",
        "  ",
        "\t-",
        "- a\n  ",
        "'''",
        "a ```\n",
        "``` is so\n",
        "a ```js\n",
        "1. ```\n",
        "- ```js\n  a\n",
        "- a ```\n",
        "~~~\n",
        "~~~~\n~~~ a b\n",
        "~~~ a\n",
        "x```\n```\n",
        "\r",
        "\r\n",
    ] {
        let text = unit.repeat(64 * 1024 / unit.len());
        for text in [text.clone(), ["- a\n", &text, "b"].concat()] {
            let (_, steps) = blocks::parse_counting(&text);
            assert!(steps <= 8 * text.len(), "{unit:?}: {steps}");
        }
    }
}
