//! The session's steps to a socket, and the pages of a history: what `app/src/transport/requests.rs` does in a browser.
//!
//! In the path: [`super::visitor`] calls one for each effect of the session.

use std::net::{IpAddr, SocketAddr};

use protocol::auth::{GrantRequest, SignReply, SignRequest, access_token};
use protocol::error::{ErrorBody, Failure};
use protocol::history::{HistoryMessage, HistoryPage, MAX_LIMIT};
use protocol::json::Value;
use protocol::read::Read;
use protocol::session::{Attempt, Event, NewestPage};
use protocol::start::{StartReply, StartRequest};
use protocol::transcript::Entry;
use protocol::write::Write;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::cluster::NODE_HEADER;

use super::http::{self, Answer, Http, WITHIN};
use super::server::{APP, BOT, SECRET};
use super::visitor::{Visitor, bot_info};

/// Messages of the newest page, as the widget asks for them.
const NEWEST: u32 = 50;
/// A visitor's buffers: five thousand of them share this machine with the server.
const BUFFER_BYTES: usize = 4 * 1024;

/// Assertion, then access token.
pub(super) async fn grant(visitor: &mut Visitor, attempt: Attempt) -> Event {
    match token(&mut visitor.http, visitor.diary.user).await {
        Ok(token) => {
            visitor.token = Some(token);
            Event::Granted(attempt, None)
        }
        Err(failure) => Event::NotGranted(attempt, failure),
    }
}

/// The socket's address.
pub(super) async fn start(visitor: &mut Visitor, attempt: Attempt) -> Event {
    let token = visitor.token.clone().unwrap_or_default();
    match socket_address(&mut visitor.http, &token).await {
        Ok(url) => Event::Started(attempt, url),
        Err(failure) => Event::StepFailed(attempt, failure),
    }
}

/// A fresh address of a socket.
pub(super) async fn socket_address(http: &mut Http, token: &str) -> Result<String, Failure> {
    let request = StartRequest {
        bot_info: bot_info(),
        language: None,
        extra: protocol::Extra::new(),
    };
    let text = request.to_text();
    let body = good(http.post("/api/rtm/start", Some(token), &text).await)?;
    Ok(StartReply::parse(&body).ok_or(Failure::Retry)?.url)
}

/// The newest page of the transcript. What the bot said there counts as heard.
pub(super) async fn newest(visitor: &mut Visitor, attempt: Attempt) -> Event {
    let token = visitor.token.clone().unwrap_or_default();
    match page(&mut visitor.http, &token, NEWEST, None).await {
        Ok(page) => {
            for message in &page.messages {
                visitor.diary.heard(message.shown());
            }
            let entries = page.messages.iter().map(Entry::of_history).collect();
            let last_seq = page.last_seq;
            Event::HistoryLoaded(attempt, NewestPage { entries, last_seq })
        }
        Err(failure) => Event::StepFailed(attempt, failure),
    }
}

/// The request for an assertion, as a website's backend sends it.
pub(super) fn sign_request(user: usize) -> String {
    let request = SignRequest {
        client_id: Some(APP.to_owned()),
        client_secret: Some(SECRET.to_owned()),
        identity: Some(format!("visitor-{user}@load.test")),
        aud: None,
        is_anonymous: None,
        bot: None,
        visitor: None,
        keep_visitor: None,
    };
    request.to_text()
}

/// Where assertions are signed.
pub(super) const SIGN: &str = "/api/users/sts";

/// An access token for a visitor.
pub(crate) async fn token(http: &mut Http, user: usize) -> Result<String, Failure> {
    let body = good(http.post(SIGN, None, &sign_request(user)).await)?;
    let reply = SignReply::parse(&body).ok_or(Failure::Retry)?;
    let request = GrantRequest {
        assertion: reply.jwt,
        bot_info: Some(bot_info()),
        extra: protocol::Extra::new(),
    };
    let text = request.to_text();
    let body = good(http.post("/api/oAuth/token/jwtgrant", None, &text).await)?;
    let reply = Value::parse(&body).ok_or(Failure::Retry)?;
    let token = access_token(&reply).ok_or(Failure::Retry)?;
    Ok(token.to_owned())
}

/// The whole history of a visitor, oldest first.
pub(crate) async fn history(http: &mut Http, token: &str) -> Result<Vec<HistoryMessage>, Failure> {
    let mut pages: Vec<Vec<HistoryMessage>> = Vec::new();
    let mut before = None;
    loop {
        let page = page(http, token, MAX_LIMIT, before).await?;
        let first = page.messages.first().and_then(|message| message.seq);
        pages.push(page.messages);
        // A page that does not lead further back would be asked for for ever.
        if !page.more_available || first.is_none() || (before.is_some() && first >= before) {
            break;
        }
        before = first;
    }
    Ok(pages.into_iter().rev().flatten().collect())
}

async fn page(
    http: &mut Http,
    token: &str,
    limit: u32,
    before: Option<u64>,
) -> Result<HistoryPage, Failure> {
    let before = before.map_or(String::new(), |before| format!("&before={before}"));
    let path = format!("/api/botmessages/rtm?botId={BOT}&limit={limit}{before}");
    let body = good(http.get(&path, Some(token)).await)?;
    HistoryPage::parse(&body).ok_or(Failure::Retry)
}

/// Opens a socket, and says on which node, if a proxy names it. `None`: refused, or nobody there.
pub(crate) async fn open(
    from: IpAddr,
    server: SocketAddr,
    url: &str,
) -> Option<(WebSocketStream<TcpStream>, Option<String>)> {
    let request = url.into_client_request().ok()?;
    let stream = http::connect(from, server).await.ok()?;
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES);
    let opening = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
    let (socket, response) = timeout(WITHIN, opening).await.ok()?.ok()?;
    let node = response.headers().get(NODE_HEADER);
    let node = node.and_then(|name| name.to_str().ok()).map(str::to_owned);
    Some((socket, node))
}

fn good(answer: std::io::Result<Answer>) -> Result<String, Failure> {
    let answer = answer.map_err(|_| Failure::Retry)?;
    if answer.status == 200 {
        return Ok(answer.body);
    }
    let body = ErrorBody::parse(&answer.body);
    Err(Failure::of(answer.status, body.as_ref()))
}
