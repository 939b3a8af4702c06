//! `parlour token sign` makes an assertion by hand, to try an app or for a script. `parlour token check` says why an
//! assertion is refused, in clearer words than the platform may use.
//!
//! Invariants: neither command prints or makes a secret, because no server would know it. A checked assertion is
//! described by its claims, and not repeated.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use serde_json::{Map, Value};

use super::say;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, ConfigError, Sources};
use crate::first_start::find_demo;
use crate::ids::{Ids as _, RandomIds};
use crate::limits::ASSERTION_BYTES;
use crate::signing::{
    AssertionError, Identity, KeyTable, Policy, Signed, identity_fits, sign as sign_assertion,
    verify,
};
use crate::start_error::StartError;

/// The most bytes that are read: more than any assertion that the platform accepts.
const MOST: u64 = 2 * ASSERTION_BYTES as u64;

/// The configuration of the server that runs, or ran, on the folder.
fn load(sources: &Sources) -> Result<Config, ConfigError> {
    let mut config = Config::load(sources)?;
    find_demo(&mut config)?;
    Ok(config)
}

/// What the assertion says.
#[derive(Debug, Args)]
pub(super) struct Sign {
    /// Client id of the app
    #[arg(long, value_name = "CLIENT_ID")]
    app: String,
    /// Whom it speaks for: an e-mail address or any stable id
    #[arg(long)]
    identity: String,
    /// Refuse unless the app may open this bot
    #[arg(long, value_name = "BOT_ID")]
    bot: Option<String>,
    /// Mark the identity as a passing one
    #[arg(long)]
    anonymous: bool,
    /// Audience [default: the first of tokens.audience]
    #[arg(long)]
    audience: Option<String>,
}

pub(super) fn sign(args: &Sign, sources: &Sources) -> Result<(), StartError> {
    let config = load(sources)?;
    let at = |what: String| StartError::from(config.at(&format!("apps.{}", args.app), what));
    let app = config.apps.get(&args.app).ok_or_else(|| {
        let known: Vec<&str> = config.apps.keys().map(String::as_str).collect();
        at(format!(
            "there is no such app; --app takes one of {}",
            known.join(", ")
        ))
    })?;
    if let Some(bot) = args.bot.as_ref().filter(|bot| !app.opens(bot)) {
        return Err(at(format!(
            "it may not open the bot `{bot}`; add it to `bots`"
        )));
    }
    if !identity_fits(&args.identity) {
        return Err(at(
            "--identity has 1 to 256 characters and no control characters".to_owned(),
        ));
    }
    let table = KeyTable::load(&config)?;
    let key = table
        .app(&args.app)
        .and_then(|keys| keys.signer())
        .ok_or_else(|| {
            at(
                "it has no key that signs; add one with `secret_file` or `private_key_file`"
                    .to_owned(),
            )
        })?;
    let policy = Policy::from(&config.tokens);
    let audience = policy
        .audience_for(args.audience.as_deref())
        .ok_or_else(|| {
            StartError::from(config.at("tokens.audience", "--audience must be one of this list"))
        })?;
    let what = Signed {
        app: &args.app,
        identity: &Identity {
            subject: args.identity.clone(),
            anonymous: args.anonymous,
        },
        audience,
        jti: RandomIds.uuid(),
        now: SystemClock.now(),
    };
    say(&sign_assertion(key, &policy, what).map_err(|error| at(error.to_string()))?);
    Ok(())
}

/// The assertion to check.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The assertion; `-` reads it from the standard input, which keeps it out of the shell's history
    #[arg(value_name = "TOKEN", allow_hyphen_values = true)]
    token: String,
}

