//! The built server, started for a measurement with an empty data folder, and ended when dropped.
//!
//! In the path: `size` needs a page exactly as a visitor gets it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::workspace::Workspace;

/// A first start makes keys and a database; on a slow disk that takes a while.
const DEADLINE: Duration = Duration::from_secs(30);
/// What the server says when it is ready, before its address.
const READY: &str = "listening on http://";

/// A running server.
pub(crate) struct Served {
    child: Child,
    /// Host and port.
    pub(crate) address: String,
    data: PathBuf,
}

impl Served {
    /// Starts the release server on a free port with the release site.
    pub(crate) fn start(workspace: &Workspace) -> anyhow::Result<Self> {
        let data = workspace
            .target
            .join(format!("xtask-data-{}", std::process::id()));
        let log = workspace.target.join("xtask-logs").join("served.log");
        fs::create_dir_all(log.with_file_name(""))?;
        let mut child = Command::new(workspace.server())
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .arg("--site")
            .arg(workspace.site())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()
            .context("the server cannot be started")?;
        let output = child
            .stdout
            .take()
            .context("the server has no standard output")?;
        let mut served = Self {
            child,
            address: String::new(),
            data,
        };
        let (say, heard) = channel();
        // Reads to the end: a server whose output nobody reads would stop at a full pipe.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(address) = address(&line) {
                    drop(say.send(address));
                }
            }
        });
        served.address = match heard.recv_timeout(DEADLINE) {
            Ok(address) => address,
            Err(RecvTimeoutError::Timeout) => {
                bail!(
                    "the server did not say '{READY}…' within {} s",
                    DEADLINE.as_secs()
                )
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = served.child.wait()?;
                let said = fs::read_to_string(&log).unwrap_or_default();
                bail!("the server ended at once ({status}). {}", said.trim())
            }
        };
        Ok(served)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Each fails only when there is nothing left to end or to remove.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.data));
    }
}

/// The address in the line that says that the server is ready.
pub(crate) fn address(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(READY)?;
    let end = rest
        .find(|c: char| c == '/' || c.is_whitespace())
        .unwrap_or(rest.len());
    Some(rest[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_the_ready_line_only() {
        assert_eq!(
            address("listening on http://127.0.0.1:4000"),
            Some("127.0.0.1:4000".into())
        );
        assert_eq!(
            address("  listening on http://[::1]:80/ now"),
            Some("[::1]:80".into())
        );
        assert_eq!(address("page http://127.0.0.1:4000/chat/demo"), None);
    }
}
