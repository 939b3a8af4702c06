//! Requests below the base path. A proxy may remove the path before it passes a request on, or leave it.
//!
//! In the path: [`take_away`] runs before the router, so that routes, guards and files see only our own addresses.
//!
//! Invariant: the base path is removed once, and never from an address that is ours as it is.

use app::BasePath;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Uri;
use http::uri::PathAndQuery;

use crate::config::Config;

/// The first parts of the addresses in `router`. Below a base path that begins with one of them, `/chat/demo` could be
/// the demo bot or, with the path left on, the page `/demo`.
const OURS: [&str; 9] = [
    "api", "chat", "demo", "dev", "embed", "livez", "pkg", "readyz", "rtm",
];

/// Whether the proxy must remove the base path, because it looks like one of our addresses.
pub fn must_be_taken_away(base: &BasePath) -> bool {
    let first = base.as_str().split('/').nth(1).unwrap_or_default();
    OURS.contains(&first)
}

/// The base path that a proxy may leave on.
pub fn left_on(config: &Config) -> Option<BasePath> {
    let base = config.base_path();
    (!base.is_root() && !must_be_taken_away(&base)).then_some(base)
}

/// Removes the base path if a proxy left it on.
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

/// The address without the base path, if it begins with it.
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
