//! The system calls of the server: no acknowledgement leaves before its message was written to the log and the log was synced.
//!
//! In the path: a story of `crash`, where `strace` is there and may trace. It is the one proof that does not rest on what a
//! killed process leaves in the kernel's memory: a power failure leaves only what was synced.
//!
//! **How.** A message's id stands in the bytes of the write to the database's log, and in the bytes of its acknowledgement.
//! Between the two there must be an `fdatasync` (or `fsync`) of the log that began after the write and had ended well.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::crowd;
use crate::built::Built;
use crate::load::server::Server;

const USERS: usize = 5;
/// Enough for commits of one message and of several.
const MESSAGES: u64 = 200;
const CALLS: &str = "trace=fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg";
/// A page of the database is 4 KiB; longer strings would be cut.
const STRINGS: &str = "8192";
const SAID_WITHIN: Duration = Duration::from_mins(1);
/// The tracer writes its last lines after the server has ended.
const WRITTEN_WITHIN: Duration = Duration::from_secs(10);
/// How SQLite names its log.
const LOG: &str = "-wal>";
/// How a message's id begins.
const ID: &str = "ms-";
/// How an acknowledgement looks in `strace`'s quotes, up to the id.
const ACK: &str = r#"\"type\":\"ack\""#;
const ACK_ID: &str = r#"\"messageId\":\""#;

pub(super) async fn acks_after_fsync(built: &Built) -> anyhow::Result<String> {
    println!("==> system calls: no acknowledgement before its fsync");
    let mut probe = Command::new("strace");
    let probe = probe.args(["-f", "-o", "/dev/null", "true"]).output().await;
    if !probe.is_ok_and(|output| output.status.success()) {
        println!("    SKIPPED: `strace` is not there or may not trace here");
        return Ok("system calls SKIPPED (needs strace)".to_owned());
    }
    let mut setup = built.setup("crash-trace")?;
    let file = setup.folder.file("calls");
    let path = file.to_str().context("a folder's name is not text")?;
    // -D: the server is our child and not the tracer's, so that signals reach it.
    let strace = [
        "strace", "-D", "-f", "-y", "-s", STRINGS, "-e", CALLS, "-o", path,
    ];
    setup.before = strace.map(str::to_owned).to_vec();
    let mut server = Server::start(setup).await?;
    let crowd = crowd(&server, USERS, 10, 0).await?;
    crowd.order(|orders| {
        orders.talk = true;
        orders.volleys += 1;
    });
    crowd
        .until("enough is acknowledged", SAID_WITHIN, |tally| {
            tally.acked.load(Relaxed) >= MESSAGES
        })
        .await?;
    let home = crowd.leave(SAID_WITHIN).await?;
    let said: usize = home.iter().map(|visitor| visitor.diary.said.len()).sum();
    server.terminate().await?;
    let calls = whole(&file).await?;
    let found = Found::of(&calls);
    println!(
        "    {} acknowledgements of {said} messages, {} syncs of the log, {} too early",
        found.acks,
        found.syncs,
        found.early.len()
    );
    for id in found.early.iter().take(20) {
        println!("      {id}");
    }
    ensure!(
        found.early.is_empty(),
        "acknowledged before it was on the disk"
    );
    if found.acks < said {
        bail!("only {} of {said} acknowledgements were traced", found.acks);
    }
    Ok(format!("{} acks after their fsync", found.acks))
}

/// The tracer's file once it is whole.
async fn whole(file: &Path) -> anyhow::Result<String> {
    let started = Instant::now();
    loop {
        let calls = String::from_utf8_lossy(&fs::read(file)?).into_owned();
        let last = calls.lines().last().unwrap_or_default();
        if last.contains("+++ exited with") && calls.ends_with('\n') {
            return Ok(calls);
        }
        ensure!(started.elapsed() < WRITTEN_WITHIN, "strace did not finish");
        sleep(Duration::from_millis(50)).await;
    }
}

/// What the calls say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    acks: usize,
    syncs: usize,
    /// Ids that were acknowledged and not on the disk.
    early: Vec<String>,
}

