//! Draws a page and sets its security headers.
//!
//! In the path: every page handler ends here.
//!
//! Invariant: the nonce in the HTML is the one in the policy, and is new for each answer.

use std::sync::Arc;

use app::pages::{DevScript, Scripts};
use app::{BasePath, Page};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, StatusCode, header};
use leptos::config::LeptosOptions;
use leptos::nonce::Nonce;
use leptos::prelude::provide_context;

use crate::config::{Config, ImageSource, OriginPattern};
use crate::error::ApiError;
use crate::security::headers::{PAGE_REFERRER, PagePolicy, allow_everywhere};
use crate::state::AppState;

/// The surroundings of a page: who may frame it, and where its pictures come from.
#[derive(Clone, Debug, Default)]
pub(super) struct Framing<'a> {
    /// Our own origin, as the visitor sees it.
    pub(super) own_origin: Option<String>,
    /// Pages that may frame this one.
    pub(super) embedders: Vec<&'a OriginPattern>,
    /// Whether every listed page and our own demo may frame it.
    pub(super) embedded: bool,
    /// Whether every page may frame it. This is for a page that holds nothing: a refusal.
    pub(super) anywhere: bool,
    /// The sources of pictures.
    pub(super) images: Vec<ImageSource>,
}

impl Framing<'_> {
    /// A page that nobody may frame, and that shows only our own pictures.
    pub(super) fn nobody() -> Self {
        Self::default()
    }
}

/// The page as an answer.
pub(super) async fn render(
    state: &AppState,
    frame: &Framing<'_>,
    status: StatusCode,
    page: Page,
) -> Response {
    let config = state.config();
    let nonce = URL_SAFE_NO_PAD.encode(&state.ids.secret()[..16]);
    let policy = PagePolicy {
        nonce: &nonce,
        own_origin: frame.own_origin.as_deref(),
        own_base: own_base(&config),
        connect: &config.platform.connect_sources(),
        images: &frame.images,
        embedders: &frame.embedders,
        embed_own: frame.embedded,
        embed_anywhere: frame.anywhere,
    };
    let csp = HeaderValue::try_from(policy.csp());
    let base = config.base_path();
    let script = state.dev_build.map(|build| DevScript(build.script(&base)));
    let mut response = draw(
        options(state),
        base,
        page,
        nonce,
        state.site.scripts(),
        script,
    )
    .await;
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, PAGE_REFERRER);
    if let Ok(csp) = csp {
        headers.insert(header::CONTENT_SECURITY_POLICY, csp);
    }
    if frame.embedded || frame.anywhere {
        allow_everywhere(&mut response);
    }
    response
}

/// Draws the page's components. Nothing in our pages waits, so the stream is there at once: the answer is one piece, whose
/// length is known.
async fn draw(
    options: LeptosOptions,
    base: BasePath,
    page: Page,
    nonce: String,
    scripts: Option<Arc<Scripts>>,
    script: Option<DevScript>,
) -> Response {
    let context = move || {
        provide_context(Nonce::from_value(nonce.clone()));
        if let Some(scripts) = &scripts {
            provide_context(Arc::clone(scripts));
        }
        if let Some(script) = &script {
            provide_context(script.clone());
        }
    };
    let page = move || app::shell(options.clone(), &base, page.clone());
    let handler = leptos_axum::render_app_to_stream_in_order_with_context(context, page);
    let (head, stream) = handler(Request::new(Body::empty())).await.into_parts();
    match to_bytes(stream, usize::MAX).await {
        Ok(document) => Response::from_parts(head, Body::from(document)),
        Err(error) => ApiError::Internal(error.into()).into_response(),
    }
}

/// Our own address, if it has a path that narrows `'self'`. A policy cannot name an address of IPv6.
fn own_base(config: &Config) -> Option<&str> {
    let url = config.server.public_url.as_ref()?;
    let narrows = !config.base_path().is_root() && !url.as_str().contains('[');
    narrows.then(|| url.as_str())
}

/// Where the widget's wasm and its glue code are, below the base path.
fn options(state: &AppState) -> LeptosOptions {
    let pkg = state.site.pkg().trim_start_matches('/');
    LeptosOptions::builder()
        .output_name("frontend")
        .site_pkg_dir(pkg)
        .build()
}
