//! What becomes of each kind of markup. Trees are written as HTML here, to be read at a glance.

use super::{Block, Span, parse, plain, spans};

#[test]
fn reads_the_markup_of_kores_bots() {
    for (source, expected) in [
        ("*bold*", "<p><b>bold</b></p>"),
        ("_it_ and ~it~", "<p><i>it</i> and <i>it</i></p>"),
        (
            "[txt](https://a.test/a?b=1&c=2)",
            "<p><a https://a.test/a?b=1&c=2>txt</a></p>",
        ),
        (
            "![alt](https://a.test/i.png)",
            "<p><img https://a.test/i.png alt></p>",
        ),
        ("* one\n* two", "<ul><li>one<li>two</ul>"),
        (">>indented", "<q>indented</q>"),
        ("#h1Title", "<h1>Title</h1>"),
        ("#h6 *Title*", "<h6><b>Title</b></h6>"),
        ("a\n---\nb\n___", "<p>a</p><hr><p>b</p><hr>"),
        ("```code```", "<pre>code</pre>"),
        ("```code``` is code", "<p><code>code</code> is code</p>"),
        ("'''two\nlines'''", "<pre>two\nlines</pre>"),
        ("```two\nlines```", "<pre>two\nlines</pre>"),
        ("so: ```code``` here", "<p>so: <code>code</code> here</p>"),
        ("so: '''code''' here", "<p>so: <code>code</code> here</p>"),
        ("line\nbreak", "<p>line<br>break</p>"),
        (
            "see https://a.test/x, or www.a.test.",
            "<p>see <a https://a.test/x>https://a.test/x</a>, or <a https://www.a.test>www.a.test</a>.</p>",
        ),
        ("me@a.test", "<p>me@a.test</p>"),
        (
            r#"on \d(2026-11-21,"dd MMM") at \t(10:00), \dt(Nov 21,"y")"#,
            "<p>on 2026-11-21 at 10:00, Nov 21</p>",
        ),
        (
            r"\#(1,234.5) or \$(1,234.5,USD)",
            "<p>1,234.5 or 1,234.5 USD</p>",
        ),
        (r"C:\dir \d(unclosed \d", r"<p>C:\dir \d(unclosed \d</p>"),
    ] {
        assert_eq!(show(source), expected, "{source}");
    }
}

