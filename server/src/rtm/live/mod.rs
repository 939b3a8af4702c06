//! An open socket: its task.
//!
//! In the path: [`super::socket`] hands the upgraded socket and its `Handshake` to [`start`]. Frames
//! are judged by [`super::conversation`]; messages go to the store and then to the bus; what the
//! bus brings goes out.
//!
//! Invariants: nothing is acknowledged that is not stored. Our widget's messages are stored in the order in which
//! they were said, also when the store refuses one of them. A socket gets each event once, in the order of sequences:
//! the [`Cursor`] decides, and the store fills gaps. Frames that are ready at the same time go out together; none of
//! them waits for anything else. A socket that does not read has a bounded backlog at the bus. When the backlog is
//! full, or a write takes [`WRITE_WITHIN`](super::limits::WRITE_WITHIN), the socket is closed, and its client reads
//! from the store what it missed. When the access token has ended and [`TOKEN_GRACE`] is over, the socket takes
//! nothing and sends nothing. Work that an idle socket does not do is boxed, so that an idle socket costs hardly more
//! than its buffers.

mod frames;
mod send;

use std::sync::Arc;

use axum::body::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use protocol::reply::ServerFrame;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::conversation::{Listener, resync};
use super::cursor::{Cursor, Position};
use super::delivered::{Delivered, Reads};
use super::end::{End, goodbye, turn};
use super::handshake::{Handshake, open};
use super::limits::{
    FRAME_BURST, GREETING_AFTER, LAST_FRAMES_WITHIN, MAX_REPLAY, PING_AFTER, PONG_WITHIN,
    REPLAY_BYTES, TOKEN_GRACE,
};
use super::pace::Pace;
use super::presence::Presence;
use super::registry::Registration;
use super::upgrade::Socket;
use super::{Rtm, answers};
use crate::bus::{BACKLOG, Event, Received, Subscription};
use crate::clock::Millis;
use crate::records::{ConversationId, Owner};

/// The client comes back when it wants, and reads from the history what it missed.
const SLOW: End = End::Close(1013, "the messages were not read in time");

/// The client gets a new grant and comes back.
const REVOKED: End = End::Close(1008, "the access token was revoked");
/// The client gets a new grant, comes back, and sends again what was not acknowledged.
const ENDED: End = End::Close(1008, "the access token has ended; come back with a new one");

/// One open socket.
struct Live {
    rtm: Arc<Rtm>,
    socket: Socket,
    subscription: Subscription,
    conversation: ConversationId,
    session_id: Box<str>,
    context: Box<str>,
    app: Box<str>,
    listener: Listener,
    cursor: Cursor,
    delivered: Delivered,
    presence: Presence,
    /// The client is our widget, which knows `resync` and sends again what was refused.
    ours: bool,
    pace: Pace,
    /// Messages are refused until then: see [`REFUSED_FOR`](super::limits::REFUSED_FOR).
    refusing_until: Option<Instant>,
    offences: u32,
    /// One of them came too fast.
    floods: bool,
    good_frames: u32,
    /// When the access token and its grace period end; the socket ends with them.
    ends: Millis,
    /// Dropped before the goodbye, or when the task ends.
    registration: Registration,
}

/// What the timer means when it fires.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WaitFor {
    /// The peer is silent: send a ping.
    Silence,
    /// No answer to the ping came: the peer is gone.
    Pong,
    /// The server shuts down, and this socket closes now.
    Turn,
}

/// Opens the session and then serves the socket, in a task of its own that holds nothing but what
/// an open socket needs.
pub fn start(rtm: Arc<Rtm>, socket: Socket, handshake: Handshake) {
    let shutdown = rtm.shutdown.clone();
    let serving = shutdown.clone();
    shutdown.spawn("socket opening", async move {
        if let Some((live, begins)) = enter(rtm, socket, handshake).await {
            serving.spawn("socket", run(live, begins));
        }
    });
}

/// Whether a session begins with a socket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// It goes on.
    No,
    /// It begins, and a job asks for the greeting.
    WithJob,
    /// It begins, and the greeting is stored.
    Greeted,
}

/// Makes the open socket, and says whether its session begins with it.
async fn enter(
    rtm: Arc<Rtm>,
    mut socket: Socket,
    handshake: Handshake,
) -> Option<(Box<Live>, Begins)> {
    let (opened, subscription) = match open(&rtm, &handshake).await {
        Ok(opened) => opened,
        Err(error) => {
            tracing::error!(error = %error, "a session could not be opened");
            drop(handshake);
            goodbye(&mut socket, 1011, "the server cannot open the session now").await;
            return None;
        }
    };
    let mut live = Box::new(Live {
        conversation: opened.conversation,
        session_id: opened.session_id.into(),
        context: handshake.context.into(),
        app: handshake.app.into(),
        listener: handshake.listener,
        cursor: Cursor::at(handshake.after.unwrap_or(opened.last_seq)),
        delivered: Delivered::new(match (handshake.after, handshake.streams) {
            (Some(_), _) => Reads::Placed,
            (None, true) => Reads::Added,
            (None, false) => Reads::Whole,
        }),
        presence: Presence::default(),
        ours: handshake.after.is_some(),
        pace: Pace::new(Instant::now()),
        refusing_until: None,
        offences: 0,
        floods: false,
        good_frames: 0,
        subscription,
        socket,
        ends: handshake.ends,
        registration: handshake.registration,
        rtm,
    });
    // If a person has the conversation, the client learns that first. If the peer is gone by now, the next write
    // notices.
    let there = Event::Owner(opened.owner);
    let _ = live.send_presence(&there).await;
    let begins = match (opened.job, opened.greeting) {
        (Some(_), _) => Begins::WithJob,
        (None, Some(greeting)) => {
            for answer in greeting {
                live.rtm.publish(answer).await;
            }
            Begins::Greeted
        }
        (None, None) => Begins::No,
    };
    Some((live, begins))
}

