//! One WebSocket: gloo-net moves the frames, the session decides about them.
//!
//! **Invariants.** Dropping it closes it, and nothing is reported afterwards: the reading task
//! holds no share of it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use futures_util::{Sink, Stream};
use gloo_net::websocket::futures::WebSocket;
use gloo_net::websocket::{Message, State, WebSocketError};
use protocol::session::{Attempt, Event};

use super::spawn;

/// So much may wait in the browser's own buffer. A frame beyond it stays in the outbox: the session
/// sends what is not acknowledged again.
const MAX_BUFFERED_BYTES: u32 = 256 * 1024;

/// The close code for a connection that ended without one.
const ABNORMAL: u16 = 1006;

/// An open, or opening, socket.
pub(super) struct Socket(Rc<RefCell<WebSocket>>);

impl Socket {
    /// Opens a socket; `report` hears what becomes of it. `None`: the URL is none, which is
    /// reported like a socket that closed.
    pub(super) fn open(
        attempt: Attempt,
        url: &str,
        report: impl Fn(Event) + 'static,
    ) -> Option<Self> {
        let Ok(socket) = WebSocket::open(url) else {
            spawn(async move { report(Event::SocketClosed(attempt, ABNORMAL)) });
            return None;
        };
        let socket = Rc::new(RefCell::new(socket));
        let shared = Rc::downgrade(&socket);
        spawn(async move { read(attempt, &shared, report).await });
        Some(Self(socket))
    }

    /// Puts a frame on the wire, if there is one. A closed socket takes it without a word, so the
    /// state is asked first.
    pub(super) fn put(&self, text: String) {
        let mut socket = self.0.borrow_mut();
        if matches!(socket.state(), State::Open) && socket.buffered_amount() < MAX_BUFFERED_BYTES {
            // A refusal is a frame without acknowledgement; the session sees to that.
            let _ = Pin::new(&mut *socket).start_send(Message::Text(text));
        }
    }
}

async fn read(attempt: Attempt, shared: &Weak<RefCell<WebSocket>>, report: impl Fn(Event)) {
    let open = with(shared, |socket, cx| {
        socket
            .as_mut()
            .poll_ready(cx)
            .map(|_| matches!(socket.state(), State::Open))
    });
    if open.await == Some(true) {
        report(Event::SocketOpened(attempt));
    }
    loop {
        match with(shared, |socket, cx| socket.as_mut().poll_next(cx)).await {
            Some(Some(Ok(Message::Text(text)))) => {
                report(Event::Text(attempt, text));
            }
            Some(Some(Err(WebSocketError::ConnectionClose(close)))) => {
                return report(Event::SocketClosed(attempt, close.code));
            }
            // The error event; its close event follows. Binary frames mean nothing here.
            Some(Some(_)) => {}
            Some(None) => return report(Event::SocketClosed(attempt, ABNORMAL)),
            None => return,
        }
    }
}

/// Polls the socket while it is there. `None`: it was dropped.
async fn with<T>(
    shared: &Weak<RefCell<WebSocket>>,
    mut poll: impl FnMut(&mut Pin<&mut WebSocket>, &mut Context<'_>) -> Poll<T>,
) -> Option<T> {
    poll_fn(|cx| match shared.upgrade() {
        Some(socket) => poll(&mut Pin::new(&mut *socket.borrow_mut()), cx).map(Some),
        None => Poll::Ready(None),
    })
    .await
}
