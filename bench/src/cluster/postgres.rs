//! The PostgreSQL of a cluster: durable, as in production, in the folder of the run.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use tokio::process::Command;

use super::programs::{Program, ends_with_us, find, other_user};
use crate::port::free_port;

/// Three nodes with 16 connections each, and room for a person who looks.
const SETTINGS: [&str; 3] = ["max_connections=120", "shared_buffers=64MB", "fsync=on"];
/// The database, and the user who owns it.
const NAME: &str = "parlour";

/// See the [module](self).
pub(crate) struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    program: Program,
}

impl Postgres {
    /// An empty one in `folder`, which it makes.
    pub(super) async fn start(folder: PathBuf) -> anyhow::Result<Self> {
        // Its neighbours are where it is, not where a link to it is.
        let programs = fs::canonicalize(find("INITDB", "initdb")?)?;
        let programs = programs.parent().context("no folder")?.to_owned();
        fs::create_dir_all(&folder)?;
        if let Some((user, group)) = other_user()? {
            chown(&folder, Some(user), Some(group))?;
        }
        let port = free_port()?;
        let mut initdb = command(&programs, "initdb", &folder)?;
        initdb.args(["-D", "data", "-U", NAME, "-A", "trust"]);
        initdb.args(["-E", "UTF8", "--locale=C", "--no-sync"]);
        said(&mut initdb).await?;
        let program = launch(&programs, &folder, port).await?;
        let mut createdb = command(&programs, "createdb", &folder)?;
        createdb.args(["-h", "127.0.0.1", "-U", NAME, "-p", &port.to_string()]);
        said(createdb.arg(NAME)).await?;
        Ok(Self {
            folder,
            programs,
            port,
            program,
        })
    }

    /// Its port on 127.0.0.1.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// For `store.url`.
    pub(super) fn url(&self) -> String {
        format!("postgres://{NAME}@127.0.0.1:{}/{NAME}", self.port)
    }

    /// What runs.
    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    /// `kill -9` of the postmaster and of all that work for it.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        let postmaster = self.program.pid()?;
        let all = Command::new("pkill")
            .args(["-9", "-P", &postmaster.to_string()])
            .status();
        self.program.kill().await?;
        all.await?;
        Ok(())
    }

    /// Starts it again after [`Postgres::kill`] or [`Postgres::end`].
    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        self.program = launch(&self.programs, &self.folder, self.port).await?;
        Ok(())
    }

    /// Ends it as a service manager does (fast shutdown).
    pub(crate) async fn end(&mut self) -> anyhow::Result<()> {
        self.program.end("-INT").await
    }

    /// What a query gives, as the operator sees it.
    pub(crate) async fn query(&self, sql: &str) -> anyhow::Result<String> {
        let mut psql = command(&self.programs, "psql", &self.folder)?;
        psql.args(["-h", "127.0.0.1", "-U", NAME, "-d", NAME]);
        psql.args(["-p", &self.port.to_string(), "-Atqc", sql]);
        said(&mut psql).await
    }
}

async fn launch(programs: &Path, folder: &Path, port: u16) -> anyhow::Result<Program> {
    let mut postgres = user(ends_with_us(&programs.join("postgres")), folder)?;
    postgres.args(["-D", "data", "-h", "127.0.0.1", "-p", &port.to_string()]);
    postgres.arg("-k").arg(folder);
    for setting in SETTINGS {
        postgres.args(["-c", setting]);
    }
    let log = folder.join("log");
    let program = Program::start("PostgreSQL", port, &log, &mut postgres).await?;
    ready(programs, folder, port).await?;
    Ok(program)
}

/// It listens before it has repaired itself.
async fn ready(programs: &Path, folder: &Path, port: u16) -> anyhow::Result<()> {
    let mut isready = command(programs, "pg_isready", folder)?;
    isready.args(["-q", "-h", "127.0.0.1", "-t", "1", "-p", &port.to_string()]);
    for _ in 0..600 {
        if isready.status().await?.success() {
            return Ok(());
        }
        tokio::time::sleep(super::LOOK).await;
    }
    anyhow::bail!("PostgreSQL does not get ready")
}

/// A program of PostgreSQL in that folder, as the user who may run it.
fn command(programs: &Path, name: &str, folder: &Path) -> anyhow::Result<Command> {
    user(Command::new(programs.join(name)), folder)
}

fn user(mut command: Command, folder: &Path) -> anyhow::Result<Command> {
    command.current_dir(folder).stdin(Stdio::null());
    if let Some((user, group)) = other_user()? {
        command.uid(user).gid(group);
    }
    Ok(command)
}

async fn said(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().await.context("PostgreSQL's program")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{complaint}");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
