//! What a proxy in front does wrong. Each fault gets one line in the log that says how to repair it.
//!
//! In the path: `client_ip::identify`, `https::guard` and the socket's handshake notice a [`ProxyFault`] and report it
//! with [`ProxyFaults::report`].
//!
//! Invariant: a fault is logged once in the life of the process, so that nobody can fill the log by repeating a
//! request.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::config::ForwardedBy;

/// The most peers that are named: a handful of load balancers. Anybody can look like one.
const MAX_PEERS: usize = 8;

/// What is missing or wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyFault {
    /// A listed proxy does not say whether the visitor used https, in the header that counts.
    NoScheme(ForwardedBy),
    /// The visitor used https, but a proxy behind the first one says that it was called without.
    PlainHop,
    /// The browser used https, but the proxy says http.
    SaysHttp,
    /// A `WebSocket` arrives as a plain request.
    NoUpgrade,
    /// The PROXY header of a connection does not say that the visitor used TLS.
    NoTls,
    /// A listed proxy's connection does not begin with a PROXY header.
    NoProxyHeader,
    /// Somebody passes requests on and is not in `server.trusted_proxies`.
    NotListed(IpAddr),
}

impl ProxyFault {
    /// What it is, and how to repair it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::NoScheme(ForwardedBy::XForwarded) => {
                "the proxy does not say whether visitors use https: let it send the header X-Forwarded-Proto \
                 (nginx: proxy_set_header X-Forwarded-Proto $scheme;)"
            }
            Self::NoScheme(ForwardedBy::Forwarded) => {
                "the proxy does not say whether visitors use https: let it send the header Forwarded with proto=https, \
                 or set server.forwarded_by = \"x-forwarded\" if it sends X-Forwarded-Proto"
            }
            Self::PlainHop => {
                "a proxy says that the visitor used https and one behind it http: let only the outermost proxy set \
                 X-Forwarded-Proto (or proto in Forwarded), and the others pass it on"
            }
            Self::SaysHttp => {
                "the proxy says http although the visitor's browser uses https: where TLS ends at another proxy, pass its \
                 X-Forwarded-Proto (or Forwarded) on instead of setting it anew"
            }
            Self::NoUpgrade => {
                "a WebSocket came without its upgrade: let the proxy pass it on (nginx: proxy_http_version 1.1; \
                 proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";)"
            }
            Self::NoTls => {
                "the PROXY header does not say that visitors use TLS: let the proxy send version 2 with what it knows of \
                 TLS (HAProxy: send-proxy-v2-ssl)"
            }
            Self::NoProxyHeader => {
                "a connection of a listed proxy was cut: it does not begin with a PROXY header; let the proxy send one \
                 (HAProxy: send-proxy-v2-ssl), or set server.proxy_protocol = false"
            }
            Self::NotListed(_) => {
                "requests are passed on by a proxy that is not in server.trusted_proxies, so its headers do not count: \
                 if it is yours, add its address"
            }
        }
    }
}

/// The faults that have been logged.
#[derive(Debug, Default)]
pub struct ProxyFaults(Mutex<HashSet<ProxyFault>>);

impl ProxyFaults {
    /// Logs the fault, the first time.
    pub fn report(&self, fault: ProxyFault) {
        if !self.is_new(fault) {
            return;
        }
        let remedy = fault.remedy();
        if let ProxyFault::NotListed(peer) = fault {
            tracing::warn!(%peer, "{remedy}");
        } else {
            tracing::warn!("{remedy}");
        }
    }

    fn is_new(&self, fault: ProxyFault) -> bool {
        let mut reported = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_peer = |fault: &ProxyFault| matches!(fault, ProxyFault::NotListed(_));
        if is_peer(&fault)
            && reported.iter().filter(|reported| is_peer(reported)).count() >= MAX_PEERS
        {
            return false;
        }
        reported.insert(fault)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn each_fault_is_told_once_and_a_few_peers_are_named() {
        let faults = ProxyFaults::default();
        let no_scheme = ProxyFault::NoScheme(ForwardedBy::XForwarded);
        assert!(faults.is_new(no_scheme) && faults.is_new(ProxyFault::NoUpgrade));
        assert!(!faults.is_new(no_scheme));
        let peers = (0..100).map(|n| ProxyFault::NotListed(Ipv4Addr::from(n).into()));
        let named = peers.filter(|peer| faults.is_new(*peer)).count();
        assert_eq!(named, MAX_PEERS);
        assert!(faults.is_new(ProxyFault::PlainHop));
    }
}
