//! `GET /rtm/bot?sid=…`: a ticket becomes a socket, or is refused before there is one.
//!
//! In the path: clients come here with the address that `start` gave. [`open`] checks origin, ticket, sub-protocols and
//! the limit of sockets. Then [`super::upgrade`] makes the socket and [`super::live`] serves it.
//!
//! Invariants: a ticket opens one socket, before the ticket expires. Every refusal comes before the upgrade, in Kore's
//! shape.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Uri, header};
use protocol::start::SocketQuery;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::Rtm;
use super::bearer::{check_page, paced};
use super::conversation::{Listener, bot_info};
use super::handshake::Handshake;
use super::limits::TOKEN_GRACE;
use super::live;
use super::registry::Full;
use super::seats;
use super::upgrade::{NotUpgradable, Upgrade};
use crate::error::ApiError;
use crate::security::client_ip::{AddressKey, Client};
use crate::security::origin::own_origin;
use crate::security::proxy::{ProxyFault, ProxyFaults};
use crate::security::refusals::Refused;
use crate::store::SecretHash;

/// The sub-protocol that a v3 client must get back when it offered a nonce.
pub const SECURE_PROTOCOL: &str = "x-rtm-v|1";

/// The picture for a bot that has none, among the site's files.
const OWN_ICON: &str = "icon.svg";

/// The longest `sid` that is looked at. Ours have 43 characters.
const MAX_SID: usize = 128;

/// What `start` knows and the socket needs. The ticket carries it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketContext {
    /// The bot as the client named it.
    pub name: String,
    /// `v3` if the client can show streamed answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ui: Option<String>,
    /// The widget's language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The nonce that the client must send back as a sub-protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The hash of the access token that the ticket was given for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl TicketContext {
    fn token(&self) -> Option<SecretHash> {
        let hash = URL_SAFE_NO_PAD.decode(self.token.as_deref()?).ok()?;
        hash.try_into().ok().map(SecretHash)
    }
}

/// Opens a socket.
///
/// # Errors
/// 401 for a ticket that is unknown, old or used, or whose access token was revoked; 403 for a foreign page; 503 at the
/// limit of sockets.
pub async fn open(
    State(rtm): State<Arc<Rtm>>,
    Extension(client): Extension<Client>,
    Extension(faults): Extension<Arc<ProxyFaults>>,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgradable: Result<Upgrade, NotUpgradable>,
) -> Result<Response, ApiError> {
    let upgradable = upgradable.map_err(|missing| {
        // Proxies remove the headers of the connection, and pass on those of the handshake.
        if headers.contains_key(header::SEC_WEBSOCKET_KEY) {
            faults.report(ProxyFault::NoUpgrade);
        }
        ApiError::Invalid(missing.to_string())
    })?;
    paced(&rtm, client)?;
    if rtm.shutdown.is_cancelled() {
        return Err(ApiError::Busy(std::time::Duration::from_secs(1)));
    }
    let pairs: Vec<_> =
        url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let query = SocketQuery::from_pairs(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())));
    if query.sid.is_empty() || query.sid.len() > MAX_SID {
        return Err(NO_TICKET);
    }
    let ticket = rtm
        .store
        .take_ticket(SecretHash::of(&query.sid), rtm.clock.now())
        .await?
        .ok_or(NO_TICKET)?;
    check_page(&rtm, &ticket.app, client, &headers, &uri)?;
    let context: TicketContext = serde_json::from_str(&ticket.context).unwrap_or_default();
    if let Some(nonce) = &context.nonce
        && !offers_nonce(&headers, nonce)
    {
        return Err(ApiError::Unauthorized(
            "the socket must be opened with the nonce from rtm/start",
        ));
    }
    let token = context.token().ok_or(NO_TICKET)?;
    let registration = rtm
        .registry
        .enter(&ticket.user, client.ip, token)
        .map_err(|which| full(&rtm, which, &ticket.app, client))?;
    if !seats::has_room(&rtm, &ticket.user).await? {
        return Err(full(&rtm, Full::User, &ticket.app, client));
    }
    // This comes after the registration, so that whoever revokes the token from now on, or removes its key, finds the
    // socket.
    let token = rtm.store.token(token, rtm.clock.now()).await?;
    let token = token.ok_or(ApiError::TokenExpired)?;
    registration.vouched_by(&token.app, &token.key);
    if !rtm.keys.table().knows(&token.app, &token.key) {
        return Err(ApiError::TokenExpired);
    }
    let handshake = Handshake {
        registration,
        ends: token.expires.plus(TOKEN_GRACE),
        listener: Listener {
            bot: bot_info(&context.name, &ticket.bot),
            icon: icon(&rtm, &ticket.bot, client, &headers, &uri),
        },
        streams: context.ui.as_deref() == Some("v3"),
        context: turn_context(&context, client.ip),
        app: ticket.app,
        bot: ticket.bot,
        mode: query.mode,
        after: query.after,
    };
    let secure = offers(&headers).any(|offer| offer == SECURE_PROTOCOL);
    let (response, socket) = upgradable.accept(secure.then_some(SECURE_PROTOCOL));
    let shutdown = rtm.shutdown.clone();
    shutdown.spawn("upgrade", async {
        if let Some(socket) = socket.await {
            live::start(rtm, socket, handshake);
        }
    });
    Ok(response)
}

