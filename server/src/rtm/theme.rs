//! `GET websdkthemes/{bot}/activetheme`: the colours of a bot for the official clients.
//!
//! In the path: a v3 client shows nothing until this has answered with a truthy `activeTheme`.
//!
//! Invariant: there is no `v3` key. Without it the v3 client takes its own defaults; an incomplete branding breaks it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use protocol::theme::ActiveTheme;
use serde_json::{Map, Value, json};

use super::Rtm;
use super::access::bot_of_app;
use super::bearer::Bearer;
use super::token::private;
use crate::error::ApiError;
use crate::theme::Brand;

/// The active theme of a bot.
///
/// # Errors
/// 401 without a valid token, 403 or 404 for the bot.
pub async fn active(
    State(rtm): State<Arc<Rtm>>,
    Bearer(token): Bearer,
    Path(bot): Path<String>,
) -> Result<Response, ApiError> {
    let config = rtm.config();
    let found = bot_of_app(&config, &token.app, token.anonymous, &bot)?;
    Ok(private(Json(of_brand(&bot, found.brand))))
}

/// The v2 sections, made from one colour.
fn of_brand(bot: &str, Brand(brand): Brand) -> ActiveTheme {
    let (brand, on_brand) = (brand.to_string(), brand.readable_on().to_string());
    let sections = json!({
        "streamId": bot,
        "themeName": "Parlour",
        "generalAttributes": {"bubbleShape": "square", "fontStyle": "Inter"},
        "botMessage": {"bubbleColor": "#f2f4f7", "fontColor": "#101828", "borderColor": "#f2f4f7"},
        "userMessage": {"bubbleColor": brand, "fontColor": on_brand},
        "widgetHeader": {"backgroundColor": brand, "fontColor": on_brand, "borderColor": brand},
        "widgetFooter": {"backgroundColor": "#ffffff", "fontColor": "#101828", "borderColor": "#e4e7ec",
                         "placeHolder": "#667085"},
        "widgetBody": {"backgroundColor": "#ffffff", "useBackgroundImage": false, "backgroundImage": ""},
        "buttons": {"backgroundColor": "#ffffff", "defaultButtonColor": brand, "defaultFontColor": on_brand,
                    "onHoverButtonColor": brand, "onHoverFontColor": on_brand},
        "digitalViews": {"panelTheme": "theme_one"},
    });
    let extra = match sections {
        Value::Object(extra) => extra,
        _ => Map::new(),
    };
    ActiveTheme {
        active_theme: true,
        extra: extra.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_theme_is_active_and_has_the_sections_of_v2() {
        let theme = serde_json::to_value(of_brand("st-demo", Brand::default())).unwrap();
        assert_eq!(theme["activeTheme"], true);
        assert_eq!(
            theme["userMessage"],
            json!({"bubbleColor": "#0b6e4f", "fontColor": "#ffffff"})
        );
        for section in [
            "generalAttributes",
            "botMessage",
            "widgetHeader",
            "widgetFooter",
            "widgetBody",
            "buttons",
        ] {
            assert!(theme[section].is_object(), "{section}");
        }
        assert!(theme.get("v3").is_none());
    }
}
