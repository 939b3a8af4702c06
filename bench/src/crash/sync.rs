//! The disk does not sync for a while: every `fsync` and `fdatasync` of the running server fails with EIO.
//!
//! Messages must be refused and none acknowledged; reading goes on, the process lives and says that it is not ready; when the
//! disk syncs again it takes messages again by itself.
//!
//! `strace` is attached to the server and makes the calls fail without doing them; detached, they work again. Where it is not
//! there or may not attach, the same is proven at the writer alone (`server/src/store/sqlite/writer_tests.rs`).

use std::process::Stdio;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{Witness, accounted, crowd, seconds};
use crate::built::Built;
use crate::load::server::Server;

const USERS: usize = 20;
/// Before it begins, and until everybody has been told.
const TOLD_WITHIN: Duration = Duration::from_mins(1);
const ATTACHED_WITHIN: Duration = Duration::from_secs(10);
const HOME_WITHIN: Duration = Duration::from_mins(1);

pub(super) async fn fails(built: &Built) -> anyhow::Result<String> {
    println!("==> the disk does not sync for a while, {USERS} visitors");
    let mut server = Server::start(built.setup("crash-sync")?).await?;
    let crowd = crowd(&server, USERS, 20, 0).await?;
    let mut witness = Witness::of(&server).await?;
    crowd.order(|orders| orders.talk = true);
    crowd
        .until("the load goes on", TOLD_WITHIN, |tally| {
            tally.acked.load(Relaxed) >= 2 * USERS as u64
        })
        .await?;

    let Some(fault) = Fault::begin(server.pid()?).await? else {
        println!("    SKIPPED: `strace` is not there or may not attach here");
        crowd.leave(HOME_WITHIN).await?;
        return Ok("failing sync SKIPPED (needs strace)".to_owned());
    };
    // What was under way when it began is settled with the first refusals.
    crowd
        .until("everybody is refused", TOLD_WITHIN, |tally| {
            tally.refused.load(Relaxed) >= USERS as u64
        })
        .await?;
    let before = crowd.tally.acked.load(Relaxed);
    let refused = crowd.tally.refused.load(Relaxed);
    crowd
        .until("more is refused", TOLD_WITHIN, |tally| {
            tally.refused.load(Relaxed) >= refused + 2 * USERS as u64
        })
        .await?;
    let false_acks = crowd.tally.acked.load(Relaxed) - before;
    ensure!(server.lives(), "the server died of a failed sync");
    let trouble = witness.sees_trouble().await;
    trouble.context("while nothing syncs")?;
    println!(
        "    failing: {} refused, {false_acks} acknowledged meanwhile, history readable, not ready",
        crowd.tally.refused.load(Relaxed)
    );
    ensure!(false_acks == 0, "acknowledged without a sync");

    fault.end().await?;
    let back = seconds(witness.sees_it_end().await?);
    println!("    ready again {back} after the disk syncs");
    crowd.order(|orders| orders.talk = false);
    let home = crowd.leave(HOME_WITHIN).await?;
    let account = accounted(&mut server, home).await?;
    server.terminate().await?;
    Ok(format!(
        "failing sync: {} refused, then all of {} stored",
        account.refused, account.acked
    ))
}

/// A tracer that makes every sync of a process fail.
struct Fault(Child);

impl Fault {
    /// Attaches; `None` where that is not possible.
    async fn begin(pid: u32) -> anyhow::Result<Option<Self>> {
        let spawned = Command::new("strace")
            .args(["-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"])
            .args(["-e", "inject=fsync,fdatasync:error=EIO", "-p"])
            .arg(pid.to_string())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let Ok(mut strace) = spawned else {
            return Ok(None);
        };
        let said = strace.stderr.take().context("no standard error")?;
        let mut lines = BufReader::new(said).lines();
        let attached = async {
            while let Ok(Some(line)) = lines.next_line().await {
                if line.contains("attached") && !line.contains("Operation not permitted") {
                    return true;
                }
            }
            false
        };
        let attached = timeout(ATTACHED_WITHIN, attached).await.unwrap_or(false);
        Ok(attached.then_some(Self(strace)))
    }

    /// Detaches: killed politely, the tracer lets its process go on.
    async fn end(mut self) -> anyhow::Result<()> {
        let pid = self.0.id().context("strace has ended")?.to_string();
        Command::new("kill").args(["-INT", &pid]).status().await?;
        timeout(ATTACHED_WITHIN, self.0.wait())
            .await
            .context("strace does not let go")??;
        Ok(())
    }
}
