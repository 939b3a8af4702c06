//! The programs around the nodes: where they are, who may run them, and that they end.
//!
//! In the path: `postgres`, `broker` and `balancer` start theirs with it. `cargo xtask` installs what is missing and names it
//! in a variable; without one, it is looked for where Debian puts it.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::load::server::cpu_seconds;

/// A database that repairs itself after `kill -9` takes its time on a busy disk.
const ANSWERS_WITHIN: Duration = Duration::from_mins(1);
const ENDS_WITHIN: Duration = Duration::from_secs(20);
/// Between two tries to connect.
const LOOK: Duration = Duration::from_millis(20);
/// Debian keeps PostgreSQL's programs in a folder for each version.
const POSTGRESQL_VERSIONS: &str = "/usr/lib/postgresql";

/// The program of this name: the one that `variable` names, the first on PATH, or where Debian puts it.
pub(super) fn find(variable: &str, name: &str) -> anyhow::Result<PathBuf> {
    if let Some(chosen) = std::env::var_os(variable) {
        return Ok(chosen.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir(POSTGRESQL_VERSIONS);
    let versions = versions.into_iter().flatten().flatten();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/bin"].map(PathBuf::from))
        .chain(versions.map(|version| version.path().join("bin")))
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .with_context(|| format!("{name} is not installed; `cargo xtask cluster` installs it"))
}

/// A command for a program that the kernel kills when we end, however we end. `setpriv` (of util-linux, which every Linux
/// has) asks the kernel for that and becomes the program.
pub(super) fn ends_with_us(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

/// A running program with its port on 127.0.0.1.
pub(super) struct Program {
    name: &'static str,
    port: u16,
    child: Child,
}

impl Program {
    /// Starts it with its output in `log`, and waits until it answers on its port.
    pub(super) async fn start(
        name: &'static str,
        port: u16,
        log: &Path,
        command: &mut Command,
    ) -> anyhow::Result<Self> {
        let file = File::options().create(true).append(true).open(log)?;
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true);
        let child = command.spawn();
        let child = child.with_context(|| format!("{name} cannot be started"))?;
        let mut program = Self { name, port, child };
        let by = Instant::now() + ANSWERS_WITHIN;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if let Some(status) = program.child.try_wait()? {
                let said = fs::read_to_string(log).unwrap_or_default();
                bail!("{name} ended with {status}: {}", said.trim());
            }
            if Instant::now() > by {
                bail!("{name} does not answer, see {}", log.display());
            }
            sleep(LOOK).await;
        }
        Ok(program)
    }

    /// Its port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Its process number.
    pub(super) fn pid(&self) -> anyhow::Result<u32> {
        let pid = self.child.id();
        pid.with_context(|| format!("{} has ended", self.name))
    }

    /// Seconds of CPU that it and its children have used. PostgreSQL works in children.
    pub(super) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let own = self.pid()?.to_string();
        let mut sum = 0.0;
        for process in fs::read_dir("/proc")?.flatten() {
            // A process may end while the list is read.
            let Ok(stat) = fs::read_to_string(process.path().join("stat")) else {
                continue;
            };
            let parent = stat.rsplit_once(") ");
            let parent = parent.and_then(|(_, rest)| rest.split(' ').nth(1));
            if process.file_name() == *own || parent == Some(&own) {
                sum += cpu_seconds(&stat).context("/proc cannot be read")?;
            }
        }
        Ok(sum)
    }

    /// `kill -9`.
    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
        let killed = self.child.kill().await;
        killed.with_context(|| format!("{} cannot be killed", self.name))
    }

    /// Ends it politely, by a signal it understands as that.
    pub(super) async fn end(&mut self, signal: &str) -> anyhow::Result<()> {
        if let Some(pid) = self.child.id() {
            Command::new("kill")
                .args([signal, &pid.to_string()])
                .status()
                .await?;
            let ended = timeout(ENDS_WITHIN, self.child.wait()).await;
            ended.with_context(|| format!("{} does not end", self.name))??;
        }
        Ok(())
    }
}

/// PostgreSQL refuses to run as root: then it runs as the user of its package, or as nobody. User and group.
pub(super) fn other_user() -> anyhow::Result<Option<(u32, u32)>> {
    if fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let found = ["postgres", "nobody"]
        .iter()
        .find_map(|name| ids(&users, name));
    Ok(Some(found.context("there is no user for PostgreSQL")?))
}

fn ids(users: &str, wanted: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let mut ids = fields.skip(1).map(str::parse);
        (name == wanted).then(|| Some((ids.next()?.ok()?, ids.next()?.ok()?)))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_in_the_list() {
        let users = "root:x:0:0:root:/root:/bin/sh\npostgres:x:104:108:,,,:/var/lib:/bin/bash\n";
        assert_eq!(ids(users, "postgres"), Some((104, 108)));
        assert_eq!(ids(users, "nobody"), None);
    }
}