/// Prints what the assertion claims and whether it is valid. `false`: it is refused.
pub(super) fn check(args: &Check, sources: &Sources) -> Result<bool, StartError> {
    let config = load(sources)?;
    let table = KeyTable::load(&config)?;
    let policy = Policy::from(&config.tokens);
    let token = if args.token == "-" {
        std::io::read_to_string(std::io::stdin().take(MOST))
            .map_err(|error| StartError::Listen(format!("cannot read the token ({error})")))?
    } else {
        args.token.clone()
    };
    let token = token.trim();
    let mut parts = token.split('.').map(readable);
    for name in ["header", "claims"] {
        if let Some(part) = parts.next().flatten() {
            say(&format!("{name} {part:#}"));
        }
    }
    match verify(&table, &policy, token, SystemClock.now()) {
        Ok(verified) => {
            say(&format!(
                "valid: the app {} vouches for {}",
                verified.app, verified.identity.subject
            ));
            if verified.jti.is_some() {
                say("it works once; whether it was used is known to the server only");
            }
            Ok(true)
        }
        Err(error) => {
            say(&format!("refused: {error}: {}", remedy(&error)));
            Ok(false)
        }
    }
}

/// One part of the token as JSON, without proof.
fn readable(part: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    let object: Map<String, Value> = protocol::json::from_bytes(&bytes).ok()?;
    Some(Value::Object(object))
}

/// What the operator can do about it. The platform's answer tells a stranger less.
fn remedy(error: &AssertionError) -> &'static str {
    match error {
        AssertionError::Malformed => "it is no JWT of three parts with a plain header",
        AssertionError::UnknownKey => {
            "`iss` (or `kore_iss`) names no app here, or `kid` none of its keys; correct it or add the key"
        }
        AssertionError::Credentials => "none of the app's keys with this `kid` and `alg` signed it",
        AssertionError::Packed(_) => "it needs no quotes, no scheme and no JSON around it",
        AssertionError::Claims(_) => "it needs iss, sub, aud, iat and exp, each in its type",
        AssertionError::Expired => "sign a new one",
        AssertionError::NotActive => {
            "`iat` or `nbf` lies in the future; correct the signer's clock"
        }
        AssertionError::TooLong => "sign it for a shorter time (tokens.assertion_max_life)",
        AssertionError::Audience => "`aud` must be one of tokens.audience",
        AssertionError::JtiLife => "sign it for an hour at most, or without `jti`",
        AssertionError::Replay => "it was used before; sign a new one",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;
    use crate::signing::install_crypto;

    #[test]
    fn a_signed_assertion_holds_and_a_changed_one_does_not() {
        install_crypto();
        let data = std::env::temp_dir().join(format!("parlour-token-{}", RandomIds.uuid()));
        let sources = Sources {
            flags: Flags {
                data: Some(data),
                ..Flags::default()
            },
            ..Sources::default()
        };
        let mut config = Config::load(&sources).unwrap();
        crate::first_start::prepare(&mut config, &RandomIds).unwrap();
        let table = KeyTable::load(&config).unwrap();
        let policy = Policy::from(&config.tokens);
        let what = Signed {
            app: "cs-demo",
            identity: &Identity {
                subject: "ann".to_owned(),
                anonymous: false,
            },
            audience: policy.audience_for(None).unwrap(),
            jti: RandomIds.uuid(),
            now: SystemClock.now(),
        };
        let key = table.app("cs-demo").unwrap().signer().unwrap();
        let token = sign_assertion(key, &policy, what).unwrap();
        let holds = |token: String| check(&Check { token }, &sources).unwrap();
        assert!(holds(token.clone()));
        assert!(!holds(format!("{token}x")));
        assert!(!holds("nonsense".to_owned()));
    }

    #[test]
    fn nothing_is_made_where_no_server_was() {
        let data = std::env::temp_dir().join(format!("parlour-token-{}", RandomIds.uuid()));
        let sources = Sources {
            flags: Flags {
                data: Some(data.clone()),
                ..Flags::default()
            },
            ..Sources::default()
        };
        let ann = Sign {
            app: "cs-demo".to_owned(),
            identity: "ann".to_owned(),
            bot: None,
            anonymous: false,
            audience: None,
        };
        let token = "a.b.c".to_owned();
        let signed = sign(&ann, &sources).unwrap_err().to_string();
        let checked = check(&Check { token }, &sources).unwrap_err().to_string();
        for error in [signed, checked] {
            assert!(error.contains("there is no"), "{error}");
            assert!(error.contains("--data"), "{error}");
        }
        assert!(!data.exists());
    }
}
