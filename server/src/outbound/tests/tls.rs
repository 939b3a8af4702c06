//! Bots with a certificate: who is believed, and HTTP/2, whose connections are shared.

use std::convert::Infallible;

use futures_util::stream::unfold;
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, crypto};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;

use super::*;

/// For `bot.example`, until 2120.
pub(super) const BOT: &[u8] = include_bytes!("../testdata/bot.cert.pem");
/// For `old.example`, until 2021, with the same key.
const OLD: &[u8] = include_bytes!("../testdata/old.cert.pem");
const KEY: &[u8] = include_bytes!("../testdata/bot.private.pem");

/// A bot whose answers are made by the test.
pub(super) struct SecureBot {
    listener: TcpListener,
    tls: TlsAcceptor,
    asked: mpsc::Sender<Asked>,
}

/// One request to it.
pub(super) struct Asked {
    version: Version,
    /// Sends the head. Closed when the request is given up before.
    head: oneshot::Sender<()>,
    /// Sends pieces, and ends with its drop. Closed when the answer is given up.
    pieces: mpsc::Sender<&'static str>,
}

impl SecureBot {
    pub(super) async fn listen(certificate: &[u8]) -> (Self, mpsc::Receiver<Asked>) {
        let chain = vec![CertificateDer::from_pem_slice(certificate).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let (asked, calls) = mpsc::channel(8);
        let bot = Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            tls: TlsAcceptor::from(Arc::new(config)),
            asked,
        };
        (bot, calls)
    }

    pub(super) fn call(&self, host: &str) -> Call {
        let port = self.listener.local_addr().unwrap().port();
        let url = Url::parse(&format!("https://{host}:{port}/")).unwrap();
        Call::get(Address::configured(url).unwrap()).waits(PATIENT)
    }

    /// Serves one connection, and no second one.
    pub(super) async fn serve(&self) {
        let (connection, _) = self.listener.accept().await.unwrap();
        let Ok(secure) = self.tls.accept(connection).await else {
            return;
        };
        let asked = self.asked.clone();
        let answer = service_fn(move |request: Request<Incoming>| {
            let asked = asked.clone();
            async move {
                let (head, sent) = oneshot::channel();
                let (pieces, stream) = mpsc::channel(8);
                let version = request.version();
                let given = asked.send(Asked {
                    version,
                    head,
                    pieces,
                });
                given.await.map_err(|_| "nobody is there")?;
                sent.await.map_err(|_| "no head")?;
                let stream = unfold(stream, async |mut stream| {
                    let piece = Bytes::from_static(stream.recv().await?.as_bytes());
                    Some((Ok::<_, Infallible>(Frame::data(piece)), stream))
                });
                Ok::<_, &str>(Response::new(StreamBody::new(Box::pin(stream))))
            }
        });
        let serving = auto::Builder::new(TokioExecutor::new());
        // How it ends is the other side's affair.
        let _ = serving.serve_connection(TokioIo::new(secure), answer).await;
    }
}

/// What comes of asking while a bot serves.
pub(super) async fn beside<T>(bot: &SecureBot, asking: impl Future<Output = T>) -> T {
    tokio::select! {
        done = asking => done,
        never = async {
            bot.serve().await;
            std::future::pending::<Infallible>().await
        } => match never {},
    }
}

/// All names lead here, and only this certificate is believed.
fn believing(certificate: &[u8]) -> Outbound {
    let certificate = reqwest::Certificate::from_pem(certificate).unwrap();
    let here = |_: &str| Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))]);
    outbound_with(Ways {
        configured: Names::new(here, |_| Ok(())),
        authorities: Some(vec![certificate]),
        ..ways()
    })
}

#[tokio::test]
async fn calls_share_an_http2_connection_and_each_hangs_up_alone() {
    let (bot, mut calls) = SecureBot::listen(BOT).await;
    let outbound = believing(BOT);
    let asking = async {
        let call = || outbound.send(bot.call("bot.example"));
        // One is given up before the head, one in the middle, one is read to its end.
        let mut first = Box::pin(call());
        let asked = tokio::select! {
            answer = &mut first => panic!("{answer:?}"),
            asked = calls.recv() => asked.unwrap(),
        };
        assert_eq!(asked.version, Version::HTTP_2);
        drop(first);
        let mut head = asked.head;
        head.closed().await;

        let (second, third) = (call(), call());
        let heads = async {
            let mut pieces = Vec::new();
            for _ in 0..2 {
                let asked = calls.recv().await.unwrap();
                asked.head.send(()).unwrap();
                asked.pieces.send("one").await.unwrap();
                pieces.push(asked.pieces);
            }
            pieces
        };
        let (second, third, pieces) = tokio::join!(second, third, heads);
        let (mut second, mut third) = (second.unwrap(), third.unwrap());
        assert_eq!(second.chunk().await.unwrap().unwrap(), "one");
        drop(second);
        let [a, b] = <[_; 2]>::try_from(pieces).unwrap();
        // Which of the two was asked first is chance.
        let left = tokio::select! {
            () = a.closed() => b,
            () = b.closed() => a,
        };
        left.send("two").await.unwrap();
        drop(left);
        assert_eq!(third.bytes().await.unwrap(), "onetwo");
    };
    beside(&bot, asking).await;
}

#[tokio::test]
async fn a_certificate_that_is_not_believed_is_told_by_its_reason() {
    for (shown, believed, host, why) in [
        (BOT, OLD, "bot.example", TlsFault::Unknown),
        (BOT, BOT, "other.example", TlsFault::Name),
        (OLD, OLD, "old.example", TlsFault::Expired),
    ] {
        let (bot, _calls) = SecureBot::listen(shown).await;
        let outbound = believing(believed);
        let refused = beside(&bot, outbound.send(bot.call(host))).await;
        assert_eq!(fault(refused), CallFault::Tls(why), "{host}");
    }
}

#[tokio::test]
async fn a_stranger_is_asked_over_tls_by_the_name_that_it_gave() {
    let (bot, mut calls) = SecureBot::listen(BOT).await;
    let certificate = reqwest::Certificate::from_pem(BOT).unwrap();
    let here = |_: &str| Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))]);
    let outbound = outbound_with(Ways {
        guarded: Names::new(here, |_| Ok(())),
        authorities: Some(vec![certificate]),
        ..ways()
    });
    let port = bot.listener.local_addr().unwrap().port();
    let address = Address::foreign(&format!("https://bot.example:{port}/"), &[]).unwrap();
    let answering = async {
        let asked = calls.recv().await.unwrap();
        asked.head.send(()).unwrap();
        asked.pieces.send("hello").await.unwrap();
    };
    let asking = async {
        let call = Call::get(address).waits(PATIENT);
        let (answer, ()) = tokio::join!(outbound.send(call), answering);
        answer?.bytes().await
    };
    assert_eq!(beside(&bot, asking).await.unwrap(), "hello");
}
