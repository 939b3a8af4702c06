//! Access that another process ended: a revocation or a sign-out on another node, an erasure by the command line.
//!
//! In the path: a task reads the store's list of ended access again and again, and ends the sockets of this process whose
//! tokens are gone. The bus usually has told them before (`access`); this works without a bus, too, and while it is away.
//!
//! Invariants: a socket whose token was revoked anywhere ends within [`ENDED_ACCESS_LOOK`] and the time of two reads.
//! What opens at the same moment is found: a socket is registered before its token is looked up.

use std::collections::HashSet;
use std::sync::Arc;

use super::Rtm;
use super::answers::{After, pause};
use crate::limits::ENDED_ACCESS_LOOK;
use crate::store::StoreError;

/// Heeds the list until the server shuts down.
pub(super) fn begin(rtm: &Arc<Rtm>) {
    let here = Arc::clone(rtm);
    rtm.shutdown.spawn("ended access", async move {
        let mut seen = 0;
        let mut told = false;
        loop {
            match look(&here, seen).await {
                Ok(number) if number != seen => {
                    // There may be more.
                    seen = number;
                    continue;
                }
                Ok(_) => told = false,
                Err(error) if !told => {
                    told = true;
                    tracing::warn!(%error, "access that ended elsewhere cannot be read; trying again");
                }
                Err(_) => {}
            }
            if let After::Stop = pause(&here, ENDED_ACCESS_LOOK).await {
                return;
            }
        }
    });
}

/// Heeds what was listed after this number. Gives the last number.
async fn look(rtm: &Rtm, after: u64) -> Result<u64, StoreError> {
    let listed = rtm.store.ended_access(after).await?;
    let Some(last) = listed.last() else {
        return Ok(after);
    };
    let number = last.number;
    let users: HashSet<String> = listed.into_iter().map(|it| it.user).collect();
    for token in rtm.registry.tokens_of(&users) {
        // A socket in the grace period of its token ends, too: it comes back with a new one.
        if rtm.access(token).await?.is_none() {
            rtm.registry.revoke(token);
        }
    }
    Ok(number)
}
