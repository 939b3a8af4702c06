//! The sockets of one user, counted over all nodes of a shared store.
//!
//! In the path: `socket` asks [`has_room`] after it has registered the socket here. A task tells the store who has several
//! sockets here.
//!
//! Invariants: a store that is not shared is neither asked nor told. Somebody with one socket on a node is not noted, so
//! the usual visitor costs no write. What is told are counts, not differences: an error does not add up, and a node that
//! dies is not counted from the moment on when its life in the store ends.
//!
//! The error: one socket a node is not seen by the others, nor is what was opened in the last [`TELL_SEATS_EVERY`].

use std::sync::Arc;

use super::Rtm;
use super::answers::{After, pause};
use super::limits::{SOCKETS_PER_USER, TELL_SEATS_EVERY};
use crate::store::StoreError;

/// Tells the store until the server shuts down.
pub(super) fn begin(rtm: &Arc<Rtm>) {
    if !rtm.store.is_shared() {
        return;
    }
    let here = Arc::clone(rtm);
    rtm.shutdown.spawn("seats", async move {
        while let After::Look = pause(&here, TELL_SEATS_EVERY).await {
            let seats = here.registry.take_changed();
            if seats.is_empty() {
                continue;
            }
            if let Err(error) = here.store.put_seats(seats.clone()).await {
                tracing::debug!(%error, "the store was not told of sockets; trying again");
                here.registry.note_again(seats);
            }
        }
    });
}

/// Whether the sockets of this user here and elsewhere are not too many, with the one that was just registered.
pub(super) async fn has_room(rtm: &Rtm, user: &str) -> Result<bool, StoreError> {
    if !rtm.store.is_shared() {
        return Ok(true);
    }
    let elsewhere = rtm.store.seats_elsewhere(user).await?;
    let here = rtm.registry.sockets_of(user);
    Ok(here.saturating_add(elsewhere) <= SOCKETS_PER_USER)
}
