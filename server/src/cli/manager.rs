//! Tells systemd when the server listens and when it ends (`Type=notify`).
//!
//! In the path: `serve` calls [`tell`]. Without systemd, or with another type of unit, nothing is said.

/// The server listens.
pub(super) const READY: &str = "READY=1";
/// The server ends.
pub(super) const STOPPING: &str = "STOPPING=1";

/// Tells systemd, if it wants to know. A failure is logged: systemd ends a unit that it never heard of again.
pub(super) fn tell(what: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = send(&socket, what) {
        tracing::warn!(%error, "systemd was not told {what}");
    }
}

#[cfg(target_os = "linux")]
fn send(socket: &std::ffi::OsStr, what: &str) -> std::io::Result<()> {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    let address = match socket.as_bytes() {
        // Linux has names for sockets that are no files.
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    let sender = UnixDatagram::unbound()?;
    sender.send_to_addr(what.as_bytes(), &address)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn send(_socket: &std::ffi::OsStr, _what: &str) -> std::io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    use super::*;

    #[test]
    fn a_socket_without_a_file_is_reached_too() {
        let name = format!("parlour-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let systemd = UnixDatagram::bind_addr(&address).unwrap();
        send(format!("@{name}").as_ref(), READY).unwrap();
        let mut heard = [0; 64];
        let bytes = systemd.recv(&mut heard).unwrap();
        assert_eq!(&heard[..bytes], READY.as_bytes());
    }
}
