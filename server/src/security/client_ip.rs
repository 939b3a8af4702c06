//! Finds the address that a request really comes from.
//!
//! In the path: [`identify`] runs first and leaves a [`Client`] in the request's extensions.
//!
//! Invariants: headers count only if the peer is a listed proxy. The list is read from the right, because everything left
//! of the first unlisted address is only a claim. Only one family of headers counts, `X-Forwarded-…` or `Forwarded`: a
//! proxy that writes one of them passes on what a stranger wrote into the other. The scheme `wss` counts as `https`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use ipnet::IpNet;

use super::forwarded;
use super::proxy::{ProxyFault, ProxyFaults};
use crate::config::{Config, ForwardedBy};

/// The other end of the connection. The listener puts it into every request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The connection began with a PROXY header, which named the [`Peer`]. The listener puts it into its requests.
#[derive(Clone, Copy, Debug)]
pub struct Announced {
    /// Whether the header says that the peer used TLS.
    pub tls: bool,
}

/// Who sent the request, and whether over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The address of the visitor, not of a listed proxy.
    pub ip: IpAddr,
    /// Whether a listed proxy says that the visitor used https. This server does not speak TLS itself.
    pub secure: bool,
}

/// An address as the key of a counter. All addresses of an IPv6 /64 count as one, because one customer owns them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressKey(u64, bool);

impl From<IpAddr> for AddressKey {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(v4) => Self(u64::from(v4.to_bits()), false),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments().map(u64::from);
                Self(a << 48 | b << 32 | c << 16 | d, true)
            }
        }
    }
}

impl AddressKey {
    /// As the key of a limit.
    pub fn bytes(self) -> [u8; 9] {
        let mut bytes = [u8::from(self.1); 9];
        bytes[1..].copy_from_slice(&self.0.to_be_bytes());
        bytes
    }

    /// The address, or the first one of its network.
    pub fn first(self) -> IpAddr {
        match self {
            Self(bits, false) => {
                Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or_default()).into()
            }
            Self(network, true) => Ipv6Addr::from_bits(u128::from(network) << 64).into(),
        }
    }
}

/// Finds the visitor behind listed proxies.
pub fn client(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet], by: ForwardedBy) -> Client {
    let peer = peer.to_canonical();
    if !is_proxy(peer, proxies) {
        return Client {
            ip: peer,
            secure: false,
        };
    }
    match by {
        ForwardedBy::XForwarded => by_x_forwarded(peer, headers, proxies),
        ForwardedBy::Forwarded => by_forwarded(peer, headers, proxies),
    }
}

