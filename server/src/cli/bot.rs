//! `parlour bot try`: one turn of a bot by hand, without a server and without a visitor.
//!
//! In the path: it opens the bots as a start would, asks one of them, and prints what was sent and what came back.
//!
//! Invariants: nothing is stored. Secrets are masked: headers that hold one, and the query of an address.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use http::StatusCode;
use protocol::content::Content;
use protocol::reply::BotMessage;

use super::say;
use crate::bot::{Answers, Bot, BotError, Progress, Surroundings, Turn, TurnKind, Visitor};
use crate::clock::SystemClock;
use crate::config::{Config, ConfigError, Sources};
use crate::first_start::visitor_secret;
use crate::ids::{Ids as _, RandomIds};
use crate::outbound::{Sent, Watch};
use crate::records::Owner;
use crate::start_error::StartError;
use crate::state::open_bots;

/// Of a longer body only the beginning is printed.
const SHOWN_BYTES: usize = 8 * 1024;

/// What replaces a secret.
const MASK: &str = "•••";

#[derive(Debug, Subcommand)]
pub(super) enum BotCommand {
    /// Send one message to a bot, and print what went out and what came back; exit code 1: it gave no answer
    Try(Try),
}

#[derive(Debug, Args)]
pub(super) struct Try {
    /// The bot's id in the configuration
    #[arg(value_name = "BOT_ID")]
    bot: String,
    /// What is said to it; without it the bot is told that a session has begun
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// The visitor's language
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
}

/// Gives whether the bot has answered.
pub(super) fn run(command: &BotCommand, sources: &Sources) -> Result<bool, StartError> {
    let BotCommand::Try(asked) = command;
    let config = Config::load(sources)?;
    let mut around = surroundings(&config)?;
    around.outbound = around.outbound.watched(Arc::new(Printed));
    let bot = open_bots(&config, &around)?.remove(&asked.bot);
    let bot = bot.ok_or_else(|| {
        let known: Vec<&str> = config.bots.keys().map(String::as_str).collect();
        let known = if known.is_empty() {
            "none is configured".to_owned()
        } else {
            known.join(", ")
        };
        ConfigError::of(&asked.bot, format!("there is no such bot (bots: {known})"))
    })?;
    Ok(super::runtime()?.block_on(ask(bot.as_ref(), asked)))
}

/// Checks every bot once, and prints a line for each. Gives whether all of them answered.
pub(super) fn check_all(config: &Config) -> Result<bool, StartError> {
    let around = surroundings(config)?;
    let bots = open_bots(config, &around)?;
    let mut all = true;
    let runtime = super::runtime()?;
    for id in config.bots.keys() {
        let Some(bot) = bots.get(id) else { continue };
        let begun = Instant::now();
        match runtime.block_on(bot.check()) {
            Ok(()) => say(&format!("{id}: is there ({})", seconds(begun.elapsed()))),
            Err(error) => {
                all = false;
                say(&format!("{id}: {}", in_full(&error)));
            }
        }
    }
    Ok(all)
}

/// The surroundings without a running server.
pub(super) fn surroundings(config: &Config) -> Result<Surroundings, StartError> {
    // Nobody listens at the addresses that it would sign.
    let secret = visitor_secret(config)?.unwrap_or_default();
    Ok(Surroundings::new(config, &secret, Arc::new(SystemClock)))
}

