//! Whether `[[workspace.metadata.leptos]]` says what is there: tools read it, and nothing else would notice a wrong line.
//!
//! In the path: `tidy` with the answer of `cargo metadata --no-deps`.

use serde_json::Value;

use crate::site;

/// The broken rules, one a line.
pub(super) fn check(metadata: &Value) -> Vec<String> {
    let table = &metadata["metadata"]["leptos"][0];
    let said = |key: &str| table[key].as_str().unwrap_or_default();
    let mut broken = Vec::new();
    let mut must = |key: &str, holds: bool, what: &str| {
        if !holds {
            broken.push(format!(
                "Cargo.toml: workspace.metadata.leptos says {key} = {:?}: {what}",
                said(key)
            ));
        }
    };
    must(
        "bin-target",
        has_target(metadata, said("bin-package"), said("bin-target"), "bin"),
        "bin-package has no such program",
    );
    must(
        "lib-package",
        has_target(metadata, said("lib-package"), said("lib-package"), "cdylib"),
        "no such browser part",
    );
    for (key, is) in [
        ("output-name", site::NAME),
        ("lib-profile-release", site::RELEASE),
        ("site-root", "target/site"),
        ("site-pkg-dir", site::PACKAGE),
        ("assets-dir", site::ASSETS),
    ] {
        must(key, said(key) == is, &format!("xtask builds with {is:?}"));
    }
    broken
}

/// Whether this package has a target of this name and kind.
fn has_target(metadata: &Value, package: &str, target: &str, kind: &str) -> bool {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        .filter(|it| it["name"] == package)
        .flat_map(|it| it["targets"].as_array().into_iter().flatten())
        .filter(|it| it["name"] == target)
        .flat_map(|it| it["kind"].as_array().into_iter().flatten())
        .any(|it| it == kind)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata() -> Value {
        json!({
            "metadata": { "leptos": [{
                "bin-package": "server",
                "bin-target": "parlour",
                "lib-package": "frontend",
                "lib-profile-release": "wasm-release",
                "output-name": "frontend",
                "site-root": "target/site",
                "site-pkg-dir": "pkg",
                "assets-dir": "public",
            }] },
            "packages": [
                { "name": "server", "targets": [{ "name": "parlour", "kind": ["bin"] }] },
                { "name": "frontend", "targets": [{ "name": "frontend", "kind": ["cdylib", "rlib"] }] },
            ],
        })
    }

    #[test]
    fn a_true_table_passes() {
        assert_eq!(check(&metadata()), Vec::<String>::new());
    }

    #[test]
    fn each_wrong_line_is_named() {
        for key in [
            "bin-target",
            "lib-package",
            "lib-profile-release",
            "output-name",
            "site-root",
            "site-pkg-dir",
            "assets-dir",
        ] {
            let mut wrong = metadata();
            wrong["metadata"]["leptos"][0][key] = json!("other");
            let broken = check(&wrong);
            assert!(broken.len() == 1 && broken[0].contains(key), "{broken:?}");
        }
        assert_eq!(check(&json!({})).len(), 7, "a table that is gone");
    }
}