#[test]
fn reads_the_markdown_that_bots_write_today() {
    for (source, expected) in [
        (
            "**bold** and __bold__",
            "<p><b>bold</b> and <b>bold</b></p>",
        ),
        ("***both***", "<p><b><i>both</i></b></p>"),
        ("**a *b***", "<p><b>a <b>b</b></b></p>"),
        ("*a **b***", "<p><b>a <b>b</b></b></p>"),
        ("**_a_ ~b~**", "<p><b><i>a</i> <i>b</i></b></p>"),
        ("**Note:**text", "<p><b>Note:</b>text</p>"),
        ("这是**重点**内容", "<p>这是<b>重点</b>内容</p>"),
        ("two\n**lines\nlong**", "<p>two<br><b>lines<br>long</b></p>"),
        ("# One", "<h1>One</h1>"),
        ("###### Six ##", "<h6>Six</h6>"),
        ("# C#", "<h1>C#</h1>"),
        ("text\n# One\ntext", "<p>text</p><h1>One</h1><p>text</p>"),
        ("- one\n- two", "<ul><li>one<li>two</ul>"),
        (
            "- one\n\n- two\n\ntext",
            "<ul><li>one<li>two</ul><p>text</p>",
        ),
        ("a:\n1. one\n2. two", "<p>a:</p><ol 1><li>one<li>two</ol>"),
        ("1) one\n2) two", "<ol 1><li>one<li>two</ol>"),
        (
            "1. one\n```\nx\n```\n2. two",
            "<ol 1><li>one</ol><pre>x</pre><ol 2><li>two</ol>",
        ),
        (
            "1. one\n   - a\n   - b\n\n   more\n2. two",
            "<ol 1><li>one<br>• a<br>• b<br>more<li>two</ol>",
        ),
        ("- one\n1. two", "<ul><li>one</ul><ol 1><li>two</ol>"),
        ("- **a**: b", "<ul><li><b>a</b>: b</ul>"),
        ("> said\n> so\nme", "<q>said<br>so</q><p>me</p>"),
        (
            "`a*b*` ``c`d``",
            "<p><code>a*b*</code> <code>c`d</code></p>",
        ),
        (
            "```rust\nfn f() {\n    1\n}\n```\ntext",
            "<pre rust>fn f() {\n    1\n}</pre><p>text</p>",
        ),
        ("````\n```\n````", "<pre>```</pre>"),
        ("```\r\na\r\n```", "<pre>a</pre>"),
        ("run ```\nls\n```", "<p>run</p><pre>ls</pre>"),
        ("```js\nstill stream", "<pre js>still stream</pre>"),
        (
            "| a | **b** |\n|---|:-:|\n| 1 | 2 |\n| 3 |",
            "<table>a|<b>b</b>/1|2/3|</table>",
        ),
        ("a | b\n--- | ---\n1 | 2 | 3", "<table>a|b/1|2 | 3</table>"),
        (r"|a\|b|c|\n", r"<p>|a|b|c|\n</p>"),
        ("|a\\|b|c|\n|-|-|\ntext", "<table>a|b|c</table><p>text</p>"),
        (
            "[a](https://a.test/x_(y) \"title\") [b](<https://b.test>)",
            "<p><a https://a.test/x_(y)>a</a> <a https://b.test>b</a></p>",
        ),
        (
            "[![i](https://a.test/i.png)](https://b.test)",
            "<p><a https://b.test><img https://a.test/i.png i></a></p>",
        ),
        (
            "<https://a.test> (https://a.test/b) **https://a.test/c**",
            "<p><a https://a.test>https://a.test</a> (<a https://a.test/b>https://a.test/b</a>) \
             <b><a https://a.test/c>https://a.test/c</a></b></p>",
        ),
        (r"\*not\* \_this\_ \[a\]", "<p>*not* _this_ [a]</p>"),
        ("one\r\ntwo\r\n\r\nthree", "<p>one<br>two</p><p>three</p>"),
    ] {
        assert_eq!(show(source), expected, "{source}");
    }
}

#[test]
fn leaves_alone_what_only_looks_like_markup() {
    for text in [
        "snake_case_names and a_b",
        "2*3*4 = 24, 2 * 3 * 4",
        "5*x+3*y, 2**3**4",
        "*.rs or *.md",
        "****", // a masked secret
        "***",
        "~5 to ~6, ~~struck~~",
        "[1] and [x] and ](",
        "list[0](x) and f[i](a, b)",
        "[a](b c) [a]()",
        "#1 of 2, #hash, C# and #",
        "#h7Title",
        ">5 and <3 and a -> b",
        "-5 degrees",
        "1.5 litres",
        "2024. was a year",
        "it's, don't, 'quoted'",
        "'''open",
        "`open and ``open",
        "a | b",
        "**open",
        "an *open and an _open",
        "xhttp://a.test and http:// and www.",
        "1 < 2 > 0 & \"q\"",
        ":) <3 :smile:",
    ] {
        assert_eq!(show(text), format!("<p>{text}</p>"), "{text}");
    }
}

#[test]
fn scripts_without_blanks_are_marked_up_inside_of_sentences() {
    for (source, expected) in [
        (
            "ราคา**รวมภาษี**แล้ว ดูที่https://a.test/th",
            "<p>ราคา<b>รวมภาษี</b>แล้ว ดูที่<a https://a.test/th>https://a.test/th</a></p>",
        ),
        (
            "តម្លៃ**រួមពន្ធ**ហើយ មើលhttps://a.test/km",
            "<p>តម្លៃ<b>រួមពន្ធ</b>ហើយ មើល<a https://a.test/km>https://a.test/km</a></p>",
        ),
        (
            "ລາຄາ**ລວມພາສີ**ແລ້ວ ເບິ່ງທີ່www.a.test/lo",
            "<p>ລາຄາ<b>ລວມພາສີ</b>ແລ້ວ ເບິ່ງທີ່<a https://www.a.test/lo>www.a.test/lo</a></p>",
        ),
        (
            "စျေးနှုန်း*အခွန်*ပါပြီးhttps://a.test/my",
            "<p>စျေးနှုန်း<b>အခွန်</b>ပါပြီး<a https://a.test/my>https://a.test/my</a></p>",
        ),
        ("བོད་_ཡིག_་", "<p>བོད་<i>ཡིག</i>་</p>"),
        // Others have blanks: a mark inside of a word is none.
        ("слово*не*слово", "<p>слово*не*слово</p>"),
        ("कि*ता*ब", "<p>कि*ता*ब</p>"),
        ("словоhttps://a.test", "<p>словоhttps://a.test</p>"),
    ] {
        assert_eq!(show(source), expected, "{source}");
    }
}

