//! A real PostgreSQL for tests, in a temporary folder, that ends with the test program. The integration tests use this file,
//! too.
//!
//! `cargo xtask setup` installs Debian's package where there is none.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::test_port::free_port;

/// Starts it and says so; at the end of its input, which is the end of the test program however it ends, stops it and
/// removes the folder. It has a process group of its own, because a test program may be killed together with its group.
const KEEPER: &str = r#"
    "$1/pg_ctl" -D data -l log -w -t 120 -o "$2" start >start 2>&1 && echo ready || echo no
    cat >/dev/null
    "$1/pg_ctl" -D data -m immediate -w stop >stop 2>&1
    rm -rf "$3"
"#;

/// Not for data that matters: nothing waits for the disk.
const SETTINGS: &str = "-h '' -c fsync=off -c full_page_writes=off -c max_connections=400 \
     -c shared_buffers=64MB -c max_wal_size=1GB -c log_min_messages=warning";

/// A server that runs.
pub(crate) struct TestServer {
    folder: PathBuf,
    /// With TLS: the port on 127.0.0.1.
    port: Option<u16>,
    programs: PathBuf,
    /// Ends when its input does.
    _keeper: Child,
}

impl TestServer {
    /// A new one, without databases.
    ///
    /// # Panics
    /// PostgreSQL is not installed or does not start.
    pub(crate) fn start() -> Self {
        Self::start_with(None)
    }

    /// One that listens on 127.0.0.1, too, and encrypts there with the certificate for `localhost` in `server/src/testdata`.
    pub(crate) fn start_encrypted() -> Self {
        let port = free_port();
        Self::start_with(Some(port))
    }

    fn start_with(port: Option<u16>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let programs = programs();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("parlour-pg-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        drop(fs::remove_dir_all(&folder));
        fs::create_dir(&folder).expect("a temporary folder");
        if let Some((user, group)) = other_user() {
            chown(&folder, Some(user), Some(group)).expect("the folder is given to its user");
        }
        let mut initdb = command(&programs.join("initdb"), &folder);
        initdb.args(["-D", "data", "-U", "parlour", "-A", "trust", "-E", "UTF8"]);
        initdb.args(["--locale=C", "--no-sync"]);
        run(&mut initdb);
        let mut keeper = command(Path::new("sh"), &folder);
        let mut settings = format!("{SETTINGS} -k '{}'", folder.display());
        if let Some(port) = port {
            put_certificate(&folder);
            settings.push_str(" -c ssl=on -c ssl_cert_file=../localhost.cert.pem");
            settings.push_str(" -c ssl_key_file=../localhost.private.pem");
            let _ = write!(settings, " -h 127.0.0.1 -p {port}");
        }
        keeper
            .process_group(0)
            .args(["-c", KEEPER, "keeper"])
            .args([&programs, Path::new(&settings), &folder])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut keeper = keeper.spawn().expect("sh starts");
        let mut said = String::new();
        let output = keeper.stdout.take().expect("it is piped");
        BufReader::new(output)
            .read_line(&mut said)
            .expect("it says something or ends");
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert_eq!(said, "ready\n", "PostgreSQL does not start: {}", log());
        Self {
            folder,
            port,
            programs,
            _keeper: keeper,
        }
    }

    /// A new database, like `template` where there is one.
    pub(crate) fn database(&self, template: Option<&str>) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut createdb = self.client("createdb");
        createdb.args(["-T", template.unwrap_or("template0"), &name]);
        run(&mut createdb);
        name
    }

    /// Where to connect to.
    pub(crate) fn address(&self, database: &str) -> String {
        let folder = self.folder.display();
        let port = self.port.unwrap_or(5432);
        format!("host={folder} port={port} user=parlour dbname={database}")
    }

    /// Runs statements as the operator.
    pub(crate) fn sql(&self, database: &str, statements: &str) -> String {
        let mut psql = self.client("psql");
        psql.args(["-d", database, "-Atqc", statements]);
        run(&mut psql)
    }

