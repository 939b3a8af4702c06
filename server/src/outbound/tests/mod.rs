//! The client against a peer on this machine: what goes out, and what becomes of every way to fail.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::client::Ways;
use super::names::Names;
use super::*;
use crate::clock::{FixedClock, Millis};

mod environment;
mod guarded;
mod peer;
mod tls;

use peer::Peer;

/// Longer than any test.
const LONG: Duration = Duration::from_mins(1);
/// Passes in a test, and leaves a busy machine the time to connect before.
const SOON: Duration = Duration::from_millis(300);
const PATIENT: Waits = Waits {
    first_byte: LONG,
    idle: LONG,
    total: LONG,
};

fn ways() -> Ways {
    Ways {
        configured: Names::any(),
        guarded: Names::public(),
        // The tests' own environment may have one.
        proxy: false,
        authorities: None,
    }
}

fn outbound_with(ways: Ways) -> Outbound {
    let clock = FixedClock::new(Millis(1_445_412_480_000));
    Outbound::with(Arc::new(clock), ways)
}

fn outbound() -> Outbound {
    outbound_with(ways())
}

fn call(peer: &Peer) -> Call {
    Call::post(peer.address()).waits(PATIENT).json(&json!({}))
}

/// The answer to a call, with the peer's part beside it.
async fn with<T>(call: Call, part: impl Future<Output = T>) -> (Result<Answer, OutboundError>, T) {
    let outbound = outbound();
    tokio::join!(outbound.send(call), part)
}

fn fault<T: std::fmt::Debug>(result: Result<T, OutboundError>) -> CallFault {
    result.unwrap_err().fault
}

#[tokio::test]
async fn a_call_goes_out_as_it_was_made() {
    let peer = Peer::listen().await;
    let address = Address::configured(peer.url("/hook/1?key=a%20b#part")).unwrap();
    let call = Call::new(Method::PUT, address)
        .header("X-Trace", "1")
        .header("x-trace", "2")
        .bearer(&SecretString::from("my-token"))
        .secret_header("api-key", &SecretString::from("my-key"))
        .headers([(
            "webhook-id".parse().unwrap(),
            HeaderValue::from_static("t-1"),
        )])
        .body("application/json", r#"{ "a":1 }"#)
        .waits(PATIENT);
    let (answer, asked) = with(call, async {
        let (mut connection, asked) = peer.asked().await;
        connection
            .answer(
                "200 OK",
                "Content-Type: Application/JSON; charset=utf-8\r\nx-a: b\r\n",
                r#"{"b":2}"#,
            )
            .await;
        asked
    })
    .await;
    let mut answer = answer.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.content_type(), "application/json");
    assert_eq!(answer.headers()["x-a"], "b");
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({"b": 2}));
    assert_eq!(asked.uri(), "/hook/1?key=a%20b");
    assert_eq!(asked.body, br#"{ "a":1 }"#);
    let agent = format!("user-agent: parlour/{}", env!("CARGO_PKG_VERSION"));
    for line in [
        "put /hook/1?key=a%20b http/1.1",
        "x-trace: 2",
        "authorization: bearer my-token",
        "api-key: my-key",
        "webhook-id: t-1",
        "content-type: application/json",
        "content-length: 9",
        "accept-encoding: identity",
        &agent,
    ] {
        assert!(asked.has(line), "{line} in {}", asked.head);
    }
    assert!(!asked.has("x-trace: 1"), "{}", asked.head);
}

#[tokio::test]
async fn a_connection_is_used_again_when_an_answer_was_read() {
    let peer = Peer::listen().await;
    let outbound = outbound();
    let asking = async {
        for n in 0..3 {
            let mut answer = outbound.send(call(&peer)).await.unwrap();
            assert_eq!(answer.bytes().await.unwrap(), format!("{n}"));
        }
    };
    // Accepted once: a second connection would wait for ever.
    let answering = async {
        let mut connection = peer.accept().await;
        for n in 0..3 {
            connection.asked().await;
            connection.answer("200 OK", "", &format!("{n}")).await;
        }
    };
    tokio::join!(asking, answering);
}

#[tokio::test]
async fn a_bot_that_says_nothing_is_hung_up_on() {
    let peer = Peer::listen().await;
    let call = call(&peer).waits(Waits {
        first_byte: SOON,
        ..PATIENT
    });
    let silent = async { peer.asked().await.0.hung_up().await };
    let (answer, ()) = with(call, silent).await;
    let error = answer.unwrap_err();
    let too_slow = CallFault::TooSlow {
        wait: Wait::FirstByte,
        limit: SOON,
    };
    assert_eq!(error.fault, too_slow);
    let port = peer.port();
    assert_eq!(
        error.to_string(),
        format!("127.0.0.1:{port}: too slow: the first byte took longer than 300ms")
    );
}