#[test]
fn marks_after_an_address_are_not_part_of_it() {
    for mark in [
        "؟", "،", "؛", "۔", "।", "॥", "»", "«", "—", "–", "”", "“", "„", "’", "‘", "›", "…", "។",
        "၊", "။", "։", "？", "。", "」", "!", "?)", ".”", "?»", ";", "'",
    ] {
        let expected = format!("<p><a https://a.test/x>https://a.test/x</a>{mark}</p>");
        assert_eq!(show(&format!("https://a.test/x{mark}")), expected, "{mark}");
        let expected = format!("<p><a https://a.test/x>https://a.test/x</a>{mark} und</p>");
        assert_eq!(
            show(&format!("https://a.test/x{mark} und")),
            expected,
            "{mark}"
        );
    }
    for address in [
        "https://a.test/مقالة/خبر",
        "https://a.test/किताब",
        "https://a.test/ไทย",
        "https://a.test/O’Neill",
        "https://a.test/Michelson–Morley",
        "https://a.test/x_(y)",
        "https://a.test/a;b?c=d!e",
    ] {
        let expected = format!("<p><a {address}>{address}</a></p>");
        assert_eq!(show(address), expected);
    }
    assert_eq!(
        show("«https://a.test/x»، https://a.test/y—z"),
        "<p>«<a https://a.test/x>https://a.test/x</a>»، <a https://a.test/y>https://a.test/y</a>—z</p>"
    );
}

#[test]
fn the_words_of_a_link_may_hold_brackets() {
    for (source, expected) in [
        ("[[1]](https://a.test)", "<p><a https://a.test>[1]</a></p>"),
        (
            "[Invoice [2024]](https://a.test)",
            "<p><a https://a.test>Invoice [2024]</a></p>",
        ),
        (
            "[a [b [c]] d](https://a.test) [e](https://b.test)",
            "<p><a https://a.test>a [b [c]] d</a> <a https://b.test>e</a></p>",
        ),
        (
            "see [1], [[2](https://a.test)] and [3]",
            "<p>see [1], [<a https://a.test>2</a>] and [3]</p>",
        ),
        (
            "[**[x]** y](https://a.test)",
            "<p><a https://a.test><b>[x]</b> y</a></p>",
        ),
        (
            "![a [b]](https://a.test/i.png)",
            "<p><img https://a.test/i.png a [b]></p>",
        ),
        (
            "[Invoice [2024](draft)](https://a.test)",
            "<p><a https://a.test>Invoice [2024](draft)</a></p>",
        ),
        (
            "[`]` and `[`](https://a.test)",
            "<p><a https://a.test><code>]</code> and <code>[</code></a></p>",
        ),
        (
            r"[a \] b](https://a.test)",
            "<p><a https://a.test>a ] b</a></p>",
        ),
        (
            "[open [a](https://a.test)",
            "<p>[open <a https://a.test>a</a></p>",
        ),
        (
            "close] [a](https://a.test)",
            "<p>close] <a https://a.test>a</a></p>",
        ),
    ] {
        assert_eq!(show(source), expected, "{source}");
    }
}

