//! Whose page is calling: our own, another site's, or none.
//!
//! In the path: the signing handler, form posts of our pages and the socket's handshake ask here.
//!
//! Invariant: browsers write `Origin` themselves, and scripts cannot change it. `null` is a foreign origin.

use http::{HeaderMap, Uri, header};

use super::client_ip::Client;
use crate::config::BaseUrl;

/// Whose page sent the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageOrigin {
    /// A page of this server.
    Own,
    /// A page of another origin, as the browser names it.
    Foreign(String),
    /// No browser, or a browser that only reads.
    Nobody,
}

/// The origin at which visitors see us: the configured one, or else the one that the request was sent to.
pub fn own_origin(
    public_url: Option<&BaseUrl>,
    headers: &HeaderMap,
    uri: &Uri,
    client: Client,
) -> Option<String> {
    if let Some(url) = public_url {
        return Some(url.origin());
    }
    let host = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(header::HOST)?.to_str().ok()?,
    };
    let scheme = if client.secure { "https" } else { "http" };
    // The form that a browser writes: without the default port, in lower case.
    let url = url::Url::parse(&format!("{scheme}://{host}")).ok()?;
    url.host_str()?;
    Some(url.origin().ascii_serialization())
}

/// Whose page sent a request to us. Our own origin is computed only if the request names an origin.
pub fn caller_of(
    public_url: Option<&BaseUrl>,
    headers: &HeaderMap,
    uri: &Uri,
    client: Client,
) -> PageOrigin {
    if !headers.contains_key(header::ORIGIN) {
        return PageOrigin::Nobody;
    }
    caller(
        own_origin(public_url, headers, uri, client).as_deref(),
        headers,
    )
}

/// Whose page sent this request.
pub fn caller(own_origin: Option<&str>, headers: &HeaderMap) -> PageOrigin {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => PageOrigin::Nobody,
        (Some(origin), None) => match origin.to_str() {
            Ok(origin) if Some(origin) == own_origin => PageOrigin::Own,
            Ok(origin) => PageOrigin::Foreign(origin.to_owned()),
            Err(_) => PageOrigin::Foreign("null".to_owned()),
        },
        // There are two origins, so this is an attack.
        (Some(_), Some(_)) => PageOrigin::Foreign("null".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    fn origin_of(host: &str, secure: bool) -> Option<String> {
        let client = Client {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            secure,
        };
        own_origin(
            None,
            &headers(&[("host", host)]),
            &Uri::from_static("/"),
            client,
        )
    }

    #[test]
    fn our_origin_is_what_the_request_was_sent_to() {
        assert_eq!(
            origin_of("localhost:8080", false).unwrap(),
            "http://localhost:8080"
        );
        assert_eq!(
            origin_of("Chat.Example.com:443", true).unwrap(),
            "https://chat.example.com"
        );
        assert_eq!(origin_of("", false), None);
    }

    #[test]
    fn a_configured_address_wins_over_the_host_header() {
        let url = BaseUrl::try_from("https://chat.example.com/p/".to_owned()).unwrap();
        let client = Client {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            secure: false,
        };
        let own = own_origin(
            Some(&url),
            &headers(&[("host", "evil.test")]),
            &Uri::from_static("/"),
            client,
        );
        assert_eq!(own.unwrap(), "https://chat.example.com");
    }

    #[test]
    fn only_the_very_same_origin_is_our_own() {
        let own = Some("http://localhost:8080");
        assert_eq!(
            caller(own, &headers(&[("origin", "http://localhost:8080")])),
            PageOrigin::Own
        );
        assert_eq!(caller(own, &headers(&[])), PageOrigin::Nobody);
        for other in [
            "http://localhost:8081",
            "https://localhost:8080",
            "null",
            "http://localhost:8080/",
        ] {
            assert_eq!(
                caller(own, &headers(&[("origin", other)])),
                PageOrigin::Foreign(other.to_owned())
            );
        }
        assert_eq!(
            caller(
                own,
                &headers(&[
                    ("origin", "http://localhost:8080"),
                    ("origin", "http://localhost:8080")
                ])
            ),
            PageOrigin::Foreign("null".to_owned())
        );
        assert_eq!(
            caller(None, &headers(&[("origin", "null")])),
            PageOrigin::Foreign("null".to_owned())
        );
    }
}
