//! The disk is full for a while.
//!
//! Messages must be refused, not lost and not acknowledged; reading goes on; the process lives, says that it is not ready,
//! and takes messages again once there is room.
//!
//! A small file system in memory is the honest test (the kernel says ENOSPC); mounting one needs root. Elsewhere a limit on
//! the size of files stands in for it: a write beyond it fails as well, with another error.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::process::Command;

use super::{Witness, accounted, crowd, seconds};
use crate::built::Built;
use crate::load::server::{Server, Setup};

const USERS: usize = 20;
/// Long messages fill it in a second.
const PADDING: usize = 4_000;
/// The file system, and what is taken from it at first. What is given back is enough for all that was said.
const DISK: &str = "size=96m";
const BALLAST: usize = 88 << 20;
/// The limit of one file, where there is no file system of our own.
const FILE_BYTES: u32 = 4 << 20;
/// Until the disk is full and everybody has been told.
const FULL_WITHIN: Duration = Duration::from_mins(1);
const HOME_WITHIN: Duration = Duration::from_mins(1);

/// How the disk is made full.
enum Disk {
    /// Mounted at the data folder; unmounted at the end.
    Memory(PathBuf),
    /// The server may not make longer files.
    FileSize,
}

pub(super) async fn full(built: &Built) -> anyhow::Result<String> {
    println!("==> the disk is full for a while, {USERS} visitors");
    let mut setup = built.setup("crash-disk")?;
    let Some(disk) = Disk::make(&mut setup).await else {
        println!("    SKIPPED: neither `mount -t tmpfs` (root) nor `prlimit` works here");
        return Ok("full disk SKIPPED (needs root or prlimit)".to_owned());
    };
    println!("    full by {}", disk.name());
    let mut server = Server::start(setup).await?;
    let crowd = crowd(&server, USERS, 20, PADDING).await?;
    let mut witness = Witness::of(&server).await?;

    crowd.order(|orders| orders.talk = true);
    crowd
        .until("the disk is full", FULL_WITHIN, |tally| {
            tally.refused.load(Relaxed) >= 2 * USERS as u64
        })
        .await?;
    crowd.order(|orders| orders.talk = false);
    ensure!(server.lives(), "the server died of a full disk");
    let trouble = witness.sees_trouble().await;
    trouble.context("on a full disk")?;
    println!(
        "    full: {} refused, {} acknowledged before, history readable, not ready",
        crowd.tally.refused.load(Relaxed),
        crowd.tally.acked.load(Relaxed)
    );

    disk.give_room(&mut server).await?;
    let back = witness.sees_it_end().await?;
    println!("    ready again {} after there was room", seconds(back));
    let home = crowd.leave(HOME_WITHIN).await?;
    let account = accounted(&mut server, home).await?;
    server.terminate().await?;
    drop(server);
    drop(disk);
    Ok(format!(
        "full disk: {} refused, then all of {} stored",
        account.refused, account.acked
    ))
}

impl Disk {
    async fn make(setup: &mut Setup) -> Option<Self> {
        let data = setup.folder.data();
        if succeeds(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", DISK, "parlour-crash"])
                .arg(&data),
        )
        .await
        {
            let disk = Self::Memory(data.clone());
            fs::write(ballast(&data), vec![1; BALLAST]).ok()?;
            return Some(disk);
        }
        let limit = format!("--fsize={FILE_BYTES}:unlimited");
        if succeeds(Command::new("prlimit").args([&limit, "true"])).await {
            // A program that ignores SIGXFSZ is told by the write, as on a full disk.
            let ignoring = r#"trap '' XFSZ; exec prlimit "$@""#;
            let before = ["sh", "-c", ignoring, "sh", &limit];
            setup.before = before.map(str::to_owned).to_vec();
            return Some(Self::FileSize);
        }
        None
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Memory(_) => "a small file system in memory",
            Self::FileSize => "a limit on the size of files",
        }
    }

    async fn give_room(&self, server: &mut Server) -> anyhow::Result<()> {
        match self {
            Self::Memory(data) => fs::remove_file(ballast(data))?,
            Self::FileSize => {
                let pid = server.pid()?.to_string();
                let mut more = Command::new("prlimit");
                more.args(["--fsize=unlimited:unlimited", "--pid", &pid]);
                ensure!(succeeds(&mut more).await, "prlimit gave no room");
                server.next_without_prefix();
            }
        }
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Self::Memory(data) = self {
            // Lazily: after a failed run the server may still have it open for a moment.
            let unmount = std::process::Command::new("umount")
                .arg("-l")
                .arg(&*data)
                .status();
            if !unmount.is_ok_and(|status| status.success()) {
                println!("    note: {} is still mounted", data.display());
                return;
            }
            // While it was mounted the run's folder could not go away.
            drop(data.parent().map(fs::remove_dir_all));
        }
    }
}

fn ballast(data: &Path) -> PathBuf {
    data.join("ballast")
}

async fn succeeds(command: &mut Command) -> bool {
    let output = command.output().await;
    output.is_ok_and(|output| output.status.success())
}
