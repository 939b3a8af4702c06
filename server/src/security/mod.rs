//! Who is calling, from where and how often, and the security headers of answers.
//!
//! In the path: before every handler (`client_ip`, `https`), inside the signing handler (`origin`,
//! `rate`), in the platform's handlers (`rates`), and on every answer (`headers`).
//!
//! Invariants: nothing here trusts a header that a stranger can write; nothing here knows a route,
//! a store or a socket.

pub mod client_ip;
pub mod forwarded;
pub mod headers;
pub mod https;
pub mod origin;
pub mod proxy;
pub mod rate;
pub mod rates;
pub mod refusals;
