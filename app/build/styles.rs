//! What the build script does to a style sheet beside scoping it: refuse what stylers would misread, and make it lean.
//! `tests/styles.rs` shows each trap.

/// What stylers would misread in a piece of text before a brace: a selector, or declarations and a selector.
pub(crate) fn fault(piece: &str) -> Option<String> {
    let uncommented = without_comments(piece);
    let selector = uncommented.rsplit(';').next().unwrap_or_default().trim();
    if selector.is_empty() || selector.starts_with('@') {
        return None;
    }
    let fault = |why: &str| Some(format!("`{selector}` {why}"));
    if selector.starts_with('[') || selector.contains(":root") {
        return fault("would put the class on another element: write `:deep([…]) .a`");
    }
    if [" >", "> ", " +", "+ ", " ~", "~ "]
        .iter()
        .any(|spaced| selector.contains(spaced))
    {
        return fault("must have no blanks around `>`, `+`, `~`");
    }
    // After a pseudo-class the parser wakes up only at a blank.
    for tail in selector
        .split(':')
        .skip(1)
        .map(|tail| tail.split(' ').next().unwrap_or_default())
    {
        let outside = tail.rsplit(')').next().unwrap_or_default();
        if outside.trim_end_matches(',').contains([',', '>', '+', '~']) {
            return fault(
                "goes on unscoped after its pseudo-class: put a blank after the comma, or nest",
            );
        }
    }
    None
}

fn without_comments(css: &str) -> String {
    let mut rest = css;
    let mut kept = String::with_capacity(css.len());
    while let Some((before, comment)) = rest.split_once("/*") {
        kept.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    kept + rest
}

/// Without comments, line breaks and the blanks that mean nothing. Careful rather than thorough: what is left goes
/// through brotli.
pub(crate) fn lean(css: &str) -> String {
    let css = without_comments(css);
    let words: Vec<&str> = css.split_whitespace().collect();
    let mut css = words.join(" ");
    for (wide, narrow) in [
        (" { ", "{"),
        ("{ ", "{"),
        (" {", "{"),
        (" }", "}"),
        ("} ", "}"),
        ("; ", ";"),
        (";}", "}"),
    ] {
        css = css.replace(wide, narrow);
    }
    // Only in declarations: in a selector, ` :focus` and `:focus` are two things.
    css.replace(": ", ":").replace(", ", ",")
}
