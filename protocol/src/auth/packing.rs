//! An assertion with something around it. A website's backend may hand over what it got around the token, or something
//! else instead of the token.

/// What stands where a token should be. It never holds the token itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Packing {
    /// `Bearer eyJ…`.
    #[error("it begins with \"Bearer\"")]
    Bearer,
    /// Nothing but blanks.
    #[error("it is empty")]
    Empty,
    /// `<!doctype html>`: a login or an error page.
    #[error("it is an HTML page")]
    Html,
    /// `{"jwt":"eyJ…"}`.
    #[error("it is a JSON document")]
    Json,
    /// `"eyJ…"`.
    #[error("it stands in quotes")]
    Quotes,
}

impl Packing {
    /// The name of this case in an event of the loader.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Empty => "empty",
            Self::Html => "html",
            Self::Json => "json",
            Self::Quotes => "quotes",
        }
    }
}

/// The token without the blanks around it. The platform decides whether the token is valid.
///
/// ```
/// use protocol::auth::{Packing, unpacked};
/// assert_eq!(unpacked(" eyJh.eyJp.c2ln\n"), Ok("eyJh.eyJp.c2ln"));
/// assert_eq!(unpacked("\"eyJh.eyJp.c2ln\""), Err(Packing::Quotes));
/// ```
///
/// # Errors
/// What stands there instead of a token.
pub fn unpacked(text: &str) -> Result<&str, Packing> {
    // Files of some editors begin with U+FEFF.
    let token = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let scheme = token.get(.."bearer".len());
    let is_bearer = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"));
    match token.as_bytes() {
        [] => Err(Packing::Empty),
        [b'<', ..] => Err(Packing::Html),
        [b'{' | b'[', ..] => Err(Packing::Json),
        [b'"' | b'\'' | b'`', ..] => Err(Packing::Quotes),
        _ if is_bearer && !is_word(token) => Err(Packing::Bearer),
        _ => Ok(token),
    }
}

/// Whether the text goes on after "bearer" without a blank. Then "bearer" is not the scheme.
fn is_word(token: &str) -> bool {
    let next = token.as_bytes().get("bearer".len());
    next.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_is_told_from_a_token() {
        for (text, packing) in [
            ("", Packing::Empty),
            (" \r\n\u{feff}", Packing::Empty),
            ("\"a.b.c\"", Packing::Quotes),
            (" 'a.b.c'\n", Packing::Quotes),
            ("Bearer a.b.c", Packing::Bearer),
            ("bearer\ta.b.c", Packing::Bearer),
            ("BEARER: a.b.c", Packing::Bearer),
            ("bearer", Packing::Bearer),
            ("{\"jwt\":\"a.b.c\"}", Packing::Json),
            ("\n{ }", Packing::Json),
            ("[object Object]", Packing::Json),
            ("<!DOCTYPE html><title>Log in</title>", Packing::Html),
            ("\u{feff}<html>", Packing::Html),
        ] {
            assert_eq!(unpacked(text), Err(packing), "{text:?}");
        }
        for (text, token) in [
            ("a.b.c", "a.b.c"),
            ("\u{feff} a.b.c\r\n", "a.b.c"),
            ("bearers.b.c", "bearers.b.c"),
            ("certainly not a jwt", "certainly not a jwt"),
        ] {
            assert_eq!(unpacked(text), Ok(token), "{text:?}");
        }
    }
}
