//! Who is speaking: the signing request, the assertion's claims, the grant.
//!
//! Source: `docs/kore-protocol.md` 1 and 2.

mod claims;
mod packing;

pub use claims::{Audience, ClaimError, ClaimFault, Claims};
pub use packing::{Packing, unpacked};

use serde::{Deserialize, Serialize};

use crate::Extra;
use crate::json::Value;
use crate::message::BotInfo;
use crate::read::{Fields, Read};
use crate::write::{Object, Write};

/// The audience of an assertion when a caller names none.
pub const DEFAULT_AUDIENCE: &str = "https://idproxy.kore.com/authorize";

/// `POST /api/users/sts`: please sign an assertion for this identity. JSON or a form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SignRequest {
    /// Client id of the app, `cs-…`.
    #[serde(rename = "clientId", default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The app's secret, as the old clients send it from the browser.
    #[serde(
        rename = "clientSecret",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub client_secret: Option<String>,
    /// The identity that the caller claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Audience; empty means [`DEFAULT_AUDIENCE`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
    /// Whether the identity is a passing one.
    #[serde(
        rename = "isAnonymous",
        default,
        deserialize_with = "bool_or_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub is_anonymous: Option<bool>,
    /// Ours: the bot whose app signs, when the caller is the widget's own frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot: Option<String>,
    /// Ours: the visitor token that the frame kept because cookies are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitor: Option<String>,
    /// Ours: cookies are refused here, please give the visitor token in the answer.
    #[serde(
        rename = "keepVisitor",
        default,
        deserialize_with = "bool_or_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub keep_visitor: Option<bool>,
}

/// The answer of the signing service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignReply {
    /// The signed assertion.
    pub jwt: String,
    /// Ours: the visitor token, only when `keepVisitor` asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visitor: Option<String>,
}

impl Write for SignRequest {
    fn write(&self) -> Value {
        let mut object = Object::new();
        object.put_some("clientId", self.client_id.as_ref());
        object.put_some("clientSecret", self.client_secret.as_ref());
        object.put_some("identity", self.identity.as_ref());
        object.put_some("aud", self.aud.as_ref());
        object.put_some("isAnonymous", self.is_anonymous.as_ref());
        object.put_some("bot", self.bot.as_ref());
        object.put_some("visitor", self.visitor.as_ref());
        object.put_some("keepVisitor", self.keep_visitor.as_ref());
        object.done()
    }
}

impl Read for SignReply {
    fn read(value: &Value) -> Option<Self> {
        let fields = Fields::of(value)?;
        Some(Self {
            jwt: fields.get("jwt")?,
            visitor: fields.get("visitor"),
        })
    }
}

/// `POST oAuth/token/jwtgrant`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GrantRequest {
    /// The signed assertion.
    pub assertion: String,
    /// The bot that the session is for.
    #[serde(rename = "botInfo", default, skip_serializing_if = "Option::is_none")]
    pub bot_info: Option<BotInfo>,
    /// `token:{}` and whatever else the callers add.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Write for GrantRequest {
    fn write(&self) -> Value {
        let mut object = Object::with(&self.extra);
        object.put("assertion", &self.assertion);
        object.put_some("botInfo", self.bot_info.as_ref());
        object.done()
    }
}

/// The answer to a grant. A client needs no more of it than [`access_token`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GrantReply {
    /// The bearer of every later call.
    pub authorization: Authorization,
    /// Who the platform takes the caller for.
    #[serde(rename = "userInfo", default, skip_serializing_if = "Option::is_none")]
    pub user_info: Option<UserInfo>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The access token in the answer to a grant.
#[must_use]
pub fn access_token(reply: &Value) -> Option<&str> {
    reply["authorization"]["accessToken"].as_str()
}

/// The access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// Opaque to everybody but the platform.
    #[serde(rename = "accessToken")]
    pub access_token: String,
    /// `bearer`.
    pub token_type: String,
    /// ISO 8601.
    #[serde(
        rename = "expiresDate",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_date: Option<String>,
    /// ISO 8601.
    #[serde(
        rename = "issuedDate",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub issued_date: Option<String>,
}

/// The user as the platform knows it. Clients read `userId`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserInfo {
    /// `u-…`.
    #[serde(rename = "userId")]
    pub user_id: String,
    /// The account the app belongs to.
    #[serde(rename = "accountId", default)]
    pub account_id: String,
    /// The organisation the app belongs to.
    #[serde(rename = "orgId", default)]
    pub org_id: String,
    /// `<client id>/<sub>`.
    #[serde(default)]
    pub identity: String,
    /// `free`.
    #[serde(rename = "enrollType", default)]
    pub enroll_type: String,
    /// Same as the account.
    #[serde(rename = "managedBy", default)]
    pub managed_by: String,
    /// First name.
    #[serde(rename = "fName", default)]
    pub f_name: String,
    /// Last name.
    #[serde(rename = "lName", default)]
    pub l_name: String,
}

/// Reads `true`, `"true"`, `"false"`, `""` and null (form bodies know only text).
fn bool_or_text<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<bool>, D::Error> {
    use serde_json::Value;
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(flag)),
        Value::String(text) => match text.as_str() {
            "" => Ok(None),
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            _ => Err(serde::de::Error::custom("expected true or false")),
        },
        _ => Err(serde::de::Error::custom("expected true or false")),
    }
}
