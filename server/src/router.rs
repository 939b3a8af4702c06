//! Every route on one page, grouped by who calls it.
//!
//! In the path: `listen` hands each request to this router. On its way in, a request passes: the base path, the request
//! number and the panic handler, the client's address, security headers, https, limits of time and size, and then its
//! handler.

use std::any::Any;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::{HeaderName, Method, StatusCode, header};
use tower::ServiceBuilder;
use tower::layer::layer_fn;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::timeout::{RequestBodyDeadlineLayer, TimeoutLayer};

use crate::base_path;
use crate::dev::DevBuild;
use crate::draining;
use crate::error::{ApiError, number, shape};
use crate::http::{bot_framework, botkit, health, in_flight, pages, sign, way_in, webhook_channel};
use crate::limits::{
    ANSWER_TIME, BODY_BYTES, BODY_TIME, MAKING_HISTORY, PREFLIGHT_LIFE, SIGN_BODY_BYTES,
    STREAMED_ANSWER,
};
use crate::rtm::{history, socket, start, theme, token};
use crate::security::proxy::ProxyFaults;
use crate::security::{client_ip, headers, https};
use crate::shutdown::Shutdown;
use crate::state::AppState;

/// The whole server.
pub fn router(state: AppState) -> Router {
    // What surrounds every request is read from the configuration once.
    let config = state.config();

    // Kore clients and our widget; both prefixes are in use (`docs/kore-protocol.md` 2).
    let api = api(&state);
    let dev = state.dev_build.map(DevBuild::routes);
    // Bots of the Bot Framework. No page calls these.
    let activities = bot_framework::routes().layer(from_fn_with_state(
        state.in_flight.making(0),
        in_flight::hold,
    ));
    let mut routes = Router::new()
        .nest("/api/botframework", activities)
        .nest("/api/1.1", api.clone())
        .nest("/api", api)
        // The socket: the address comes from rtm/start.
        .route("/rtm/bot", get(socket::open))
        // Kore's clients without a socket.
        .merge(webhook(&state))
        // People.
        .merge(pages::routes(&state))
        // Balancers and service managers.
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        // Pages while developing.
        .merge(dev.unwrap_or_default())
        // Browsers: the widget's files, or nothing.
        .fallback_service(files(&state));
    if config.server.metrics.is_some() {
        let requests = state.requests.clone();
        routes = routes.layer(layer_fn(move |route| requests.counting(route)));
    }

    let faults = Arc::new(ProxyFaults::default());
    let front = (Arc::clone(&config), Arc::clone(&faults));
    let around = ServiceBuilder::new()
        .layer(from_fn_with_state(
            base_path::left_on(&config),
            base_path::take_away,
        ))
        .layer(from_fn_with_state(state.clone(), draining::hang_up))
        .layer(from_fn_with_state(Arc::clone(&state.ids), number))
        .layer(CatchPanicLayer::custom(panicked(state.shutdown.clone())))
        .layer(Extension(faults))
        .layer(from_fn_with_state(front.clone(), client_ip::identify))
        .layer(from_fn_with_state(config, headers::harden))
        .layer(from_fn_with_state(front, https::guard))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            ANSWER_TIME,
        ))
        .layer(RequestBodyDeadlineLayer::new(BODY_TIME))
        .layer(DefaultBodyLimit::max(BODY_BYTES));
    // These layers are around the router, and not around its routes, because routes are chosen by the address without
    // the base path.
    Router::new()
        .fallback_service(routes.with_state(state))
        .layer(around)
}

/// The routes that other origins may call.
fn api(state: &AppState) -> Router<AppState> {
    let history = get(history::page).layer(from_fn_with_state(
        state.in_flight.making(MAKING_HISTORY),
        in_flight::hold,
    ));
    let small = from_fn_with_state(state.in_flight.making(0), in_flight::hold);
    Router::new()
        .route(
            "/users/sts",
            post(sign::create)
                .delete(sign::forget)
                .layer(DefaultBodyLimit::max(SIGN_BODY_BYTES)),
        )
        .route("/oAuth/token/jwtgrant", post(token::grant))
        .route("/oAuth/token/jwtgrant/anonymous", post(token::grant))
        .route("/oAuth/token/revoke", post(token::revoke))
        .route("/rtm/start", post(start::create))
        .route(
            "/bots/{bot}/conversations/{conversation}/messages",
            post(way_in::say),
        )
        .route("/websdkthemes/{bot}/activetheme", get(theme::active))
        .route_layer(small)
        .merge(botkit::routes().layer(DefaultBodyLimit::max(botkit::BODY_BYTES)))
        .route("/botmessages/rtm", history)
        .fallback(|| async { ApiError::NotFound("there is no such address") })
        .layer(from_fn(shape))
        .layer(cors(state.clone()))
}

/// Kore's webhook channel.
fn webhook(state: &AppState) -> Router<AppState> {
    let small = from_fn_with_state(state.in_flight.making(0), in_flight::hold);
    webhook_channel::routes()
        .route_layer(small)
        .layer(from_fn(shape))
        .layer(cors(state.clone()))
}

/// Pages of the apps' origins may call. The handler checks the app, because a preflight does not name it. There are no
/// credentials: the official clients use none, and our own frame has our own origin.
fn cors(state: AppState) -> CorsLayer {
    let allowed = AllowOrigin::predicate(move |origin, _| {
        origin
            .to_str()
            .is_ok_and(|origin| state.config().any_app_allows(origin))
    });
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT])
        .allow_headers([
            header::ACCEPT,
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("x-rtm-v"),
        ])
        .expose_headers([header::RETRY_AFTER, HeaderName::from_static("x-request-id")])
        .max_age(PREFLIGHT_LIFE)
}

/// The widget's files. A slow reader holds a piece of one in memory.
fn files(state: &AppState) -> Router {
    let streamed = state.in_flight.making(STREAMED_ANSWER);
    Router::new()
        .fallback(site)
        .layer(from_fn_with_state(streamed, in_flight::hold))
        .with_state(state.clone())
}

/// A file of the site, or the page for an unknown address.
async fn site(State(state): State<AppState>, request: Request) -> Response {
    let headers = request.headers().clone();
    match state.site.file(request).await {
        Some(file) => file,
        None => pages::not_found(&state, &headers).await,
    }
}

/// A panic in a handler becomes a 500 and is counted. The process goes on.
fn panicked(shutdown: Shutdown) -> impl Fn(Box<dyn Any + Send>) -> Response + Clone {
    move |cause| {
        shutdown.count_panic();
        // The message of a panic may hold anything, so only the panic itself is logged.
        drop(cause);
        ApiError::Internal(anyhow::anyhow!("a handler panicked")).into_response()
    }
}
