//! The bot that answers from a script file.
//!
//! In the path: the default bot. The format of the file is documented in `demo.script.toml`, which
//! is compiled in and answers where no other file is configured.
//!
//! Invariant: a broken file never silences the bot: the last good script goes on answering, and
//! the mistake is told once, with its line.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;

use super::script::{Script, Spoken};
use super::{Answers, Bot, BotError, Turn, TurnKind};

/// The script that is compiled in.
pub const DEMO_SCRIPT: &str = include_str!("../../demo.script.toml");

/// A larger script is a mistake in the path.
const MAX_SCRIPT_BYTES: u64 = 1024 * 1024;

/// A [`Bot`] that answers from a script.
#[derive(Debug)]
pub struct ScriptedBot {
    /// `None`: the script was compiled in and never changes.
    path: Option<PathBuf>,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    script: Arc<Script>,
    /// The state of the file when it was last read, good or bad.
    seen: Option<Stamp>,
}

/// What changes when a file is written: its time and its length.
type Stamp = (SystemTime, u64);

impl ScriptedBot {
    /// The demo.
    ///
    /// # Errors
    /// None in a released program: a test reads the script that is compiled in.
    pub fn demo() -> Result<ScriptedBot, BotError> {
        let script = parse("demo.script.toml", DEMO_SCRIPT)?;
        Ok(ScriptedBot {
            path: None,
            current: Mutex::new(Current { script, seen: None }),
        })
    }

    /// A script of the operator's; read again whenever the file changes.
    ///
    /// # Errors
    /// [`BotError::Unreadable`] or [`BotError::Script`]: there is no last good one yet.
    pub fn open(path: &Path) -> Result<ScriptedBot, BotError> {
        let seen = stamp(path);
        let script = read(path)?;
        let current = Mutex::new(Current { script, seen });
        Ok(ScriptedBot {
            path: Some(path.to_owned()),
            current,
        })
    }

    /// The script to answer from; looks whether the file has changed.
    fn script(&self) -> Arc<Script> {
        if let Some(path) = &self.path {
            let seen = stamp(path);
            // A file that is gone for a moment (an editor replaces it) is no change.
            if seen.is_some()
                && seen != self.lock().seen
                && let Err(error) = self.reload()
            {
                tracing::warn!(%error, "the last good script goes on answering");
            }
        }
        Arc::clone(&self.lock().script)
    }

    /// On an error the last good script stays.
    pub(super) fn reload(&self) -> Result<(), BotError> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        // Stamp first: a file that changes while it is read is read once more.
        let seen = stamp(path);
        let script = read(path);
        let mut current = self.lock();
        current.seen = seen;
        current.script = script?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Bot for ScriptedBot {
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError> {
        let said = match &turn.kind {
            TurnKind::Connect => self.script().greet(),
            TurnKind::Message { body, .. } => self.script().reply(body),
            TurnKind::Close => Vec::new(),
        };
        for one in said {
            match one {
                Spoken::Whole(message) => answers.push(&message)?,
                Spoken::Streamed(text, pace) => {
                    for word in text.split_inclusive(char::is_whitespace) {
                        answers.write(word)?;
                        tokio::time::sleep(pace).await;
                    }
                    answers.end()?;
                }
            }
        }
        Ok(())
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

fn read(path: &Path) -> Result<Arc<Script>, BotError> {
    let name = path.display().to_string();
    let unreadable = |reason: String| BotError::Unreadable {
        path: name.clone(),
        reason,
    };
    let found = fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if found.len() > MAX_SCRIPT_BYTES {
        return Err(unreadable(format!(
            "it is larger than {MAX_SCRIPT_BYTES} bytes"
        )));
    }
    let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    parse(&name, &text)
}

fn parse(name: &str, text: &str) -> Result<Arc<Script>, BotError> {
    Script::parse(text)
        .map(Arc::new)
        .map_err(|mistake| BotError::Script {
            path: name.to_owned(),
            line: mistake.line,
            reason: mistake.reason,
        })
}
