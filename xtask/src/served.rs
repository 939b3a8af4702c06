//! The built server, started for a measurement with an empty data folder, and ended when dropped.
//!
//! In the path: `size` needs a page exactly as a visitor gets it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::workspace::Workspace;

/// A first start makes keys and a database; on a slow disk that takes a while.
const DEADLINE: Duration = Duration::from_secs(30);
/// What the server says when it is ready, before its address.
const READY: &str = "listening on http://";
/// Between two looks at what it says.
const POLL: Duration = Duration::from_millis(20);

/// A running server.
pub(crate) struct Served {
    child: Child,
    /// Host and port.
    pub(crate) address: String,
    data: PathBuf,
}

impl Served {
    /// Starts this server on a free port with the release site.
    pub(crate) fn start(workspace: &Workspace, program: &Path) -> anyhow::Result<Self> {
        let data = workspace
            .target
            .join(format!("xtask-data-{}", std::process::id()));
        let log = workspace.target.join("xtask-logs").join("served.log");
        fs::create_dir_all(log.with_file_name(""))?;
        let output = File::create(&log)?;
        let child = Command::new(program)
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .arg("--site")
            .arg(workspace.site())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("the server cannot be started")?;
        let mut served = Self {
            child,
            address: String::new(),
            data,
        };
        let started = Instant::now();
        loop {
            let said = fs::read_to_string(&log)?;
            if let Some(address) = address(&said) {
                address.clone_into(&mut served.address);
                return Ok(served);
            }
            let waiting = served.child.try_wait()?.is_none() && started.elapsed() < DEADLINE;
            ensure!(waiting, "the server does not get ready. {}", said.trim());
            sleep(POLL);
        }
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

/// The address in the line that says that the server is ready; none while the line is being written.
fn address(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once(READY)?;
    let (address, _) = rest.split_once(['/', '\n', ' '])?;
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_the_whole_ready_line_only() {
        let said = "page http://127.0.0.1:4000/chat/demo\nlistening on http://[::1]:40";
        assert_eq!(address(said), None);
        assert_eq!(address(&format!("{said}00\n")), Some("[::1]:4000"));
        assert_eq!(
            address("listening on http://[::1]:80/ now"),
            Some("[::1]:80")
        );
    }
}
