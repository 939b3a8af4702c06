//! The server under test: its folder, its configuration, its life, and what the kernel counts of it.
//!
//! In the path: every mode of `load` and every story of `crash` starts one, on loopback only.
//!
//! **Invariants.** Nothing is left behind: the process ends with this value. The address stays the same over restarts, as it
//! does for real clients. Each wait has a deadline.

use std::fs::{self, File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::port::free_port;

/// A restart of the server reads the log of the database; on a busy disk that takes a while.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// The server promises to be gone ten seconds after SIGTERM; a little more, so that a late one is measured.
const ENDED_WITHIN: Duration = Duration::from_secs(15);
/// What a program says when it is ready, before its address.
pub(crate) const LISTENING: &str = "listening on http://";
/// `utime` and `stime` count in these: Linux says 100 a second to every program, whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;
/// What the kernel calls a page of memory does not matter here: `VmRSS` is in these.
const KIB: u64 = 1024;

/// The app and the bot that every visitor uses.
pub(crate) const APP: &str = "cs-load";
/// The bot that answers with what it heard.
pub(crate) const BOT: &str = "st-load";
/// Its page.
pub(crate) const PAGE: &str = "/chat/load";
/// Known to anybody who reads this: the server listens on loopback and lives for a minute.
pub(crate) const SECRET: &str = "of-a-measurement-on-loopback-only";

/// Of `[server]`. Limits by address and identity are on and checked, but higher than one machine can ask.
pub(crate) const LIMITS: &str = "\
max_connections = 0
max_sockets_per_address = 0
";

/// The app, the bot and the rest.
const SECTIONS: &str = r#"
[apps.cs-load]
bots = ["st-load"]
[[apps.cs-load.keys]]
kid = "load-1"
algorithm = "HS256"
secret = "of-a-measurement-on-loopback-only"
[bots.st-load]
page = "load"
name = "Echo"
ANSWERS
[rate]
sign_address_burst = 10000000
sign_address_per_minute = 10000000
sign_app_burst = 10000000
sign_app_per_minute = 10000000
sign_identity_burst = 10000000
sign_identity_per_minute = 10000000
platform_address_burst = 10000000
platform_address_per_minute = 10000000
platform_token_burst = 10000000
platform_token_per_minute = 10000000
grant_identity_burst = 10000000
grant_identity_per_minute = 10000000
page_address_burst = 10000000
page_address_per_minute = 10000000
user_messages_per_day = 1000000000
user_bytes_per_day = "1024GiB"
address_messages_per_day = 1000000000
address_bytes_per_day = "1024GiB"
[log]
level = "warn"
"#;

/// A story fills the disk to the last byte.
const STORE: &str = r#"
[store]
keep_free = "0"
"#;

/// What answers: the script that lies beside the configuration.
pub(crate) const SCRIPTED: &str = "script = \"echo.script.toml\"";

const SCRIPT: &str = r#"
[[greeting]]
say = "Welcome"
[fallback]
say = "echo {text}"
"#;

/// All but `[server]` and `[store]`, with what the bot's section says about what answers.
pub(crate) fn sections(answers: &str) -> String {
    SECTIONS.replace("ANSWERS", answers)
}

/// Where everything of one run lies; removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// An empty one below the target folder, for a bot that answers from a script.
    pub(crate) fn make(target: &Path, name: &str) -> anyhow::Result<Self> {
        let path = target.join(format!("xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("data"))?;
        fs::write(path.join("echo.script.toml"), SCRIPT)?;
        let folder = Self(path);
        folder.set_bot(SCRIPTED)?;
        Ok(folder)
    }

    /// Another bot for the next start: what its section says about what answers.
    pub(crate) fn set_bot(&self, answers: &str) -> anyhow::Result<()> {
        self.configure(&format!("[server]\n{LIMITS}{STORE}{}", sections(answers)))
    }

    /// Writes the whole configuration for the next start.
    pub(crate) fn configure(&self, config: &str) -> anyhow::Result<()> {
        Ok(fs::write(self.file("parlour.toml"), config)?)
    }

    /// The server's data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// A file beside it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Only fails when somebody was faster.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// What is needed to start it, once and again.
pub(crate) struct Setup {
    /// The release server.
    pub(crate) binary: PathBuf,
    /// Configuration and data.
    pub(crate) folder: Folder,
    /// Where it writes its log.
    pub(crate) log: PathBuf,
    /// A command that starts the command behind it, such as `strace -o FILE`.
    pub(crate) before: Vec<String>,
    /// The site that it serves. Default: its own.
    pub(crate) site: Option<PathBuf>,
}

/// A running server.
pub(crate) struct Server {
    setup: Setup,
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts one on a free port.
    pub(crate) async fn start(setup: Setup) -> anyhow::Result<Self> {
        if let Some(folder) = setup.log.parent() {
            fs::create_dir_all(folder)?;
        }
        File::create(&setup.log)?;
        let listen = format!("127.0.0.1:{}", free_port()?);
        let (child, address) = launch(&setup, &listen).await?;
        Ok(Self {
            setup,
            child,
            address,
        })
    }

    /// Starts the next process on the same folder and port, once the last has ended.
    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        (self.child, self.address) = launch(&self.setup, &self.address.to_string()).await?;
        Ok(())
    }

    /// The next start is without the command in front.
    pub(crate) fn next_without_prefix(&mut self) {
        self.setup.before.clear();
    }

    /// What it was started with.
    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Whether the process lives.
    pub(crate) fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// `kill -9`: no chance to tidy up.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.child
            .kill()
            .await
            .context("the server cannot be killed")
    }

    /// SIGTERM, as a deploy does; waits for the exit. How it ended, and how long that took.
    pub(crate) async fn terminate(&mut self) -> anyhow::Result<(ExitStatus, Duration)> {
        let started = Instant::now();
        let pid = self.pid()?.to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await?;
        if !sent.success() {
            bail!("SIGTERM could not be sent to the server");
        }
        let status = timeout(ENDED_WITHIN, self.child.wait())
            .await
            .with_context(|| {
                format!(
                    "the server did not end within {} s of SIGTERM",
                    ENDED_WITHIN.as_secs()
                )
            })??;
        Ok((status, started.elapsed()))
    }

    /// Its process number.
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the server has ended")
    }

    /// Seconds of CPU that it has used, in all its threads.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = self.proc("stat")?;
        cpu_seconds(&stat).context("/proc/PID/stat cannot be read")
    }

    /// Bytes of its memory that are in RAM.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        let status = self.proc("status")?;
        resident_bytes(&status).context("/proc/PID/status cannot be read")
    }

    /// Files and sockets that it has open.
    pub(crate) fn descriptors(&self) -> anyhow::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.pid()?))?.count())
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.pid()?);
        fs::read_to_string(&path)
            .with_context(|| format!("{path} cannot be read; the figures need Linux"))
    }
}

