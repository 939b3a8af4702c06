//! Requests below the base path: a proxy may take the path away before it asks us, or leave it on.
//!
//! In the path: [`take_away`] stands before the router, so that routes, guards and files only ever see our own addresses.
//!
//! Invariant: it is taken away once and never from an address that is ours as it stands.

use app::BasePath;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Uri;
use http::uri::PathAndQuery;

use crate::config::Config;

/// First names of the addresses in `router`. Below a base path that begins with one of them nobody could tell whether
/// `/chat/demo` is the demo bot or, with the path left on, the page `/demo`.
const OURS: [&str; 9] = [
    "api", "chat", "demo", "dev", "embed", "livez", "pkg", "readyz", "rtm",
];

/// Must the proxy take the base path away, because it looks like an address of ours?
pub fn must_be_taken_away(base: &BasePath) -> bool {
    let first = base.as_str().split('/').nth(1).unwrap_or_default();
    OURS.contains(&first)
}

/// The base path that a proxy may leave on.
pub fn left_on(config: &Config) -> Option<BasePath> {
    let base = config.base_path();
    (!base.is_root() && !must_be_taken_away(&base)).then_some(base)
}

/// Takes the base path away where a proxy left it on.
pub async fn take_away(
    State(base): State<Option<BasePath>>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(uri) = base.and_then(|base| below(&base, request.uri())) {
        *request.uri_mut() = uri;
    }
    next.run(request).await
}

/// The same address without the base path, if it begins with it.
fn below(base: &BasePath, uri: &Uri) -> Option<Uri> {
    let path = base.below(uri.path())?;
    let rest = match uri.query() {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
        None => PathAndQuery::try_from(path),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(rest.ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_query_stay() {
        let base = BasePath::new("/p/").unwrap();
        for (asked, rest) in [
            ("/p/rtm/bot?sid=1&x=/p/", Some("/rtm/bot?sid=1&x=/p/")),
            (
                "https://x.test/p/chat/demo",
                Some("https://x.test/chat/demo"),
            ),
            ("/p?a=b", Some("/?a=b")),
            ("/p//evil.test/", Some("//evil.test/")),
            ("/rtm/bot?sid=1", None),
            ("/px/rtm/bot", None),
            ("*", None),
        ] {
            let uri: Uri = asked.parse().unwrap();
            let found = below(&base, &uri).map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), rest, "{asked}");
        }
    }

    #[test]
    fn a_path_that_looks_like_ours_is_the_proxys_to_take_away() {
        for (path, must) in [
            ("/chat/", true),
            ("/api/v2/", true),
            ("/chats/", false),
            ("/help/chat/", false),
            ("/", false),
        ] {
            assert_eq!(must_be_taken_away(&BasePath::new(path).unwrap()), must);
        }
    }
}
