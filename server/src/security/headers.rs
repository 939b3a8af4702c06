//! The security headers of answers.
//!
//! In the path: [`harden`] completes every answer on its way out; pages set their own
//! [`PagePolicy::csp`] before that and keep it.
//!
//! Invariant: an answer without a policy of its own gets the strictest: `default-src 'none'; frame-ancestors 'none'`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{self, HeaderName, HeaderValue};

use super::client_ip::Client;
use crate::config::{Config, ImageSource, OriginPattern};

/// Nothing may be loaded, and nothing may frame it. This fits JSON, and anything that was forgotten.
const LOCKED: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// A year, as the ASVS asks for. It does not include subdomains, which belong to the operator.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");
const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");

/// What one page may load and who may frame it.
#[derive(Clone, Debug)]
pub struct PagePolicy<'a> {
    /// At least 128 random bits, new for each answer.
    pub nonce: &'a str,
    /// Our own origin, for browsers that do not include sockets in `'self'`.
    pub own_origin: Option<&'a str>,
    /// Our own address, if it is narrower than `'self'`: behind a proxy the rest of the host is not ours.
    pub own_base: Option<&'a str>,
    /// Other platforms, from [`crate::config::Platform::connect_sources`].
    pub connect: &'a [String],
    /// Where pictures in messages may come from.
    pub images: &'a [ImageSource],
    /// The pages that may frame this one. Empty: none may.
    pub embedders: &'a [&'a OriginPattern],
    /// Whether our own pages may frame it, as the demo page does.
    pub embed_own: bool,
    /// Whether every page may frame it. This is only for pages that hold nothing and do nothing.
    pub embed_anywhere: bool,
}

impl PagePolicy<'_> {
    /// The `Content-Security-Policy` of the page.
    pub fn csp(&self) -> String {
        let nonce = self.nonce;
        let own = self.own_base.unwrap_or("'self'");
        let mut connect = String::from(own);
        if let Some(sockets) = self.own_base.or(self.own_origin) {
            connect.push(' ');
            connect.push_str(&sockets.replacen("http", "ws", 1));
        }
        for source in self.connect {
            connect.push(' ');
            connect.push_str(source);
        }
        let mut images = format!("{own} data:");
        for source in self.images {
            images.push(' ');
            images.push_str(source.as_str());
        }
        // A policy cannot name an address of IPv6: browsers report it and continue without it.
        let named = self.embedders.iter().map(ToString::to_string);
        let mut ancestors: Vec<String> = named.filter(|origin| !origin.contains('[')).collect();
        if self.embed_own {
            ancestors.insert(0, "'self'".to_owned());
        }
        if self.embed_anywhere {
            ancestors = vec!["*".to_owned()];
        }
        if ancestors.is_empty() {
            ancestors.push("'none'".to_owned());
        }
        let ancestors = ancestors.join(" ");
        format!(
            "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; \
             style-src {own} 'nonce-{nonce}'; connect-src {connect}; img-src {images}; font-src {own}; \
             frame-src {own}; base-uri 'none'; form-action {own}; object-src 'none'; frame-ancestors {ancestors}"
        )
    }
}

/// The referrer policy of pages. Other sites get nothing, and a form of ours still sends its `Origin` (with
/// `no-referrer` browsers send `null`).
pub const PAGE_REFERRER: HeaderValue = HeaderValue::from_static("same-origin");

/// Lets other origins load the answer: the loader, the widget's files, pages in frames.
pub fn allow_everywhere(response: &mut Response) {
    response
        .headers_mut()
        .insert(CORP, HeaderValue::from_static("cross-origin"));
}

/// Completes the answer's headers; what a handler set stays.
pub async fn harden(State(config): State<Arc<Config>>, request: Request, next: Next) -> Response {
    let secure = request
        .extensions()
        .get::<Client>()
        .is_some_and(|client| client.secure)
        || config.server.require_https;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut default = |name: HeaderName, value: HeaderValue| {
        headers.entry(name).or_insert(value);
    };
    default(header::CONTENT_SECURITY_POLICY, LOCKED);
    default(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    default(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    default(CORP, HeaderValue::from_static("same-origin"));
    default(COOP, HeaderValue::from_static("same-origin"));
    default(
        PERMISSIONS,
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    );
    if secure {
        default(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_framed_page_names_its_embedders_and_loads_nothing_else() {
        let shop = OriginPattern::try_from("https://shop.example.com".to_owned()).unwrap();
        let local = OriginPattern::try_from("http://localhost:*".to_owned()).unwrap();
        let policy = PagePolicy {
            nonce: "abc",
            own_origin: Some("https://chat.example.com"),
            own_base: None,
            connect: &[
                "https://bots.example.com".to_owned(),
                "wss://rtm.example.com".to_owned(),
            ],
            images: &[ImageSource::any_https()],
            embedders: &[&shop, &local],
            embed_own: true,
            embed_anywhere: false,
        };
        assert_eq!(
            policy.csp(),
            "default-src 'none'; script-src 'nonce-abc' 'strict-dynamic' 'wasm-unsafe-eval'; \
             style-src 'self' 'nonce-abc'; connect-src 'self' wss://chat.example.com https://bots.example.com wss://rtm.example.com; \
             img-src 'self' data: https:; font-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; object-src 'none'; \
             frame-ancestors 'self' https://shop.example.com http://localhost:*"
        );
    }

    #[test]
    fn below_a_base_path_the_rest_of_the_host_is_not_ours() {
        let policy = PagePolicy {
            nonce: "n",
            own_origin: Some("https://example.com"),
            own_base: Some("https://example.com/p/"),
            connect: &[],
            images: &[],
            embedders: &[],
            embed_own: true,
            embed_anywhere: false,
        };
        assert_eq!(
            policy.csp(),
            "default-src 'none'; script-src 'nonce-n' 'strict-dynamic' 'wasm-unsafe-eval'; \
             style-src https://example.com/p/ 'nonce-n'; connect-src https://example.com/p/ wss://example.com/p/; \
             img-src https://example.com/p/ data:; font-src https://example.com/p/; frame-src https://example.com/p/; \
             base-uri 'none'; form-action https://example.com/p/; object-src 'none'; frame-ancestors 'self'"
        );
    }

    #[test]
    fn a_page_that_names_nobody_cannot_be_framed() {
        let policy = PagePolicy {
            nonce: "n",
            own_origin: None,
            own_base: None,
            connect: &[],
            images: &[],
            embedders: &[],
            embed_own: false,
            embed_anywhere: false,
        };
        assert!(policy.csp().ends_with("frame-ancestors 'none'"));
    }
}
