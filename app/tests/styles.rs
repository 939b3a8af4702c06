//! The build script's guard against what stylers' parser misreads. Each case was seen to go wrong.

#[path = "../build.rs"]
mod build;

use stylers_core::{Class, from_str};

fn scoped(css: &str) -> String {
    from_str(css, &Class::new("s".into()))
}

#[test]
fn what_the_parser_reads_well_is_let_through_and_scoped() {
    for (css, expected) in [
        (".a{color:red;}", ".a.s{color:red;}"),
        (".a .b{color:red;}", ".a.s .b.s{color:red;}"),
        (".a>.b{color:red;}", ".a.s>.b.s{color:red;}"),
        (".a:hover, .b{color:red;}", ".a.s:hover, .b.s{color:red;}"),
        (
            ".a:has(+.b) .c{color:red;}",
            ".a.s:has(+.b) .c.s{color:red;}",
        ),
        (".a :deep(.b){color:red;}", ".a.s .b{color:red;}"),
        (
            "@media print{.a{color:red;}}",
            "@media print{.a.s{color:red;}}",
        ),
    ] {
        assert_eq!(css.split(['{', '}']).find_map(build::fault), None, "{css}");
        assert_eq!(scoped(css), expected);
    }
}

#[test]
fn what_the_parser_misreads_is_refused() {
    for css in [
        ".a > .b{color:red;}",
        ".a + .b{color:red;}",
        ".a ~.b{color:red;}",
        "[data-theme=dark] .a{color:red;}",
        ":root[data-theme=dark] .a{color:red;}",
        ".a:hover,.b{color:red;}",
        ".a:hover>.b{color:red;}",
        "@media print{.a > .b{color:red;}}",
    ] {
        assert!(
            css.split(['{', '}']).find_map(build::fault).is_some(),
            "{css}"
        );
    }
}

#[test]
fn the_refused_ones_do_go_wrong() {
    assert_ne!(scoped(".a > .b{color:red;}"), ".a.s>.b.s{color:red;}");
    assert_eq!(
        scoped(":root[data-theme=dark] .a{color:red;}"),
        ":root{color:red;}"
    );
    assert_eq!(
        scoped(".a:hover,.b{color:red;}"),
        ".a.s:hover,.b{color:red;}"
    );
}

#[test]
fn a_lean_sheet_says_the_same() {
    let css =
        "/* why */\n.a {\n  color: red;\n  margin: calc(1px + 2px) 0;\n}\n\n.b, .c { top: 0; }\n";
    assert_eq!(
        build::lean(css),
        ".a{color:red;margin:calc(1px + 2px) 0}.b,.c{top:0}"
    );
    assert_eq!(build::lean(".a :focus { top: 0; }"), ".a :focus{top:0}");
}