#[tokio::test]
async fn a_head_is_no_beginning_yet() {
    let peer = Peer::listen().await;
    let call = call(&peer).waits(Waits {
        first_byte: SOON,
        ..PATIENT
    });
    let reading = async {
        let mut answer = outbound().send(call).await?;
        answer.chunk().await
    };
    let answering = async {
        let (mut connection, _) = peer.asked().await;
        connection.begin().await;
        connection.hung_up().await;
    };
    let (read, ()) = tokio::join!(reading, answering);
    assert_eq!(fault(read).class(), "too slow (first byte)");
}

#[tokio::test]
async fn a_bot_that_stalls_in_the_middle_is_hung_up_on() {
    let peer = Peer::listen().await;
    let call = call(&peer).waits(Waits {
        idle: SOON,
        ..PATIENT
    });
    let reading = async {
        let mut answer = outbound().send(call).await.unwrap();
        assert_eq!(answer.chunk().await.unwrap().unwrap(), "one");
        let stalled = fault(answer.chunk().await);
        // It is over, also for who asks again.
        assert_eq!(answer.chunk().await, Ok(None));
        stalled
    };
    let answering = async {
        let (mut connection, _) = peer.asked().await;
        connection.begin().await;
        connection.piece("one").await;
        connection.hung_up().await;
    };
    let (stalled, ()) = tokio::join!(reading, answering);
    assert_eq!(stalled.class(), "too slow (idle)");
}

#[tokio::test]
async fn an_answer_without_an_end_has_one() {
    let peer = Peer::listen().await;
    let call = call(&peer).max_bytes(usize::MAX).waits(Waits {
        total: SOON,
        ..PATIENT
    });
    let reading = async {
        let mut answer = outbound().send(call).await.unwrap();
        loop {
            match answer.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("an end"),
                Err(error) => return error.fault,
            }
        }
    };
    let answering = async {
        let (mut connection, _) = peer.asked().await;
        connection.begin().await;
        connection.flood(b"1\r\nx\r\n").await
    };
    let (ended, _) = tokio::join!(reading, answering);
    assert_eq!(ended.class(), "too slow (total)");
}

#[tokio::test]
async fn a_gigabyte_that_is_announced_is_not_read() {
    let peer = Peer::listen().await;
    let call = call(&peer).max_bytes(1_000);
    let reading = async { outbound().send(call).await?.bytes().await };
    let answering = async {
        let (mut connection, _) = peer.asked().await;
        connection
            .say("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\nx")
            .await;
        connection.hung_up().await;
    };
    let (read, ()) = tokio::join!(reading, answering);
    assert_eq!(fault(read), CallFault::TooBig(1_000));
}

#[tokio::test]
async fn a_gigabyte_in_pieces_is_hung_up_on() {
    let peer = Peer::listen().await;
    let call = call(&peer).max_bytes(100_000);
    let reading = async { outbound().send(call).await?.bytes().await };
    let answering = async {
        let (mut connection, _) = peer.asked().await;
        connection.begin().await;
        let piece = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        connection.flood(piece.as_bytes()).await
    };
    let (read, taken) = tokio::join!(reading, answering);
    assert_eq!(fault(read), CallFault::TooBig(100_000));
    // The rest is what the kernel holds between the two.
    assert!(taken < 50_000_000, "{taken}");
}

