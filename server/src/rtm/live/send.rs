//! What a socket sends: messages, answers that stream, who answers. Every frame to a client is written here.
//!
//! In the path: `live` calls these for what the bus and the store bring, and for its own answers.

use futures_util::SinkExt as _;
use tokio_tungstenite::tungstenite::{self, Message};

use super::{Live, SLOW};
use crate::bus::{Event, Streaming, Subscription};
use crate::records::StoredMessage;
use crate::rtm::end::End;
use crate::rtm::limits::WRITE_WITHIN;

impl Live {
    pub(super) async fn send_message(&mut self, message: &StoredMessage) -> Result<(), End> {
        let frame = if let Some(rest) = self.delivered.rest(message) {
            self.listener.last_piece(message, &rest)
        } else {
            let echo_id = self.cursor.echo_id(message.created.0);
            self.listener.frame(message, echo_id)
        };
        if let Some(frame) = frame {
            return self.feed(Message::Text(frame.into())).await;
        }
        tracing::error!(message = message.message_id, "a stored message is not JSON");
        Ok(())
    }

    /// Sends who comes and goes, and who types.
    pub(super) async fn send_presence(&mut self, event: &Event) -> Result<(), End> {
        let frames = self
            .presence
            .frames(&self.listener, &self.session_id, event);
        for frame in frames {
            self.feed(Message::Text(frame.into())).await?;
        }
        Ok(())
    }

    pub(super) async fn send_piece(&mut self, streaming: &Streaming) -> Result<(), End> {
        let piece = self.delivered.piece(streaming);
        let frame = piece.and_then(|(at, piece)| self.listener.piece(streaming, at, piece));
        match frame {
            Some(frame) => self.feed(Message::Text(frame.into())).await,
            None => Ok(()),
        }
    }

    /// Sends a frame now.
    pub(super) async fn write(&mut self, message: Message) -> Result<(), End> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Queues a frame for the next [`Live::flush`], which follows before the task waits for anything else.
    pub(super) async fn feed(&mut self, message: Message) -> Result<(), End> {
        let taken = self.socket.feed(message);
        out(taken, &mut self.subscription).await
    }

    pub(super) async fn flush(&mut self) -> Result<(), End> {
        let flushed = self.socket.flush();
        out(flushed, &mut self.subscription).await
    }
}

/// Waits until the peer has taken the bytes. A peer that is too slow ends the socket.
async fn out(
    writing: impl Future<Output = Result<(), tungstenite::Error>>,
    subscription: &mut Subscription,
) -> Result<(), End> {
    tokio::select! {
        biased;
        sent = tokio::time::timeout(WRITE_WITHIN, writing) => match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_gone)) => Err(End::Gone),
            Err(_late) => Err(SLOW),
        },
        () = subscription.lagged() => Err(SLOW),
    }
}
