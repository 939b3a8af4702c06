//! What a socket brings along when it opens, and the session that it opens.
//!
//! In the path: `socket` makes an [`Entrance`] of ticket and address, `live` opens the session.
//!
//! Invariant: session first (it names the conversation), then the ear, then the store: what happens
//! in between is met twice and recognised by its sequence, never lost.

use std::sync::Arc;

use protocol::start::ConnectionMode;

use super::Rtm;
use super::conversation::Listener;
use super::registry::Seat;
use crate::bus::Subscription;
use crate::clock::Millis;
use crate::store::{OpenMode, OpenSession, SessionOpened};

/// What a ticket and its URL say about the socket.
pub struct Entrance {
    /// The place in the house.
    pub seat: Seat,
    /// When the socket ends with its access token, and its grace.
    pub ends: Millis,
    /// The app the user came through.
    pub app: String,
    /// The bot.
    pub bot: String,
    /// How its frames are worded.
    pub listener: Listener,
    /// JSON for the bot's turns.
    pub context: String,
    /// What the connection wants of the session.
    pub mode: ConnectionMode,
    /// The client said that it can show answers that grow.
    pub streams: bool,
    /// Our widget's cursor; official clients have none.
    pub after: Option<u64>,
}

/// Opens the session and an ear on its conversation. `live` reads the store after that.
pub(super) async fn open(
    rtm: &Arc<Rtm>,
    entrance: &Entrance,
) -> Result<(SessionOpened, Subscription), anyhow::Error> {
    let opened = rtm
        .store
        .open_session(OpenSession {
            user: entrance.seat.user().to_string(),
            bot: entrance.bot.clone(),
            app: entrance.app.clone(),
            mode: match entrance.mode {
                ConnectionMode::Default => OpenMode::Default,
                ConnectionMode::StartNew if entrance.after.is_some() => {
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
            context: entrance.context.clone(),
        })
        .await?;
    let subscription = rtm.bus.subscribe(opened.conversation).await?;
    Ok((opened, subscription))
}
