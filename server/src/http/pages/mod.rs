//! The pages for people.
//!
//! In the path: `router` nests [`routes`]. `chat` loads what a bot's page shows. `post` is the conversation without
//! JavaScript. `render` draws an [`app::Page`] and sets its security headers.
//!
//! Invariants: every page has its own nonce, so no page may be stored (`Cache-Control: no-store`). The apps that open a
//! bot decide who may frame its page. A page never holds a secret: no token, no assertion, and not the visitor's own
//! token.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use app::pages::{DemoPage, DemoSettings, HomePage, Problem, ProblemPage};
use app::text::Language;
use app::{Page, pages};
use axum::extract::{Query, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderMap, StatusCode, Uri, header};
use serde::Deserialize;
use tower_http::compression::{CompressionLayer, CompressionLevel};

use crate::config::Bot;
use crate::http::in_flight;
use crate::limits::MAKING_PAGE;
use crate::security::client_ip::{AddressKey, Client};
use crate::security::origin::own_origin;
use crate::security::rate::RetryAfter;
use crate::security::refusals::Refused;
use crate::state::AppState;
use crate::theme::{Brand, Palette};

mod chat;
mod post;
mod render;

use render::{Framing, render};

/// The Brotli level for pages: most of the gain in a millisecond.
const BROTLI: CompressionLevel = CompressionLevel::Precise(4);

/// Every page.
pub fn routes(state: &AppState) -> Router<AppState> {
    // Rendering needs an executor. It is set once for the process; a second call changes nothing.
    let _ = any_spawner::Executor::init_tokio();
    let looks = Arc::new(Looks::default());
    Router::new()
        .route("/", get(home))
        .route("/demo", get(demo))
        .route("/chat/{bot}", get(chat::page::<false>).post(post::post))
        .route("/embed/{bot}", get(chat::page::<true>))
        .layer(Extension(looks))
        // It is inside the compression, where the exact size of the page is known.
        .layer(from_fn_with_state(
            state.in_flight.making(MAKING_PAGE),
            in_flight::hold,
        ))
        .layer(CompressionLayer::new().quality(BROTLI))
}

/// The answer for an unknown address: a page for people, a line for programs.
pub async fn not_found(state: &AppState, headers: &HeaderMap) -> Response {
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|accepts| accepts.to_str().ok());
    if !accepts.is_some_and(|accepts| accepts.contains("text/html")) {
        return (StatusCode::NOT_FOUND, "There is nothing at this address.\n").into_response();
    }
    let problem = ProblemPage {
        problem: Problem::UnknownPage,
        language: language(&[], None, headers),
        theme_css: palette(Brand::default()),
        embedded: false,
        home: state.config().server.home_page,
    };
    let page = Page::Problem(problem);
    render(state, &Framing::nobody(), StatusCode::NOT_FOUND, page).await
}

/// Counts a page for the address that requests it.
fn paced(state: &AppState, client: Client) -> Result<(), RetryAfter> {
    let allowed = state.rtm.rates.page(AddressKey::from(client.ip));
    if allowed.is_err() {
        state.refusals.note(Refused::Limit, None, client.ip);
    }
    allowed
}

/// The answer for an address that requests pages too fast.
async fn too_many(state: &AppState, headers: &HeaderMap, wait: RetryAfter) -> Response {
    let problem = ProblemPage {
        problem: Problem::TooMany,
        language: language(&[], None, headers),
        theme_css: palette(Brand::default()),
        embedded: false,
        home: false,
    };
    let page = Page::Problem(problem);
    let mut page = render(
        state,
        &Framing::nobody(),
        StatusCode::TOO_MANY_REQUESTS,
        page,
    )
    .await;
    let headers = page.headers_mut();
    headers.insert(header::RETRY_AFTER, wait.seconds().max(1).into());
    page
}