#[test]
fn escaped_marks_lose_their_backslash_and_lookalikes_stay() {
    for (source, expected) in [
        (
            r"\$5 1\. \- \# \> \(a\) 5 \% \+ \@ \!",
            "$5 1. - # > (a) 5 % + @ !",
        ),
        (r"^\d(,\d{3})*$", r"^\d(,\d{3})*$"),
        (r"^\d(\d{2})?$ \t(a) \d(5)", r"^\d(\d{2})?$ \t(a) \d(5)"),
        (r"C:\t(1).pdf D:\d(v1.2).txt", r"C:\t(1).pdf D:\d(v1.2).txt"),
        (r"C:\new\text \\server\share", r"C:\new\text \\server\share"),
        (r"\#(one) \$(document)", r"#(one) $(document)"),
        (
            r"\#(1,234.5) \$(1,234.5,USD) \$(1,234.5)",
            "1,234.5 1,234.5 USD 1,234.5",
        ),
        (
            r#"\t(10am) \d(21 Nov 2026,"x") \dt(1795227303240) \d(2026-11-21T02:15:03Z)"#,
            "10am 21 Nov 2026 1795227303240 2026-11-21T02:15:03Z",
        ),
        (
            "AT&T, a & b; &unknown; &#; &#x; &#0; &#xD800;",
            "AT&T, a & b; &unknown; &#; &#x; &#0; &#xD800;",
        ),
        (
            "a &amp; b&nbsp;c it&#39;s &lt;b&gt; &quot;x&quot; &#x20AC;",
            "a & b\u{a0}c it's <b> \"x\" €",
        ),
        ("&amp;lt;b&amp;gt; &amp;amp;", "&lt;b&gt; &amp;"),
        ("&#42;a&#42; &#91;b](https)", "*a* [b](https)"),
    ] {
        assert_eq!(show(source), format!("<p>{expected}</p>"), "{source}");
    }
    for (source, expected) in [
        (
            "`a &amp; \\$5 \\d(1)`",
            "<p><code>a &amp; \\$5 \\d(1)</code></p>",
        ),
        ("```\n&lt;b&gt; \\$5\n```", "<pre>&lt;b&gt; \\$5</pre>"),
        ("**a &amp; b**", "<p><b>a & b</b></p>"),
        (
            "https://a.test/?a=1&amp;b=2 &lt;https://a.test&gt;",
            "<p><a https://a.test/?a=1&b=2>https://a.test/?a=1&b=2</a> <<a https://a.test>https://a.test</a>></p>",
        ),
        (
            "[x](https://a.test/?a=1&amp;b=2) <a href=\"https://a.test/?a=1&amp;b=2\">y</a>",
            "<p><a https://a.test/?a=1&b=2>x</a> <a https://a.test/?a=1&b=2>y</a></p>",
        ),
        (
            "https://a.test/?a=1&copy=2",
            "<p><a https://a.test/?a=1&copy=2>https://a.test/?a=1&copy=2</a></p>",
        ),
    ] {
        assert_eq!(show(source), expected, "{source}");
    }
}

