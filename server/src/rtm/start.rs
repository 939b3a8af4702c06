//! `POST rtm/start`: an access token becomes the address of one socket.
//!
//! In the path: after the grant, and again at every reconnect.
//!
//! Invariants: the ticket in the address has 256 random bits, and opens one socket within seconds. The store sees only
//! its hash. The address always holds a `?`, because clients append with `&`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, Uri};
use protocol::start::{StartReply, StartRequest};

use super::Rtm;
use super::access::bot_of_app;
use super::bearer::Bearer;
use super::socket::TicketContext;
use super::token::private;
use crate::error::{ApiError, KoreJson};
use crate::security::client_ip::Client;
use crate::security::origin::own_origin;
use crate::store::{SecretHash, TicketRecord};

/// The header that asks for the secure sub-protocol.
const RTM_VERSION: HeaderName = HeaderName::from_static("x-rtm-v");

/// The longest names that travel in every frame of the socket.
const MAX_NAME_CHARS: usize = 128;
/// The longest `uiVersion` and `language`.
const MAX_WORD_CHARS: usize = 35;

/// Gives a socket's address.
///
/// # Errors
/// 401 without a valid token, 403 or 404 for a bot that the app may not open.
pub async fn create(
    State(rtm): State<Arc<Rtm>>,
    Extension(client): Extension<Client>,
    uri: Uri,
    headers: HeaderMap,
    Bearer(token): Bearer,
    KoreJson(request): KoreJson<StartRequest>,
) -> Result<Response, ApiError> {
    let bot_id = &request.bot_info.task_bot_id;
    let config = rtm.config();
    let bot = bot_of_app(&config, &token.app, token.anonymous, bot_id)?;
    let nonce = headers.contains_key(RTM_VERSION).then(|| rtm.secret());
    let context = TicketContext {
        name: short(&request.bot_info.chat_bot, MAX_NAME_CHARS).unwrap_or_else(|| bot.name.clone()),
        ui: request
            .bot_info
            .ui_version
            .as_deref()
            .and_then(|ui| short(ui, MAX_WORD_CHARS)),
        language: request
            .language
            .as_deref()
            .and_then(|language| short(language, MAX_WORD_CHARS)),
        nonce: nonce.clone(),
        token: Some(URL_SAFE_NO_PAD.encode(token.hash.0)),
    };
    let sid = rtm.secret();
    let expires = rtm.clock.now().plus(config.tokens.ticket_life.0);
    let url = socket_address(&rtm, client, &headers, &uri)?;
    rtm.store
        .put_ticket(TicketRecord {
            hash: SecretHash::of(&sid),
            user: token.user,
            app: token.app,
            bot: bot_id.clone(),
            expires,
            context: serde_json::to_string(&context).map_err(anyhow::Error::from)?,
        })
        .await?;
    Ok(private(Json(StartReply {
        url: format!("{url}?sid={sid}"),
        nonce,
    })))
}

/// `ws(s)://host/…/rtm/bot`: the configured address, or else the address of the request.
fn socket_address(
    rtm: &Rtm,
    client: Client,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<String, ApiError> {
    let config = rtm.config();
    let own = own_origin(config.server.public_url.as_ref(), headers, uri, client)
        .ok_or_else(|| ApiError::Invalid("the request names no host".to_owned()))?;
    let path = config.base_path().at("rtm/bot");
    Ok(format!("{}{path}", own.replacen("http", "ws", 1)))
}

/// The text, cut to what a ticket carries. `None` if it is empty.
fn short(text: &str, chars: usize) -> Option<String> {
    let text: String = text
        .chars()
        .filter(|c| !c.is_control())
        .take(chars)
        .collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_and_cleaned() {
        assert_eq!(short("Test Bot", 4).as_deref(), Some("Test"));
        assert_eq!(short("a\nb", 9).as_deref(), Some("ab"));
        assert_eq!(short("\n", 9), None);
    }
}
