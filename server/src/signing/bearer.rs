//! JWTs that come with each request, instead of being exchanged for an access token: Kore's webhook channel.
//!
//! In the path: `http::webhook_channel` verifies its callers here.
//!
//! Invariants: one of the app's keys has signed the token. A token speaks for one identity, `userIdentity` or else
//! `sub`, so a token that got into a browser lets nobody speak as somebody else. It ends at its `exp`, or, without one,
//! when an assertion of its age would have ended. It need not have an audience, but the audience must be ours if there
//! is one.

use protocol::auth::{ClaimFault, Claims};

use super::assertion::{AssertionError, Identity, Policy, identity_fits, signed};
use super::keys::KeyTable;
use crate::clock::Millis;

/// The app that calls, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BearerCaller {
    /// The app that vouches.
    pub app: String,
    /// The identity that it speaks for.
    pub identity: Identity,
    /// When the token was issued.
    pub issued: Millis,
}

/// Checks a bearer token.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify_bearer(
    table: &KeyTable,
    policy: &Policy,
    token: &str,
    now: Millis,
) -> Result<BearerCaller, AssertionError> {
    let (app, _key, claims) = signed(table, token, app_of)?;
    let issued = claims.iat.ok_or(ClaimFault::Missing.of("iat"))?;
    policy.check_bearer(&claims, issued, now)?;
    let named = claims.extra.get("userIdentity").and_then(|it| it.as_str());
    let subject = match named.filter(|named| !named.is_empty()) {
        Some(named) => named.to_owned(),
        None => claims.sub.clone().ok_or(ClaimFault::Missing.of("sub"))?,
    };
    if !identity_fits(&subject) {
        return Err(ClaimFault::Unfit.of("sub").into());
    }
    Ok(BearerCaller {
        app,
        identity: Identity {
            subject,
            anonymous: claims.is_anonymous.unwrap_or(false),
        },
        issued: Millis(issued.saturating_mul(1000)),
    })
}

/// The app that the claims name: `appId` in the webhook channel, `iss` in assertions.
fn app_of(claims: &Claims) -> Option<String> {
    let app = claims.extra.get("appId").and_then(|it| it.as_str());
    app.map(str::to_owned).or_else(|| claims.iss.clone())
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, EncodingKey, Header};
    use serde_json::{Value, json};

    use super::*;
    use crate::config::test_config;
    use crate::signing::install_crypto;

    const SECRET: &str = "tK4t2vQmS0cW8yXrE6uJ1zPaB5dHnLfG";
    const NOW: u64 = 1_795_000_000;

    fn verify(claims: &Value, secret: &str) -> Result<BearerCaller, AssertionError> {
        install_crypto();
        let config = test_config(&format!(
            "[apps.cs-a]\nbots = []\n[[apps.cs-a.keys]]\nkid = \"k\"\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n\
             [tokens]\nassertion_max_life = \"1h\"\nleeway = \"30s\""
        ));
        let table = KeyTable::load(&config).unwrap();
        let key = EncodingKey::from_secret(secret.as_bytes());
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap();
        let policy = Policy::from(&config.tokens);
        verify_bearer(&table, &policy, &token, Millis(NOW * 1000))
    }

    #[test]
    fn it_speaks_for_its_user_identity_or_else_its_subject() {
        let speaks_for = |claims: Value| verify(&claims, SECRET).unwrap().identity.subject;
        let named = json!({"appId": "cs-a", "sub": "shop", "userIdentity": "ann", "iat": NOW});
        assert_eq!(speaks_for(named), "ann");
        assert_eq!(
            speaks_for(json!({"appId": "cs-a", "sub": "ann", "iat": NOW})),
            "ann"
        );
        assert_eq!(
            speaks_for(json!({"iss": "cs-a", "sub": "ann", "iat": NOW})),
            "ann"
        );
    }

    #[test]
    fn it_ends_and_names_app_and_user() {
        for (claims, error) in [
            (json!({"appId": "cs-a", "sub": "a"}), "iat"),
            (json!({"appId": "cs-a", "iat": NOW}), "sub"),
            (json!({"sub": "a", "iat": NOW}), "iss"),
            (
                json!({"appId": "cs-b", "sub": "a", "iat": NOW}),
                "Invalid SDK credentials",
            ),
            (
                json!({"appId": "cs-a", "sub": "a\nb", "iat": NOW}),
                "control characters",
            ),
            (
                json!({"appId": "cs-a", "sub": "a", "iat": NOW + 31}),
                "not active",
            ),
            (
                json!({"appId": "cs-a", "sub": "a", "iat": NOW - 3_631}),
                "expired",
            ),
            (
                json!({"appId": "cs-a", "sub": "a", "iat": NOW - 60, "exp": NOW - 31}),
                "expired",
            ),
            (
                json!({"appId": "cs-a", "sub": "a", "iat": NOW, "exp": NOW + 9_999}),
                "too far",
            ),
            (
                json!({"appId": "cs-a", "sub": "a", "iat": NOW, "aud": "https://x.test"}),
                "audience",
            ),
        ] {
            let refused = verify(&claims, SECRET).unwrap_err().to_string();
            assert!(refused.contains(error), "{claims}: {refused}");
        }
        let fine = json!({"appId": "cs-a", "sub": "a", "iat": NOW - 3_600});
        assert!(verify(&fine, SECRET).is_ok());
        let other = "oN7q3wRkT1eZ9xUvC5yIb2mAd6sFgHjL";
        assert_eq!(verify(&fine, other), Err(AssertionError::Credentials));
    }
}
