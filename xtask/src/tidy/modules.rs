//! Who may use whom inside `server` and `app`.
//!
//! In the path: `tidy`, for every Rust file of the two crates.

use super::Source;
use super::paths::{Token, Use, is_separator, module_of, starts, tokens, uses};

/// The server's inner parts: each is a backend behind a trait, and knows neither the routes nor the other parts.
const PARTS: [&str; 5] = ["store", "bus", "bot", "security", "outbound"];
/// An inner part, and another that it may use all the same: bots are behind HTTP.
const GRANTED: [(&str, &str); 1] = [("bot", "outbound")];
/// The server's outer parts.
const DOORS: [&str; 2] = ["http", "rtm"];
/// How the names of concrete backends start.
const BACKENDS: [&str; 5] = ["Sqlite", "Postgres", "Memory", "Nats", "Redis"];

/// The broken rules of one file, one a line.
pub(super) fn check(source: &Source) -> Vec<String> {
    let Some((krate, file)) = source.path.split_once("/src/") else {
        return Vec::new();
    };
    if !has_extension(file, "rs") {
        return Vec::new();
    }
    let code = tokens(&source.text);
    let broken = match krate {
        "server" => server(file, &code),
        "app" => app(file, &code),
        _ => Vec::new(),
    };
    broken
        .into_iter()
        .map(|(line, what)| format!("{}:{line}: {what}", source.path))
        .collect()
}

fn server(file: &str, code: &[Token]) -> Vec<(usize, String)> {
    let module = module_of(file);
    let mut broken = Vec::new();
    let part = module.first().copied().unwrap_or_default();
    if PARTS.contains(&part) {
        for Use { line, path } in uses(code, &module) {
            let used = path.first().map_or("", String::as_str);
            let other = used != part && (PARTS.contains(&used) || DOORS.contains(&used));
            if other && !GRANTED.contains(&(part, used)) {
                let what = format!("{part} must not use {used}: share words in records.rs");
                broken.push((line, what));
            }
        }
    }
    if file != "state.rs" && !["store", "bus"].contains(&part) {
        for Token { text, line } in code.iter().filter(|token| is_backend(&token.text)) {
            let what =
                format!("only state.rs names a concrete backend, here {text}: use the trait");
            broken.push((*line, what));
        }
    }
    broken
}

/// `SqliteStore`, but not `Sqlite` alone, which may name a choice of the configuration.
fn is_backend(word: &str) -> bool {
    BACKENDS.iter().any(|backend| {
        word.strip_prefix(backend)
            .is_some_and(|rest| rest.starts_with(char::is_uppercase))
    })
}

fn app(file: &str, code: &[Token]) -> Vec<(usize, String)> {
    if file == "widget/mod.rs" || module_of(file).first() == Some(&"transport") {
        return Vec::new();
    }
    let through_root = uses(code, &module_of(file))
        .into_iter()
        .filter(|it| it.path.first().is_some_and(|first| first == "transport"))
        .map(|it| it.line);
    let from_root = starts(code, &["transport"])
        .filter(|(at, _)| is_separator(&code[at + 1..]))
        .map(|(_, line)| line);
    through_root
        .chain(from_root)
        .map(|line| {
            (
                line,
                "only widget/mod.rs makes the transport: add an action to chat".to_owned(),
            )
        })
        .collect()
}

/// True for `name.extension`, in lower case as all of ours are.
pub(super) fn has_extension(path: &str, extension: &str) -> bool {
    path.rsplit_once('.')
        .is_some_and(|(_, found)| found == extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(path: &str, text: &str) -> Vec<String> {
        check(&Source {
            path: path.to_owned(),
            text: text.to_owned(),
        })
    }

    #[test]
    fn an_inner_part_of_the_server_uses_neither_doors_nor_other_parts() {
        for (path, text, part) in [
            (
                "server/src/store/sqlite.rs",
                "use crate::http::sign;",
                "store must not use http",
            ),
            (
                "server/src/bus/mod.rs",
                "use crate::{clock, rtm};",
                "bus must not use rtm",
            ),
            (
                "server/src/bot/mod.rs",
                "fn f(s: &dyn crate::store::Store) {}",
                "bot must not use store",
            ),
            (
                "server/src/security/rate.rs",
                "use super::super::bus::Bus;",
                "security must not use bus",
            ),
            (
                "server/src/bus/mod.rs",
                "use super::http;",
                "bus must not use http",
            ),
            (
                "server/src/store/mod.rs",
                "use crate::outbound::Outbound;",
                "store must not use outbound",
            ),
            (
                "server/src/outbound/client.rs",
                "use crate::bot::Bot;",
                "outbound must not use bot",
            ),
        ] {
            let broken = broken(path, text).join("\n");
            assert!(broken.contains(part), "{path} {text}: {broken}");
        }
    }

    #[test]
    fn allowed_uses_in_the_server_pass() {
        for (path, text) in [
            (
                "server/src/store/sqlite.rs",
                "use crate::{clock::Clock, store::records::User, records};",
            ),
            (
                "server/src/bus/mod.rs",
                "use crate::records::StoredMessage;",
            ),
            (
                "server/src/rtm/socket.rs",
                "use crate::{bus::Bus, store::Store, http, outbound};",
            ),
            ("server/src/bot/mod.rs", "use crate::outbound::Outbound;"),
            (
                "server/src/store/mod.rs",
                "//! Called by [`crate::rtm`].\nlet x = \"crate::http\";",
            ),
            ("server/src/state.rs", "use crate::store::SqliteStore;"),
            ("server/src/store/sqlite.rs", "pub struct SqliteStore;"),
            ("server/src/config/mod.rs", "enum Kind { Sqlite, Memory }"),
        ] {
            assert_eq!(broken(path, text), Vec::<String>::new(), "{path} {text}");
        }
    }

    #[test]
    fn only_state_names_concrete_backends() {
        let broken = broken(
            "server/src/rtm/token.rs",
            "fn f() {\n    MemoryBus::new();\n}",
        );
        assert_eq!(broken.len(), 1);
        assert!(
            broken[0].starts_with("server/src/rtm/token.rs:2: only state.rs"),
            "{broken:?}"
        );
    }

    #[test]
    fn only_chat_uses_the_transport() {
        for text in [
            "use crate::transport::Socket;",
            "use crate::{chat, transport};",
            "fn f() { crate::transport::open(); }",
        ] {
            assert!(
                !broken("app/src/widget/composer.rs", text).is_empty(),
                "{text}"
            );
            assert!(broken("app/src/widget/mod.rs", text).is_empty(), "{text}");
        }
        assert!(!broken("app/src/lib.rs", "pub use transport::Socket;").is_empty());
        assert!(broken("app/src/lib.rs", "mod transport; // crate::transport::x").is_empty());
    }
}
