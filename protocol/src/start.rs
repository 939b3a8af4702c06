//! From access token to socket: `POST rtm/start` and what goes onto the socket's URL.
//!
//! Source: `docs/kore-protocol.md` 3.

use crate::Extra;
use crate::message::BotInfo;
use crate::wire;

/// How long the URL of a socket is valid, in milliseconds. It works once.
pub const TICKET_LIFE_MS: u64 = 30_000;

wire! {
    /// `POST rtm/start`.
    #[derive(Clone, Debug, PartialEq)]
    pub struct StartRequest {
        /// The bot to talk to.
        #[serde(rename = "botInfo")]
        pub bot_info: BotInfo,
        /// v3 and ours: the widget's language.
        pub language: Option<String>,
        /// `token:{}` and whatever else the callers add.
        #[serde(flatten)]
        pub extra: Extra,
    }
}

wire! {
    /// The answer to `rtm/start`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct StartReply {
        /// `wss://…/rtm/bot?sid=…`; always holds a `?`, since clients append with `&`.
        pub url: String,
        /// Asks a v3 client to open the socket with `x-rtm-v|1`, `jwt|…`, `nonce|…`.
        pub nonce: Option<String>,
    }
}

/// What a connection wants of the conversation's session (`docs/kore-protocol.md` 3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionMode {
    /// Go on with the active session; without one, start one.
    #[default]
    Default,
    /// Always a new session.
    StartNew,
    /// A new session, but a live agent's conversation is kept.
    StartNewResumeAgent,
    /// Only the socket is new.
    Reconnect,
}

/// The query string of the socket's URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketQuery {
    /// The ticket.
    pub sid: String,
    /// `ConnectionMode` wins over `isReconnect`.
    pub mode: ConnectionMode,
    /// Ours: the last sequence that the widget shows; what came later is sent first.
    pub after: Option<u64>,
}

impl SocketQuery {
    /// Reads the pairs of a query string. Unknown keys are ignored, because hosts may add any.
    pub fn from_pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut query = Self::default();
        let mut mode = None;
        for (key, value) in pairs {
            match key {
                "sid" => value.clone_into(&mut query.sid),
                "ConnectionMode" => {
                    mode = Some(match value {
                        "Start_New" => ConnectionMode::StartNew,
                        "Start_New_Resume_Agent" => ConnectionMode::StartNewResumeAgent,
                        "Reconnect" => ConnectionMode::Reconnect,
                        _ => ConnectionMode::Default,
                    });
                }
                "isReconnect" if value == "true" => query.mode = ConnectionMode::Reconnect,
                "after" => query.after = value.parse().ok(),
                _ => {}
            }
        }
        if let Some(mode) = mode {
            query.mode = mode;
        }
        query
    }
}

/// The socket's URL with what a client appends: the connection mode and, if the server counts, the cursor.
#[must_use]
pub fn socket_url(url: &str, mode: ConnectionMode, after: Option<u64>) -> String {
    let mode = match mode {
        ConnectionMode::Default => "&ConnectionMode=Default",
        ConnectionMode::StartNew => "&ConnectionMode=Start_New",
        ConnectionMode::StartNewResumeAgent => "&ConnectionMode=Start_New_Resume_Agent",
        ConnectionMode::Reconnect => "&isReconnect=true",
    };
    let after = after
        .map(|after| format!("&after={after}"))
        .unwrap_or_default();
    format!("{url}{mode}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> SocketQuery {
        SocketQuery::from_pairs(text.split('&').filter_map(|pair| pair.split_once('=')))
    }

    #[test]
    fn connection_mode_wins_over_is_reconnect_in_either_order() {
        assert_eq!(
            query("sid=a&isReconnect=true&ConnectionMode=Start_New").mode,
            ConnectionMode::StartNew
        );
        assert_eq!(
            query("ConnectionMode=Default&isReconnect=true").mode,
            ConnectionMode::Default
        );
        assert_eq!(
            query("sid=a&isReconnect=true&foo=bar").mode,
            ConnectionMode::Reconnect
        );
        assert_eq!(
            query("sid=a&isReconnect=false").mode,
            ConnectionMode::Default
        );
    }

    #[test]
    fn reads_back_the_url_that_the_widget_builds() {
        let url = socket_url("wss://h/rtm/bot?sid=x", ConnectionMode::Reconnect, Some(7));
        let query = query(url.split_once('?').unwrap().1);
        assert_eq!(
            query,
            SocketQuery {
                sid: "x".into(),
                mode: ConnectionMode::Reconnect,
                after: Some(7)
            }
        );
    }
}
