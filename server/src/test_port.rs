//! Ports for programs that a test ends and starts again at the same one.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the ports that the system gives to connections (from 32768 on): no connection takes the port while its program
/// is away, and none can be opened to itself.
const FIRST: u32 = 10_000;
const COUNT: u32 = 20_000;

/// A port that nobody uses now.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Processes side by side begin at different places.
    let begin = std::process::id().wrapping_mul(101);
    let mut ports = std::iter::repeat_with(|| {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        u16::try_from(FIRST + begin.wrapping_add(next) % COUNT).expect("a port")
    });
    let free = ports.find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    free.expect("a free port")
}
