//! Which crate may use which: the one-way street `protocol <- app <- frontend`, `app, protocol <- server`, `protocol <- bench`.
//!
//! In the path: `tidy` with the answer of `cargo metadata`. Which foreign crates and licences nobody may use is in `deny.toml`.

use std::collections::BTreeMap;

use cargo_metadata::{Dependency, DependencyKind, Metadata};

/// How cargo names the browser's dependencies.
const WASM: &str = r#"cfg(target_arch = "wasm32")"#;
/// Only for wasm, so that the host never compiles them. Leptos brings the bindings of events and elements there itself.
const BROWSER: [&str; 2] = ["gloo-net", "wasm-bindgen-futures"];
/// What serves and stores.
const SERVER: [&str; 6] = [
    "axum",
    "hyper",
    "leptos_axum",
    "rusqlite",
    "tokio",
    "tower-http",
];

/// What one crate may depend on.
struct Rule {
    name: &'static str,
    /// Our own crates, for code, tests and build script.
    ours: &'static [&'static str],
    /// Foreign crates for the code; `None`: any but `never`.
    foreign: Option<&'static [&'static str]>,
    never: &'static [&'static str],
    /// Everything is for wasm only.
    in_browser: bool,
}

const RULES: [Rule; 6] = [
    Rule {
        name: "protocol",
        ours: &[],
        foreign: Some(&["serde", "serde_json", "thiserror"]),
        never: &[],
        in_browser: false,
    },
    Rule {
        name: "app",
        ours: &["protocol"],
        foreign: None,
        never: &SERVER,
        in_browser: false,
    },
    Rule {
        name: "frontend",
        ours: &["app"],
        foreign: Some(&["leptos", "wasm-bindgen"]),
        never: &[],
        in_browser: true,
    },
    Rule {
        name: "server",
        ours: &["app", "protocol"],
        foreign: None,
        never: &BROWSER,
        in_browser: false,
    },
    Rule {
        name: "bench",
        ours: &["protocol"],
        foreign: None,
        never: &BROWSER,
        in_browser: false,
    },
    Rule {
        name: "xtask",
        ours: &[],
        foreign: None,
        never: &SERVER,
        in_browser: false,
    },
];

/// What a rule reads of a dependency.
#[derive(Clone, Copy)]
struct Edge<'a> {
    name: &'a str,
    wasm: bool,
    /// Not only for tests or the build script.
    code: bool,
    hydrates: bool,
}

impl<'a> Edge<'a> {
    fn of(dependency: &'a Dependency) -> Self {
        let target = dependency.target.as_ref().map(ToString::to_string);
        Self {
            name: &dependency.name,
            wasm: target.as_deref() == Some(WASM),
            code: dependency.kind == DependencyKind::Normal,
            hydrates: dependency.features.iter().any(|it| it == "hydrate"),
        }
    }
}

/// The broken rules, one a line.
pub(super) fn check(metadata: &Metadata) -> Vec<String> {
    let mut broken = Vec::new();
    let mut edges = BTreeMap::new();
    for package in &metadata.packages {
        let defaults = package.features.get("default");
        if defaults.is_some_and(|features| !features.is_empty()) {
            broken.push(format!(
                "{}/Cargo.toml: no default features; each user names what it needs",
                package.name
            ));
        }
        let used = package.dependencies.iter().map(Edge::of).collect();
        edges.insert(package.name.as_str(), used);
    }
    broken.extend(check_edges(&edges));
    broken
}

fn check_edges(edges: &BTreeMap<&str, Vec<Edge<'_>>>) -> Vec<String> {
    let mut broken = Vec::new();
    for rule in RULES.iter().filter(|rule| !edges.contains_key(rule.name)) {
        broken.push(format!(
            "Cargo.toml: the crate {} is gone; change tidy's rules too",
            rule.name
        ));
    }
    for (name, used) in edges {
        let Some(rule) = RULES.iter().find(|rule| rule.name == *name) else {
            broken.push(format!(
                "{name}/Cargo.toml: a new crate needs a rule in tidy"
            ));
            continue;
        };
        for edge in used {
            let what = broken_by(rule, *edge, edges.contains_key(edge.name));
            broken.extend(what.map(|what| format!("{name}/Cargo.toml: {what}")));
        }
    }
    broken
}

/// What one dependency breaks.
fn broken_by(rule: &Rule, edge: Edge<'_>, is_ours: bool) -> Option<String> {
    let (user, name) = (rule.name, edge.name);
    let allowed = if is_ours {
        rule.ours.contains(&name)
    } else {
        let listed = rule.foreign.is_none_or(|foreign| foreign.contains(&name));
        (listed || !edge.code) && !rule.never.contains(&name)
    };
    if !allowed {
        return Some(format!("{user} must not use {name}: see tidy's rules"));
    }
    let browser = rule.in_browser || BROWSER.contains(&name);
    if edge.code && browser && !edge.wasm {
        return Some(format!(
            "{name} belongs under [target.'{WASM}'.dependencies]"
        ));
    }
    (edge.hydrates && !edge.wasm)
        .then(|| format!("{name} with `hydrate` on the host collides with the server's `ssr`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All crates; `user` depends on `edge`.
    fn broken(user: &str, edge: Edge<'_>) -> String {
        let names = RULES.iter().map(|rule| rule.name);
        let edges = names.map(|name| {
            let its = if name == user { vec![edge] } else { Vec::new() };
            (name, its)
        });
        check_edges(&edges.collect()).join("\n")
    }

    fn code(name: &str) -> Edge<'_> {
        Edge {
            name,
            wasm: false,
            code: true,
            hydrates: false,
        }
    }

    fn wasm(name: &str) -> Edge<'_> {
        Edge {
            wasm: true,
            ..code(name)
        }
    }

    fn test(name: &str) -> Edge<'_> {
        Edge {
            code: false,
            ..code(name)
        }
    }

    #[test]
    fn allowed_dependencies_pass() {
        for (user, edge) in [
            ("protocol", code("serde")),
            ("protocol", test("proptest")),
            ("app", wasm("gloo-net")),
            ("frontend", wasm("app")),
            ("server", code("app")),
            ("bench", code("protocol")),
        ] {
            assert_eq!(broken(user, edge), "", "{user} {}", edge.name);
        }
    }

    #[test]
    fn each_forbidden_dependency_is_named() {
        let hydrating = Edge {
            hydrates: true,
            ..code("leptos")
        };
        for (user, edge, expected) in [
            ("protocol", code("tokio"), "must not use tokio"),
            ("protocol", test("app"), "must not use app"),
            ("app", code("axum"), "must not use axum"),
            ("app", code("gloo-net"), "belongs under"),
            ("app", hydrating, "collides"),
            ("frontend", code("app"), "belongs under"),
            ("frontend", wasm("protocol"), "must not use protocol"),
            ("server", code("frontend"), "must not use frontend"),
            ("xtask", code("server"), "must not use server"),
            ("xtask", code("tokio"), "must not use tokio"),
        ] {
            let broken = broken(user, edge);
            assert!(broken.contains(expected), "{user} {}: {broken}", edge.name);
        }
    }

    #[test]
    fn a_new_crate_and_a_lost_one_are_found() {
        let broken = check_edges(&BTreeMap::from([("extra", Vec::new())])).join("\n");
        assert!(broken.contains("extra/Cargo.toml: a new crate"), "{broken}");
        assert!(broken.contains("the crate protocol is gone"), "{broken}");
    }
}
