//! The shape of Kore's errors, and the kinds of failure that a client handles differently.
//!
//! Source: `docs/kore-protocol.md` 2.4 and 3.5.

use crate::message_ref::MessageRef;
use crate::wire;

wire! {
    /// The body of every failed request: `{"errors":[{"msg":"…","code":4002}]}`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ErrorBody {
        /// At least one. Clients read the first.
        pub errors: Vec<ErrorItem>,
    }
}

wire! {
    /// One reason.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct ErrorItem {
        /// A sentence for a person.
        #[serde(default)]
        pub msg: String,
        /// A number (`401`, `4002`) or a word (`TOKEN_EXPIRED`).
        pub code: MessageRef,
    }
}

impl ErrorBody {
    /// A body with one numeric code.
    #[must_use]
    pub fn new(msg: impl Into<String>, code: u64) -> Self {
        Self {
            errors: vec![ErrorItem {
                msg: msg.into(),
                code: code.into(),
            }],
        }
    }

    /// Whether this answer says that the access token has ended. Then the client must ask for a new grant
    /// (`docs/kore-protocol.md` 3.5).
    #[must_use]
    pub fn token_expired(&self) -> bool {
        self.errors.iter().any(|error| {
            error.code == MessageRef::from(401)
                || matches!(&error.code, MessageRef::Text(code) if code == "401" || code == "TOKEN_EXPIRED")
                || error.msg == "token expired"
        })
    }
}

/// What a client can do about a failed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The network failed, or the answer was 5xx, 429 or not readable: try the same request later.
    Retry,
    /// The token has ended: get a new grant first.
    Reauthorize,
    /// The platform refused. Only a person or a new assertion can change that.
    Refused,
}

impl Failure {
    /// The kind of an answer that was not a success. `status` 0 means that no answer came.
    #[must_use]
    pub fn of(status: u16, body: Option<&ErrorBody>) -> Self {
        if body.is_some_and(ErrorBody::token_expired) || status == 401 {
            return Self::Reauthorize;
        }
        match status {
            400 | 403 | 404 | 405 | 410 | 413 | 415 | 422 => Self::Refused,
            _ => Self::Retry,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Read as _;

    #[test]
    fn recognises_an_ended_token_in_each_of_its_spellings() {
        for body in [
            r#"{"errors":[{"msg":"x","code":401}]}"#,
            r#"{"errors":[{"msg":"x","code":"401"}]}"#,
            r#"{"errors":[{"msg":"x","code":"TOKEN_EXPIRED"}]}"#,
            r#"{"errors":[{"msg":"token expired","code":7}]}"#,
        ] {
            let body = ErrorBody::parse(body).expect(body);
            assert_eq!(Failure::of(400, Some(&body)), Failure::Reauthorize);
        }
    }

    #[test]
    fn retries_what_may_pass_and_stops_at_a_refusal() {
        assert_eq!(Failure::of(0, None), Failure::Retry);
        assert_eq!(
            Failure::of(503, Some(&ErrorBody::new("busy", 503))),
            Failure::Retry
        );
        assert_eq!(Failure::of(429, None), Failure::Retry);
        assert_eq!(
            Failure::of(403, Some(&ErrorBody::new("no", 403))),
            Failure::Refused
        );
    }
}
