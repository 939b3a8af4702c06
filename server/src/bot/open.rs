//! From a bot's configuration to what answers.
//!
//! In the path: the state opens every bot at the start and after SIGHUP; `parlour bot try` and `config check` open one.

use std::net::SocketAddr;
use std::sync::Arc;

use secrecy::SecretString;

use super::bot_framework::{BotFramework, Callbacks};
use super::botkit::BotKit;
use super::direct_line::DirectLine;
use super::kore_webhook::KoreWebhookBot;
use super::{AgUi, AiSdk, Bot, BotError, N8n, OpenAi, Rasa, ScriptedBot, Webhook};
use crate::clock::Clock;
use crate::config::{self, BaseUrl, Config};
use crate::outbound::Outbound;

/// What bots are opened with.
#[derive(Clone)]
pub struct Surroundings {
    /// What they are asked with.
    pub outbound: Outbound,
    /// Where those answer that call.
    pub callbacks: Callbacks,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where this server is reached.
    pub public_url: Option<BaseUrl>,
    /// Where it listens.
    pub listen: SocketAddr,
}

impl Surroundings {
    /// Those of a server. `secret`: the addresses for callbacks are signed with a key that is made of it.
    pub fn new(config: &Config, secret: &SecretString, clock: Arc<dyn Clock>) -> Self {
        Self {
            outbound: Outbound::new(Arc::clone(&clock)),
            callbacks: Callbacks::new(secret),
            clock,
            public_url: config.server.public_url.clone(),
            listen: config.server.listen,
        }
    }

    /// Where a bot reaches this server, with a slash at the end: what its settings say, else the public address, else
    /// this machine.
    pub fn reached_at(&self, configured: Option<&BaseUrl>) -> String {
        match configured.or(self.public_url.as_ref()) {
            Some(url) => url.as_str().to_owned(),
            None if self.listen.ip().is_unspecified() => {
                format!("http://localhost:{}/", self.listen.port())
            }
            None => format!("http://{}/", self.listen),
        }
    }
}

/// What answers for this bot: its connector, else its script. With both, the script is asked first, and what it has no
/// rule for goes to the connector.
///
/// # Errors
/// What is wrong with its script or its connector's settings, before anybody is asked.
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

/// The bot elsewhere, if there is one: the configuration has at most one table of this kind.
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

/// The script that a `BotKit` app asks: only one that is named.
fn script_behind(bot: &config::Bot) -> Result<Option<Arc<dyn Bot>>, BotError> {
    let Some(file) = bot.script_file() else {
        return Ok(None);
    };
    Ok(Some(Arc::new(ScriptedBot::open(&file)?)))
}
