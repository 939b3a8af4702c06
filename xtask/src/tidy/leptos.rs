//! Whether `[[workspace.metadata.leptos]]` says what is there: tools read it, and nothing else would notice a wrong line.
//!
//! In the path: `tidy` with the answer of `cargo metadata`.

use cargo_metadata::{Metadata, TargetKind};
use serde_json::Value;

use crate::site;

/// The broken rules, one a line.
pub(super) fn check(metadata: &Metadata) -> Vec<String> {
    let table = &metadata.workspace_metadata["leptos"][0];
    let mut broken = wrong_values(table);
    let said = |key: &str| table[key].as_str().unwrap_or_default();
    for (package, target, kind) in [
        (said("bin-package"), said("bin-target"), TargetKind::Bin),
        (said("lib-package"), said("lib-package"), TargetKind::CDyLib),
    ] {
        let packages = metadata.packages.iter();
        let mut targets = packages
            .filter(|it| it.name.as_str() == package)
            .flat_map(|it| &it.targets);
        if !targets.any(|it| it.name == target && it.kind.contains(&kind)) {
            broken.push(format!(
                "Cargo.toml: workspace.metadata.leptos: {package:?} has no {kind} {target:?}"
            ));
        }
    }
    broken
}

fn wrong_values(table: &Value) -> Vec<String> {
    let wanted = [
        ("output-name", site::NAME),
        ("lib-profile-release", site::RELEASE),
        ("site-root", "target/site"),
        ("site-pkg-dir", site::PACKAGE),
        ("assets-dir", site::ASSETS),
    ];
    wanted
        .iter()
        .filter(|(key, is)| table[key] != *is)
        .map(|(key, is)| {
            format!(
                "Cargo.toml: workspace.metadata.leptos says {key} = {}: xtask builds with {is:?}",
                table[key]
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn the_table_of_this_workspace_passes_and_each_wrong_line_is_named() {
        let mut metadata = Workspace::load().unwrap().metadata;
        assert_eq!(check(&metadata), [""; 0]);
        for key in ["bin-target", "lib-package", "site-root", "assets-dir"] {
            let right = metadata.workspace_metadata["leptos"][0][key].take();
            assert_eq!(check(&metadata).len(), 1, "{key}");
            metadata.workspace_metadata["leptos"][0][key] = right;
        }
    }
}
