//! Runs a long command so that a person sees that it lives. The standard library starts it; the rest (a line each minute, the end of
//! a log) no library for processes does.
//!
//! In the path: every task that starts a program and waits for it.
//!
//! **Invariants.** A command that fails always says which one and with which code; a captured one shows its last lines.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How often a long step says that it still runs.
const HEARTBEAT: Duration = Duration::from_mins(1);
/// How much of a failed step's output is shown; the whole stays in its file.
const SHOWN_LINES: usize = 120;

/// Runs `command` with the terminal's own output, a line before and one after.
pub(crate) fn stream(title: &str, command: &mut Command) -> anyhow::Result<()> {
    println!("==> {title}");
    let started = Instant::now();
    let heartbeat = Heartbeat::start(title, None);
    let status = wait(command);
    heartbeat.stop();
    finished(title, status?, started)?;
    println!("    {title}: done in {}", elapsed(started));
    Ok(())
}

/// Runs `command` with its output in `log`; returns that output. On failure the end of it is printed.
pub(crate) fn capture(title: &str, log: &Path, command: &mut Command) -> anyhow::Result<String> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file);
    let started = Instant::now();
    let heartbeat = Heartbeat::start(title, Some(log.to_owned()));
    let status = wait(command);
    heartbeat.stop();
    let text = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    let status = status?;
    if !status.success() {
        println!("{}", tail(&text, SHOWN_LINES));
        println!("    (all of it: {})", log.display());
    }
    finished(title, status, started)?;
    Ok(text)
}

/// Seconds since `started`, for people.
pub(crate) fn elapsed(started: Instant) -> String {
    let seconds = started.elapsed().as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        let whole = started.elapsed().as_secs();
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}

fn wait(command: &mut Command) -> anyhow::Result<ExitStatus> {
    let program = command.get_program().to_string_lossy().into_owned();
    command
        .status()
        .with_context(|| format!("{program} cannot be started"))
}

fn finished(title: &str, status: ExitStatus, started: Instant) -> anyhow::Result<()> {
    if !status.success() {
        bail!("{title} failed ({status}) after {}", elapsed(started));
    }
    Ok(())
}

/// The last `count` lines.
fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// The line that says most about where a command is: the last one that is not blank.
fn last_line(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = text.unwrap_or_default();
    let line = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    line.trim().chars().take(100).collect()
}

/// A thread that speaks once a minute until it is stopped.
struct Heartbeat {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Heartbeat {
    fn start(title: &str, log: Option<PathBuf>) -> Self {
        let (stop, stopped) = channel::<()>();
        let title = title.to_owned();
        let started = Instant::now();
        let thread = thread::spawn(move || {
            while stopped.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
                let at = log.as_deref().map(last_line).unwrap_or_default();
                println!("    … {title}, {} so far. {at}", elapsed(started));
            }
        });
        Self { stop, thread }
    }

    fn stop(self) {
        drop(self.stop);
        // The thread only prints; when it ended early there is nothing to tell.
        drop(self.thread.join());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_is_an_error_that_names_it() {
        let error = stream("listing", &mut Command::new("false")).unwrap_err();
        assert!(error.to_string().starts_with("listing failed"), "{error}");
        let error = stream("nothing", &mut Command::new("/no/such/program")).unwrap_err();
        assert!(error.to_string().contains("/no/such/program"), "{error}");
    }

    #[test]
    fn only_the_end_of_a_long_output_is_shown() {
        assert_eq!(tail("a\nb\nc", 2), "b\nc");
        assert_eq!(tail("a", 2), "a");
    }
}
