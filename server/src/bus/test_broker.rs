//! A real broker for tests: Debian's `nats-server` or `redis-server` on a free port, in a folder that goes away.
//!
//! In the path: the tests of the bus, and those of the whole server (`tests/it`), which include this file.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::test_port::free_port;

/// Longer than any broker takes to start.
const SOON: Duration = Duration::from_mins(1);

/// A broker of the test's own.
pub(crate) struct TestBroker {
    /// `nats-server` or `redis-server`.
    pub(crate) program: &'static str,
    /// Its port on 127.0.0.1: the same after a restart.
    pub(crate) port: u16,
    /// Its files.
    pub(crate) folder: PathBuf,
    more: Vec<String>,
    encrypted: bool,
    child: Option<Child>,
}

impl TestBroker {
    /// NATS, with more arguments.
    pub(crate) fn nats(more: &[&str]) -> Self {
        Self::start_new("nats-server", more, false)
    }

    /// NATS that speaks TLS only, with the certificate for `localhost` in `server/src/testdata`.
    pub(crate) fn encrypted_nats() -> Self {
        Self::start_new("nats-server", &[], true)
    }

    /// Redis that speaks TLS only, with the same certificate.
    pub(crate) fn encrypted_redis() -> Self {
        Self::start_new("redis-server", &[], true)
    }

    /// Redis, with more arguments.
    pub(crate) fn redis(more: &[&str]) -> Self {
        Self::start_new("redis-server", more, false)
    }

    fn start_new(program: &'static str, more: &[&str], encrypted: bool) -> Self {
        let port = free_port();
        let folder =
            std::env::temp_dir().join(format!("parlour-broker-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let more = more.iter().map(|it| (*it).to_owned()).collect();
        let mut broker = Self {
            program,
            port,
            folder,
            more,
            encrypted,
            child: None,
        };
        broker.start();
        broker
    }

    /// Starts it (again), and waits until it answers.
    pub(crate) fn start(&mut self) {
        let port = self.port.to_string();
        // The kernel kills the broker when the test ends, however that ends: `setpriv` asks for that, and becomes the broker.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .arg(find(self.program));
        let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/testdata");
        let [certificate, key, authority] =
            ["localhost.cert.pem", "localhost.private.pem", "ca.cert.pem"]
                .map(|name| testdata.join(name).display().to_string());
        if self.program == "nats-server" {
            command.args(["-a", "127.0.0.1", "-p", &port]);
            if self.encrypted {
                command.args(["--tls", "--tlscert", &certificate, "--tlskey", &key]);
            }
        } else {
            command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
            if self.encrypted {
                command.args(["--port", "0", "--tls-port", &port]);
                command.args(["--tls-auth-clients", "no", "--tls-ca-cert-file", &authority]);
                command.args(["--tls-cert-file", &certificate, "--tls-key-file", &key]);
            } else {
                command.args(["--port", &port]);
            }
        }
        command
            .args(&self.more)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn();
        self.child = Some(child.unwrap_or_else(|e| panic!("{} does not start: {e}", self.program)));
        let until = Instant::now() + SOON;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "{} does not answer", self.program);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// It lives, and does nothing: what a cut network looks like.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// It goes on.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.expect("kill is there").success());
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The one that a variable names (`NATS_SERVER`, `REDIS_SERVER`), one on PATH, or where Debian puts what only root has on PATH.
fn find(program: &str) -> PathBuf {
    let variable = program.to_uppercase().replace('-', "_");
    if let Some(chosen) = std::env::var_os(variable) {
        return chosen.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/bin"].map(PathBuf::from));
    let mut programs = folders.map(|folder| folder.join(program));
    programs.find(|it| Path::is_file(it)).unwrap_or_else(|| {
        panic!(
            "{program} is not installed, and the bus is tested on a real one: `cargo xtask test --only setup` installs it, \
             or apt-get install -y {program}"
        )
    })
}
