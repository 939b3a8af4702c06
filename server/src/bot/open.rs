//! From a bot's configuration to what answers.
//!
//! In the path: the state opens every bot at the start and after SIGHUP; `parlour bot try` and `config check` open one.

use std::sync::Arc;

use super::{Bot, BotError, ScriptedBot};
use crate::config;

/// What answers for this bot: its connector, else its script. With both, the script is asked first, and what it has no
/// rule for goes to the connector.
///
/// # Errors
/// What is wrong with its script or its connector's settings, before anybody is asked.
pub fn open(bot: &config::Bot) -> Result<Arc<dyn Bot>, BotError> {
    Ok(Arc::new(match bot.script_file() {
        Some(file) => ScriptedBot::open(&file)?,
        None => ScriptedBot::demo()?,
    }))
}