async fn ask(bot: &dyn Bot, asked: &Try) -> bool {
    let mut answers = Answers::new();
    let mut progress = answers.progress();
    let begun = Instant::now();
    let outcome = {
        let mut answer = bot.answer(turn(asked), &mut answers);
        let mut printed = Pieces::default();
        loop {
            tokio::select! {
                biased;
                Ok(()) = progress.changed() => printed.print(&progress.borrow_and_update(), begun.elapsed()),
                outcome = &mut answer => {
                    printed.print(&progress.borrow_and_update(), begun.elapsed());
                    break outcome;
                }
            }
        }
    };
    let took = seconds(begun.elapsed());
    if let Err(error) = outcome.and_then(|()| answers.end()) {
        say(&format!("✗ {took}  {}", in_full(&error)));
        return false;
    }
    let effects = answers.effects().clone();
    let bodies = answers.into_bodies();
    if bodies.is_empty() {
        say(&format!(
            "= {took}  it says nothing in this turn (a bot that answers later does so through the running server)"
        ));
    }
    for body in bodies {
        let Ok(message) = serde_json::from_str::<BotMessage>(&body) else {
            continue;
        };
        let content = Content::of_bot_message(&message);
        let buttons: Vec<_> = content
            .buttons()
            .iter()
            .map(|button| format!("[{}]", button.title))
            .collect();
        say(&format!(
            "= {took}  {} {}",
            content.plain_text(),
            buttons.join(" ")
        ));
    }
    if let Some(owner) = effects.owner {
        say(&format!("= {took}  hands the conversation over: {owner:?}"));
    }
    if effects.closes {
        say(&format!("= {took}  ends the session"));
    }
    if effects.tokens > 0 {
        say(&format!("= {took}  {} tokens", effects.tokens));
    }
    true
}

fn turn(asked: &Try) -> Turn {
    let name = RandomIds.uuid();
    Turn {
        bot: asked.bot.clone(),
        app: "cs-try".to_owned(),
        visitor: Visitor {
            id: format!("u-{name}"),
            identity: "parlour bot try".to_owned(),
            profile: None,
        },
        conversation: format!("cv-{name}"),
        session_id: format!("ss-{name}"),
        kind: match &asked.text {
            Some(text) => TurnKind::text(text),
            None => TurnKind::Connect,
        },
        idempotence_key: format!("tn-{name}"),
        attempt: 0,
        owner: Owner::Bot,
        language: asked.language.clone(),
        recent: Vec::new(),
        state: None,
    }
}

fn in_full(error: &BotError) -> String {
    let status = error.status();
    let status = status.map_or(String::new(), |status| format!(", status {status}"));
    format!("{error} [{}{status}]", error.class().word())
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

/// What was printed of the streaming answers.
#[derive(Default)]
struct Pieces {
    answers: usize,
    bytes: usize,
    doing: Option<String>,
}

impl Pieces {
    fn print(&mut self, progress: &Progress, after: Duration) {
        if progress.doing != self.doing {
            self.doing.clone_from(&progress.doing);
            if let Some(doing) = &self.doing {
                say(&format!("… {}  {doing}", seconds(after)));
            }
        }
        for (number, answer) in progress.answers.iter().enumerate() {
            if number + 1 > self.answers {
                (self.answers, self.bytes) = (number + 1, 0);
            }
            if number + 1 == self.answers && answer.text.len() > self.bytes {
                let piece = answer.text.get(self.bytes..).unwrap_or_default();
                say(&format!("+ {}  {piece:?}", seconds(after)));
                self.bytes = answer.text.len();
            }
        }
    }
}

/// Prints calls to the standard output.
struct Printed;

impl Watch for Printed {
    fn sent(&self, call: &Sent<'_>) {
        let url = call.address.url();
        let query = if url.query().is_some() { "?" } else { "" };
        let hidden = if query.is_empty() { "" } else { MASK };
        let mut out = std::io::stdout().lock();
        // It is not an error if nobody reads it.
        let _ = writeln!(
            out,
            "→ {} {}{}{query}{hidden}",
            call.method,
            call.address.authority(),
            url.path()
        );
        for (name, value) in call.headers {
            let value = match value.to_str() {
                Ok(value) if !value_is_secret(name.as_str(), call) => value,
                _ => MASK,
            };
            let _ = writeln!(out, "  {name}: {value}");
        }
        let shown = &call.body[..call.body.len().min(SHOWN_BYTES)];
        for line in String::from_utf8_lossy(shown).lines() {
            let _ = writeln!(out, "  {line}");
        }
        if shown.len() < call.body.len() {
            let _ = writeln!(out, "  … {} bytes in all", call.body.len());
        }
    }

    fn answered(&self, status: StatusCode, content_type: &str, after: Duration) {
        let code = status.as_u16();
        say(&format!("← {code} {content_type} after {}", seconds(after)));
    }
}

/// Whether a value of this header is marked as secret.
fn value_is_secret(name: &str, call: &Sent<'_>) -> bool {
    let mut values = call.headers.get_all(name).iter();
    values.any(http::HeaderValue::is_sensitive)
}
