//! One WebSocket: gloo-net moves the frames, and the session decides about them.
//!
//! **Invariants.** Dropping it closes it, and nothing is reported afterwards, because the reading task does not own it.

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

/// The most bytes in the browser's own buffer. A frame beyond it stays in the outbox, and the session sends it again.
const MAX_BUFFERED_BYTES: u32 = 256 * 1024;

/// The close code for a connection that ended without one.
const ABNORMAL: u16 = 1006;

/// An open, or opening, socket.
pub(super) struct Socket(Rc<RefCell<WebSocket>>);

impl Socket {
    /// Opens a socket. `report` gets its events. `None`: the URL is not valid, which is reported like a socket that
    /// closed.
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

    /// Sends a frame, if there is a socket. A closed socket would accept it silently, so the state is checked first.
    pub(super) fn put(&self, text: String) {
        let mut socket = self.0.borrow_mut();
        if matches!(socket.state(), State::Open) && socket.buffered_amount() < MAX_BUFFERED_BYTES {
            // A refused frame gets no acknowledgement, and the session handles that.
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
            // An error event, which its close event follows. Binary frames have no meaning here.
            Some(Some(_)) => {}
            Some(None) => return report(Event::SocketClosed(attempt, ABNORMAL)),
            None => return,
        }
    }
}

/// Polls the socket while it exists. `None`: it was dropped.
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
