//! What is known of a socket when it opens, and the session that it opens.
//!
//! In the path: `socket` makes a [`Handshake`] from the ticket and the address, and `live` opens the session.
//!
//! Invariant: the session comes first, because it names the conversation, then the subscription, then the store. What
//! happens in between is seen twice and recognised by its sequence, so nothing is lost.

use std::sync::Arc;

use protocol::start::ConnectionMode;

use super::conversation::Listener;
use super::registry::Registration;
use super::{Rtm, at_once};
use crate::bus::Subscription;
use crate::clock::Millis;
use crate::store::{OpenMode, OpenSession, SessionOpened};

/// What a ticket and its URL say about the socket.
pub struct Handshake {
    /// Counts the socket while it is open.
    pub registration: Registration,
    /// When the access token and its grace period end, and with them the socket.
    pub ends: Millis,
    /// The app the user came through.
    pub app: String,
    /// The bot.
    pub bot: String,
    /// Writes the socket's frames.
    pub listener: Listener,
    /// JSON for the bot's turns.
    pub context: String,
    /// What the connection wants of the session.
    pub mode: ConnectionMode,
    /// The client said that it can show answers that stream.
    pub streams: bool,
    /// Our widget's cursor; official clients have none.
    pub after: Option<u64>,
}

/// Opens the session and subscribes to its conversation. `live` reads the store after that.
pub(super) async fn open(
    rtm: &Arc<Rtm>,
    handshake: &Handshake,
) -> Result<(SessionOpened, Subscription), anyhow::Error> {
    // An official client reads the history first. Its greeting comes later: see `live`.
    let at_once = handshake
        .after
        .and_then(|_| at_once::greeting(rtm, &handshake.bot));
    let opened = rtm
        .store
        .open_session(OpenSession {
            user: handshake.registration.user().to_string(),
            bot: handshake.bot.clone(),
            app: handshake.app.clone(),
            mode: match handshake.mode {
                ConnectionMode::Default => OpenMode::Default,
                ConnectionMode::StartNew if handshake.after.is_some() => {
                    OpenMode::StartNewUnlessUnused
                }
                ConnectionMode::StartNew => OpenMode::StartNew,
                ConnectionMode::StartNewResumeAgent => OpenMode::StartNewResumeAgent,
                ConnectionMode::Reconnect => OpenMode::Reconnect,
            },
            new_session_id: rtm.ids.session(),
            new_conversation_name: rtm.ids.conversation(),
            idle: rtm.config().sessions.idle.0,
            now: rtm.clock.now(),
            context: handshake.context.clone(),
            at_once,
        })
        .await?;
    let subscription = rtm.bus.subscribe(opened.conversation).await?;
    Ok((opened, subscription))
}
