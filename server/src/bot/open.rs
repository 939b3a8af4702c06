//! Makes the bot from its configuration.
//!
//! In the path: `state` opens every bot at the start and after SIGHUP. `parlour bot try` and `config check` open one.

use std::sync::Arc;

use super::bot_framework::BotFramework;
use super::botkit::BotKit;
use super::direct_line::DirectLine;
use super::kore_webhook::KoreWebhookBot;
use super::surroundings::Surroundings;
use super::{AgUi, AiSdk, Bot, BotError, N8n, OpenAi, Rasa, ScriptedBot, Webhook};
use crate::config;

/// The bot: its connector, or else its script. With both, the script is asked first, and the connector answers what the
/// script has no rule for.
///
/// # Errors
/// What is wrong with its script or its connector's settings. Nothing is called.
pub fn open(id: &str, bot: &config::Bot, around: &Surroundings) -> Result<Arc<dyn Bot>, BotError> {
    if let Some(botkit) = &bot.botkit {
        // The app comes first here, and asks the script.
        let opened = BotKit::open(id, botkit, script_behind(bot)?, around)?;
        return Ok(Arc::new(opened));
    }
    let connector = connector(id, bot, around)?;
    Ok(match (bot.script_file(), connector) {
        (Some(file), then) => Arc::new(ScriptedBot::open_before(&file, then)?),
        (None, Some(connector)) => connector,
        (None, None) => Arc::new(ScriptedBot::demo()?),
    })
}

/// The connector, if there is one. The configuration has at most one table of this kind.
fn connector(
    id: &str,
    bot: &config::Bot,
    around: &Surroundings,
) -> Result<Option<Arc<dyn Bot>>, BotError> {
    if let Some(openai) = &bot.openai {
        return Ok(Some(Arc::new(OpenAi::open(openai, &around.outbound)?)));
    }
    if let Some(webhook) = &bot.webhook {
        return Ok(Some(Arc::new(Webhook::open(id, bot, webhook, around)?)));
    }
    if let Some(n8n) = &bot.n8n {
        return Ok(Some(Arc::new(N8n::open(n8n, &around.outbound)?)));
    }
    if let Some(rasa) = &bot.rasa {
        return Ok(Some(Arc::new(Rasa::open(rasa, &around.outbound)?)));
    }
    if let Some(hook) = &bot.kore_webhook {
        return Ok(Some(Arc::new(KoreWebhookBot::open(
            hook,
            &around.outbound,
        )?)));
    }
    if let Some(settings) = &bot.bot_framework {
        return Ok(Some(Arc::new(BotFramework::open(id, settings, around)?)));
    }
    if let Some(settings) = &bot.direct_line {
        return Ok(Some(Arc::new(DirectLine::open(id, settings, around)?)));
    }
    if let Some(ag_ui) = &bot.ag_ui {
        return Ok(Some(Arc::new(AgUi::open(ag_ui, &around.outbound)?)));
    }
    if let Some(ai_sdk) = &bot.ai_sdk {
        return Ok(Some(Arc::new(AiSdk::open(ai_sdk, &around.outbound)?)));
    }
    Ok(None)
}

/// The script that a `BotKit` app asks: only if the configuration names one.
fn script_behind(bot: &config::Bot) -> Result<Option<Arc<dyn Bot>>, BotError> {
    let Some(file) = bot.script_file() else {
        return Ok(None);
    };
    Ok(Some(Arc::new(ScriptedBot::open(&file)?)))
}
