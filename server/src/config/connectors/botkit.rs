//! `[bots.….botkit]`: an app made with Kore's `BotKit`.

use figment::value::magic::RelativePathBuf;
use secrecy::SecretString;
use serde::Deserialize;

use super::Endpoint;
use crate::config::values::empty_is_none;
use crate::config::{BaseUrl, KeyAlgorithm, KeyEntry, Period};

/// `[bots.<id>.botkit]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BotKit {
    /// The address of the app, with its `apiPrefix`.
    pub url: Endpoint,
    /// `credentials.appId` of the app's `config.json`.
    pub app_id: String,
    /// `credentials.apikey` of the app's `config.json`.
    #[serde(default)]
    pub secret: Option<SecretString>,
    /// File with it.
    #[serde(default)]
    pub secret_file: Option<RelativePathBuf>,
    /// `jwt.jwtAlgorithm` of the app's `config.json`.
    #[serde(default = "hs256")]
    pub algorithm: KeyAlgorithm,
    /// The address at which the app reaches this server. Without one it is `server.public_url`, or else this machine.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub own_url: Option<BaseUrl>,
    /// Whether the app learns (`on_event`) that a session begins and ends.
    #[serde(default)]
    pub events: bool,
    /// The name that visitors see during an agent session.
    #[serde(default = "agent")]
    pub agent: String,
    /// How long the app may take to acknowledge.
    #[serde(default = "wait")]
    pub wait: Period,
}

fn hs256() -> KeyAlgorithm {
    KeyAlgorithm::HS256
}

fn agent() -> String {
    "Agent".to_owned()
}

fn wait() -> Period {
    Period(std::time::Duration::from_secs(15))
}

impl BotKit {
    /// The app's secret as a key.
    pub(crate) fn key_entry(&self) -> KeyEntry {
        let (secret, file) = (self.secret.as_ref(), self.secret_file.as_ref());
        super::hmac_key(&self.app_id, self.algorithm, secret, file)
    }

    /// Checks what serde could not. The error is the key below the bot's table, and what is wrong with it.
    pub(in crate::config) fn check(
        &self,
        id: &str,
        public_url: Option<&BaseUrl>,
    ) -> Result<(), (&'static str, String)> {
        if !is_name_of_botkit(id) {
            let what = "a BotKit app takes only bots whose id is `st-` and a version 5 UUID, for example st-0b7e5f3a-2c1d-5e4f-8a9b-0c1d2e3f4a5b; give the bot such an id, here and in the app";
            return Err(("botkit", what.to_owned()));
        }
        if self.app_id.is_empty() {
            let what = "is empty; write what stands as `appId` in the app's config.json";
            return Err(("botkit.app_id", what.to_owned()));
        }
        let hmac = [
            KeyAlgorithm::HS256,
            KeyAlgorithm::HS384,
            KeyAlgorithm::HS512,
        ];
        if !hmac.contains(&self.algorithm) {
            let what = "a BotKit app signs with a secret: HS256, HS384 or HS512";
            return Err(("botkit.algorithm", what.to_owned()));
        }
        if self.agent.trim().is_empty() || self.agent.chars().count() > 100 {
            return Err(("botkit.agent", "has 1 to 100 characters".to_owned()));
        }
        let own = self.own_url.as_ref().or(public_url);
        if let Some(own) = own.filter(|own| own.path() != "/") {
            let what = format!(
                "the app looks for its bot's id at a fixed place of the address, so the address may have no path, but it has `{}`; give BotKit a host of its own, or set here the address at which the app reaches this server without the proxy, for example http://127.0.0.1:8080",
                own.path()
            );
            return Err(("botkit.own_url", what));
        }
        Ok(())
    }
}

/// `st-` and a UUID of version 5. The SDK looks for such an id in the addresses that it serves.
fn is_name_of_botkit(id: &str) -> bool {
    let Some(uuid) = id.strip_prefix("st-") else {
        return false;
    };
    let groups: Vec<&str> = uuid.split('-').collect();
    let hex = |group: &&str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(hex)
        && groups[2].starts_with('5')
        && groups[3].starts_with(['8', '9', 'a', 'b', 'A', 'B'])
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    const ID: &str = "st-0b7e5f3a-2c1d-5e4f-8a9b-0c1d2e3f4a5b";

    fn checked(id: &str, server: &str, more: &str) -> Result<(), String> {
        let text = format!(
            "[server]\n{server}\n[bots.{id}]\npage = \"a\"\nname = \"A\"\n[bots.{id}.botkit]\n\
             url = \"http://127.0.0.1:8003\"\napp_id = \"cs-a\"\n\
             secret = \"bK4t2vQmS0cW8yXrE6uJ1zPaB5dHnLfG\"\n{more}"
        );
        let read = Config::from_text(&text).map(|_| ());
        read.map_err(|error| error.to_string())
    }

    #[test]
    fn what_the_sdk_cannot_do_is_refused_with_a_remedy() {
        let public = "public_url = \"https://chat.test/\"";
        let below = "public_url = \"https://shop.test/help/\"";
        assert_eq!(checked(ID, public, ""), Ok(()));
        let direct = "own_url = \"http://127.0.0.1:8080\"";
        assert_eq!(checked(ID, "", direct), Ok(()));
        assert_eq!(checked(ID, "", ""), Ok(()));
        assert_eq!(checked(ID, below, direct), Ok(()));
        for (id, server, more, said) in [
            ("st-shop", public, "", "version 5 UUID"),
            (
                "st-0b7e5f3a-2c1d-4e4f-8a9b-0c1d2e3f4a5b",
                public,
                "",
                "version 5 UUID",
            ),
            (
                "st-0b7e5f3a-2c1d-5e4f-7a9b-0c1d2e3f4a5b",
                public,
                "",
                "version 5 UUID",
            ),
            (ID, below, "", "may have no path, but it has `/help/`"),
            (ID, public, "own_url = \"http://a.test/x/\"", "it has `/x/`"),
            (ID, public, "algorithm = \"RS256\"", "HS256, HS384 or HS512"),
            (ID, public, "agent = \" \"", "1 to 100 characters"),
        ] {
            let error = checked(id, server, more).unwrap_err();
            assert!(error.contains(said), "{error}");
            assert!(!error.contains("bK4t"), "{error}");
        }
    }
}
