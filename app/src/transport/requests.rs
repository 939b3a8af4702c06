//! The requests of a session: assertion, grant, start, history. Kore's cloud and our own server have the same API; only
//! the base URL differs.
//!
//! In the path: the session asks for a step, and the result goes back to it as an event.

use std::rc::Rc;

use js_sys::{Date, Object, Reflect};
use protocol::auth::{GrantRequest, SignReply, SignRequest, access_token, unpacked};
use protocol::error::{ErrorBody, Failure};
use protocol::history::HistoryPage;
use protocol::json::Value;
use protocol::message::BotInfo;
use protocol::read::Read;
use protocol::session::{Attempt, Event, NewestPage};
use protocol::start::{StartReply, StartRequest};
use protocol::transcript::Entry;
use protocol::write::Write;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{RequestInit, Response, window};

use super::{Driver, ahead, keep, page};
use crate::host::Host;
use crate::widget::settings::WidgetSettings;

/// The number of newest messages at the start: a screen and a half.
const NEWEST: u32 = 20;
/// The number of older messages in one page.
const OLDER: u32 = 30;

/// Identity → assertion → grant.
pub(super) async fn grant(driver: Rc<Driver>, attempt: Attempt) -> Event {
    match granted(&driver).await {
        Ok((token, user, lasts_ms)) => {
            *driver.token.borrow_mut() = Some(token);
            if !driver.identified(&user).await {
                return Event::NotGranted(attempt, Failure::Retry);
            }
            Event::Granted(attempt, lasts_ms)
        }
        Err(failure) => Event::NotGranted(attempt, failure),
    }
}

/// The access token, the user's id on the platform, and how long the token is valid.
async fn granted(driver: &Driver) -> Result<(String, String, Option<u64>), Failure> {
    let assertion = match (&driver.host, driver.settings.host_identity) {
        (Some(host), true) => from_page(host).await?,
        // On a page of its own nobody can vouch for the visitor.
        (None, true) => return Err(Failure::Refused),
        _ => signed(driver).await?,
    };
    let request = GrantRequest {
        assertion,
        bot_info: Some(bot_info(&driver.settings)),
        extra: protocol::Extra::new(),
    };
    let to = url(driver, "oAuth/token/jwtgrant");
    let reply = fetch("POST", to, None, Some(request.to_text())).await?;
    let token = access_token(&reply).ok_or(Failure::Retry)?;
    let user = reply["userInfo"]["userId"].as_str().unwrap_or_default();
    // Both times are by the platform's clock, because this browser's may be wrong by a year.
    let date = |name: &str| reply["authorization"][name].as_str().map(Date::parse);
    let lasts = date("expiresDate").zip(date("issuedDate"));
    let lasts = lasts.map(|(end, start)| page::whole(end - start));
    let lasts = lasts.filter(|lasts| *lasts > 0);
    Ok((token.to_owned(), user.to_owned(), lasts))
}

/// The assertion of the host page. An assertion with something around it will always come that way, and only a person
/// can change that.
async fn from_page(host: &Host) -> Result<String, Failure> {
    let given = host.assertion().await.filter(|given| !given.is_empty());
    let given = given.ok_or(Failure::Retry)?;
    match unpacked(&given) {
        Ok(token) => Ok(token.to_owned()),
        Err(packing) => {
            host.packed(packing);
            Err(Failure::Refused)
        }
    }
}

/// An assertion from our own signing service, for the visitor of the cookie, or of the token that this frame keeps if
/// cookies are refused.
async fn signed(driver: &Driver) -> Result<String, Failure> {
    let refused = !page::cookies();
    let request = SignRequest {
        bot: Some(driver.settings.bot.id.clone()),
        keep_visitor: refused.then_some(true),
        visitor: kept_visitor(driver).filter(|_| refused),
        ..SignRequest::default()
    };
    let to = driver.settings.platform.sign_url.clone();
    let reply = fetch("POST", to, None, Some(request.to_text())).await?;
    let reply = SignReply::read(&reply).ok_or(Failure::Retry)?;
    if let Some(visitor) = reply.visitor {
        keep::keep_visitor(&visitor);
        *driver.visitor.borrow_mut() = Some(visitor);
    }
    Ok(reply.jwt)
}

/// `rtm/start`: the socket's URL.
pub(super) async fn start(driver: Rc<Driver>, attempt: Attempt) -> Event {
    let request = StartRequest {
        bot_info: bot_info(&driver.settings),
        language: Some(driver.settings.texts.language.to_string()),
        extra: protocol::Extra::new(),
    };
    let token = driver.token.borrow().clone();
    let to = url(&driver, "rtm/start");
    let reply = fetch("POST", to, token, Some(request.to_text())).await;
    match reply.and_then(|reply| StartReply::read(&reply).ok_or(Failure::Retry)) {
        Ok(reply) => Event::Started(attempt, reply.url),
        Err(failure) => Event::StepFailed(attempt, failure),
    }
}

/// The newest page of the transcript.
pub(super) async fn newest(driver: Rc<Driver>, attempt: Attempt) -> Event {
    match history(&driver, NEWEST, "").await {
        Ok(page) => {
            driver
                .shown
                .change(|status| status.more = page.more_available);
            Event::HistoryLoaded(
                attempt,
                NewestPage {
                    entries: page.messages.iter().map(Entry::of_history).collect(),
                    last_seq: page.last_seq,
                },
            )
        }
        Err(failure) => Event::StepFailed(attempt, failure),
    }
}

