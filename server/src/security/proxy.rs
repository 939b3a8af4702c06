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

/// The most peers that are named: a handful of load balancers. Anybody can look like one.
const MAX_PEERS: usize = 8;

/// What is missing or wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyFault {
    /// A listed proxy does not say whether the visitor used https.
    NoScheme,
    /// The visitor used https, but a proxy behind the first one says that it was called without.
    PlainHop,
    /// The browser used https, but the proxy says http.
    SaysHttp,
    /// A `WebSocket` arrives as a plain request.
    NoUpgrade,
    /// Somebody passes requests on and is not in `server.trusted_proxies`.
    NotListed(IpAddr),
}

impl ProxyFault {
    /// What it is, and how to repair it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::NoScheme => {
                "the proxy does not say whether visitors use https: let it send the header X-Forwarded-Proto \
                 (nginx: proxy_set_header X-Forwarded-Proto $scheme;)"
            }
            Self::PlainHop => {
                "X-Forwarded-Proto says that the visitor used https and a proxy behind that one http: \
                 let only the outermost proxy set X-Forwarded-Proto, and the others pass it on"
            }
            Self::SaysHttp => {
                "X-Forwarded-Proto says http although the visitor's browser uses https: where TLS ends at another proxy, \
                 pass its X-Forwarded-Proto on instead of setting it anew"
            }
            Self::NoUpgrade => {
                "a WebSocket came without its upgrade: let the proxy pass it on (nginx: proxy_http_version 1.1; \
                 proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";)"
            }
            Self::NotListed(_) => {
                "requests are passed on by a proxy that is not in server.trusted_proxies, so its X-Forwarded-For and \
                 X-Forwarded-Proto do not count: if it is yours, add its address"
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
        assert!(faults.is_new(ProxyFault::NoScheme) && faults.is_new(ProxyFault::NoUpgrade));
        assert!(!faults.is_new(ProxyFault::NoScheme));
        let peers = (0..100).map(|n| ProxyFault::NotListed(Ipv4Addr::from(n).into()));
        let named = peers.filter(|peer| faults.is_new(*peer)).count();
        assert_eq!(named, MAX_PEERS);
        assert!(faults.is_new(ProxyFault::PlainHop));
    }
}
