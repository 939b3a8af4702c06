//! Jobs that no node works on: what an earlier process left, and what a node that died had begun.
//!
//! In the path: at the start, and again and again in a store that other nodes use, too. Found work goes to `answers`, which
//! takes the lease; here the leases are kept while the work goes on.

use std::sync::Arc;

use super::Rtm;
use super::answers::{After, pause, wake};
use super::limits::STORE_RETRY_AFTER;
use crate::limits::{RENEW_LEASES_EVERY, TAKE_OVER_EVERY};
use crate::records::ConversationId;

/// Takes up the jobs that an earlier process left; in a store that other nodes use, too, then those of nodes that die.
pub(super) fn begin(rtm: &Arc<Rtm>) {
    let here = Arc::clone(rtm);
    rtm.shutdown.spawn("resume answers", async move {
        while let After::Look = take_up(&here).await {
            if !here.store.is_shared() {
                return;
            }
            if let After::Stop = pause(&here, TAKE_OVER_EVERY).await {
                return;
            }
        }
    });
    if rtm.store.is_shared() {
        let here = Arc::clone(rtm);
        rtm.shutdown.spawn("leases", async move {
            while let After::Look = pause(&here, RENEW_LEASES_EVERY).await {
                renew(&here).await;
            }
            // For the turns that end with the server.
            renew(&here).await;
        });
    }
}

/// Wakes the conversations with jobs that no other node works on.
async fn take_up(rtm: &Arc<Rtm>) -> After {
    let open = loop {
        let now = rtm.clock.now();
        match rtm.store.open_conversations_with_jobs(now).await {
            Ok(open) => break open,
            Err(error) if error.is_temporary() => {
                tracing::warn!(error = %error, "open answers cannot be read; trying again");
                if let After::Stop = pause(rtm, STORE_RETRY_AFTER).await {
                    return After::Stop;
                }
            }
            Err(error) => {
                tracing::error!(error = %error, "open answers cannot be read; a restart tries again");
                return After::Stop;
            }
        }
    };
    let here = |conversation: &ConversationId| rtm.busy.lock().contains_key(conversation);
    let open: Vec<_> = open.into_iter().filter(|it| !here(it)).collect();
    if !open.is_empty() {
        tracing::info!(conversations = open.len(), "going on with open answers");
        rtm.counts.taken_up.inc_by(open.len() as u64);
    }
    for conversation in open {
        wake(rtm, conversation);
    }
    After::Look
}

/// Keeps the leases on the conversations that are worked on here.
async fn renew(rtm: &Rtm) {
    let held: Vec<_> = rtm.busy.lock().keys().copied().collect();
    if held.is_empty() {
        return;
    }
    if let Err(error) = rtm.store.renew_leases(held, rtm.clock.now()).await {
        tracing::warn!(error = %error, "leases could not be renewed; trying again");
    }
}
