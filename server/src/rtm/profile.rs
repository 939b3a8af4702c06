//! What an assertion says of its visitor besides the identity: name, e-mail, custom data.
//!
//! In the path: `token` stores it with the user when an assertion becomes a token, and each turn carries it to the bot.
//!
//! Invariant: it is the word of the app that signed it. It has at most [`PROFILE_BYTES`] and is never logged.

use protocol::auth::Claims;
use protocol::json::Map;

use crate::limits::PROFILE_BYTES;

/// Claims about the token itself or about the sign-in, as identity providers write them. The registered claims have
/// fields of their own in [`Claims`].
const OF_THE_TOKEN: [&str; 14] = [
    "acr",
    "amr",
    "at_hash",
    "auth_time",
    "azp",
    "c_hash",
    "client_id",
    "nonce",
    "s_hash",
    "scope",
    "scp",
    "sid",
    "typ",
    "ver",
];

/// The claims about the visitor as a JSON object. `None`: there are none, or they are too long.
pub(super) fn profile_of(app: &str, claims: &Claims) -> Option<String> {
    let mut about = Map::default();
    for (name, value) in claims.extra.iter() {
        if !OF_THE_TOKEN.contains(&name) {
            about.insert(name.to_owned(), value.clone());
        }
    }
    if about.is_empty() {
        return None;
    }
    let text = serde_json::to_string(&about).ok()?;
    if text.len() > PROFILE_BYTES {
        // They are not refused: a sign-in that works without them must not fail for claims that only a bot would read.
        tracing::warn!(
            app,
            bytes = text.len(),
            limit = PROFILE_BYTES,
            "an assertion says too much of its visitor: the bot is not told of it"
        );
        return None;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use protocol::json::Value;

    use super::*;

    fn profile(claims: &str) -> Option<String> {
        let value = Value::parse(claims).unwrap();
        profile_of("cs-1", &Claims::read(value.as_object().unwrap()).unwrap())
    }

    #[test]
    fn what_is_said_of_the_visitor_is_kept_and_what_is_of_the_token_is_not() {
        let said = profile(
            r#"{"iss":"cs-1","sub":"ann","aud":"a","iat":1,"exp":2,"nbf":1,"jti":"j","isAnonymous":"false",
                "identityToMerge":"old","kore_sub":"ann","nonce":"n","azp":"cs-1","sid":"s",
                "name":"Ann","email":"ann@example.test","customData":{"plan":"gold","orders":[1,2]}}"#,
        );
        assert_eq!(
            said.as_deref(),
            Some(
                r#"{"name":"Ann","email":"ann@example.test","customData":{"plan":"gold","orders":[1,2]}}"#
            )
        );
        assert_eq!(profile(r#"{"sub":"ann","nonce":"n"}"#), None);
    }

    #[test]
    fn too_much_is_left_out_as_a_whole() {
        let fits = "x".repeat(PROFILE_BYTES - r#"{"name":""}"#.len());
        assert!(profile(&format!(r#"{{"name":"{fits}"}}"#)).is_some());
        assert_eq!(profile(&format!(r#"{{"name":"{fits}x"}}"#)), None);
    }

    #[test]
    fn half_an_emoji_is_kept_as_what_every_reader_takes() {
        let said = profile(r#"{"name":"Ann \ud83d"}"#).unwrap();
        let read: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(read["name"], "Ann \u{fffd}");
    }
}
