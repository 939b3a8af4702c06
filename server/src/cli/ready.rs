//! `parlour ready`: what a container's health check runs, for images without any other program.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::say;
use crate::config::{Config, Sources};
use crate::security::client_ip::is_proxy;
use crate::start_error::StartError;

/// Longer than a server looks at its store for, shorter than the patience of health checks.
const PATIENCE: Duration = Duration::from_secs(4);
/// More than the answer has.
const MOST_BYTES: u64 = 16 * 1024;

/// Asks the server of this configuration, on this machine, and prints its words. `false`: it is not ready.
pub(super) fn ask(sources: &Sources) -> Result<bool, StartError> {
    let config = Config::load(sources)?;
    let address = here(config.server.listen);
    // Who is told to begin with a PROXY header is cut off without one.
    let server = &config.server;
    let announced = server.proxy_protocol && is_proxy(address.ip(), &server.trusted_proxies);
    match readiness(address, announced) {
        Ok((ready, words)) => {
            say(words.trim());
            Ok(ready)
        }
        Err(error) => {
            say(&format!("nothing answers at {address} ({error})"));
            Ok(false)
        }
    }
}

/// Where a server that listens there is reached from this machine.
fn here(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    listen
}

fn readiness(address: SocketAddr, announced: bool) -> std::io::Result<(bool, String)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let header = if announced { "PROXY UNKNOWN\r\n" } else { "" };
    let host = format!("host: {address}");
    write!(stream, "{header}GET /readyz HTTP/1.0\r\n{host}\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(MOST_BYTES).read_to_string(&mut answer)?;
    let (head, words) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok((head.split(' ').nth(1) == Some("200"), words.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_on_this_machine() {
        for (listen, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(here(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