#[tokio::test]
async fn as_many_bytes_as_are_allowed_are_read() {
    let peer = Peer::listen().await;
    let call = call(&peer).max_bytes(6);
    let reading = async { outbound().send(call).await?.bytes().await };
    let answering = async {
        let (mut connection, _) = peer.asked().await;
        connection.begin().await;
        for piece in ["12", "34", "56"] {
            connection.piece(piece).await;
        }
        connection.end().await;
    };
    let (read, ()) = tokio::join!(reading, answering);
    assert_eq!(read.unwrap(), "123456");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_taken_for_whole() {
    for (said, reset) in [
        ("", false),
        ("", true),
        ("HTTP/1.1 200 OK\r\ncontent-le", false),
        ("SSH-2.0-OpenSSH_9.9\r\n", false),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n123456789",
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n123456789",
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n",
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\nzz\r\n",
            false,
        ),
    ] {
        let peer = Peer::listen().await;
        let reading = async { outbound().send(call(&peer)).await?.bytes().await };
        let answering = async {
            let (mut connection, _) = peer.asked().await;
            connection.say(said).await;
            if reset {
                connection.reset();
            }
        };
        let (read, ()) = tokio::join!(reading, answering);
        assert_eq!(fault(read), CallFault::Broken, "{said:?} {reset}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let peer = Peer::listen().await;
    for status in [
        "301 Moved",
        "302 Found",
        "303 See",
        "307 Other",
        "308 Moved",
    ] {
        let target = peer.url("/elsewhere");
        let answering = async {
            let (mut connection, _) = peer.asked().await;
            let location = format!("location: {target}\r\nconnection: close\r\n");
            connection.answer(status, &location, "").await;
        };
        let (answer, ()) = with(call(&peer), answering).await;
        let answer = answer.unwrap();
        assert!(answer.status().is_redirection(), "{status}");
        let refused = fault(answer.successful());
        assert_eq!(refused.class(), "status");
        assert!(!refused.is_temporary());
    }
}

#[tokio::test]
async fn a_refusal_says_its_status_and_when_to_come_back() {
    let peer = Peer::listen().await;
    let answering = async {
        let (mut connection, _) = peer.asked().await;
        let headers = "retry-after: Wed, 21 Oct 2015 07:28:30 GMT\r\n";
        connection
            .answer("429 Too Many Requests", headers, r#"{"error":"my key"}"#)
            .await;
    };
    let (answer, ()) = with(call(&peer), answering).await;
    let mut answer = answer.unwrap();
    let wait = Some(Duration::from_secs(30));
    assert_eq!(answer.retry_after(), wait);
    // Its body may be looked at before.
    let said = answer.json::<Value>().await.unwrap();
    assert_eq!(said["error"], "my key");
    let error = answer.successful().unwrap_err();
    assert!(error.fault.is_temporary());
    assert_eq!(error.fault.retry_after(), wait);
    assert_eq!(
        error.to_string(),
        format!(
            "127.0.0.1:{}: it answered 429 Too Many Requests",
            peer.port()
        )
    );
}

#[tokio::test]
async fn what_is_not_json_is_not_repeated() {
    for (body, words) in [
        ("<html>my secret</html>", "its answer is not JSON"),
        ("", "its answer is not JSON"),
        (r#"["my secret"#, "its answer is not JSON"),
        (
            r#""my secret""#,
            "its answer is not JSON of the shape that we expect",
        ),
    ] {
        let peer = Peer::listen().await;
        let answering = async {
            let (mut connection, _) = peer.asked().await;
            connection.answer("200 OK", "", body).await;
        };
        let (answer, ()) = with(call(&peer), answering).await;
        let error = answer.unwrap().json::<Vec<u8>>().await.unwrap_err();
        assert_eq!(error.fault.to_string(), words, "{body}");
        assert!(
            !format!("{error} {error:?}").contains("secret"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn compression_that_nobody_asked_for_is_refused() {
    let peer = Peer::listen().await;
    let answering = async {
        let (mut connection, _) = peer.asked().await;
        let headers = "content-encoding: gzip\r\n";
        connection.answer("200 OK", headers, "\u{1f}\u{8b}").await;
    };
    let (answer, ()) = with(call(&peer), answering).await;
    let refused = fault(answer.unwrap().bytes().await);
    assert_eq!(refused.class(), "unreadable");
}

#[tokio::test]
async fn who_drops_a_call_hangs_up() {
    let peer = Peer::listen().await;
    let outbound = outbound();
    let mut sending = Box::pin(outbound.send(call(&peer)));
    let connection = tokio::select! {
        answer = &mut sending => panic!("{answer:?}"),
        (connection, _) = peer.asked() => connection,
    };
    drop(sending);
    connection.hung_up().await;
}

#[tokio::test]
async fn who_drops_an_answer_hangs_up() {
    let peer = Peer::listen().await;
    let outbound = outbound();
    let beginning = async {
        let (mut connection, _) = peer.asked().await;
        connection.begin().await;
        connection.piece("one").await;
        connection
    };
    let (answer, connection) = tokio::join!(outbound.send(call(&peer)), beginning);
    let mut answer = answer.unwrap();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "one");
    // Also while it waits for the next piece.
    assert!(futures_util::poll!(Box::pin(answer.chunk())).is_pending());
    drop(answer);
    connection.hung_up().await;
}

#[tokio::test]
async fn events_arrive_one_by_one() {
    let peer = Peer::listen().await;
    let reading = async {
        let answer = outbound().send(call(&peer)).await.unwrap();
        let mut events = answer.events(1_000);
        let mut arrived = Vec::new();
        while let Some(event) = events.next().await.unwrap() {
            arrived.push((event.name, event.data));
        }
        arrived
    };
    let answering = async {
        let (mut connection, _) = peer.asked().await;
        connection.begin().await;
        let text = "event: a\r\ndata: é😀\r\n\r\n: ping\n\ndata: 2\n\ndata: cut";
        for byte in text.as_bytes() {
            connection.piece([*byte]).await;
        }
        connection.end().await;
    };
    let (arrived, ()) = tokio::join!(reading, answering);
    let owned = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(arrived, [owned("a", "é😀"), owned("message", "2")]);
}

#[tokio::test]
async fn lines_arrive_one_by_one_and_the_last_needs_no_end() {
    let peer = Peer::listen().await;
    let reading = async {
        let answer = outbound().send(call(&peer)).await.unwrap();
        let mut lines = answer.lines(1_000);
        let mut arrived = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            arrived.push(line);
        }
        arrived
    };
    let answering = async {
        let (mut connection, _) = peer.asked().await;
        connection.begin().await;
        for piece in ["{\"a\"", ":1}\n\n{", "}\r\n", "end"] {
            connection.piece(piece).await;
        }
        connection.end().await;
    };
    let (arrived, ()) = tokio::join!(reading, answering);
    assert_eq!(arrived, ["{\"a\":1}", "{}", "end"]);
}

#[tokio::test]
async fn an_event_or_a_line_that_is_too_large_is_hung_up_on() {
    for lines in [false, true] {
        let peer = Peer::listen().await;
        let reading = async {
            let answer = outbound().send(call(&peer)).await.unwrap();
            if lines {
                let mut lines = answer.lines(100);
                let refused = lines.next().await.map(|_| ()).unwrap_err();
                (refused.fault, lines.next().await.is_err())
            } else {
                let mut events = answer.events(100);
                let refused = events.next().await.map(|_| ()).unwrap_err();
                (refused.fault, events.next().await.is_err())
            }
        };
        let answering = async {
            let (mut connection, _) = peer.asked().await;
            connection.begin().await;
            connection.piece(format!("data: {}", "x".repeat(100))).await;
            connection.hung_up().await;
        };
        let ((refused, again), ()) = tokio::join!(reading, answering);
        assert_eq!(refused, CallFault::TooBig(100));
        assert!(again, "it does not go on");
    }
}

#[tokio::test]
async fn nobody_there_is_a_connection_that_was_refused() {
    let peer = Peer::listen().await;
    let call = call(&peer);
    drop(peer);
    let refused = fault(outbound().send(call).await);
    assert_eq!(
        refused,
        CallFault::Connect(io::ErrorKind::ConnectionRefused)
    );
    assert!(refused.is_temporary());
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_told_as_that() {
    let configured = Names::new(|_| Err(io::Error::other("not known")), |_| Ok(()));
    let outbound = outbound_with(Ways {
        configured,
        ..ways()
    });
    let url = Url::parse("http://ollama:11434/v1?key=secret").unwrap();
    let call = Call::get(Address::configured(url).unwrap());
    let error = outbound.send(call).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "ollama:11434: its name cannot be resolved"
    );
    assert!(error.fault.is_temporary());
}

#[tokio::test]
async fn who_does_not_speak_tls_is_told_as_that() {
    let peer = Peer::listen().await;
    let mut url = peer.url("/");
    url.set_scheme("https").unwrap();
    let call = Call::get(Address::configured(url).unwrap()).waits(PATIENT);
    let answering = async {
        let mut connection = peer.accept().await;
        connection.say("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        connection.hung_up().await;
    };
    let (answer, ()) = with(call, answering).await;
    assert_eq!(fault(answer), CallFault::Tls(TlsFault::Handshake));
}

#[tokio::test]
async fn a_call_that_cannot_be_sent_says_why_without_repeating_it() {
    let peer = Peer::listen().await;
    let unwritable = std::collections::HashMap::from([(vec![1_u8], 1)]);
    for call in [
        call(&peer).header("a b", "secret"),
        call(&peer).header("a", "secret\r\nb: c"),
        call(&peer).secret_header("a", &SecretString::from("secret\n")),
        call(&peer).bearer(&SecretString::from("secret\r")),
        call(&peer).header("Content-Length", "1"),
        call(&peer).header("transfer-encoding", "chunked"),
        call(&peer).header("connection", "close"),
        call(&peer).json(&unwritable),
    ] {
        let debug = format!("{call:?}");
        let error = outbound().send(call).await.unwrap_err();
        assert_eq!(error.fault.class(), "unsendable");
        let debug = format!("{debug} {error} {error:?}");
        assert!(!debug.contains("secret"), "{debug}");
    }
}
