//! The bytes of NATS: <https://docs.nats.io/reference/reference-protocols/nats-protocol>, core only.
//!
//! In the path: [`super::broker`] calls these. Why not the crate `async-nats`: it keeps 5.5 kB for each subscription
//! (measured), where an idle socket has 8.7 kB in all, and does not tell when the broker has a subscription
//! (`docs/adr/0027-bus.md`).

use std::io::Write as _;

use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;

use super::broker::{Credentials, Incoming, LinkError, MAX_MESSAGE, Wire, complaint, line};

/// Longest line besides payloads: ours are subjects, the server's are `INFO`s.
const MAX_LINE: usize = 64 * 1024;

const FOREIGN: LinkError = LinkError::Foreign("NATS server");

/// What matters of the server's first line.
#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    tls_required: bool,
}

/// `CONNECT {…}`.
#[derive(Serialize)]
struct Connect<'a> {
    /// No `+OK` after each line.
    verbose: bool,
    pedantic: bool,
    /// What we publish does not come back.
    echo: bool,
    name: &'a str,
    lang: &'a str,
    version: &'a str,
    protocol: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pass: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_token: Option<&'a str>,
}

/// Does the server, whose first line this is, go on with TLS only?
pub(super) fn wants_tls(first: &str) -> Result<bool, LinkError> {
    let info = first.strip_prefix("INFO ").ok_or(FOREIGN)?;
    let info: Info = serde_json::from_str(info).map_err(|_| FOREIGN)?;
    Ok(info.tls_required)
}

/// Says who we are, and waits until the server agrees.
pub(super) async fn greet(
    wire: &mut Box<dyn Wire>,
    credentials: &Credentials,
) -> Result<(), LinkError> {
    let (user, pass, auth_token) = match credentials {
        Credentials::None => (None, None, None),
        Credentials::Password(user, password) => (
            user.as_deref().or(Some("")),
            Some(password.expose_secret()),
            None,
        ),
        Credentials::Token(token) => (None, None, Some(token.expose_secret())),
    };
    let connect = Connect {
        verbose: false,
        pedantic: false,
        echo: false,
        name: "parlour",
        lang: "rust",
        version: env!("CARGO_PKG_VERSION"),
        protocol: 1,
        user,
        pass,
        auth_token,
    };
    let connect = serde_json::to_string(&connect).unwrap_or_default();
    let text = format!("CONNECT {connect}\r\nPING\r\n");
    wire.write_all(text.as_bytes()).await?;
    wire.flush().await?;
    loop {
        let answer = line(wire).await?;
        match answer.split(' ').next() {
            Some("PONG") => return Ok(()),
            Some("+OK" | "INFO") => {}
            Some("PING") => wire.write_all(b"PONG\r\n").await?,
            Some("-ERR") => return Err(complaint(&answer.as_bytes()[4..])),
            _ => return Err(FOREIGN),
        }
    }
}

pub(super) fn subscribe(subject: &str, number: i64, out: &mut Vec<u8>) {
    // Writing into memory cannot fail.
    let _ = write!(out, "SUB {subject} {number}\r\n");
}

pub(super) fn unsubscribe(number: i64, out: &mut Vec<u8>) {
    let _ = write!(out, "UNSUB {number}\r\n");
}

pub(super) fn publish(subject: &str, payload: &[u8], out: &mut Vec<u8>) {
    let _ = write!(out, "PUB {subject} {}\r\n", payload.len());
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// See [`super::broker::Broker::read`].
pub(super) fn read(bytes: &[u8]) -> Result<Option<(usize, Incoming<'_>)>, LinkError> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() > MAX_LINE {
            Err(FOREIGN)
        } else {
            Ok(None)
        };
    };
    let (line, after) = (bytes[..end].trim_ascii_end(), end + 1);
    let mut words = line.split(|byte| *byte == b' ').filter(|it| !it.is_empty());
    let incoming = match words.next().unwrap_or_default() {
        b"MSG" => {
            let subject = words.next().ok_or(FOREIGN)?;
            // The number of the subscription, perhaps a subject for answers, the length.
            let length = words.next_back().and_then(number).ok_or(FOREIGN)?;
            if length > MAX_MESSAGE {
                return Err(FOREIGN);
            }
            let Some(payload) = bytes.get(after..after + length) else {
                return Ok(None);
            };
            if bytes.len() < after + length + 2 {
                return Ok(None);
            }
            let message = Incoming::Message(subject, payload);
            return Ok(Some((after + length + 2, message)));
        }
        b"PING" => Incoming::Ping,
        b"PONG" => Incoming::Pong,
        b"INFO" | b"+OK" => Incoming::Other,
        b"-ERR" => return Err(complaint(&line[4..])),
        _ => return Err(FOREIGN),
    };
    Ok(Some((after, incoming)))
}

fn number(word: &[u8]) -> Option<usize> {
    str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_messages_are_read_one_by_one_however_they_come() {
        let text: &[u8] =
            b"INFO {}\r\nMSG p.c.7 7 5\r\nhe\r\no\r\nPING\r\nMSG p.nodes 0 _IN.1 0\r\n\r\nPONG\r\n";
        let expected = [
            Incoming::Other,
            Incoming::Message(b"p.c.7", b"he\r\no"),
            Incoming::Ping,
            Incoming::Message(b"p.nodes", b""),
            Incoming::Pong,
        ];
        let mut at = 0;
        for incoming in expected {
            for cut in at..text.len() {
                let Some((length, found)) = read(&text[at..cut]).unwrap() else {
                    continue;
                };
                assert_eq!(found, incoming);
                at += length;
                break;
            }
            if incoming == Incoming::Pong {
                assert_eq!(read(&text[at..]).unwrap(), Some((6, incoming)));
            }
        }
        assert_eq!(at + 6, text.len());
    }

    #[test]
    fn complaints_and_foreign_words_end_the_connection() {
        for (text, expected) in [
            (
                &b"-ERR 'Authorization Violation'\r\n"[..],
                "the broker refuses:  'Authorization Violation'",
            ),
            (
                b"HTTP/1.1 400 Bad Request\r\n",
                "it is no NATS server: correct bus.kind or bus.url",
            ),
            (
                b"MSG a 1 99999999\r\n",
                "it is no NATS server: correct bus.kind or bus.url",
            ),
            (
                b"MSG a\r\n",
                "it is no NATS server: correct bus.kind or bus.url",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), expected);
        }
        assert!(read(&vec![b'x'; MAX_LINE + 1]).is_err());
        assert!(wants_tls("+PONG").is_err() && wants_tls("INFO {").is_err());
        assert!(wants_tls(r#"INFO {"tls_required":true}"#).unwrap());
        assert!(!wants_tls(r#"INFO {"version":"2.9.10"}"#).unwrap());
    }

    #[test]
    fn what_is_said_has_the_form_of_the_protocol() {
        let mut out = Vec::new();
        subscribe("p.c.7", 7, &mut out);
        publish("p.c.8", b"hello", &mut out);
        unsubscribe(7, &mut out);
        let expected = "SUB p.c.7 7\r\nPUB p.c.8 5\r\nhello\r\nUNSUB 7\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
