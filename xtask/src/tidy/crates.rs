//! Which crate may use which: the one-way street `protocol <- app <- frontend`, `app, protocol <- server`, `protocol <- xtask`.
//!
//! In the path: `tidy` with the answer of `cargo metadata --no-deps`.

use std::collections::BTreeMap;

use serde_json::Value;

/// How cargo names the browser's dependencies.
const WASM: &str = r#"cfg(target_arch = "wasm32")"#;

/// What one crate may depend on.
struct Rule {
    name: &'static str,
    /// Our own crates, for code, tests and build script.
    ours: &'static [&'static str],
    /// Foreign crates for the code; `None`: any but `never`.
    foreign: Option<&'static [&'static str]>,
    never: &'static [&'static str],
    /// Only for wasm, so that the host never compiles them.
    browser: &'static [&'static str],
}

const RULES: [Rule; 5] = [
    Rule {
        name: "protocol",
        ours: &[],
        foreign: Some(&["serde", "serde_json", "thiserror"]),
        never: &[],
        browser: &[],
    },
    Rule {
        name: "app",
        ours: &["protocol"],
        foreign: None,
        never: &[
            "axum",
            "hyper",
            "leptos_axum",
            "rusqlite",
            "tokio",
            "tower-http",
        ],
        browser: &[
            "gloo-net",
            "js-sys",
            "wasm-bindgen",
            "wasm-bindgen-futures",
            "web-sys",
        ],
    },
    Rule {
        name: "frontend",
        ours: &["app"],
        foreign: Some(&["leptos", "wasm-bindgen"]),
        never: &[],
        browser: &["app", "leptos", "wasm-bindgen"],
    },
    Rule {
        name: "server",
        ours: &["app", "protocol"],
        foreign: None,
        never: &[
            "gloo-net",
            "js-sys",
            "wasm-bindgen",
            "web-sys",
            "native-tls",
            "openssl",
        ],
        browser: &[],
    },
    Rule {
        name: "xtask",
        ours: &["protocol"],
        foreign: None,
        never: &[],
        browser: &[],
    },
];

