//! The claims of an assertion, as real identity providers write them.
//!
//! The reader accepts what the documentation's own examples hold: `kore_iss` beside `iss` or instead of it,
//! milliseconds instead of seconds, `"false"` instead of `false`, and whole numbers instead of texts. A time that is
//! not a number is an error, and never counts as an absent claim. The error names the claim.

use serde::{Deserialize, Serialize};

use crate::Extra;
use crate::json::{Map, Value};

/// Values above this are milliseconds, below it seconds (`docs/kore-protocol.md` 1.1).
const FIRST_MILLISECONDS: f64 = 1e11;

/// The claims of an assertion. [`Claims::read`] reads them, because serde would round a long number.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Claims {
    /// Client id of the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// The identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// One audience or several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<Audience>,
    /// Issued at, seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<u64>,
    /// Ends at, seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<u64>,
    /// Not before, seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// Makes the assertion single-use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// Whether the identity is a passing one.
    #[serde(rename = "isAnonymous", skip_serializing_if = "Option::is_none")]
    pub is_anonymous: Option<bool>,
    /// An earlier identity whose conversation goes on under `sub`.
    #[serde(rename = "identityToMerge", skip_serializing_if = "Option::is_none")]
    pub identity_to_merge: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `aud`: a string or a list of strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// The usual form.
    One(String),
    /// RFC 7519's other form.
    Many(Vec<String>),
}

/// Which claim is wrong, and how. The error never holds the claim's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the claim \"{name}\" {fault}")]
pub struct ClaimError {
    /// The claim's name as it is written in the assertion.
    pub name: &'static str,
    /// What is wrong with it.
    pub fault: ClaimFault,
}

/// What is wrong with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimFault {
    /// The audience is something else.
    #[error("is neither a text nor a list of texts")]
    Audience,
    /// The assertion ends before it begins.
    #[error("lies before \"iat\"")]
    BeforeIssue,
    /// The text has no letters.
    #[error("is empty")]
    Empty,
    /// The flag is something else.
    #[error("is neither true nor false")]
    Flag,
    /// A required claim is absent.
    #[error("is missing")]
    Missing,
    /// The time is something else, for example a text.
    #[error("is not a number of seconds")]
    Time,
    /// The text is something else.
    #[error("is neither a text nor a whole number")]
    Text,
    /// The text cannot be stored.
    #[error("is too long or has control characters")]
    Unfit,
}

impl ClaimFault {
    /// An error about the claim of this name.
    #[must_use]
    pub fn of(self, name: &'static str) -> ClaimError {
        ClaimError { name, fault: self }
    }
}

impl Audience {
    /// Whether any audience is one of `allowed`.
    #[must_use]
    pub fn matches(&self, allowed: &[&str]) -> bool {
        match self {
            Self::One(aud) => allowed.contains(&aud.as_str()),
            Self::Many(auds) => auds.iter().any(|aud| allowed.contains(&aud.as_str())),
        }
    }
}

impl Claims {
    /// Reads the claims. An absent one is `None`.
    ///
    /// # Errors
    /// The first claim that has a wrong type.
    pub fn read(object: &Map) -> Result<Self, ClaimError> {
        let named = Named { object };
        let mut extra = Extra::new();
        for (name, value) in object.iter().filter(|(name, _)| !NAMES.contains(name)) {
            extra.insert(name.to_owned(), value.clone());
        }
        Ok(Self {
            iss: named.either("kore_iss", "iss")?,
            sub: named.either("kore_sub", "sub")?,
            aud: named.audience("aud")?,
            iat: named.seconds("iat")?,
            exp: named.seconds("exp")?,
            nbf: named.seconds("nbf")?,
            jti: named.either("kore_jti", "jti")?,
            is_anonymous: named.flag("isAnonymous")?,
            identity_to_merge: named.text("identityToMerge")?,
            extra,
        })
    }
}

/// The claims that have a name here.
const NAMES: [&str; 12] = [
    "aud",
    "exp",
    "iat",
    "identityToMerge",
    "isAnonymous",
    "iss",
    "jti",
    "kore_iss",
    "kore_jti",
    "kore_sub",
    "nbf",
    "sub",
];

/// Claims by their names.
struct Named<'a> {
    object: &'a Map,
}

impl Named<'_> {
    /// The first of two claims. The platform's own claim comes first, because an identity provider may use the other
    /// name for something else.
    fn either(
        &self,
        first: &'static str,
        second: &'static str,
    ) -> Result<Option<String>, ClaimError> {
        Ok(match self.text(first)? {
            Some(text) => Some(text),
            None => self.text(second)?,
        })
    }

    /// A text, or a whole number with all of its digits. `null` counts as absent.
    fn text(&self, name: &'static str) -> Result<Option<String>, ClaimError> {
        let text = match self.object.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(number)) if is_whole(number.as_str()) => number.as_str(),
            Some(value) => value.as_str().ok_or(ClaimFault::Text.of(name))?,
        };
        if text.is_empty() {
            return Err(ClaimFault::Empty.of(name));
        }
        Ok(Some(text.to_owned()))
    }

    fn audience(&self, name: &'static str) -> Result<Option<Audience>, ClaimError> {
        let wrong = ClaimFault::Audience.of(name);
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(values)) => {
                let texts = values.iter().map(|value| value.as_str().map(str::to_owned));
                let texts: Option<Vec<_>> = texts.collect();
                Ok(Some(Audience::Many(texts.ok_or(wrong)?)))
            }
            Some(value) => {
                let text = value.as_str().ok_or(wrong)?;
                Ok(Some(Audience::One(text.to_owned())))
            }
        }
    }

    /// Seconds or milliseconds, whole or fractional, as seconds.
    fn seconds(&self, name: &'static str) -> Result<Option<u64>, ClaimError> {
        let time = match self.object.get(name) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_str().parse::<f64>().ok(),
            Some(_) => None,
        };
        let Some(time) = time.filter(|time| (0.0..=1e15).contains(time)) else {
            return Err(ClaimFault::Time.of(name));
        };
        let seconds = if time > FIRST_MILLISECONDS {
            time / 1000.0
        } else {
            time
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "in range by the check above; the fraction of a second does not matter"
        )]
        Ok(Some(seconds as u64))
    }

    /// `true`, `"true"`, `"false"`, `""` and null.
    fn flag(&self, name: &'static str) -> Result<Option<bool>, ClaimError> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(value) => match value.as_str() {
                Some("") => Ok(None),
                Some("true") => Ok(Some(true)),
                Some("false") => Ok(Some(false)),
                _ => Err(ClaimFault::Flag.of(name)),
            },
        }
    }
}

