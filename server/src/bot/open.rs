//! From a bot's configuration to what answers.
//!
//! In the path: the state opens every bot at the start and after SIGHUP; `parlour bot try` and `config check` open one.

use std::sync::Arc;

use super::kore_webhook::KoreWebhookBot;
use super::{Bot, BotError, OpenAi, ScriptedBot};
use crate::config;
use crate::outbound::Outbound;

/// What answers for this bot: its connector, else its script. With both, the script is asked first, and what it has no
/// rule for goes to the connector.
///
/// # Errors
/// What is wrong with its script or its connector's settings, before anybody is asked.
pub fn open(bot: &config::Bot, outbound: &Outbound) -> Result<Arc<dyn Bot>, BotError> {
    let connector = connector(bot, outbound)?;
    Ok(match (bot.script_file(), connector) {
        (Some(file), then) => Arc::new(ScriptedBot::open_before(&file, then)?),
        (None, Some(connector)) => connector,
        (None, None) => Arc::new(ScriptedBot::demo()?),
    })
}

/// The bot elsewhere, if there is one: the configuration has at most one table of this kind.
fn connector(bot: &config::Bot, outbound: &Outbound) -> Result<Option<Arc<dyn Bot>>, BotError> {
    if let Some(openai) = &bot.openai {
        return Ok(Some(Arc::new(OpenAi::open(openai, outbound)?)));
    }
    if let Some(hook) = &bot.kore_webhook {
        return Ok(Some(Arc::new(KoreWebhookBot::open(hook, outbound)?)));
    }
    Ok(None)
}
