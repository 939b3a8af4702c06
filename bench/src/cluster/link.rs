//! A cable that can be pulled: what goes from one node to the store or to the broker.
//!
//! In the path: every node reaches PostgreSQL and the broker through a link of its own, so that one node can be cut off.
//!
//! **Invariants.** A cut link is silent, as a network is that loses everything: nothing is closed or refused, and what was
//! sent meanwhile arrives when it is mended.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What is read at once.
const CHUNK: usize = 16 * 1024;

/// See the [module](self).
pub(super) struct Link {
    /// Where the node connects to.
    pub(super) port: u16,
    whole: watch::Sender<bool>,
    /// Ends with this value.
    _relay: JoinSet<()>,
}

impl Link {
    /// A whole one to a port on 127.0.0.1.
    pub(super) async fn to(port: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let whole = watch::Sender::new(true);
        let mut relay = JoinSet::new();
        let own = listener.local_addr()?.port();
        relay.spawn(accept(
            listener,
            ([127, 0, 0, 1], port).into(),
            whole.subscribe(),
        ));
        Ok(Self {
            port: own,
            whole,
            _relay: relay,
        })
    }

    /// Pulls it.
    pub(super) fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Plugs it in again.
    pub(super) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn accept(listener: TcpListener, to: SocketAddr, whole: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        connections.spawn(join(near, to, whole.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// One connection. If the far end is not there, the near one is closed.
async fn join(near: TcpStream, to: SocketAddr, mut whole: watch::Receiver<bool>) {
    if whole.wait_for(|whole| *whole).await.is_err() {
        return;
    }
    let Ok(far) = TcpStream::connect(to).await else {
        return;
    };
    // Neither is an error of ours: without it everything is only slower.
    drop((near.set_nodelay(true), far.set_nodelay(true)));
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    tokio::select! {
        () = carry(near_read, far_write, whole.clone()) => {}
        () = carry(far_read, near_write, whole) => {}
    }
}

/// Until either end is closed.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut whole: watch::Receiver<bool>) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = from.read(&mut chunk).await.unwrap_or(0);
        // The end of a connection does not get through a cut cable, either.
        if whole.wait_for(|whole| *whole).await.is_err() || read == 0 {
            return;
        }
        if to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cut_link_is_silent_and_loses_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let link = Link::to(port).await.unwrap();
        let mut near = TcpStream::connect(("127.0.0.1", link.port)).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        near.write_all(b"one").await.unwrap();
        let mut heard = [0; 3];
        far.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"one");
        link.cut();
        near.write_all(b"two").await.unwrap();
        let early = far.read_exact(&mut heard);
        let early = tokio::time::timeout(std::time::Duration::from_millis(50), early).await;
        assert!(early.is_err(), "it is cut");
        link.mend();
        far.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"two");
    }
}
