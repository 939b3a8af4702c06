//! Identity: keys of the apps, the assertions they sign, and our own anonymous visitors.
//!
//! In the path: `http::sign` signs here, `rtm::token` verifies here, pages read the visitor here.
//!
//! Invariants: the algorithm comes from the key, never from a token; a token of one kind is never
//! accepted as another (`typ`, and different keys); nothing here logs or repeats a token.

mod assertion;
mod bearer;
mod keys;
mod shared_key;
mod visitor;

pub use assertion::{
    AssertionError, Identity, Policy, Signed, VerifiedAssertion, claimed_app, identity_fits, sign,
    verify,
};
pub use bearer::{BearerCaller, verify_bearer};
pub use keys::{AppKeys, Key, KeyError, KeyTable, Keys};
pub use shared_key::SharedKey;
pub use visitor::{AnonymousVisitor, VISITOR_COOKIE, Visitors};

/// Chooses the cryptography library of `jsonwebtoken` once for the process. `main` and tests call it first.
pub fn install_crypto() {
    // A second call fails because one is installed already, which is fine.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}
