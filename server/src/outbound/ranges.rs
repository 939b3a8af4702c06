//! Which IP addresses are not the public internet.
//!
//! In the path: `address` asks about addresses that are written in digits, `names` about the results of a lookup.
//!
//! Invariant: what is not known to be public is refused. For IPv6 there is a short list of what is allowed, minus the
//! special ranges in it (IANA's registries of special-purpose addresses). IPv4 is full, so its list says what is
//! refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Why a stranger may not name an IP address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Range {
    /// For examples in books.
    #[error("an address for documentation")]
    Documentation,
    /// IPv4 inside IPv6, or a tunnel that leads to IPv4.
    #[error("an IPv4 address inside of an IPv6 one")]
    Embedded,
    /// Only valid on this link. The metadata services of clouds are there, too.
    #[error("a link-local address")]
    LinkLocal,
    /// This machine.
    #[error("a loopback address")]
    Loopback,
    /// Services of a cloud for its own machines.
    #[error("a metadata address of a cloud")]
    Metadata,
    /// A group, or everybody.
    #[error("a multicast or broadcast address")]
    Multicast,
    /// Inside a private network.
    #[error("a private address")]
    Private,
    /// For protocols, tests and the future.
    #[error("a reserved address")]
    Reserved,
    /// Inside a provider's network.
    #[error("a shared address of a provider")]
    Shared,
    /// No machine at all. Many systems take it for this machine.
    #[error("an unspecified address")]
    Unspecified,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(segments: [u16; 4], prefix: u8) -> Ipv6Net {
    let [a, b, c, d] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), prefix)
}

const REFUSED_V4: [(Ipv4Net, Range); 18] = [
    (v4(0, 0, 0, 0, 8), Range::Unspecified),
    (v4(10, 0, 0, 0, 8), Range::Private),
    (v4(100, 64, 0, 0, 10), Range::Shared),
    (v4(127, 0, 0, 0, 8), Range::Loopback),
    // Azure's machines reach their host at this address, which looks like any other.
    (v4(168, 63, 129, 16, 32), Range::Metadata),
    (v4(169, 254, 169, 254, 32), Range::Metadata),
    (v4(169, 254, 0, 0, 16), Range::LinkLocal),
    (v4(172, 16, 0, 0, 12), Range::Private),
    (v4(192, 0, 0, 0, 24), Range::Reserved),
    (v4(192, 0, 2, 0, 24), Range::Documentation),
    // Relays of 6to4.
    (v4(192, 88, 99, 0, 24), Range::Reserved),
    (v4(192, 168, 0, 0, 16), Range::Private),
    // Benchmarks.
    (v4(198, 18, 0, 0, 15), Range::Reserved),
    (v4(198, 51, 100, 0, 24), Range::Documentation),
    (v4(203, 0, 113, 0, 24), Range::Documentation),
    (v4(224, 0, 0, 0, 4), Range::Multicast),
    (v4(255, 255, 255, 255, 32), Range::Multicast),
    (v4(240, 0, 0, 0, 4), Range::Reserved),
];

/// Ranges outside [`PUBLIC_V6`] that have a name for the operator. All others are reserved.
const REFUSED_V6: [(Ipv6Net, Range); 9] = [
    (
        Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128),
        Range::Unspecified,
    ),
    (
        Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128),
        Range::Loopback,
    ),
    (
        Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
        Range::Embedded,
    ),
    (
        Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 96),
        Range::Embedded,
    ),
    (
        Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128),
        Range::Metadata,
    ),
    (v6([0xfc00, 0, 0, 0], 7), Range::Private),
    (v6([0xfe80, 0, 0, 0], 10), Range::LinkLocal),
    // The former private range.
    (v6([0xfec0, 0, 0, 0], 10), Range::Private),
    (v6([0xff00, 0, 0, 0], 8), Range::Multicast),
];

/// The public internet.
const PUBLIC_V6: Ipv6Net = v6([0x2000, 0, 0, 0], 3);

/// Ranges inside [`PUBLIC_V6`] that are not public.
const SPECIAL_V6: [(Ipv6Net, Range); 5] = [
    // Teredo: a tunnel to an IPv4 address.
    (v6([0x2001, 0, 0, 0], 32), Range::Embedded),
    // Protocols and benchmarks.
    (v6([0x2001, 0, 0, 0], 23), Range::Reserved),
    (v6([0x2001, 0xdb8, 0, 0], 32), Range::Documentation),
    // 6to4: a tunnel to an IPv4 address.
    (v6([0x2002, 0, 0, 0], 16), Range::Embedded),
    (v6([0x3fff, 0, 0, 0], 20), Range::Documentation),
];

/// How a machine without IPv4 reaches IPv4. Its resolver gives these addresses for names that have no others, so they
/// are judged by the IPv4 address inside.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0], 96);

/// Checks that an address is on the public internet.
///
/// # Errors
/// The range that it is in instead.
pub(super) fn must_be_public(address: IpAddr) -> Result<(), Range> {
    match address {
        IpAddr::V4(address) => public_v4(address),
        IpAddr::V6(address) if NAT64.contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            public_v4(Ipv4Addr::new(a, b, c, d))
        }
        IpAddr::V6(address) => public_v6(address),
    }
}