fn by_x_forwarded(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> Client {
    let mut ip = peer;
    for hop in from_the_right(headers, "x-forwarded-for") {
        // If a proxy wrote no address (`unknown`, `_hidden`), the search ends at that proxy.
        let Some(address) = hop_address(hop) else {
            break;
        };
        ip = address;
        if !is_proxy(address, proxies) {
            break;
        }
    }
    // If one hop in the chain was plain, the request could be read on the way.
    let mut protocols = from_the_right(headers, "x-forwarded-proto").peekable();
    let secure = protocols.peek().is_some() && protocols.all(is_secure);
    Client { ip, secure }
}

fn by_forwarded(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> Client {
    let mut ip = peer;
    let mut outermost = None;
    let mut plain = false;
    for hop in believed(headers, proxies) {
        if let Some(address) = hop.asked_by.as_deref().and_then(hop_address) {
            ip = address;
        }
        // A proxy in the middle may leave the scheme to the outermost one.
        plain |= hop
            .scheme
            .as_deref()
            .is_some_and(|scheme| !is_secure(scheme));
        outermost = Some(hop.scheme.is_some());
    }
    Client {
        ip,
        secure: outermost == Some(true) && !plain,
    }
}

/// The hops of `Forwarded` that listed proxies wrote, last first.
fn believed(headers: &HeaderMap, proxies: &[IpNet]) -> Vec<forwarded::Hop> {
    let mut hops = forwarded::from_the_right(headers);
    // The hop to the left was written by the one who asked here, if that is a listed proxy.
    let by_listed = |hop: &forwarded::Hop| {
        let asked_by = hop.asked_by.as_deref().and_then(hop_address);
        asked_by.is_some_and(|address| is_proxy(address, proxies))
    };
    let listed = hops.iter().take_while(|hop| by_listed(hop)).count();
    hops.truncate(listed + 1);
    hops
}

/// `wss` is the name of the same scheme for sockets.
fn is_secure(scheme: &str) -> bool {
    ["https", "wss"]
        .iter()
        .any(|secure| scheme.eq_ignore_ascii_case(secure))
}

/// Why a proxy's request may count as plain although the visitor used https. `None`: nothing says that the visitor did.
pub fn misled(
    peer: IpAddr,
    headers: &HeaderMap,
    proxies: &[IpNet],
    by: ForwardedBy,
) -> Option<ProxyFault> {
    let peer = peer.to_canonical();
    if !is_proxy(peer, proxies) {
        return says_forwarded(headers).then_some(ProxyFault::NotListed(peer));
    }
    let outermost = match by {
        ForwardedBy::XForwarded => from_the_right(headers, "x-forwarded-proto")
            .last()
            .filter(|scheme| !scheme.is_empty())
            .map(str::to_owned),
        ForwardedBy::Forwarded => believed(headers, proxies).pop().and_then(|hop| hop.scheme),
    };
    match outermost {
        None => Some(ProxyFault::NoScheme(by)),
        Some(scheme) => is_secure(&scheme).then_some(ProxyFault::PlainHop),
    }
}

/// Whether a header says that somebody passed the request on.
fn says_forwarded(headers: &HeaderMap) -> bool {
    ["x-forwarded-for", "x-forwarded-proto", "forwarded"]
        .iter()
        .any(|name| headers.contains_key(*name))
}

/// Whether this is the address of a listed proxy.
pub fn is_proxy(ip: IpAddr, proxies: &[IpNet]) -> bool {
    let ip = ip.to_canonical();
    proxies.iter().any(|network| network.contains(&ip))
}

/// The items of a list header, last first, over all its lines.
fn from_the_right<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let lines: Vec<&str> = headers
        .get_all(name)
        .iter()
        .map(|line| line.to_str().unwrap_or("unreadable"))
        .collect();
    lines
        .into_iter()
        .rev()
        .flat_map(|line| line.rsplit(',').map(str::trim))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn hop_address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()
        .map(|ip| ip.to_canonical())
}

/// Leaves a [`Client`] in the request's extensions.
pub async fn identify(
    State((config, faults)): State<(Arc<Config>, Arc<ProxyFaults>)>,
    mut request: Request,
    next: Next,
) -> Response {
    // Without a listener (a handler is called directly) no proxy is trusted.
    let peer = request
        .extensions()
        .get::<Peer>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    let proxies = &config.server.trusted_proxies;
    let by = config.server.forwarded_by;
    let mut client = client(peer, request.headers(), proxies, by);
    if !is_proxy(peer, proxies) {
        match request.extensions().get::<Announced>() {
            // Whatever stands in its headers, the visitor wrote it.
            Some(announced) => client.secure = announced.tls,
            None if says_forwarded(request.headers()) => {
                faults.report(ProxyFault::NotListed(peer.to_canonical()));
            }
            None => {}
        }
    }
    request.extensions_mut().insert(client);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXIES: [&str; 3] = ["10.0.0.0/8", "192.0.2.7/32", "2001:db8:ffff::/48"];

    fn seen(peer: &str, headers: &[(&'static str, &str)]) -> Client {
        seen_by(ForwardedBy::XForwarded, peer, headers)
    }

    fn seen_by(by: ForwardedBy, peer: &str, headers: &[(&'static str, &str)]) -> Client {
        let proxies: Vec<IpNet> = PROXIES.iter().map(|p| p.parse().unwrap()).collect();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        client(peer.parse().unwrap(), &map, &proxies, by)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_stranger_cannot_say_where_he_comes_from() {
        let client = seen(
            "203.0.113.9",
            &[
                ("x-forwarded-for", "198.51.100.1"),
                ("x-forwarded-proto", "https"),
            ],
        );
        assert_eq!(
            client,
            Client {
                ip: ip("203.0.113.9"),
                secure: false
            }
        );
    }

    #[test]
    fn the_rightmost_stranger_is_the_client() {
        for (chain, expected) in [
            ("198.51.100.1", "198.51.100.1"),
            ("1.1.1.1, 198.51.100.1", "198.51.100.1"),
            ("1.1.1.1, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
            ("1.1.1.1,198.51.100.1:4711 , 192.0.2.7", "198.51.100.1"),
            ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
            ("[2001:db8::5]:80, 10.2.2.2", "2001:db8::5"),
            ("2001:db8::5, 2001:db8:ffff::1", "2001:db8::5"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
            ("198.51.100.1, unknown, 10.2.2.2", "10.2.2.2"),
            ("198.51.100.1, ", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(
                seen("10.0.0.1", &[("x-forwarded-for", chain)]).ip,
                ip(expected),
                "{chain}"
            );
        }
    }

    #[test]
    fn several_header_lines_are_one_list() {
        let headers = [
            ("x-forwarded-for", "1.1.1.1, 198.51.100.1"),
            ("x-forwarded-for", "10.2.2.2"),
        ];
        assert_eq!(seen("10.0.0.1", &headers).ip, ip("198.51.100.1"));
    }

    #[test]
    fn every_hop_must_be_https() {
        for (value, secure) in [
            ("https", true),
            ("HTTPS", true),
            ("wss", true),
            ("ws", false),
            ("https, wss", true),
            ("wss, ws", false),
            ("httpss", false),
            ("http", false),
            ("https, http", false),
            ("http, https", false),
            ("", false),
        ] {
            assert_eq!(
                seen("10.0.0.1", &[("x-forwarded-proto", value)]).secure,
                secure,
                "{value}"
            );
        }
        assert!(!seen("10.0.0.1", &[]).secure);
    }

    #[test]
    fn who_misleads_us_about_https_is_found() {
        let listed = "10.0.0.1";
        let stranger = Some(ProxyFault::NotListed(ip("203.0.113.9")));
        let by = ForwardedBy::XForwarded;
        let no_scheme = Some(ProxyFault::NoScheme(by));
        for (peer, lines, fault) in [
            (listed, &[][..], no_scheme),
            (listed, &[("x-forwarded-for", "198.51.100.1")], no_scheme),
            (listed, &[("forwarded", "proto=https")], no_scheme),
            (listed, &[("x-forwarded-proto", "")], no_scheme),
            (
                listed,
                &[("x-forwarded-proto", "https, http")],
                Some(ProxyFault::PlainHop),
            ),
            (listed, &[("x-forwarded-proto", "http")], None),
            (listed, &[("x-forwarded-proto", "ws")], None),
            (listed, &[("x-forwarded-proto", "http, https")], None),
            ("203.0.113.9", &[], None),
            ("203.0.113.9", &[("x-forwarded-proto", "https")], stranger),
            (
                "203.0.113.9",
                &[("x-forwarded-for", "198.51.100.1")],
                stranger,
            ),
            (
                "::ffff:203.0.113.9",
                &[("forwarded", "proto=https")],
                stranger,
            ),
        ] {
            let proxies: Vec<IpNet> = PROXIES.iter().map(|p| p.parse().unwrap()).collect();
            let mut map = HeaderMap::new();
            for (name, value) in lines {
                map.append(*name, value.parse().unwrap());
            }
            let found = misled(ip(peer), &map, &proxies, by);
            assert_eq!(found, fault, "{peer} {lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_like_the_other_headers_when_the_proxies_write_it() {
        for (line, address, secure) in [
            ("for=198.51.100.1;proto=https", "198.51.100.1", true),
            ("for=198.51.100.1;proto=wss", "198.51.100.1", true),
            ("for=198.51.100.1;proto=http", "198.51.100.1", false),
            ("for=198.51.100.1", "198.51.100.1", false),
            ("proto=https", "10.0.0.1", true),
            ("for=\"[2001:db8::5]:80\";proto=HTTPS", "2001:db8::5", true),
            ("for=unknown;proto=https", "10.0.0.1", true),
            // A stranger's claim is to the left of the proxy's own word.
            (
                "for=1.1.1.1;proto=https, for=198.51.100.1;proto=http",
                "198.51.100.1",
                false,
            ),
            (
                "for=1.1.1.1;proto=http, for=198.51.100.1;proto=https",
                "198.51.100.1",
                true,
            ),
            (
                "for=1.1.1.1;proto=https, for=198.51.100.1",
                "198.51.100.1",
                false,
            ),
            // Two listed proxies: the outer one must say https, the inner one nothing else.
            (
                "for=198.51.100.1;proto=https, for=10.2.2.2",
                "198.51.100.1",
                true,
            ),
            (
                "for=198.51.100.1;proto=https, for=10.2.2.2;proto=http",
                "198.51.100.1",
                false,
            ),
            (
                "for=198.51.100.1, for=10.2.2.2;proto=https",
                "198.51.100.1",
                false,
            ),
            (
                "for=198.51.100.1;proto=https, for=_hidden",
                "10.0.0.1",
                false,
            ),
            ("for=\"198.51.100.1;proto=https", "10.0.0.1", false),
            ("", "10.0.0.1", false),
        ] {
            let seen = seen_by(ForwardedBy::Forwarded, "10.0.0.1", &[("forwarded", line)]);
            assert_eq!((seen.ip, seen.secure), (ip(address), secure), "{line}");
        }
        let claimed = [("forwarded", "for=198.51.100.1;proto=https")];
        let stranger = seen_by(ForwardedBy::Forwarded, "203.0.113.9", &claimed);
        assert_eq!((stranger.ip, stranger.secure), (ip("203.0.113.9"), false));
    }

    #[test]
    fn the_other_family_of_headers_is_a_strangers_word() {
        let both = [
            ("x-forwarded-for", "198.51.100.1"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "for=198.51.100.2;proto=http"),
        ];
        let seen = |by| seen_by(by, "10.0.0.1", &both);
        let x = seen(ForwardedBy::XForwarded);
        assert_eq!((x.ip, x.secure), (ip("198.51.100.1"), true));
        let forwarded = seen(ForwardedBy::Forwarded);
        assert_eq!(
            (forwarded.ip, forwarded.secure),
            (ip("198.51.100.2"), false)
        );
    }

    #[test]
    fn who_misleads_us_by_forwarded_is_found() {
        let by = ForwardedBy::Forwarded;
        let no_scheme = Some(ProxyFault::NoScheme(by));
        for (name, value, fault) in [
            ("x-forwarded-proto", "https", no_scheme),
            ("forwarded", "for=198.51.100.1", no_scheme),
            ("forwarded", "for=198.51.100.1;proto=http", None),
            (
                "forwarded",
                "for=198.51.100.1;proto=https, for=10.2.2.2;proto=http",
                Some(ProxyFault::PlainHop),
            ),
        ] {
            let proxies: Vec<IpNet> = PROXIES.iter().map(|p| p.parse().unwrap()).collect();
            let mut map = HeaderMap::new();
            map.append(name, value.parse().unwrap());
            let found = misled(ip("10.0.0.1"), &map, &proxies, by);
            assert_eq!(found, fault, "{value}");
        }
    }

    #[test]
    fn a_mapped_peer_is_recognised_as_the_proxy_it_is() {
        assert_eq!(
            seen("::ffff:10.0.0.1", &[("x-forwarded-for", "198.51.100.1")]).ip,
            ip("198.51.100.1")
        );
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let key = |text: &str| AddressKey::from(ip(text));
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
        assert_ne!(key("0.0.0.1"), key("::1"));
        assert_eq!(key("192.0.2.1").first(), ip("192.0.2.1"));
        assert_eq!(key("2001:db8:1:2::9").first(), ip("2001:db8:1:2::"));
    }
}
