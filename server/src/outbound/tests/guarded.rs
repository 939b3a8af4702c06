//! Addresses of strangers: what is checked is what is connected to.

use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// In the tests' world 127.0.0.1 is the public internet, and all else is inside.
fn only_this(address: IpAddr) -> Result<(), Range> {
    if address == IpAddr::from([127, 0, 0, 1]) {
        Ok(())
    } else {
        Err(Range::Private)
    }
}

/// A resolver that gives these, one after the other, and counts.
fn resolver(answers: &'static [&'static str], asked: Arc<AtomicUsize>) -> Names {
    let left = Mutex::new(answers.iter());
    let lookup = move |_: &str| {
        asked.fetch_add(1, Ordering::SeqCst);
        let address = left.lock().unwrap().next();
        let address = address.ok_or_else(|| io::Error::other("asked too often"))?;
        Ok(vec![SocketAddr::new(address.parse().unwrap(), 0)])
    };
    Names::new(lookup, only_this)
}

fn outbound_over(guarded: Names) -> Outbound {
    outbound_with(Ways { guarded, ..ways() })
}

/// To a peer by a stranger's name. Without TLS, for which there is no certificate here; the check does not know.
fn call(peer: &Peer) -> Call {
    let port = peer.port();
    let address = Address::guarded_without_tls(&format!("http://bot.example:{port}/?key=secret"));
    Call::get(address).waits(PATIENT)
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_connected_to_what_was_checked() {
    let asked = Arc::new(AtomicUsize::new(0));
    // Every further look would lead inside, as when somebody rebinds the name.
    let outbound = outbound_over(resolver(&["127.0.0.1", "127.0.0.2"], Arc::clone(&asked)));
    let peer = Peer::listen().await;
    let asking = async {
        for _ in 0..2 {
            let mut answer = outbound.send(call(&peer)).await.unwrap();
            assert_eq!(answer.bytes().await.unwrap(), "public");
        }
    };
    let answering = async {
        let mut connection = peer.accept().await;
        for _ in 0..2 {
            let asked = connection.asked().await;
            let host = format!("host: bot.example:{}", peer.port());
            assert!(asked.has(&host), "{}", asked.head);
            connection.answer("200 OK", "", "public").await;
        }
        connection
    };
    let ((), connection) = tokio::join!(asking, answering);
    assert_eq!(
        asked.load(Ordering::SeqCst),
        1,
        "one look for one connection"
    );
    drop(connection);
    // The connection is gone, the name leads inside now, and nobody is connected to.
    let refused = loop {
        match outbound.send(call(&peer)).await.unwrap_err() {
            // The end of the old connection was not noticed yet.
            error if error.fault == CallFault::Broken => {}
            error => break error,
        }
    };
    assert_eq!(refused.fault, CallFault::Guarded(Range::Private));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let port = peer.port();
    assert_eq!(
        refused.to_string(),
        format!("bot.example:{port}: it is refused: its name leads to a private address")
    );
}

#[tokio::test]
async fn the_real_guard_refuses_names_of_this_machine() {
    let peer = Peer::listen().await;
    let lookup = |_: &str| Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))]);
    let names = Names::new(lookup, ranges::must_be_public);
    let refused = outbound_over(names).send(call(&peer)).await;
    assert_eq!(fault(refused), CallFault::Guarded(Range::Loopback));
    let silent = tokio::time::timeout(Duration::ZERO, peer.accept()).await;
    assert!(silent.is_err(), "nobody was connected to");
}

#[tokio::test]
async fn the_two_clients_share_no_connection() {
    let asked = Arc::new(AtomicUsize::new(0));
    let outbound = outbound_with(Ways {
        configured: Names::new(
            |_| Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))]),
            |_| Ok(()),
        ),
        guarded: resolver(&["127.0.0.2"], Arc::clone(&asked)),
        ..ways()
    });
    let peer = Peer::listen().await;
    let url = Url::parse(&format!("http://bot.example:{}/", peer.port())).unwrap();
    let configured = Call::get(Address::configured(url).unwrap());
    let asking = async { outbound.send(configured).await.unwrap().bytes().await };
    let answering = async {
        let (mut connection, _) = peer.asked().await;
        connection.answer("200 OK", "", "inside").await;
        connection
    };
    let (inside, _connection) = tokio::join!(asking, answering);
    assert_eq!(inside.unwrap(), "inside");
    // An unused connection to the same name is there, but it was never checked.
    let refused = outbound.send(call(&peer)).await;
    assert_eq!(fault(refused), CallFault::Guarded(Range::Private));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}