/// The broken rules, one a line.
pub(super) fn check(metadata: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    let packages: Vec<&Value> = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    let names: Vec<&str> = packages
        .iter()
        .map(|package| text(package, "name"))
        .collect();
    for rule in &RULES {
        if !names.contains(&rule.name) {
            broken.push(format!(
                "Cargo.toml: the crate {} is gone; change tidy's rules too",
                rule.name
            ));
        }
    }
    let mut edges = BTreeMap::new();
    for package in &packages {
        let name = text(package, "name");
        let dependencies = package["dependencies"].as_array();
        let dependencies: Vec<&Value> = dependencies.into_iter().flatten().collect();
        let Some(rule) = RULES.iter().find(|rule| rule.name == name) else {
            broken.push(format!(
                "{name}/Cargo.toml: a new crate needs a rule in tidy"
            ));
            continue;
        };
        for dependency in &dependencies {
            let broke = broken_by(rule, dependency, &names);
            broken.extend(
                broke
                    .into_iter()
                    .map(|what| format!("{name}/Cargo.toml: {what}")),
            );
        }
        if package["features"]["default"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
        {
            broken.push(format!(
                "{name}/Cargo.toml: no default features; each user names what it needs"
            ));
        }
        let ours: Vec<&str> = dependencies.iter().map(|it| text(it, "name")).collect();
        edges.insert(name, ours);
    }
    broken.extend(cycle(&edges).map(|cycle| format!("Cargo.toml: crates in a circle: {cycle}")));
    broken
}

/// What one dependency breaks.
fn broken_by(rule: &Rule, dependency: &Value, names: &[&str]) -> Vec<String> {
    let name = text(dependency, "name");
    let wasm = dependency["target"].as_str() == Some(WASM);
    let code = dependency["kind"].is_null();
    let mut broken = Vec::new();
    if names.contains(&name) {
        if !rule.ours.contains(&name) {
            broken.push(format!("{} must not use {name}", rule.name));
        }
    } else if code && rule.foreign.is_some_and(|allowed| !allowed.contains(&name)) {
        broken.push(format!(
            "{} must not depend on {name}: see tidy's list",
            rule.name
        ));
    }
    if rule.never.contains(&name) {
        broken.push(format!("{} must never depend on {name}", rule.name));
    }
    if code && rule.browser.contains(&name) && !wasm {
        broken.push(format!(
            "{name} belongs under [target.'{WASM}'.dependencies]"
        ));
    }
    let features = dependency["features"].as_array();
    let hydrates = features
        .into_iter()
        .flatten()
        .any(|feature| feature == "hydrate");
    if hydrates && !wasm {
        broken.push(format!(
            "{name} with `hydrate` on the host collides with the server's `ssr`"
        ));
    }
    broken
}

/// The first circle among our crates, as `a -> b -> a`.
fn cycle(edges: &BTreeMap<&str, Vec<&str>>) -> Option<String> {
    fn walk<'a>(
        at: &'a str,
        edges: &BTreeMap<&'a str, Vec<&'a str>>,
        path: &mut Vec<&'a str>,
    ) -> Option<String> {
        if let Some(start) = path.iter().position(|seen| *seen == at) {
            return Some(format!("{} -> {at}", path[start..].join(" -> ")));
        }
        path.push(at);
        for next in edges.get(at).into_iter().flatten() {
            if edges.contains_key(next)
                && let Some(found) = walk(next, edges, path)
            {
                return Some(found);
            }
        }
        path.pop();
        None
    }
    edges
        .keys()
        .find_map(|start| walk(start, edges, &mut Vec::new()))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The five crates, `dependencies` given to `name`.
    fn workspace(name: &str, dependencies: &Value) -> Value {
        let packages: Vec<Value> = ["protocol", "app", "frontend", "server", "xtask"]
            .iter()
            .map(|each| {
                let own = if *each == name {
                    dependencies.clone()
                } else {
                    json!([])
                };
                json!({ "name": each, "dependencies": own, "features": {} })
            })
            .collect();
        json!({ "packages": packages })
    }

    fn broken(name: &str, dependency: &Value) -> String {
        check(&workspace(name, &json!([dependency]))).join("\n")
    }

    #[test]
    fn allowed_dependencies_pass() {
        let wasm = json!({ "name": "app", "target": WASM, "features": ["hydrate"] });
        for (name, dependency) in [
            ("protocol", json!({ "name": "serde" })),
            ("protocol", json!({ "name": "proptest", "kind": "dev" })),
            ("app", json!({ "name": "gloo-net", "target": WASM })),
            ("frontend", wasm),
            ("server", json!({ "name": "app", "features": ["ssr"] })),
        ] {
            assert_eq!(broken(name, &dependency), "", "{name} {dependency}");
        }
    }

    #[test]
    fn each_forbidden_dependency_is_named() {
        for (name, dependency, expected) in [
            (
                "protocol",
                json!({ "name": "tokio" }),
                "must not depend on tokio",
            ),
            (
                "protocol",
                json!({ "name": "app", "kind": "dev" }),
                "must not use app",
            ),
            (
                "app",
                json!({ "name": "axum" }),
                "must never depend on axum",
            ),
            ("app", json!({ "name": "gloo-net" }), "belongs under"),
            (
                "app",
                json!({ "name": "leptos", "features": ["hydrate"] }),
                "collides",
            ),
            ("frontend", json!({ "name": "app" }), "belongs under"),
            (
                "frontend",
                json!({ "name": "protocol", "target": WASM }),
                "must not use protocol",
            ),
            (
                "server",
                json!({ "name": "frontend" }),
                "must not use frontend",
            ),
            (
                "server",
                json!({ "name": "openssl" }),
                "must never depend on openssl",
            ),
            ("xtask", json!({ "name": "server" }), "must not use server"),
        ] {
            let broken = broken(name, &dependency);
            assert!(broken.contains(expected), "{name} {dependency}: {broken}");
        }
    }

    #[test]
    fn a_circle_a_new_crate_and_a_lost_one_are_found() {
        let edges = BTreeMap::from([
            ("a", vec!["b", "serde"]),
            ("b", vec!["c"]),
            ("c", vec!["b"]),
        ]);
        assert_eq!(cycle(&edges).unwrap(), "b -> c -> b");
        let edges = BTreeMap::from([("a", vec!["b"]), ("b", vec![])]);
        assert_eq!(cycle(&edges), None);
        let metadata = json!({ "packages": [{ "name": "extra", "dependencies": [] }] });
        let broken = check(&metadata).join("\n");
        assert!(broken.contains("extra/Cargo.toml: a new crate"), "{broken}");
        assert!(broken.contains("the crate protocol is gone"), "{broken}");
    }

    #[test]
    fn default_features_are_refused() {
        let mut metadata = workspace("app", &json!([]));
        metadata["packages"][1]["features"] = json!({ "default": ["ssr"] });
        assert!(check(&metadata).join("\n").contains("no default features"));
    }
}