fn public_v4(address: Ipv4Addr) -> Result<(), Range> {
    let refused = REFUSED_V4.iter().find(|(net, _)| net.contains(&address));
    refused.map_or(Ok(()), |(_, range)| Err(*range))
}

fn public_v6(address: Ipv6Addr) -> Result<(), Range> {
    let named = REFUSED_V6.iter().chain(&SPECIAL_V6);
    let mut named = named.filter(|(net, _)| net.contains(&address));
    match named.next() {
        Some((_, range)) => Err(*range),
        None if PUBLIC_V6.contains(&address) => leads_inside(address),
        None => Err(Range::Reserved),
    }
}

/// ISATAP: any prefix, then the IPv4 address of the end of a tunnel.
fn leads_inside(address: Ipv6Addr) -> Result<(), Range> {
    let [.., 0 | 0x0200, 0x5efe, _, _] = address.segments() else {
        return Ok(());
    };
    Err(Range::Embedded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_public_internet_is_refused() {
        for (address, range) in [
            ("0.0.0.0", Range::Unspecified),
            ("0.1.2.3", Range::Unspecified),
            ("10.0.0.1", Range::Private),
            ("10.255.255.255", Range::Private),
            ("100.64.0.1", Range::Shared),
            ("100.100.100.200", Range::Shared),
            ("100.127.255.255", Range::Shared),
            ("127.0.0.1", Range::Loopback),
            ("127.255.255.254", Range::Loopback),
            ("168.63.129.16", Range::Metadata),
            ("169.254.0.1", Range::LinkLocal),
            ("169.254.169.254", Range::Metadata),
            ("169.254.170.2", Range::LinkLocal),
            ("172.16.0.1", Range::Private),
            ("172.31.255.255", Range::Private),
            ("192.0.0.1", Range::Reserved),
            ("192.0.0.192", Range::Reserved),
            ("192.0.2.1", Range::Documentation),
            ("192.88.99.1", Range::Reserved),
            ("192.168.0.1", Range::Private),
            ("192.168.255.255", Range::Private),
            ("198.18.0.1", Range::Reserved),
            ("198.19.255.255", Range::Reserved),
            ("198.51.100.7", Range::Documentation),
            ("203.0.113.7", Range::Documentation),
            ("224.0.0.1", Range::Multicast),
            ("239.255.255.255", Range::Multicast),
            ("240.0.0.1", Range::Reserved),
            ("255.255.255.254", Range::Reserved),
            ("255.255.255.255", Range::Multicast),
            ("::", Range::Unspecified),
            ("::1", Range::Loopback),
            ("::2", Range::Embedded),
            ("::127.0.0.1", Range::Embedded),
            ("::8.8.8.8", Range::Embedded),
            ("::ffff:127.0.0.1", Range::Embedded),
            ("::ffff:169.254.169.254", Range::Embedded),
            ("::ffff:8.8.8.8", Range::Embedded),
            ("::ffff:0:127.0.0.1", Range::Reserved),
            ("64:ff9b::127.0.0.1", Range::Loopback),
            ("64:ff9b::10.0.0.1", Range::Private),
            ("64:ff9b::169.254.169.254", Range::Metadata),
            ("64:ff9b:1::8.8.8.8", Range::Reserved),
            ("100::1", Range::Reserved),
            ("1234::1", Range::Reserved),
            ("2001::1", Range::Embedded),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Range::Embedded),
            ("2001:2::1", Range::Reserved),
            ("2001:10::1", Range::Reserved),
            ("2001:db8::1", Range::Documentation),
            ("2002:7f00:1::", Range::Embedded),
            ("2002:a00:1::1", Range::Embedded),
            ("2002:808:808::1", Range::Embedded),
            ("2606:4700::5efe:10.0.0.1", Range::Embedded),
            ("2606:4700::200:5efe:10.0.0.1", Range::Embedded),
            ("3fff::1", Range::Documentation),
            ("4000::1", Range::Reserved),
            ("5f00::1", Range::Reserved),
            ("fc00::1", Range::Private),
            ("fd00:ec2::254", Range::Metadata),
            ("fd12:3456:789a::1", Range::Private),
            ("fe80::1", Range::LinkLocal),
            ("febf::1", Range::LinkLocal),
            ("fec0::1", Range::Private),
            ("ff02::1", Range::Multicast),
        ] {
            let parsed = address.parse().expect(address);
            assert_eq!(must_be_public(parsed), Err(range), "{address}");
        }
    }

    #[test]
    fn the_public_internet_passes_up_to_the_edges() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "168.63.129.15",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "64:ff9b::8.8.8.8",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2003::1",
            "2606:4700:4700::1111",
            "2a00:1450:4001:80b::200e",
            "3ffe::1",
        ] {
            let parsed = address.parse().expect(address);
            assert_eq!(must_be_public(parsed), Ok(()), "{address}");
        }
    }
}