/// Serves a socket until it ends.
async fn run(mut live: Box<Live>, begins: Begins) {
    live.rtm.counts.sockets.inc();
    if begins != Begins::No {
        live.rtm.counts.sessions.inc();
    }
    match live.serve(begins).await {
        End::Close(code, reason) => Box::pin(leave(live, code, reason)).await,
        End::Gone => live.rtm.counts.ended("gone".to_owned()),
    }
}

/// Counts the socket off, then closes it. A peer that made a mistake, or never answers, may come again at once.
async fn leave(live: Box<Live>, code: u16, reason: &'static str) {
    live.rtm.counts.ended(code.to_string());
    let Live {
        mut socket,
        registration,
        ..
    } = *live;
    drop(registration);
    goodbye(&mut socket, code, reason).await;
}

impl Live {
    async fn serve(&mut self, begins: Begins) -> End {
        let caught_up = Box::pin(self.catch_up()).await;
        if begins == Begins::WithJob {
            // The bot greets even if this socket ends here: the session has begun, and no later socket gets a greeting
            // for it.
            answers::wake(&self.rtm, self.conversation);
        }
        if begins != Begins::No {
            // The bot answers a new session. Sockets of the session before may still show a person.
            let event = Event::Owner(Owner::Bot);
            Box::pin(self.rtm.publish_event(self.conversation, event)).await;
        }
        if let Err(end) = caught_up {
            return end;
        }
        if begins == Begins::WithJob
            && !self.ours
            && let Err(end) = Box::pin(self.hold()).await
        {
            return end;
        }
        let shutdown = self.rtm.shutdown.clone();
        let ending = shutdown.cancelled();
        let spread = self.rtm.config().server.drain_spread();
        let mut heard = Instant::now();
        let timer = tokio::time::sleep_until(heard + PING_AFTER);
        let revoked = self.registration.revoked().clone();
        let revoked = revoked.cancelled();
        tokio::pin!(ending, revoked, timer);
        let mut waiting = WaitFor::Silence;
        loop {
            let done = tokio::select! {
                frame = self.socket.next() => {
                    heard = Instant::now();
                    if waiting == WaitFor::Pong {
                        waiting = WaitFor::Silence;
                        timer.as_mut().reset(heard + PING_AFTER);
                    }
                    let handled = match self.on_frame(frame).await {
                        Ok(()) => self.on_more_frames().await,
                        end => end,
                    };
                    match handled {
                        Ok(()) => self.send_backlog().await,
                        end => end,
                    }
                }
                event = self.subscription.recv() => match self.on_event(event).await {
                    Ok(()) => self.send_backlog().await,
                    end => end,
                },
                () = &mut ending, if waiting != WaitFor::Turn => {
                    waiting = WaitFor::Turn;
                    timer.as_mut().reset(Instant::now() + turn(self.conversation, spread));
                    Ok(())
                }
                () = &mut revoked => Err(REVOKED),
                () = &mut timer => match waiting {
                    WaitFor::Silence | WaitFor::Pong if self.has_ended() => Err(ENDED),
                    // Our widget sends pings by itself, so the server need not ask.
                    WaitFor::Silence if heard.elapsed() < PING_AFTER => {
                        timer.as_mut().reset(heard + PING_AFTER);
                        Ok(())
                    }
                    WaitFor::Silence => {
                        waiting = WaitFor::Pong;
                        timer.as_mut().reset(Instant::now() + PONG_WITHIN);
                        self.write(Message::Ping(Bytes::new())).await
                    }
                    WaitFor::Pong => Err(End::Gone),
                    WaitFor::Turn => Err(Box::pin(self.last_frames()).await),
                },
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// Reads frames and sends no events yet: see [`GREETING_AFTER`]. The welcome is stored in the meantime, so it is in
    /// the history.
    async fn hold(&mut self) -> Result<(), End> {
        let over = tokio::time::sleep(GREETING_AFTER);
        tokio::pin!(over);
        loop {
            tokio::select! {
                frame = self.socket.next() => {
                    self.on_frame(frame).await?;
                    self.flush().await?;
                }
                () = &mut over => return Ok(()),
            }
        }
    }

    /// The server shuts down. Stores and acknowledges the frames that have arrived, so that nobody has to send them
    /// again. There is a time limit, because a slow disk must not cost the close frame.
    async fn last_frames(&mut self) -> End {
        let until = Instant::now() + LAST_FRAMES_WITHIN;
        for _ in 0..FRAME_BURST {
            if Instant::now() >= until {
                break;
            }
            let Some(frame) = self.socket.next().now_or_never() else {
                break;
            };
            if let Err(end) = self.on_frame(frame).await {
                return end;
            }
            if let Err(end) = self.flush().await {
                return end;
            }
        }
        End::Close(1001, "the server restarts; come back")
    }

    /// Sends what came over the bus while a frame was stored, together with the acknowledgement. `select!` chooses at
    /// random. If a peer writes without a pause, frames would win four times of five, until the backlog is full and the
    /// socket is closed.
    async fn send_backlog(&mut self) -> Result<(), End> {
        for _ in 0..BACKLOG {
            let Some(event) = self.subscription.recv().now_or_never() else {
                break;
            };
            self.on_event(event).await?;
        }
        self.flush().await
    }

    /// Whether the access token and its grace period have ended.
    fn has_ended(&self) -> bool {
        self.rtm.clock.now() >= self.ends
    }

    /// A grant of the user has ended. Ends this socket if the grant was its own.
    async fn look_at_access(&mut self) -> Result<(), End> {
        match self.rtm.access(self.registration.token()).await {
            Ok(access) => self.judge(access.is_some()),
            Err(error) => {
                tracing::warn!(%error, "an access token could not be looked up");
                Err(End::Close(1011, "the server cannot check the access now"))
            }
        }
    }

    /// Whether the store still has the token decides.
    fn judge(&self, is_there: bool) -> Result<(), End> {
        // The token has expired and is removed from the store. The socket goes on during the grace period.
        if is_there || self.ends.minus(TOKEN_GRACE) <= self.rtm.clock.now() {
            return Ok(());
        }
        Err(REVOKED)
    }

    /// Looks at the store for what no bus may have told. A store that is away is asked again by the next look, so it
    /// costs no socket.
    async fn look(&mut self) -> Result<(), End> {
        let Ok(access) = self.rtm.access(self.registration.token()).await else {
            return Ok(());
        };
        self.judge(access.is_some())?;
        self.catch_up().await
    }

    async fn on_event(&mut self, event: Received) -> Result<(), End> {
        if self.has_ended() {
            return Err(ENDED);
        }
        match event {
            Received::Wake(wake) => match wake.event {
                Event::Access => Box::pin(self.look_at_access()).await,
                Event::Look => Box::pin(self.look()).await,
                Event::Stored(message) => {
                    let done = match self.cursor.meet(message.seq) {
                        Position::Next => self.send_message(&message).await,
                        Position::Own | Position::Past => Ok(()),
                        Position::Gap => Box::pin(self.catch_up()).await,
                    };
                    self.delivered.forget(&message.message_id);
                    done
                }
                Event::Streaming(streaming) => self.send_piece(&streaming).await,
                event => Box::pin(self.send_presence(&event)).await,
            },
            Received::Lagged => Err(SLOW),
        }
    }

    /// Sends everything after the cursor, or `resync` when that cannot be sent.
    async fn catch_up(&mut self) -> Result<(), End> {
        while self.catch_up_some().await? {}
        self.flush().await
    }

    /// Sends a part of it, no more than may wait in memory. True: there is more.
    async fn catch_up_some(&mut self) -> Result<bool, End> {
        self.flush().await?;
        let (here, seen) = (self.conversation, self.cursor.seen());
        let missed = self.rtm.store.since(here, seen, MAX_REPLAY, REPLAY_BYTES);
        let missed = missed.await;
        let missed = missed.map_err(|error| {
            tracing::warn!(error = %error, "missed messages could not be read");
            End::Close(1011, "the server cannot read the conversation now")
        })?;
        if missed.truncated {
            if missed.last_seq < self.cursor.seen() {
                self.cursor.rewind(missed.last_seq);
            } else {
                self.cursor.jump(missed.last_seq);
            }
            if self.ours {
                self.write(written(resync())).await?;
            }
            return Ok(false);
        }
        for message in &missed.messages {
            if self.cursor.meet(message.seq) == Position::Next {
                self.send_message(message).await?;
            }
        }
        Ok(self.cursor.seen() < missed.last_seq)
    }
}

/// A frame as text. It is made before the first `await`, because a frame in the task's state would make every socket
/// larger.
fn written(frame: ServerFrame) -> Message {
    Message::Text(serde_json::to_string(&frame).unwrap_or_default().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the future that `run` makes.
    fn size_of_task<F: Future>(_: fn(Box<Live>, Begins) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_socket_costs_little_besides_its_buffers() {
        let (task, live) = (size_of_task(run), size_of::<Live>());
        assert!(
            task + live < 2_048,
            "a socket's task has {task} bytes, its state {live}"
        );
    }
}
