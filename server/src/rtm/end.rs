//! How a socket ends: with a code, or without a word.
//!
//! In the path: a socket's task in `live` ends with an [`End`], and sends its code with [`goodbye`].

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};

use super::limits::GOODBYE_WITHIN;
use super::strict::FrameFault;
use super::upgrade::Socket;
use crate::clock::whole_millis;
use crate::records::ConversationId;

/// Why a socket ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Send a close frame with this code.
    Close(u16, &'static str),
    /// The peer is gone or does not read, so nobody would get a close frame.
    Gone,
}

/// How long this socket waits before it closes. The waits are spread evenly over the window, and all tabs of a visitor
/// have the same one.
pub(super) fn turn(conversation: ConversationId, window: Duration) -> Duration {
    let window = whole_millis(window).max(1);
    // Fibonacci hashing: conversations with neighbouring numbers end up far apart.
    let mixed = conversation
        .0
        .unsigned_abs()
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        >> 32;
    Duration::from_millis(mixed % window)
}

/// How a socket ends after a broken frame.
pub(super) fn broken(error: &tungstenite::Error) -> End {
    match error {
        tungstenite::Error::Capacity(_) => End::Close(1009, "the frame is too large"),
        tungstenite::Error::Utf8(_) => End::Close(1007, "the text is not UTF-8"),
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Gone,
        tungstenite::Error::Protocol(_) => End::Close(1002, "this is not the WebSocket protocol"),
        tungstenite::Error::Io(error) => {
            let cause = error.get_ref();
            match cause.and_then(|cause| cause.downcast_ref::<FrameFault>()) {
                Some(FrameFault::Length) => {
                    End::Close(1002, "the length of a frame is not in its shortest form")
                }
                Some(FrameFault::Fragments) => End::Close(1008, "the message has too many pieces"),
                Some(FrameFault::Slow) => End::Close(1008, "the message took too long"),
                None => End::Gone,
            }
        }
        _ => End::Gone,
    }
}

/// Closes politely: sends the code, then waits a short time for the peer's own close frame.
pub(super) async fn goodbye(socket: &mut Socket, code: u16, reason: &'static str) {
    let close = Message::Close(Some(CloseFrame {
        code: code.into(),
        reason: Utf8Bytes::from_static(reason),
    }));
    let polite = async {
        if socket.send(close).await.is_err() {
            return;
        }
        let mut answered = false;
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(_))) => answered = true,
                Some(Ok(_)) => {}
                // A frame before this was broken, so nothing more can be read. Closing the connection over unread bytes
                // would reset it, and the peer would lose the code. So the peer gets time to read it.
                None if !answered => std::future::pending().await,
                None | Some(Err(_)) => return,
            }
        }
    };
    // If a peer does not answer, the connection is dropped.
    let _ = tokio::time::timeout(GOODBYE_WITHIN, polite).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_leave_one_after_the_other() {
        let window = Duration::from_secs(2);
        let turns: std::collections::BTreeSet<_> = (0..100)
            .map(|id| turn(ConversationId(id), window))
            .collect();
        assert!(turns.len() > 80, "{turns:?}");
        assert!(turns.iter().all(|turn| *turn < window));
    }
}