async fn launch(setup: &Setup, listen: &str) -> anyhow::Result<(Child, SocketAddr)> {
    let mut words = setup.before.iter().map(AsRef::as_ref).collect::<Vec<_>>();
    words.push(setup.binary.as_os_str());
    let (program, rest) = words.split_first().context("no program")?;
    let log = OpenOptions::new().append(true).open(&setup.log)?;
    let mut command = Command::new(program);
    command
        .args(rest)
        .arg("--config")
        .arg(setup.folder.file("parlour.toml"))
        .arg("--data")
        .arg(setup.folder.data())
        .args(["--listen", listen])
        .stderr(log);
    if let Some(site) = &setup.site {
        command.arg("--site").arg(site);
    }
    started(&mut command).await.with_context(|| {
        let said = fs::read_to_string(&setup.log).unwrap_or_default();
        format!("the server did not start. {}", said.trim())
    })
}

/// Starts a program that says where it listens.
pub(crate) async fn started(command: &mut Command) -> anyhow::Result<(Child, SocketAddr)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let output = child.stdout.take().context("no standard output")?;
    let mut lines = BufReader::new(output).lines();
    let ready = async {
        while let Some(line) = lines.next_line().await? {
            if let Some(address) = address(&line) {
                return Ok(address.parse::<SocketAddr>()?);
            }
        }
        bail!("it ended at once")
    };
    let address = timeout(READY_WITHIN, ready)
        .await
        .context("it did not get ready in time")??;
    // The few lines that still come fit into the pipe; nobody needs to read them.
    Ok((child, address))
}

/// The address in the line that says that the server is ready.
fn address(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(LISTENING)?;
    rest.split(['/', ' ']).next()
}

/// Fields 14 and 15; the second field, the name in brackets, may hold blanks.
pub(crate) fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * KIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_figures_are_read() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 4 0 100 1 1 18446744073709551615";
        assert!((cpu_seconds(stat).unwrap() - 3.0).abs() < f64::EPSILON);
        assert_eq!(cpu_seconds("7 (a"), None);
        assert_eq!(
            resident_bytes("Name:\tx\nVmRSS:\t    2048 kB\n"),
            Some(2 << 20)
        );
        assert_eq!(resident_bytes("Name:\tx\n"), None);
    }

    #[test]
    fn the_address_is_found_in_the_ready_line_only() {
        let found = address("listening on http://127.0.0.1:4000/ now");
        assert_eq!(found, Some("127.0.0.1:4000"));
        assert_eq!(address("page http://127.0.0.1:4000/chat/demo"), None);
    }

    #[test]
    fn the_configuration_has_the_names_that_visitors_use() {
        assert!(SECTIONS.contains(&format!("[apps.{APP}]")));
        assert!(SECTIONS.contains(&format!("[bots.{BOT}]")));
        assert!(SECTIONS.contains(&format!("secret = \"{SECRET}\"")));
    }
}