#[test]
fn a_fence_is_told_from_what_only_looks_like_one() {
    for (source, expected) in [
        // A line of code that ends with three backquotes.
        (
            "```js\nconst s = `a```\nlet b\n```\nafter",
            "<pre js>const s = `a```\nlet b</pre><p>after</p>",
        ),
        (
            "```md\ntype ```\n```\nand\n```\nx\n```",
            "<pre md>type ```</pre><p>and</p><pre>x</pre>",
        ),
        (
            "```two\nlines```\ntext\n```js\nx\n```",
            "<pre>two\nlines</pre><p>text</p><pre js>x</pre>",
        ),
        // Three backquotes inside of a sentence.
        (
            "Use ``` to begin a block of code.\n\n**More**",
            "<p>Use ``` to begin a block of code.</p><p><b>More</b></p>",
        ),
        (
            "A block begins with ```\n\nand more",
            "<p>A block begins with ```</p><p>and more</p>",
        ),
        (
            "``` is how one begins.\n\n**More**",
            "<p>``` is how one begins.</p><p><b>More</b></p>",
        ),
        (
            "``` is how one begins:\n\n```js\nx\n```\n**More**",
            "<p>``` is how one begins:</p><pre js>x</pre><p><b>More</b></p>",
        ),
        (
            "Try: ```sh\nls\n```\ndone",
            "<p>Try:</p><pre sh>ls</pre><p>done</p>",
        ),
        // A fence inside of a list's item.
        (
            "1. Run:\n   ```sh\n   npm i\n   ```\n2. Then",
            "<ol 1><li>Run:</ol><pre sh>npm i</pre><ol 2><li>Then</ol>",
        ),
        (
            "1. ```sh\n   npm i\n     -g\n   ```\n2. Then",
            "<ol 1><li></ol><pre sh>npm i\n  -g</pre><ol 2><li>Then</ol>",
        ),
        (
            "- Run this: ```\n  npm i\n  ```\n- Then",
            "<ul><li>Run this:</ul><pre>npm i</pre><ul><li>Then</ul>",
        ),
        (
            "- `a` and ```b``` here\n- c",
            "<ul><li><code>a</code> and <code>b</code> here<li>c</ul>",
        ),
        (
            "- about ``` in words\n- c",
            "<ul><li>about ``` in words<li>c</ul>",
        ),
        // Tildes.
        ("~~~\na ``` b\n~~~\nafter", "<pre>a ``` b</pre><p>after</p>"),
        ("~~~py\na\n~~~~", "<pre py>a</pre>"),
        ("~~~py\nstill stream", "<pre py>still stream</pre>"),
        ("~~~\nnever ends", "<p>~~~<br>never ends</p>"),
        ("~~~~~~~~ wow ~~~~~~~~", "<p>~~~~~~~~ wow ~~~~~~~~</p>"),
        // What stands behind the fence.
        (
            "```src/main.rs\nfn f\n```\nx",
            "<pre src/main.rs>fn f</pre><p>x</p>",
        ),
        (
            "```ts title=\"my app.ts\"\nlet a\n```\nx",
            "<pre ts title=\"my app.ts\">let a</pre><p>x</p>",
        ),
        (
            "```js {1,3} src/a.js\nlet a\n```",
            "<pre js {1,3} src/a.js>let a</pre>",
        ),
        ("``` js\nlet a\n```", "<pre js>let a</pre>"),
        ("```c++\nint a;\n```", "<pre c++>int a;</pre>"),
        ("```let a = 1;\nlet b\n```", "<pre>let a = 1;\nlet b</pre>"),
        ("``` let a = 1;\nlet b\n```", "<pre>let a = 1;\nlet b</pre>"),
        (
            "````md\n```js\nx\n```\n````\ny",
            "<pre md>```js\nx\n```</pre><p>y</p>",
        ),
    ] {
        assert_eq!(show(source), expected, "{source}");
    }
}

#[test]
fn html_is_text_but_for_the_simple_tags_that_kores_clients_know() {
    for (source, expected) in [
        ("a<br>b<BR/>c<br />d", "<p>a<br>b<br>c<br>d</p>"),
        ("<b>a</b> <STRONG>b</STRONG>", "<p><b>a</b> <b>b</b></p>"),
        ("<i>a</i> <em>b</em>", "<p><i>a</i> <i>b</i></p>"),
        (
            "<a target=\"_blank\" href=\"https://a.test/x\">a *b*</a>",
            "<p><a https://a.test/x>a <b>b</b></a></p>",
        ),
        ("<a href='javascript:x()'>click</a>", "<p>click</p>"),
        ("<a>x</a> </b> <b>open", "<p>x </b> <b>open</p>"),
    ] {
        assert_eq!(show(source), expected, "{source}");
    }
    for text in [
        "<iframe src=\"//evil.test/frame\"></iframe>",
        "<img src=x onerror=\"window.__X1=1\">",
        "<u>u</u> <h1>H</h1> <style>body{background:red}</style>",
        "<form action=\"/\"><input name=p></form>",
        "<script>alert(1)</script> <br",
        "<b onclick=x",
    ] {
        assert_eq!(show(text), format!("<p>{text}</p>"), "{text}");
    }
}

#[test]
fn an_unsafe_address_leaves_its_words() {
    for (source, expected) in [
        ("[click](javascript:window.__X2=1)", "<p>click</p>"),
        ("[*click*](JaVa\tScript:x)", "<p><b>click</b></p>"),
        (
            "[here](/relative) [there](//evil.test)",
            "<p>here there</p>",
        ),
        ("![pic *1*](data:image/svg+xml;base64,x)", "<p>pic 1</p>"),
        (
            "[a [b](https://b.test) c](https://a.test)",
            "<p>[a <a https://b.test>b</a> c](<a https://a.test>https://a.test</a>)</p>",
        ),
        (
            "[x https://a.test y](https://b.test)",
            "<p><a https://b.test>x https://a.test y</a></p>",
        ),
        (
            "<a href=https://a.test>[b](https://b.test)</a>",
            "<p><a https://a.test>b</a></p>",
        ),
        (
            "[](https://a.test)",
            "<p><a https://a.test>https://a.test</a></p>",
        ),
    ] {
        assert_eq!(show(source), expected, "{source}");
    }
}