/// `/`.
async fn home(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Err(wait) = paced(&state, client) {
        return too_many(&state, &headers, wait).await;
    }
    let config = state.config();
    if !config.server.home_page {
        return not_found(&state, &headers).await;
    }
    let origin = own_origin(config.server.public_url.as_ref(), &headers, &uri, client);
    let base = config.base_path();
    // The bots that can be opened from here.
    let bots = config.bots.iter().filter(|(id, _)| {
        let app = config.app_of_bot(id);
        app.is_none_or(|(app, _)| config.takes_anonymous(app, Some(id)))
    });
    let page = Page::Home(HomePage {
        theme_css: palette(Brand::default()),
        bots: bots
            .map(|(_, bot)| (bot.page.as_str().to_owned(), bot.name.clone()))
            .collect(),
        public_url: format!(
            "{}{}",
            origin.unwrap_or_default(),
            base.as_str().trim_end_matches('/')
        ),
        demo: config.server.demo_page,
    });
    render(&state, &Framing::nobody(), StatusCode::OK, page).await
}

/// The settings in the demo page's bar.
#[derive(Debug, Default, Deserialize)]
struct DemoQuery {
    bot: Option<String>,
    brand: Option<String>,
    theme: Option<String>,
    lang: Option<String>,
    side: Option<String>,
}

/// `/demo`. Unknown values in the address are ignored.
async fn demo(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    Query(asked): Query<DemoQuery>,
) -> Response {
    if let Err(wait) = paced(&state, client) {
        return too_many(&state, &headers, wait).await;
    }
    let config = state.config();
    if !config.server.demo_page {
        return not_found(&state, &headers).await;
    }
    let usual = DemoSettings::default();
    let bots = &config.bots;
    let bot = asked.bot.filter(|name| config.bot_of_page(name).is_some());
    let first = bots.values().next().map(|bot| bot.page.as_str().to_owned());
    let brand = asked
        .brand
        .as_deref()
        .and_then(|brand| brand.parse::<Brand>().ok());
    let one_of = |asked: Option<String>, known: &[&str]| {
        asked.filter(|asked| known.contains(&asked.as_str()))
    };
    let settings = DemoSettings {
        bot: bot.or(first).unwrap_or(usual.bot),
        brand: brand.map_or(usual.brand, String::from),
        theme: one_of(asked.theme, &["auto", "light", "dark"]).unwrap_or(usual.theme),
        language: one_of(asked.lang, &["en", "de", "ar"]).unwrap_or(usual.language),
        side: one_of(asked.side, &["right", "left"]).unwrap_or(usual.side),
    };
    let page = Page::Demo(DemoPage {
        theme_css: palette(Brand::default()),
        settings,
    });
    render(&state, &Framing::nobody(), StatusCode::OK, page).await
}

/// The palettes of the configured bots, each computed once. Colours that a page asks for are not kept, so the number of
/// palettes is bounded by the configuration.
#[derive(Debug, Default)]
struct Looks(RwLock<HashMap<Brand, Arc<str>>>);

impl Looks {
    /// The bot's own colours, or those for the colour that the host page asks for.
    fn css(&self, bot: &Bot, asked: Option<&str>) -> String {
        if let Some(brand) = asked.and_then(|asked| asked.parse::<Brand>().ok()) {
            return palette(brand);
        }
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(css) = known.get(&bot.brand) {
            return css.to_string();
        }
        drop(known);
        let css = palette(bot.brand);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(bot.brand, css.as_str().into());
        css
    }
}

fn palette(brand: Brand) -> String {
    Palette::new(brand).css()
}

/// The visitor's language: from the host page or the address, or else from the browser.
fn language(spoken: &[Language], asked: Option<&str>, headers: &HeaderMap) -> Language {
    let accepted = headers.get(header::ACCEPT_LANGUAGE);
    Language::choose(
        spoken,
        asked,
        accepted.and_then(|value| value.to_str().ok()),
    )
}

/// The theme by its name.
fn theme(asked: Option<&str>, bot: pages::Theme) -> pages::Theme {
    match asked {
        Some(name @ ("auto" | "light" | "dark")) => pages::Theme::of_name(name),
        _ => bot,
    }
}