/// Whether there are older messages, a token, and no such request already.
pub(super) fn may_load_older(driver: &Driver) -> bool {
    let status = driver.shown.status_now();
    status.more && !status.loading_older && driver.token.borrow().is_some()
}

/// Loads the page before the oldest row.
pub(super) async fn older(driver: Rc<Driver>) {
    let shown = driver.shown;
    shown.change(|status| status.loading_older = true);
    let first = || driver.session.borrow().transcript().first_seq();
    let asked = first();
    let position = if let Some(seq) = asked {
        format!("&before={seq}")
    } else {
        // Kore counts from the newest message (`docs/kore-protocol.md` 6.1). Duplicates are recognised.
        let session = driver.session.borrow();
        let stored = |entry: &&Entry| entry.message_id.is_some();
        let skip = session.transcript().entries().iter().filter(stored);
        format!("&offset={}", skip.count())
    };
    let mut page = history(&driver, OLDER, &position).await;
    if let Err(Failure::Reauthorize) = page {
        // The token has ended unnoticed, because a sleeping browser renews nothing.
        let event = grant(Rc::clone(&driver), Attempt::default()).await;
        driver.feed(event);
        page = history(&driver, OLDER, &position).await;
    }
    // If the list was loaded anew in the meantime, it begins elsewhere, and there would be a gap.
    if let Ok(page) = page
        && first() == asked
    {
        let entries = page.messages.iter().map(Entry::of_history).collect();
        shown.change(|status| status.more = page.more_available);
        driver.feed(Event::OlderLoaded(entries));
    }
    // After a failure the visitor can scroll up once more, because `more` still says that there are some.
    shown.change(|status| status.loading_older = false);
}

/// The visitor's token, if this frame keeps it because cookies are refused.
pub(super) fn kept_visitor(driver: &Driver) -> Option<String> {
    keep::visitor().or_else(|| driver.visitor.borrow().clone())
}

/// Asks the server to end everything that the user was granted, here and elsewhere, and to sign the visitor out. Its
/// answer changes nothing here.
pub(super) async fn revoke(driver: &Driver, visitor: Option<String>) {
    let token = driver.token.borrow_mut().take();
    driver.visitor.take();
    if token.is_some() {
        let to = url(driver, "oAuth/token/revoke?all=true");
        let _ = fetch("POST", to, token, None).await;
    }
    let kept = visitor.map(|visitor| {
        let request = SignRequest {
            visitor: Some(visitor),
            ..SignRequest::default()
        };
        request.to_text()
    });
    let to = driver.settings.platform.sign_url.clone();
    let _ = fetch("DELETE", to, None, kept).await;
}

pub(super) async fn history(
    driver: &Driver,
    limit: u32,
    position: &str,
) -> Result<HistoryPage, Failure> {
    let bot = &driver.settings.bot.id;
    let url = url(
        driver,
        &format!("botmessages/rtm?botId={bot}&limit={limit}{position}"),
    );
    let token = driver.token.borrow().clone();
    let page = fetch("GET", url, token, None).await?;
    HistoryPage::read(&page).ok_or(Failure::Retry)
}

/// Success is a 200 with a JSON body, as for the official clients.
async fn fetch(
    method: &str,
    url: String,
    token: Option<String>,
    body: Option<String>,
) -> Result<Value, Failure> {
    let headers = Object::new();
    let header = |name: &str, value: &str| {
        // Setting a property of a plain object cannot fail.
        let _ = Reflect::set(&headers, &name.into(), &value.into());
    };
    if let Some(token) = token {
        header("Authorization", &["bearer ", &token].concat());
    }
    let request = RequestInit::new();
    request.set_method(method);
    if let Some(body) = body {
        header("Content-Type", "application/json");
        request.set_body(&body.into());
    }
    request.set_headers(&headers);
    let answer = match ahead::answer(method, &url).await {
        Some(answer) => Some(answer),
        None => fetched(&url, &request).await,
    };
    let (status, body) = read(answer).await.ok_or(Failure::Retry)?;
    let body = Value::parse(&body);
    if status == 200 {
        return body.ok_or(Failure::Retry);
    }
    let errors = body.as_ref().and_then(ErrorBody::read);
    Err(Failure::of(status, errors.as_ref()))
}

/// `None`: the network failed.
async fn fetched(url: &str, request: &RequestInit) -> Option<Response> {
    let answer = window()?.fetch_with_str_and_init(url, request);
    let answer = JsFuture::from(answer).await.ok()?;
    Some(answer.unchecked_into())
}

/// The answer's status and text. `None`: the network failed.
async fn read(answer: Option<Response>) -> Option<(u16, String)> {
    let answer = answer?;
    let text = JsFuture::from(answer.text().ok()?).await.ok()?;
    Some((answer.status(), text.as_string()?))
}

fn url(driver: &Driver, path: &str) -> String {
    format!("{}{path}", driver.settings.platform.base)
}

/// The bot, as every request and message names it.
pub(super) fn bot_info(settings: &WidgetSettings) -> BotInfo {
    BotInfo {
        chat_bot: settings.bot.name.clone(),
        task_bot_id: settings.bot.id.clone(),
        ui_version: Some("v3".to_owned()),
        ..BotInfo::default()
    }
}
