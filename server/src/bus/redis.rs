//! The bytes of Redis: <https://redis.io/docs/latest/develop/reference/protocol-spec/>, version 3 (RESP3), in which one
//! connection publishes and listens.
//!
//! In the path: [`super::broker`] calls these.

use std::io::Write as _;

use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::broker::{Credentials, Incoming, LinkError, MAX_MESSAGE, Wire, complaint};

/// Parts of an answer. The longest that we get is the server's description of itself.
const MAX_PARTS: usize = 256;
/// Lists in lists. Of its modules a server says a list of maps with lists.
const MAX_DEPTH: u8 = 5;
/// Longest line: the first of each value, or an error.
const MAX_LINE: usize = 4 * 1024;

const FOREIGN: LinkError = LinkError::Foreign("Redis of version 6 or newer");

/// A value, as far as anybody looks at it.
#[derive(Debug, PartialEq, Eq)]
enum Value<'a> {
    Error(&'a [u8]),
    Text(&'a [u8]),
    /// Said without being asked.
    Push(Vec<Value<'a>>),
    Many,
}

/// Says who we are, and waits until the server agrees.
pub(super) async fn greet(
    wire: &mut Box<dyn Wire>,
    credentials: &Credentials,
) -> Result<(), LinkError> {
    let mut hello: Vec<&[u8]> = vec![b"HELLO", b"3"];
    match credentials {
        Credentials::None => {}
        Credentials::Password(user, password) => {
            let user = user.as_deref().unwrap_or("default");
            hello.extend([
                b"AUTH",
                user.as_bytes(),
                password.expose_secret().as_bytes(),
            ]);
        }
        Credentials::Token(token) => {
            hello.extend([b"AUTH", &b"default"[..], token.expose_secret().as_bytes()]);
        }
    }
    hello.extend([&b"SETNAME"[..], b"parlour"]);
    let mut out = Vec::new();
    command(&hello, &mut out);
    wire.write_all(&out).await?;
    wire.flush().await?;
    let mut answer = Vec::new();
    loop {
        // It says nothing more until it is asked, so nothing is read too much.
        if wire.read_buf(&mut answer).await? == 0 {
            return Err(LinkError::Closed);
        }
        match value(&answer, MAX_DEPTH)? {
            None => {}
            Some((_, Value::Error(text))) => return Err(complaint(text)),
            Some(_) => return Ok(()),
        }
    }
}

/// A command with its arguments.
pub(super) fn command(parts: &[&[u8]], out: &mut Vec<u8>) {
    // Writing into memory cannot fail.
    let _ = write!(out, "*{}\r\n", parts.len());
    for part in parts {
        let _ = write!(out, "${}\r\n", part.len());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
}

/// See [`super::broker::Broker::read`].
pub(super) fn read(bytes: &[u8]) -> Result<Option<(usize, Incoming<'_>)>, LinkError> {
    let Some((length, value)) = value(bytes, MAX_DEPTH)? else {
        return Ok(None);
    };
    let incoming = match value {
        Value::Error(text) => return Err(complaint(text)),
        Value::Text(b"PONG") => Incoming::Pong,
        Value::Push(parts) => match parts.as_slice() {
            [
                Value::Text(b"message"),
                Value::Text(channel),
                Value::Text(payload),
            ] => Incoming::Message(channel, payload),
            _ => Incoming::Other,
        },
        Value::Text(_) | Value::Many => Incoming::Other,
    };
    Ok(Some((length, incoming)))
}

/// The first value, and how many bytes it has.
fn value(bytes: &[u8], depth: u8) -> Result<Option<(usize, Value<'_>)>, LinkError> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() > MAX_LINE {
            Err(FOREIGN)
        } else {
            Ok(None)
        };
    };
    let (line, after) = (bytes[..end].trim_ascii_end(), end + 1);
    let (kind, line) = line.split_first().ok_or(FOREIGN)?;
    match kind {
        b'+' | b':' | b'_' | b'#' | b',' | b'(' => Ok(Some((after, Value::Text(line)))),
        b'-' => Ok(Some((after, Value::Error(line)))),
        b'$' | b'=' | b'!' => {
            let length = number(line, MAX_MESSAGE)?;
            if bytes.len() < after + length + 2 {
                return Ok(None);
            }
            let text = &bytes[after..after + length];
            let value = if *kind == b'!' {
                Value::Error(text)
            } else {
                Value::Text(text)
            };
            Ok(Some((after + length + 2, value)))
        }
        b'*' | b'~' | b'>' => parts(bytes, after, number(line, MAX_PARTS)?, *kind == b'>', depth),
        b'%' => parts(bytes, after, 2 * number(line, MAX_PARTS)?, false, depth),
        _ => Err(FOREIGN),
    }
}

/// The values of a list, `at` which they begin.
fn parts(
    bytes: &[u8],
    mut at: usize,
    count: usize,
    push: bool,
    depth: u8,
) -> Result<Option<(usize, Value<'_>)>, LinkError> {
    let depth = depth.checked_sub(1).ok_or(FOREIGN)?;
    let mut parts = Vec::new();
    for _ in 0..count {
        let Some((length, part)) = value(&bytes[at..], depth)? else {
            return Ok(None);
        };
        at += length;
        if push {
            parts.push(part);
        }
    }
    let value = if push {
        Value::Push(parts)
    } else {
        Value::Many
    };
    Ok(Some((at, value)))
}

/// A length; that of nothing (`$-1`) is 0 with nothing behind it, which we are never sent.
fn number(line: &[u8], most: usize) -> Result<usize, LinkError> {
    let number = str::from_utf8(line).ok().and_then(|it| it.parse().ok());
    number.filter(|number| *number <= most).ok_or(FOREIGN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_messages_are_read_one_by_one_however_they_come() {
        let text: &[u8] = b":1\r\n>3\r\n$9\r\nsubscribe\r\n$5\r\np.c.7\r\n:1\r\n\
            >3\r\n$7\r\nmessage\r\n$5\r\np.c.7\r\n$5\r\nhe\r\no\r\n_\r\n+PONG\r\n";
        let expected = [
            Incoming::Other,
            Incoming::Other,
            Incoming::Message(b"p.c.7", b"he\r\no"),
            Incoming::Other,
            Incoming::Pong,
        ];
        let mut at = 0;
        for incoming in expected {
            let whole = (at..=text.len()).find_map(|cut| read(&text[at..cut]).unwrap());
            let (length, found) = whole.unwrap();
            assert_eq!(found, incoming);
            at += length;
        }
        assert_eq!(at, text.len());
    }

    #[test]
    fn the_servers_description_of_itself_is_read_over() {
        let text: &[u8] = b"%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nmodules\r\n\
            *1\r\n%2\r\n+name\r\n+search\r\n+args\r\n*1\r\n+x\r\n";
        assert_eq!(
            value(text, MAX_DEPTH).unwrap(),
            Some((text.len(), Value::Many))
        );
        for cut in 0..text.len() {
            assert_eq!(value(&text[..cut], MAX_DEPTH).unwrap(), None);
        }
    }

    #[test]
    fn complaints_and_foreign_words_end_the_connection() {
        for (text, expected) in [
            (
                &b"-NOAUTH Authentication required.\r\n"[..],
                "the broker refuses: NOAUTH Authentication required.",
            ),
            (
                b"HTTP/1.1 400 Bad Request\r\n",
                "it is no Redis of version 6 or newer: correct bus.kind or bus.url",
            ),
            (
                b"$99999999\r\n",
                "it is no Redis of version 6 or newer: correct bus.kind or bus.url",
            ),
            (
                b"*-1\r\n",
                "it is no Redis of version 6 or newer: correct bus.kind or bus.url",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), expected);
        }
        assert!(read(&vec![b'x'; MAX_LINE + 1]).is_err());
        // Lists in lists in lists would cost stack.
        assert!(read("*1\r\n".repeat(9).as_bytes()).is_err());
    }

    #[test]
    fn what_is_said_has_the_form_of_the_protocol() {
        let mut out = Vec::new();
        command(&[b"PUBLISH", b"p.c.8", b"hi"], &mut out);
        let expected = "*3\r\n$7\r\nPUBLISH\r\n$5\r\np.c.8\r\n$2\r\nhi\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
