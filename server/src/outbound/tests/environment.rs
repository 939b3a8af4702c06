//! What the environment says: proxies, and whom the machine trusts. A test whose process has another environment runs
//! itself again as a child that has this one.

use std::env;
use std::process::{Command, Stdio};

use super::tls::{BOT, SecureBot, beside};
use super::*;

/// Set in the child; where its peer is.
const PORT: &str = "PARLOUR_TEST_PORT";
/// All that could come from the outside.
const FOREIGN: [&str; 10] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "REQUEST_METHOD",
    "SSL_CERT_DIR",
];

fn port_of_parent() -> Option<u16> {
    env::var(PORT).ok()?.parse().ok()
}

/// Runs one test of this file again, with more in its environment, while something goes on beside it.
async fn again<T>(
    test: &str,
    port: u16,
    more: &[(&str, &str)],
    beside: impl Future<Output = T>,
) -> T {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", &format!("outbound::tests::environment::{test}")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for name in FOREIGN {
        command.env_remove(name);
    }
    command.env(PORT, port.to_string());
    command.envs(more.iter().copied());
    let child = tokio::task::spawn_blocking(move || command.output().unwrap());
    tokio::pin!(beside);
    let mut done = None;
    let output = tokio::select! {
        output = child => output.unwrap(),
        never = async {
            done = Some(beside.await);
            std::future::pending::<std::convert::Infallible>().await
        } => match never {},
    };
    let output_text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output_text}");
    assert!(output_text.contains("1 passed"), "{output_text}");
    done.expect("the child asked for all that it should")
}

/// As the server makes it.
fn real() -> Outbound {
    Outbound::new(Arc::new(FixedClock::new(Millis(0))))
}

fn get(url: &str) -> Call {
    Call::get(Address::configured(Url::parse(url).unwrap()).unwrap()).waits(PATIENT)
}

#[tokio::test]
async fn a_proxy_is_used_for_the_operators_addresses_only() {
    if let Some(port) = port_of_parent() {
        return through_the_proxy(port).await;
    }
    let proxy = Peer::listen().await;
    let port = proxy.port();
    let address = format!("http://me:word@127.0.0.1:{port}");
    let environment = [
        ("HTTP_PROXY", &*address),
        ("HTTPS_PROXY", &address),
        ("NO_PROXY", "127.0.0.1"),
    ];
    let proxying = async {
        let (mut connection, asked) = proxy.asked().await;
        assert!(
            asked.has("get http://bot.invalid/a?b=c http/1.1"),
            "{asked:?}"
        );
        assert!(
            asked.has("proxy-authorization: basic bwu6d29yza=="),
            "{asked:?}"
        );
        let headers = "connection: close\r\n";
        connection.answer("200 OK", headers, "by proxy").await;
        let (mut connection, asked) = proxy.asked().await;
        assert!(asked.has("connect bot.invalid:443 http/1.1"), "{asked:?}");
        connection.answer("403 Forbidden", "", "").await;
        let (mut connection, asked) = proxy.asked().await;
        assert!(asked.has("get /direct http/1.1"), "{asked:?}");
        connection.answer("200 OK", "", "direct").await;
    };
    again(
        "a_proxy_is_used_for_the_operators_addresses_only",
        port,
        &environment,
        proxying,
    )
    .await;
}

async fn through_the_proxy(port: u16) {
    let outbound = real();
    let mut answer = outbound
        .send(get("http://bot.invalid/a?b=c"))
        .await
        .unwrap();
    assert_eq!(answer.bytes().await.unwrap(), "by proxy");
    // What it refuses is not the bot's fault.
    let refused = outbound.send(get("https://bot.invalid/")).await;
    assert_eq!(fault(refused), CallFault::Proxy);
    let direct = get(&format!("http://127.0.0.1:{port}/direct"));
    let mut answer = outbound.send(direct).await.unwrap();
    assert_eq!(answer.bytes().await.unwrap(), "direct");
    // A stranger's name is looked up here, where it is refused. The proxy would have answered anything.
    let stranger = Address::guarded_without_tls("http://localhost:1/");
    let refused = outbound.send(Call::get(stranger).waits(PATIENT)).await;
    assert_eq!(fault(refused), CallFault::Guarded(Range::Loopback));
}

#[tokio::test]
async fn a_machine_without_certificates_says_so_when_one_is_needed() {
    if let Some(port) = port_of_parent() {
        let outbound = real();
        let mut answer = outbound
            .send(get(&format!("http://127.0.0.1:{port}/")))
            .await
            .unwrap();
        assert_eq!(answer.bytes().await.unwrap(), "plain");
        let (bot, _calls) = SecureBot::listen(BOT).await;
        let refused = beside(&bot, outbound.send(bot.call("localhost"))).await;
        assert_eq!(fault(refused), CallFault::Tls(TlsFault::NoAuthorities));
        return;
    }
    let peer = Peer::listen().await;
    let environment = [
        ("SSL_CERT_FILE", "/nonexistent"),
        ("SSL_CERT_DIR", "/nonexistent"),
    ];
    let answering = async {
        let (mut connection, _) = peer.asked().await;
        connection.answer("200 OK", "", "plain").await;
    };
    again(
        "a_machine_without_certificates_says_so_when_one_is_needed",
        peer.port(),
        &environment,
        answering,
    )
    .await;
}

#[tokio::test]
async fn a_certificate_of_the_operators_own_is_believed() {
    if port_of_parent().is_some() {
        let outbound = real();
        let (bot, _calls) = SecureBot::listen(BOT).await;
        // Believed, but for another name: that is what tells that it was.
        let refused = beside(&bot, outbound.send(bot.call("localhost"))).await;
        assert_eq!(fault(refused), CallFault::Tls(TlsFault::Name));
        return;
    }
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/outbound/testdata/bot.cert.pem"
    );
    again(
        "a_certificate_of_the_operators_own_is_believed",
        0,
        &[("SSL_CERT_FILE", file)],
        async {},
    )
    .await;
}