/// Whether a number is written without a fraction or an exponent.
fn is_whole(number: &str) -> bool {
    !number.contains(['.', 'e', 'E'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Claims, ClaimError> {
        let value = Value::parse(text).expect(text);
        Claims::read(value.as_object().expect(text))
    }

    #[test]
    fn reads_milliseconds_fractions_aliases_and_booleans_as_text() {
        let claims = read(
            r#"{"kore_iss":"cs-1","kore_sub":"ann","aud":["a","b"],"iat":1795227303240,
                "exp":1795227603240.5,"isAnonymous":"false","plan":"gold"}"#,
        )
        .unwrap();
        assert_eq!(claims.iss.as_deref(), Some("cs-1"));
        assert_eq!(claims.sub.as_deref(), Some("ann"));
        assert_eq!(
            (claims.iat, claims.exp),
            (Some(1_795_227_303), Some(1_795_227_603))
        );
        assert_eq!(claims.is_anonymous, Some(false));
        assert!(claims.aud.unwrap().matches(&["b"]));
        assert_eq!(claims.extra.get("plan"), Some(&"gold".into()));
        assert_eq!(claims.extra.keys().count(), 1);
    }

    #[test]
    fn what_is_meant_for_the_platform_wins() {
        let claims = read(
            r#"{"iss":"https://login.test/","sub":"auth0|1","jti":"a","kore_iss":"cs-1",
                "kore_sub":"ann","kore_jti":"b"}"#,
        )
        .unwrap();
        let both = |text: &Option<String>| text.clone().unwrap_or_default();
        assert_eq!(
            [&claims.iss, &claims.sub, &claims.jti].map(both),
            ["cs-1", "ann", "b"]
        );
        let claims = read(r#"{"sub":"ann","kore_sub":null,"kore_jti":7,"jti":"a"}"#).unwrap();
        assert_eq!(claims.sub.as_deref(), Some("ann"));
        assert_eq!(claims.jti.as_deref(), Some("7"));
    }

    #[test]
    fn whole_numbers_keep_each_digit() {
        for number in [
            "4711",
            "0",
            "-5",
            "9007199254740993",
            "12345678901234567890",
            "123456789012345678901234567890",
        ] {
            for name in ["sub", "jti", "kore_sub", "kore_jti", "identityToMerge"] {
                let as_number = read(&format!(r#"{{"{name}":{number}}}"#)).unwrap();
                let as_text = read(&format!(r#"{{"{name}":"{number}"}}"#)).unwrap();
                assert_eq!(as_number, as_text, "{name} {number}");
                assert_ne!(as_number, Claims::default());
            }
        }
    }

    #[test]
    fn a_claim_of_a_wrong_type_is_an_error_that_names_it() {
        for (claims, name, fault) in [
            (r#"{"exp":"x"}"#, "exp", ClaimFault::Time),
            (r#"{"exp":"1700000000"}"#, "exp", ClaimFault::Time),
            (r#"{"exp":null}"#, "exp", ClaimFault::Time),
            (r#"{"iat":true}"#, "iat", ClaimFault::Time),
            (r#"{"nbf":"1795227303"}"#, "nbf", ClaimFault::Time),
            (r#"{"exp":-1}"#, "exp", ClaimFault::Time),
            (r#"{"exp":1e300}"#, "exp", ClaimFault::Time),
            (r#"{"exp":1e999}"#, "exp", ClaimFault::Time),
            (r#"{"sub":{"$ne":null}}"#, "sub", ClaimFault::Text),
            (r#"{"sub":4711.0}"#, "sub", ClaimFault::Text),
            (r#"{"sub":47e2}"#, "sub", ClaimFault::Text),
            (
                r#"{"kore_sub":true,"sub":"ann"}"#,
                "kore_sub",
                ClaimFault::Text,
            ),
            (
                r#"{"kore_sub":"","sub":"ann"}"#,
                "kore_sub",
                ClaimFault::Empty,
            ),
            (r#"{"jti":[7]}"#, "jti", ClaimFault::Text),
            (r#"{"aud":["a",7]}"#, "aud", ClaimFault::Audience),
            (r#"{"aud":7}"#, "aud", ClaimFault::Audience),
            (
                r#"{"isAnonymous":"perhaps"}"#,
                "isAnonymous",
                ClaimFault::Flag,
            ),
        ] {
            assert_eq!(read(claims), Err(fault.of(name)), "{claims}");
        }
        let said = ClaimFault::Time.of("exp").to_string();
        assert_eq!(said, "the claim \"exp\" is not a number of seconds");
    }
}