    /// A program of PostgreSQL that knows where the server is.
    fn client(&self, program: &str) -> Command {
        let mut client = command(&self.programs.join(program), &self.folder);
        client.arg("-h").arg(&self.folder).args(["-U", "parlour"]);
        client.args(["-p", &self.port.unwrap_or(5432).to_string()]);
        client
    }

    /// Where to connect to with TLS, under this name.
    pub(crate) fn encrypted_address(&self, host: &str, database: &str) -> String {
        let port = self.port.expect("it was started with TLS");
        format!("host={host} hostaddr=127.0.0.1 port={port} user=parlour dbname={database}")
    }

    /// Ends all of its processes at once, with what they were doing.
    pub(crate) fn kill(&self) {
        self.signal("-9");
    }

    /// All of its processes stand still.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// They go on.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let file = fs::read_to_string(self.folder.join("data/postmaster.pid"));
        let file = file.expect("it runs");
        let postmaster = file.lines().next().expect("a number").to_owned();
        // `pid (name) state parent …`; the name is `postgres`.
        let parent = |pid: &str| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            Some(stat.split(' ').nth(3)?.to_owned())
        };
        let processes = fs::read_dir("/proc").expect("processes").flatten();
        let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
        let children = names.filter(|pid| parent(pid).as_ref() == Some(&postmaster));
        let children: Vec<String> = children.collect();
        // A child may have ended by itself meanwhile.
        let mut kill = Command::new("kill");
        kill.arg(signal).arg(&postmaster).args(children);
        let told = kill.output().expect("kill is there").stderr;
        let told = String::from_utf8_lossy(&told);
        let mut missed = told.split(|it: char| !it.is_ascii_digit());
        assert!(missed.all(|pid| pid != postmaster), "{told}");
    }

    /// Starts it after [`TestServer::kill`].
    pub(crate) fn start_again(&self) {
        // Processes of before may need a moment to notice that they are orphans.
        let settings = format!("{SETTINGS} -k '{}'", self.folder.display());
        let started = (0..50).any(|_| {
            let mut start = command(&self.programs.join("pg_ctl"), &self.folder);
            start.args(["-D", "data", "-l", "log", "-w", "-o", &settings, "start"]);
            let start = start.stdout(Stdio::null()).stderr(Stdio::null());
            start.status().is_ok_and(|status| status.success())
        });
        assert!(started, "PostgreSQL does not start again");
    }
}

/// The certificate and its key, which PostgreSQL wants to have for itself.
fn put_certificate(folder: &Path) {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/testdata");
    for name in ["localhost.cert.pem", "localhost.private.pem"] {
        let file = folder.join(name);
        fs::copy(testdata.join(name), &file).expect("is copied");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("is its owner's");
        if let Some((user, group)) = other_user() {
            chown(&file, Some(user), Some(group)).expect("is given to its user");
        }
    }
}

/// A program in that folder, as the user who may run PostgreSQL.
fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    if let Some((user, group)) = other_user() {
        command.uid(user).gid(group);
    }
    command
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("the program is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// PostgreSQL refuses to run as root: then it runs as the user of its package, or as nobody.
fn other_user() -> Option<(u32, u32)> {
    let me = fs::metadata("/proc/self").expect("a process").uid();
    if me != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("a list of users");
    let find = |name: &str| {
        users.lines().find_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            let [user, _, id, group, ..] = fields.as_slice() else {
                return None;
            };
            (*user == name).then(|| Some((id.parse().ok()?, group.parse().ok()?)))?
        })
    };
    let found = find("postgres").or_else(|| find("nobody"));
    Some(found.expect("a user who is not root"))
}

/// The newest that is installed.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| {
            let number = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin")))
        })
        .filter(|(_, folder)| folder.join("initdb").exists())
        .collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = || std::env::split_paths(&path).find(|folder| folder.join("initdb").exists());
    let newest = found.pop().map(|(_, folder)| folder);
    newest.or_else(on_path).expect(
        "PostgreSQL is not installed, and these tests need it: run `cargo xtask test --only test`, which installs it, or `apt-get install postgresql`",
    )
}
