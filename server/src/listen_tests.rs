//! A real listener on a free port; time is tokio's paused one where something must be waited for.

use std::time::Duration;

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::config::test_config;
use crate::limits::{ANSWER_STALL, BODY_TIME};
use tower_http::timeout::RequestBodyDeadlineLayer;

fn start(config: &str) -> (SocketAddr, Shutdown) {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = Shutdown::new();
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route(
            "/read",
            post(
                |body: Result<String, axum::extract::rejection::StringRejection>| async move {
                    body.map_or("cut off", |_| "read")
                },
            ),
        )
        .layer(RequestBodyDeadlineLayer::new(BODY_TIME));
    let config = Arc::new(test_config(config));
    shutdown.spawn(
        "test listener",
        serve(listener, router, config, shutdown.clone()),
    );
    (address, shutdown)
}

/// What the server says until it closes.
async fn talk(address: SocketAddr, say: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(say).await.unwrap();
    let mut heard = Vec::new();
    // A reset is an end too.
    drop(stream.read_to_end(&mut heard).await);
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test]
async fn answers_a_request() {
    let (address, shutdown) = start("");
    let heard = talk(
        address,
        b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(
        heard.starts_with("HTTP/1.1 200") && heard.ends_with("hello"),
        "{heard}"
    );
    assert_eq!(shutdown.drain(Duration::from_secs(30)).await.left, 0);
}

#[tokio::test(start_paused = true)]
async fn silence_and_half_heads_are_cut_off() {
    let (address, _shutdown) = start("");
    for half in [
        &b""[..],
        b"P",
        b"PRI * HTTP/2.0\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nx-slow:",
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    ] {
        let began = Instant::now();
        drop(talk(address, half).await);
        assert!(
            began.elapsed() <= IDLE_CONNECTION + 2 * IDLE_CHECK,
            "{half:?} after {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_body_is_cut_off() {
    let (address, _shutdown) = start("");
    let began = Instant::now();
    let heard = talk(
        address,
        b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf",
    )
    .await;
    assert!(heard.contains("cut off"), "{heard}");
    assert!(began.elapsed() <= BODY_TIME + IDLE_CONNECTION + 2 * IDLE_CHECK);
}

/// The beginning of a connection of HTTP/2 whose peer opens no window for answers.
const NO_WINDOW: &[u8] =
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00";

/// `GET /` as the stream with this number, and a window for it of so many bytes.
fn get_with_window(stream: u8, window: u8) -> Vec<u8> {
    let request = [
        &b"\x00\x00\x06\x01\x05\x00\x00\x00"[..],
        &[stream],
        b"\x82\x84\x86\x41\x01x",
    ];
    let opened = [
        &b"\x00\x00\x04\x08\x00\x00\x00\x00"[..],
        &[stream, 0, 0, 0, window],
    ];
    let opened = if window > 0 {
        opened.concat()
    } else {
        Vec::new()
    };
    [request.concat(), opened].concat()
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_opens_no_window_is_cut_off() {
    let (address, _shutdown) = start("");
    let began = Instant::now();
    let heard = talk(address, &[NO_WINDOW, &get_with_window(1, 0)].concat()).await;
    assert!(!heard.contains("hello"), "{heard:?}");
    let within = ANSWER_STALL..=ANSWER_STALL + 2 * IDLE_CHECK;
    assert!(within.contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_lies_there_is_not_kept_by_others_that_are_taken() {
    let (address, _shutdown) = start("");
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut input, mut says) = stream.into_split();
    let began = Instant::now();
    says.write_all(&[NO_WINDOW, &get_with_window(1, 0)].concat())
        .await
        .unwrap();
    let keeping_busy = async {
        for number in (3..=u8::MAX).step_by(2) {
            if says.write_all(&get_with_window(number, 5)).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let mut heard = Vec::new();
    let until_cut = async { drop(input.read_to_end(&mut heard).await) };
    tokio::select! {
        () = keeping_busy => panic!("it was never cut"),
        () = until_cut => {}
    }
    let within = ANSWER_STALL..=ANSWER_STALL + 2 * IDLE_CHECK;
    assert!(within.contains(&began.elapsed()), "{:?}", began.elapsed());
    let heard = String::from_utf8_lossy(&heard);
    assert!(heard.matches("hello").count() > 10, "{heard:?}");
}

#[tokio::test]
async fn an_endless_head_is_refused() {
    let (address, _shutdown) = start("");
    let long = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n",
        "x".repeat(2 * HEAD_BYTES)
    );
    assert!(
        talk(address, long.as_bytes())
            .await
            .starts_with("HTTP/1.1 431")
    );
    let many = "x-one: 1\r\n".repeat(HEADERS + 1);
    assert!(
        talk(address, format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes())
            .await
            .starts_with("HTTP/1.1 431")
    );
}

#[tokio::test]
async fn the_end_of_the_server_ends_unused_connections_and_refuses_new_ones() {
    let (address, shutdown) = start("");
    let mut unused = TcpStream::connect(address).await.unwrap();
    unused
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 12];
    unused.read_exact(&mut first).await.unwrap();
    assert_eq!(shutdown.drain(Duration::from_secs(30)).await.left, 0);
    let mut rest = Vec::new();
    unused.read_to_end(&mut rest).await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

const LAST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_request_that_was_on_its_way_when_the_server_ended_is_answered() {
    let (address, shutdown) = start("");
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The tasks of the listener and of the connection.
    while shutdown.running() < 2 {
        tokio::task::yield_now().await;
    }
    shutdown.cancel();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    stream.write_all(LAST).await.unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.unwrap();
    assert!(heard.ends_with("hello"), "{heard}");
    assert_eq!(shutdown.drain(Duration::from_secs(30)).await.left, 0);
}

#[tokio::test]
async fn what_the_kernel_had_accepted_when_the_server_ended_is_answered() {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(LAST).await.unwrap();
        waiting.push(stream);
    }
    let shutdown = Shutdown::new();
    shutdown.cancel();
    let router = Router::new().route("/", get(|| async { "hello" }));
    let config = Arc::new(test_config(""));
    serve(listener, router, config, shutdown.clone()).await;
    for mut stream in waiting {
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        assert!(heard.ends_with("hello"), "{heard}");
    }
}

#[tokio::test]
async fn more_than_the_limit_are_closed_at_once_and_places_are_given_back() {
    let (address, _shutdown) = start("[server]\nmax_connections_per_address = 2");
    let ask = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(ask).await.unwrap();
        stream.read_exact(&mut [0; 12]).await.unwrap();
        kept.push(stream);
    }
    assert_eq!(talk(address, b"").await, "");
    kept.clear();
    // The places come back as soon as the server has seen the ends.
    while !talk(
        address,
        b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await
    .contains("200")
    {
        tokio::task::yield_now().await;
    }
}

#[test]
fn places_are_counted_by_address_and_altogether() {
    let count = Arc::new(Count::new(3, 2));
    let key = |last: u8| Some(AddressKey::from(std::net::IpAddr::from([192, 0, 2, last])));
    let first = count.enter(key(1)).unwrap();
    let second = count.enter(key(1)).unwrap();
    assert!(count.enter(key(1)).is_none());
    let third = count.enter(key(2)).unwrap();
    assert!(count.enter(key(3)).is_none() && count.enter(None).is_none());
    drop((first, second, third));
    assert!(count.present.lock().unwrap().by_address.is_empty());
    assert!(count.enter(None).is_some());
}

#[tokio::test]
async fn a_taken_port_is_one_sentence_with_the_remedy() {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let error = bind(listener.local_addr().unwrap())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("is taken") && error.contains("--listen") && !error.contains('\n'),
        "{error}"
    );
}