impl Found {
    fn of(calls: &str) -> Self {
        let ids: HashSet<&str> = calls.lines().filter_map(acknowledged).collect();
        let mut found = Self::default();
        let mut written: HashSet<&str> = HashSet::new();
        let mut synced: HashSet<&str> = HashSet::new();
        // What each thread's unfinished sync began with.
        let mut syncing: HashMap<&str, Vec<&str>> = HashMap::new();
        for line in calls.lines() {
            let Some((thread, call)) = line.split_once(char::is_whitespace) else {
                continue;
            };
            let call = call.trim_start();
            let sync = call.contains("fdatasync") || call.contains("fsync");
            if call.starts_with("pwrite64(") && call.contains(LOG) {
                written.extend(ids_in(call, &ids));
            } else if sync && call.contains(LOG) && call.ends_with("<unfinished ...>") {
                syncing.insert(thread, written.drain().collect());
            } else if sync && call.starts_with("<...") {
                let begun = syncing.remove(thread);
                if let Some(begun) = begun.filter(|_| call.ends_with("= 0")) {
                    found.syncs += 1;
                    synced.extend(begun);
                }
            } else if sync && call.contains(LOG) && call.ends_with("= 0") {
                found.syncs += 1;
                synced.extend(written.drain());
            } else if let Some(id) = acknowledged(line) {
                found.acks += 1;
                if !synced.contains(id) {
                    found.early.push(id.to_owned());
                }
            }
        }
        found
    }
}

/// The id in a call that sends an acknowledgement.
fn acknowledged(line: &str) -> Option<&str> {
    let (_, frame) = line.split_once(ACK)?;
    let (_, id) = frame.split_once(ACK_ID)?;
    id.split_once('\\').map(|(id, _)| id)
}

/// Those of the ids that stand in these bytes.
fn ids_in<'a>(call: &'a str, ids: &HashSet<&'a str>) -> Vec<&'a str> {
    // All are made alike.
    let Some(length) = ids.iter().next().map(|id| id.len()) else {
        return Vec::new();
    };
    call.match_indices(ID)
        .filter_map(|(at, _)| call.get(at..at + length))
        .filter_map(|id| ids.get(id).copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: &str =
        r#"11 pwrite64(9</d/parlour.db-wal>, "\0\1ms-aaaa7{\"body\"", 4096, 56) = 4096"#;
    const SYNC: &str = "11 fdatasync(9</d/parlour.db-wal>) = 0";
    const ACKED: &str = r#"12 sendto(20<TCP:[1]>, "\201{\"ok\":true,\"type\":\"ack\",\"seq\":2,\"messageId\":\"ms-aaaa\"}", 90, 0, NULL, 0) = 90"#;

    fn found(lines: &[&str]) -> (usize, usize, usize) {
        let found = Found::of(&lines.join("\n"));
        (found.acks, found.syncs, found.early.len())
    }

    #[test]
    fn an_ack_after_write_and_sync_is_right() {
        assert_eq!(found(&[WRITE, SYNC, ACKED]), (1, 1, 0));
        let begun = "11 fdatasync(9</d/parlour.db-wal> <unfinished ...>";
        let ended = "11 <... fdatasync resumed>) = 0";
        assert_eq!(found(&[WRITE, begun, ended, ACKED]), (1, 1, 0));
        assert_eq!(found(&[WRITE, begun, ACKED, ended]), (1, 1, 1));
    }

    #[test]
    fn an_ack_without_its_own_sync_is_early() {
        assert_eq!(found(&[WRITE, ACKED, SYNC]), (1, 1, 1));
        assert_eq!(found(&[SYNC, WRITE, ACKED]), (1, 1, 1));
        assert_eq!(found(&[SYNC, ACKED]), (1, 1, 1));
        let failed = "11 fdatasync(9</d/parlour.db-wal>) = -1 EIO (Input/output error)";
        assert_eq!(found(&[WRITE, failed, ACKED]), (1, 0, 1));
        let other = "11 fdatasync(8</d/parlour.db>) = 0";
        assert_eq!(found(&[WRITE, other, ACKED]), (1, 0, 1));
    }
}
