//! Who is speaking: the signing request, the claims of an assertion, and the grant.
//!
//! Source: `docs/kore-protocol.md` 1 and 2.

mod claims;
mod packing;

pub use claims::{Audience, ClaimError, ClaimFault, Claims};
pub use packing::{Packing, unpacked};

use crate::Extra;
use crate::json::Value;
use crate::message::BotInfo;
use crate::wire;

wire! {
    /// `POST /api/users/sts`: please sign an assertion for this identity. JSON or a form.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct SignRequest {
        /// Client id of the app, `cs-…`.
        #[serde(rename = "clientId")]
        pub client_id: Option<String>,
        /// The app's secret, as the old clients send it from the browser.
        #[serde(rename = "clientSecret")]
        pub client_secret: Option<String>,
        /// The identity that the caller claims.
        pub identity: Option<String>,
        /// Audience; old clients leave it empty.
        pub aud: Option<String>,
        /// Whether the identity is temporary.
        #[serde(rename = "isAnonymous", default, deserialize_with = "bool_or_text")]
        pub is_anonymous: Option<bool>,
        /// Ours: the bot whose app signs, when the caller is the widget's own frame.
        pub bot: Option<String>,
        /// Ours: the visitor token that the frame kept because cookies are refused.
        pub visitor: Option<String>,
        /// Ours: cookies are refused here, please give the visitor token in the answer.
        #[serde(rename = "keepVisitor", default, deserialize_with = "bool_or_text")]
        pub keep_visitor: Option<bool>,
    }
}

wire! {
    /// The answer of the signing service.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SignReply {
        /// The signed assertion.
        pub jwt: String,
        /// Ours: the visitor token, only when `keepVisitor` asked for it.
        pub visitor: Option<String>,
    }
}

wire! {
    /// `POST oAuth/token/jwtgrant`.
    #[derive(Clone, Debug, PartialEq)]
    pub struct GrantRequest {
        /// The signed assertion.
        pub assertion: String,
        /// The bot that the session is for.
        #[serde(rename = "botInfo")]
        pub bot_info: Option<BotInfo>,
        /// `token:{}` and whatever else the callers add.
        #[serde(flatten)]
        pub extra: Extra,
    }
}

wire! {
    /// The answer to a grant. A client needs no more of it than [`access_token`].
    #[derive(Clone, Debug, PartialEq)]
    pub struct GrantReply {
        /// The bearer of every later call.
        pub authorization: Authorization,
        /// The user that the platform sees.
        #[serde(rename = "userInfo")]
        pub user_info: Option<UserInfo>,
        /// Everything else.
        #[serde(flatten)]
        pub extra: Extra,
    }
}

/// The access token in the answer to a grant.
#[must_use]
pub fn access_token(reply: &Value) -> Option<&str> {
    reply["authorization"]["accessToken"].as_str()
}

wire! {
    /// The access token.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Authorization {
        /// Opaque to everybody but the platform.
        #[serde(rename = "accessToken")]
        pub access_token: String,
        /// `bearer`.
        pub token_type: String,
        /// ISO 8601.
        #[serde(rename = "expiresDate")]
        pub expires_date: Option<String>,
        /// ISO 8601.
        #[serde(rename = "issuedDate")]
        pub issued_date: Option<String>,
    }
}

wire! {
    /// The user as the platform knows it. Clients read `userId`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
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
}

/// Reads `true`, `"true"`, `"false"`, `""` and null (form bodies know only text).
fn bool_or_text<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<bool>, D::Error> {
    use serde::Deserialize as _;
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
