//! One GET over plain HTTP/1.1, counting what came over the wire.
//!
//! In the path: `size` asks the started server for a page. A client library would be a hundred crates for this one request.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};

/// A page on loopback needs milliseconds.
const DEADLINE: Duration = Duration::from_secs(10);

/// An answer, its body as it was sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The content encoding, empty when there is none.
    pub(crate) encoding: String,
    pub(crate) body: Vec<u8>,
}

/// Asks `address` for `path` as a browser that reads brotli.
pub(crate) fn get(address: &str, path: &str) -> anyhow::Result<Answer> {
    let mut stream =
        TcpStream::connect(address).with_context(|| format!("{address} does not answer"))?;
    stream.set_read_timeout(Some(DEADLINE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/html\r\n\
         Accept-Encoding: br\r\nConnection: close\r\n\r\n"
    )?;
    let mut bytes = Vec::new();
    stream
        .read_to_end(&mut bytes)
        .with_context(|| format!("{path} was not sent whole"))?;
    parse(&bytes).with_context(|| format!("{path} is not a readable answer"))
}

fn parse(bytes: &[u8]) -> anyhow::Result<Answer> {
    let end = find(bytes, b"\r\n\r\n").context("no end of the head")?;
    let head = std::str::from_utf8(&bytes[..end])?;
    let mut body = &bytes[end + 4..];
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .unwrap_or_default()
        .split(' ')
        .nth(1)
        .context("no status")?;
    let (mut encoding, mut chunked, mut length) = (String::new(), false, None);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-encoding" => value.clone_into(&mut encoding),
            "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
            "content-length" => length = Some(value.parse::<usize>()?),
            _ => {}
        }
    }
    let mut whole = Vec::new();
    if chunked {
        loop {
            let line = find(body, b"\r\n").context("a chunk without a size")?;
            let size = usize::from_str_radix(std::str::from_utf8(&body[..line])?.trim(), 16)?;
            let rest = &body[line + 2..];
            if rest.len() < size + 2 {
                bail!("a chunk was cut off");
            }
            whole.extend_from_slice(&rest[..size]);
            body = &rest[size + 2..];
            if size == 0 {
                break;
            }
        }
    } else {
        whole.extend_from_slice(body);
        if length.is_some_and(|length| length != whole.len()) {
            bail!("the body was cut off");
        }
    }
    Ok(Answer {
        status: status.parse()?,
        encoding,
        body: whole,
    })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_body_of_known_length_and_one_in_chunks() {
        let answer =
            parse(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\ncontent-length: 3\r\n\r\nabc");
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.encoding.as_str()), (200, "br"));
        assert_eq!(answer.body, b"abc");
        let answer = parse(
            b"HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        );
        let answer = answer.unwrap();
        assert_eq!(answer.status, 404);
        assert_eq!(answer.body, b"abc");
    }

    #[test]
    fn a_cut_answer_is_an_error() {
        for cut in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab"[..],
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab\r\n",
            b"HTTP/1.1 200 OK\r\n",
            b"",
        ] {
            assert!(parse(cut).is_err(), "{}", String::from_utf8_lossy(cut));
        }
    }
}
