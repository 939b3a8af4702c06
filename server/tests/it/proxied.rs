//! Behind a proxy: who it says the visitor is, in headers or before HTTP.

use proxy_header::{ProxiedAddress, ProxyHeader, SslInfo, Tlv};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::test_app::{SOON, TestApp};

const BEHIND: &str = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\nrequire_https = true\n\
     public_url = \"https://shop.test/\"\n";
/// One page a minute for each visitor.
const ONE_PAGE: &str = "[rate]\npage_address_burst = 1\npage_address_per_minute = 1\n";

#[tokio::test]
async fn forwarded_names_the_visitor_and_https_when_the_proxies_write_it() {
    let app = TestApp::start_with(&format!("{BEHIND}forwarded_by = \"forwarded\"\n{ONE_PAGE}"));
    let https = "for=192.0.2.1;proto=https";
    for (name, value, status) in [
        ("forwarded", https, 200),
        ("forwarded", https, 429),
        ("forwarded", "for=\"[2001:db8::1]:4711\";proto=https", 200),
        (
            "forwarded",
            "for=192.0.2.2;proto=https, for=192.0.2.1;proto=https",
            429,
        ),
        ("forwarded", "for=192.0.2.3;proto=http", 308),
        ("x-forwarded-proto", "https", 403),
    ] {
        let page = app
            .get("/chat/test", &[("accept", "text/html"), (name, value)])
            .await;
        assert_eq!(page.status, status, "{name}: {value}");
    }
}

/// The status of a page that is asked for on a connection that begins with these bytes. `None`: it was cut.
async fn page(app: &TestApp, header: &[u8], more: &str) -> Option<u16> {
    let request = format!(
        "GET /chat/test HTTP/1.1\r\nhost: shop.test\r\naccept: text/html\r\nconnection: close\r\n{more}\r\n"
    );
    let exchange = async {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        let _ = stream
            .write_all(&[header, request.as_bytes()].concat())
            .await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        answer
    };
    let answer = tokio::time::timeout(SOON, exchange).await.expect("an end");
    let answer = String::from_utf8_lossy(&answer);
    answer.split(' ').nth(1)?.parse().ok()
}

fn visitor(address: &str, tls: Option<bool>) -> Vec<u8> {
    let here = "192.0.2.100:443".parse().unwrap();
    let address = ProxiedAddress::stream(address.parse().unwrap(), here);
    let mut header = ProxyHeader::with_address(address);
    if let Some(tls) = tls {
        header.append_tlv(Tlv::Ssl(SslInfo::new(tls, false, false, 1)));
    }
    let mut bytes = Vec::new();
    header.encode_v2(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn a_proxy_header_names_the_visitor_and_tls_before_http() {
    let app = TestApp::start_with(&format!("{BEHIND}proxy_protocol = true\n{ONE_PAGE}"));
    let ann = visitor("192.0.2.1:4711", Some(true));
    assert_eq!(page(&app, &ann, "").await, Some(200));
    assert_eq!(page(&app, &ann, "").await, Some(429));
    // What the visitor writes into headers does not count.
    let elsewhere = "x-forwarded-for: 192.0.2.9\r\nx-forwarded-proto: https\r\n";
    assert_eq!(page(&app, &ann, elsewhere).await, Some(429));
    let plain = visitor("192.0.2.2:4711", Some(false));
    assert_eq!(page(&app, &plain, elsewhere).await, Some(308));
    let unknown = visitor("192.0.2.3:4711", None);
    assert_eq!(page(&app, &unknown, "").await, Some(308));
    let browser = "sec-fetch-mode: navigate\r\n";
    assert_eq!(page(&app, &unknown, browser).await, Some(403), "no loop");
    let line = b"PROXY TCP4 192.0.2.4 192.0.2.100 4711 443\r\n";
    assert_eq!(page(&app, line, "").await, Some(308));
    // Another listed proxy stands before this one: its headers count.
    let chain = visitor("127.0.0.1:4711", None);
    let behind = "x-forwarded-for: 192.0.2.5\r\nx-forwarded-proto: https\r\n";
    assert_eq!(page(&app, &chain, behind).await, Some(200));
    assert_eq!(page(&app, b"", "").await, None, "without a header");
}

#[tokio::test]
async fn nobody_but_a_listed_proxy_may_begin_with_a_proxy_header() {
    let app = TestApp::start_with(
        "[server]\ntrusted_proxies = [\"192.0.2.200\"]\nproxy_protocol = true\n",
    );
    let claimed = visitor("192.0.2.1:4711", Some(true));
    assert_ne!(page(&app, &claimed, "").await, Some(200));
    assert_eq!(page(&app, b"", "").await, Some(200));
}
