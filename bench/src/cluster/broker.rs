//! The broker of a cluster: NATS or Redis, without anything kept on the disk.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::programs::{Program, ends_with_us, find};
use crate::port::free_port;

/// Which one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// `nats-server`.
    #[default]
    Nats,
    /// `redis-server`.
    Redis,
}

impl Kind {
    /// As the configuration names it, which is also the beginning of its address.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::Redis => "redis",
        }
    }
}

/// See the [module](self).
pub(crate) struct Broker {
    kind: Kind,
    folder: PathBuf,
    /// Where NATS tells its counts.
    counts: u16,
    program: Program,
}

impl Broker {
    /// A new one, with its log in `folder`.
    pub(super) async fn start(kind: Kind, folder: PathBuf) -> anyhow::Result<Self> {
        let counts = free_port()?;
        let program = launch(kind, &folder, free_port()?, counts).await?;
        Ok(Self {
            kind,
            folder,
            counts,
            program,
        })
    }

    /// Its port on 127.0.0.1.
    pub(super) fn port(&self) -> u16 {
        self.program.port()
    }

    /// Where NATS tells its counts (`/varz`).
    pub(crate) fn counts(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.counts).into()
    }

    /// What runs.
    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.program.kill().await
    }

    /// Starts it again on its port.
    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        self.program = launch(self.kind, &self.folder, self.program.port(), self.counts).await?;
        Ok(())
    }
}

async fn launch(kind: Kind, folder: &Path, port: u16, counts: u16) -> anyhow::Result<Program> {
    let number = port.to_string();
    let mut command;
    match kind {
        Kind::Nats => {
            command = ends_with_us(&find("NATS_SERVER", "nats-server")?);
            command.args(["-a", "127.0.0.1", "-p", &number]);
            command.args(["-m", &counts.to_string()]);
        }
        Kind::Redis => {
            command = ends_with_us(&find("REDIS_SERVER", "redis-server")?);
            command.args(["--bind", "127.0.0.1", "--port", &number]);
            command.args(["--save", "", "--appendonly", "no"]);
        }
    }
    command.current_dir(folder);
    Program::start(kind.word(), port, &folder.join("broker.log"), &mut command).await
}
