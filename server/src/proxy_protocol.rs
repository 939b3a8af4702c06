//! The PROXY protocol: a proxy that knows no HTTP says in the first bytes of a connection whose it is.
//!
//! In the path: with `server.proxy_protocol`, `listen` calls [`read`] on connections of listed proxies, before HTTP.
//! The address that it gives is the peer of all requests of the connection.
//!
//! Invariants: not one byte after the header is read. Headers have at most [`MOST_BYTES`]; `listen` bounds the time.

use std::io;
use std::net::SocketAddr;

use proxy_header::{ParseConfig, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How a header of version 2 begins. Version 1 is never shorter than this.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, version and command, family, and the length of the rest.
const V2_HEAD: usize = 16;
/// The longest line of version 1, as its specification counts.
const V1_BYTES: usize = 107;
/// The longest header of version 2: addresses have at most 216 bytes, and what a proxy says about a certificate some
/// hundreds.
const MOST_BYTES: usize = 2048;

/// Who is at the other end of the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Announcement {
    /// The visitor, or another proxy. `None`: the proxy itself asks, for example whether the server is healthy.
    pub(crate) source: Option<SocketAddr>,
    /// Whether that one used TLS. Only version 2 can say so.
    pub(crate) tls: bool,
}

/// Reads the header, and nothing after it.
///
/// # Errors
/// If the connection ends, or does not begin with a header.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Announcement> {
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header == SIGNATURE {
        header.resize(V2_HEAD, 0);
        stream.read_exact(&mut header[SIGNATURE.len()..]).await?;
        let rest = usize::from(u16::from_be_bytes([header[14], header[15]]));
        if V2_HEAD + rest > MOST_BYTES {
            return Err(no_header("it is too long"));
        }
        header.resize(V2_HEAD + rest, 0);
        stream.read_exact(&mut header[V2_HEAD..]).await?;
    } else if header.starts_with(b"PROXY ") {
        // One byte at a time: what follows the line is HTTP.
        while !header.ends_with(b"\r\n") {
            if header.len() == V1_BYTES {
                return Err(no_header("its line has no end"));
            }
            header.push(stream.read_u8().await?);
        }
    } else {
        return Err(no_header("there is none"));
    }
    let parsed = ProxyHeader::parse(&header, ParseConfig::default());
    let (header, _) = parsed.map_err(no_header)?;
    Ok(Announcement {
        source: header.proxied_address().map(|address| address.source),
        tls: header.ssl().is_some_and(|tls| tls.client_ssl()),
    })
}

fn no_header(why: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}

#[cfg(test)]
mod tests {
    use proxy_header::{ProxiedAddress, SslInfo, Tlv};

    use super::*;

    fn visitor() -> SocketAddr {
        "198.51.100.7:4711".parse().unwrap()
    }

    fn from(source: &str, tls: Option<bool>) -> Vec<u8> {
        let here = if source.starts_with('[') {
            "[2001:db8::1]:8080"
        } else {
            "192.0.2.1:8080"
        };
        let address = ProxiedAddress::stream(source.parse().unwrap(), here.parse().unwrap());
        let mut header = ProxyHeader::with_address(address);
        if let Some(tls) = tls {
            header.append_tlv(Tlv::Ssl(SslInfo::new(tls, false, false, 1)));
        }
        let mut bytes = Vec::new();
        header.encode_v2(&mut bytes).unwrap();
        bytes
    }

    /// What is announced, and what is left for HTTP.
    async fn read_of(mut bytes: &[u8]) -> io::Result<(Announcement, Vec<u8>)> {
        let announcement = read(&mut bytes).await?;
        Ok((announcement, bytes.to_vec()))
    }

    #[tokio::test]
    async fn both_versions_are_read_and_nothing_after_them() {
        let plain = Announcement {
            source: Some(visitor()),
            tls: false,
        };
        let tls = Announcement { tls: true, ..plain };
        let v6 = Announcement {
            source: Some("[2001:db8::7]:4711".parse().unwrap()),
            tls: true,
        };
        let nobody = Announcement {
            source: None,
            tls: false,
        };
        let mut local = Vec::new();
        ProxyHeader::with_local().encode_v2(&mut local).unwrap();
        for (header, expected) in [
            (from("198.51.100.7:4711", None), plain),
            (from("198.51.100.7:4711", Some(false)), plain),
            (from("198.51.100.7:4711", Some(true)), tls),
            (from("[2001:db8::7]:4711", Some(true)), v6),
            (local, nobody),
            (
                b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 8080\r\n".to_vec(),
                plain,
            ),
            (b"PROXY UNKNOWN\r\n".to_vec(), nobody),
        ] {
            let request = b"GET / HTTP/1.1\r\n";
            let read = read_of(&[&header[..], request].concat()).await.unwrap();
            assert_eq!(read, (expected, request.to_vec()), "{header:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let long = [&SIGNATURE[..], b"\x21\x11\xff\xff", &[0; 3_000]].concat();
        let endless = [&b"PROXY TCP4 "[..], &[b'1'; 200]].concat();
        let half = from("198.51.100.7:4711", Some(true));
        let mut other = from("198.51.100.7:4711", None);
        other[12] = 0x31;
        for bytes in [
            &b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..],
            b"",
            b"PROXY TCP4 198.51.100.7 192.0.2.1 4711\r\n",
            b"PROXY TCP4 198.51.100.777 192.0.2.1 4711 8080\r\n",
            &half[..20],
            &other,
            &long,
            &endless,
        ] {
            assert!(read_of(bytes).await.is_err(), "{bytes:?}");
        }
    }
}
