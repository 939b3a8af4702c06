//! `parlour token sign`: an assertion by hand, to try an app or to script against it.

use clap::Args;

use super::{load, say};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Sources;
use crate::ids::{Ids as _, RandomIds};
use crate::signing::{Identity, KeyTable, Policy, Signed, identity_fits, sign as sign_assertion};
use crate::state::StartError;

/// Whose assertion.
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
    let (config, _) = load(sources)?;
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