/// The refusal of a socket at this limit. It is counted in the log.
fn full(rtm: &Rtm, which: Full, app: &str, client: Client) -> ApiError {
    tracing::debug!(?which, "the limit of sockets is reached");
    rtm.refusals.note(Refused::Limit, Some(app), client.ip);
    ApiError::Busy(std::time::Duration::from_secs(5))
}

const NO_TICKET: ApiError = ApiError::Unauthorized("the ticket is unknown, too old or was used");

/// Whether the client offers `x-rtm-v|1` and `nonce|<nonce>`.
fn offers_nonce(headers: &HeaderMap, nonce: &str) -> bool {
    let proven = offers(headers)
        .filter_map(|protocol| protocol.strip_prefix("nonce|"))
        .any(|offer| offer.as_bytes().ct_eq(nonce.as_bytes()).into());
    proven && offers(headers).any(|offer| offer == SECURE_PROTOCOL)
}

/// The sub-protocols that the client offers.
fn offers(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(',').map(str::trim))
}

/// The bot's picture for frames: its avatar, or else our own icon. Official clients need an absolute address. Without
/// one, version 10.1.12 breaks off in the middle of a pressed quick reply.
pub(super) fn icon(
    rtm: &Rtm,
    bot: &str,
    client: Client,
    headers: &HeaderMap,
    uri: &Uri,
) -> Option<Box<str>> {
    let config = rtm.config();
    let base = config.base_path();
    let avatar = config.bots.get(bot)?.avatar_at(&base);
    let picture = avatar.unwrap_or_else(|| base.at(OWN_ICON));
    if url::Url::parse(&picture).is_ok() {
        return Some(picture.into());
    }
    let own = own_origin(config.server.public_url.as_ref(), headers, uri, client)?;
    let own = url::Url::parse(&own).ok()?;
    Some(String::from(own.join(&picture).ok()?).into())
}

/// What the jobs of the bot's turns carry about the client.
#[derive(Serialize)]
struct TurnContext<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ui: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    /// For the limits of a bot by address (`budget`). It is deleted with the job.
    from: String,
}

/// The context of jobs that come from this client.
pub fn turn_context(context: &TicketContext, address: IpAddr) -> String {
    let turn = TurnContext {
        name: &context.name,
        ui: context.ui.as_deref(),
        language: context.language.as_deref(),
        from: AddressKey::from(address).first().to_string(),
    };
    serde_json::to_string(&turn).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nonce_must_come_back_beside_the_protocol() {
        let offers = |line: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, line.parse().unwrap());
            offers_nonce(&headers, "e316")
        };
        assert!(offers("x-rtm-v|1, jwt|eyJ, nonce|e316"));
        assert!(!offers("x-rtm-v|1, jwt|eyJ, nonce|e317"));
        assert!(!offers("jwt|eyJ, nonce|e316"));
        assert!(!offers("x-rtm-v|1"));
        assert!(!offers_nonce(&HeaderMap::new(), "e316"));
    }

    #[test]
    fn neither_nonce_nor_token_reaches_the_bot() {
        let context = TicketContext {
            name: "Demo".to_owned(),
            nonce: Some("secret".to_owned()),
            token: Some("hash".to_owned()),
            ..TicketContext::default()
        };
        let address = IpAddr::from([192, 0, 2, 1]);
        assert_eq!(
            turn_context(&context, address),
            r#"{"name":"Demo","from":"192.0.2.1"}"#
        );
    }
}
