//! The real program, for what only a process does: signals, locks, a database that two of them use.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use server::ids::{Ids as _, RandomIds};

/// The real program in a folder of its own; both are gone with the test.
pub(crate) struct Program {
    folder: PathBuf,
    child: Child,
    said: std::io::Lines<BufReader<std::process::ChildStdout>>,
    log: std::io::Lines<BufReader<std::process::ChildStderr>>,
    address: String,
}

impl Program {
    /// Starts it on a free port; waits until it listens.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_told(folder, &[])
    }

    /// With variables of its environment.
    pub(crate) fn start_told(folder: &Path, variables: &[(&str, PathBuf)]) -> Self {
        let mut child = parlour_in(folder)
            .args(["--listen", "127.0.0.1:0"])
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = said
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.strip_prefix("listening on http://")?.to_owned()))
            .expect("it listens");
        Self {
            folder: folder.to_owned(),
            child,
            said,
            log,
            address,
        }
    }

    /// Ends it without a word (SIGKILL).
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Sends SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.signal("-HUP");
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for a line that begins so, and gives the rest of it.
    pub(crate) fn says(&mut self, beginning: &str) -> String {
        let mut lines = self.said.by_ref().map_while(Result::ok);
        lines
            .find_map(|line| Some(line.strip_prefix(beginning)?.to_owned()))
            .expect("it says so")
    }

    /// Waits for a line of the log.
    pub(crate) fn logs(&mut self, words: &str) -> String {
        let mut lines = self.log.by_ref().map_while(Result::ok);
        lines
            .find(|line| line.contains(words))
            .expect("it is logged")
    }

    /// The status of a GET.
    pub(crate) fn status(&self, path: &str) -> String {
        self.status_with(path, &[])
    }

    /// With lines of headers.
    pub(crate) fn status_with(&self, path: &str, headers: &[&str]) -> String {
        status_at(&self.address, path, headers)
    }
}

/// The status of a GET of whoever listens there.
pub(crate) fn status_at(host: &str, path: &str, headers: &[&str]) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let lines = [headers, &["", ""]].concat().join("\r\n");
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {host}\r\n{lines}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The program in this folder, with its usual file and data there.
pub(crate) fn parlour_in(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlour"));
    command.current_dir(folder);
    command
}

/// An empty folder.
pub(crate) fn new_folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("parlour-program-{}", RandomIds.uuid()));
    std::fs::create_dir(&folder).unwrap();
    folder
}