#[test]
fn the_inner_mark_wins_and_what_does_not_end_is_text() {
    for (source, expected) in [
        ("*a *b*", "<p>*a <b>b</b></p>"),
        ("*a _b* c_", "<p><b>a _b</b> c_</p>"),
        (
            "*a [b* c](https://a.test)",
            "<p><b>a [b</b> c](<a https://a.test>https://a.test</a>)</p>",
        ),
        (
            "[a *b](https://a.test) c*",
            "<p><a https://a.test>a *b</a> c*</p>",
        ),
        ("**a* b", "<p>**a* b</p>"),
        ("*a\n\nb*", "<p>*a</p><p>b*</p>"),
    ] {
        assert_eq!(show(source), expected, "{source}");
    }
}

#[test]
fn marks_nest_so_deep_and_no_deeper() {
    fn depth(spans: &[Span]) -> usize {
        let one = |span: &Span| match span {
            Span::Emphasis(spans) | Span::Strong(spans) | Span::Link { spans, .. } => depth(spans),
            _ => 0,
        };
        1 + spans.iter().map(one).max().unwrap_or(0)
    }
    let deepest = "***a **b *c __d _e www.a.test_.__.*.**.***";
    assert_eq!(depth(&spans::parse(deepest)), super::MAX_DEPTH);
    let deeper = "***a **b *c __d _e ~f <b>[g](https://a.test)</b>~._.__.*.**.***";
    assert_eq!(depth(&spans::parse(deeper)), super::MAX_DEPTH);
}

#[test]
fn plain_has_the_words_alone() {
    for (source, expected) in [
        (
            "*a* [b](https://b.test)\n![c](https://c.test/c.png)",
            "a b\nc",
        ),
        ("3. x\n4. y", "3. x\n4. y"),
        ("| a | b |\n|-|-|\n| 1 | 2 |", "a, b\n1, 2"),
        ("# a\n---\n> b\n```\nc\nd\n```", "a\nb\nc\nd"),
        ("", ""),
        (" \n\n ", ""),
    ] {
        assert_eq!(plain(source), expected, "{source}");
    }
}

fn show(source: &str) -> String {
    parse(source).iter().map(block).collect()
}

fn block(block: &Block) -> String {
    match block {
        Block::Code { language, text } => {
            let language = language.as_ref().map(|word| [" ", word].concat());
            format!("<pre{}>{text}</pre>", language.unwrap_or_default())
        }
        Block::Heading { level, spans } => format!("<h{level}>{}</h{level}>", line(spans)),
        Block::List {
            ordered,
            start,
            items,
        } => {
            let items: Vec<_> = items.iter().map(|item| line(item)).collect();
            let items = items.join("<li>");
            if *ordered {
                format!("<ol {start}><li>{items}</ol>")
            } else {
                format!("<ul><li>{items}</ul>")
            }
        }
        Block::Paragraph(spans) => format!("<p>{}</p>", line(spans)),
        Block::Quote(spans) => format!("<q>{}</q>", line(spans)),
        Block::Rule => "<hr>".to_owned(),
        Block::Table { head, rows } => {
            let row = |cells: &Vec<Vec<Span>>| {
                let cells: Vec<_> = cells.iter().map(|cell| line(cell)).collect();
                cells.join("|")
            };
            let rows: Vec<_> = std::iter::once(head).chain(rows).map(row).collect();
            format!("<table>{}</table>", rows.join("/"))
        }
    }
}

fn line(spans: &[Span]) -> String {
    let one = |span: &Span| match span {
        Span::Break => "<br>".to_owned(),
        Span::Code(text) => format!("<code>{text}</code>"),
        Span::Emphasis(spans) => format!("<i>{}</i>", line(spans)),
        Span::Image { url, alt } => format!("<img {url} {alt}>"),
        Span::Link { url, spans } => format!("<a {url}>{}</a>", line(spans)),
        Span::Strong(spans) => format!("<b>{}</b>", line(spans)),
        Span::Text(text) => text.clone(),
    };
    spans.iter().map(one).collect()
}
