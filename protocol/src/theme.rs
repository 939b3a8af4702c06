//! `GET websdkthemes/{bot}/activetheme`. The v3 client shows nothing until the answer has a truthy `activeTheme`
//! (`docs/kore-protocol.md` 11).

use crate::Extra;
use crate::wire;

wire! {
    /// The active theme of a bot.
    #[derive(Clone, Debug, PartialEq)]
    pub struct ActiveTheme {
        /// Always true in an answer, because the v3 client waits for it.
        #[serde(rename = "activeTheme")]
        pub active_theme: bool,
        /// `generalAttributes`, `userMessage`, `v3`, …: the v2 sections and the v3 branding.
        #[serde(flatten)]
        pub extra: Extra,
    }
}
