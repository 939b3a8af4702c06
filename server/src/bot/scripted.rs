//! The bot that answers from a script file.
//!
//! In the path: the default bot. The format of the file is documented in `demo.script.toml`, which
//! is compiled in and answers where no other file is configured.
//!
//! Invariant: a broken file never silences the bot. The last good script goes on answering, and the mistake is logged
//! once, with its line.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio::time::Instant;

use super::script::{Script, Spoken};
use super::{Answers, Bot, BotError, Patience, Recent, Turn, TurnKind};
use crate::records::Owner;

/// The script that is compiled in.
pub const DEMO_SCRIPT: &str = include_str!("../../demo.script.toml");

/// The largest script. A larger file means a mistake in the path.
const MAX_SCRIPT_BYTES: u64 = 1024 * 1024;

/// Between two looks at the file. Looking at every message was a part of what a message costs.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A [`Bot`] that answers from a script.
pub struct ScriptedBot {
    /// The bot that gets what the script has no rule for.
    then: Option<Arc<dyn Bot>>,
    /// `None`: the script was compiled in and never changes.
    path: Option<PathBuf>,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    script: Arc<Script>,
    /// The state of the file when it was last read, good or bad.
    seen: Option<Stamp>,
    /// When somebody last looked at the file.
    looked: Instant,
}

impl Current {
    fn new(script: Arc<Script>, seen: Option<Stamp>) -> Mutex<Current> {
        let looked = Instant::now();
        Mutex::new(Current {
            script,
            seen,
            looked,
        })
    }

    /// Whether to look at the file again. Of those who ask together, one is told to.
    fn is_due(&mut self) -> bool {
        let due = self.looked.elapsed() >= LOOK_EVERY;
        if due {
            self.looked = Instant::now();
        }
        due
    }
}

/// A change of the file changes its time or its length.
type Stamp = (SystemTime, u64);

impl ScriptedBot {
    /// The demo.
    ///
    /// # Errors
    /// None in a released program, because a test reads this script.
    pub fn demo() -> Result<ScriptedBot, BotError> {
        let script = parse("demo.script.toml", DEMO_SCRIPT)?;
        Ok(ScriptedBot {
            then: None,
            path: None,
            current: Current::new(script, None),
        })
    }

    /// A script of the operator's. It is read again soon after the file has changed.
    ///
    /// # Errors
    /// [`BotError::Unreadable`] or [`BotError::Script`], because there is no last good script yet.
    pub fn open(path: &Path) -> Result<ScriptedBot, BotError> {
        Self::open_before(path, None)
    }

    /// A script in front of another bot. That bot gets what no rule matches, and the welcome if the script has no
    /// greeting. Such a script needs no `[fallback]`.
    ///
    /// # Errors
    /// As [`ScriptedBot::open`].
    pub fn open_before(path: &Path, then: Option<Arc<dyn Bot>>) -> Result<ScriptedBot, BotError> {
        let seen = stamp(path);
        let script = read(path, then.is_some())?;
        Ok(ScriptedBot {
            then,
            path: Some(path.to_owned()),
            current: Current::new(script, seen),
        })
    }

    /// The script to answer from. It checks now and then whether the file has changed.
    fn script(&self) -> Arc<Script> {
        if let Some(path) = &self.path
            && self.lock().is_due()
        {
            let seen = stamp(path);
            // A file that is gone for a moment, because an editor replaces it, has not changed.
            if seen.is_some()
                && seen != self.lock().seen
                && let Err(error) = self.reload()
            {
                tracing::warn!(%error, "the last good script goes on answering");
            }
        }
        Arc::clone(&self.lock().script)
    }

    /// After an error the last good script stays.
    pub(super) fn reload(&self) -> Result<(), BotError> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        // The stamp comes first, so that a file that changes while it is read is read once more.
        let seen = stamp(path);
        let script = read(path, self.then.is_some());
        let mut current = self.lock();
        current.seen = seen;
        current.script = script?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the answers, each at its pace.
async fn say(said: Vec<Spoken>, answers: &mut Answers) -> Result<(), BotError> {
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

/// The answers that take no time. `None`: one of them streams.
fn whole(said: Vec<Spoken>) -> Option<Answers> {
    let mut answers = Answers::new();
    for one in said {
        match one {
            Spoken::Whole(message) => answers.push(&message).ok()?,
            Spoken::Streamed(..) => return None,
        }
    }
    Some(answers)
}

#[async_trait]
impl Bot for ScriptedBot {
    async fn answer(&self, turn: Turn, answers: &mut Answers) -> Result<(), BotError> {
        let script = self.script();
        let said = match &turn.kind {
            TurnKind::Connect => Some(script.greet()).filter(|said| !said.is_empty()),
            // The visitor speaks to a person, and not to the script.
            TurnKind::Message { .. } if turn.owner != Owner::Bot => None,
            TurnKind::Message { body, .. } => script.reply(body),
            TurnKind::Close => None,
        };
        match (said, &self.then) {
            (Some(said), _) => say(said, answers).await,
            (None, Some(then)) => then.answer(turn, answers).await,
            (None, None) => match &turn.kind {
                TurnKind::Message { body, .. } => say(script.at_a_loss(body), answers).await,
                TurnKind::Connect | TurnKind::Close => Ok(()),
            },
        }
    }

    /// A script in front of another bot is asked by turns, because turns are counted.
    fn at_once(&self, text: &str) -> Option<Answers> {
        if self.then.is_some() {
            return None;
        }
        let script = self.script();
        let said = script.reply(text);
        whole(said.unwrap_or_else(|| script.at_a_loss(text)))
    }

    fn greets_at_once(&self) -> Option<Answers> {
        if self.then.is_some() {
            return None;
        }
        whole(self.script().greet())
    }

    fn recent(&self) -> Recent {
        self.then
            .as_ref()
            .map(|then| then.recent())
            .unwrap_or_default()
    }

    fn patience(&self) -> Patience {
        let then = self.then.as_ref();
        then.map(|then| then.patience()).unwrap_or_default()
    }

    fn carries_to_agents(&self) -> bool {
        self.then
            .as_ref()
            .is_some_and(|then| then.carries_to_agents())
    }

    async fn check(&self) -> Result<(), BotError> {
        match &self.then {
            Some(then) => then.check().await,
            None => Ok(()),
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

fn read(path: &Path, in_front: bool) -> Result<Arc<Script>, BotError> {
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
    let script = parse(&name, &text)?;
    if !in_front && !script.has_fallback() {
        return Err(BotError::Script {
            path: name,
            line: 1,
            reason: "it has no [fallback]: add what is said to a message that no rule hears"
                .to_owned(),
        });
    }
    Ok(script)
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
