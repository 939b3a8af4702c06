//! `/chat/{bot}` and `/embed/{bot}`: the widget with the newest messages of a returning visitor.

use std::sync::Arc;

use app::Page;
use app::pages::{ChatPage, Problem, ProblemPage};
use app::widget::WidgetSettings;
use app::widget::settings::{BotFace, Mode, Platform};
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri, header};
use protocol::transcript::Entry;
use serde::Deserialize;
use url::form_urlencoded;

use super::render::{Framing, render};
use super::{Looks, language, paced, theme};
use crate::config::{App, Bot, Config, ImageSource};
use crate::error::ApiError;
use crate::http::visitor;
use crate::rtm::{history, limits::MAX_TEXT_CHARS};
use crate::security::client_ip::Client;
use crate::security::origin::own_origin;
use crate::state::AppState;
use crate::theme::Brand;

/// Messages in the first HTML: two screens of a phone. The rest comes when the visitor scrolls.
const NEWEST: u32 = 20;

/// The query of a page's address. The loader writes it.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct PageParams {
    /// The origin of the page around the frame.
    origin: Option<String>,
    /// The app, if several may open the bot.
    app: Option<String>,
    lang: Option<String>,
    theme: Option<String>,
    brand: Option<String>,
    /// `host`: the page around the frame hands over assertions.
    identity: Option<String>,
    /// If it is there, whatever its value: the page around the frame has named another user than before.
    fresh: Option<String>,
}

/// A request for a bot's page.
pub(super) struct Visit<'a> {
    pub(super) state: &'a AppState,
    /// The configuration at the time of the request.
    pub(super) config: Arc<Config>,
    pub(super) headers: &'a HeaderMap,
    pub(super) own_origin: Option<String>,
    pub(super) asked: PageParams,
    pub(super) embedded: bool,
}

/// The bot of a page, and the app that its visitors come through.
pub(super) struct Destination<'a> {
    pub(super) bot_id: &'a str,
    pub(super) bot: &'a Bot,
    pub(super) app_id: &'a str,
    pub(super) app: &'a App,
}

impl Destination<'_> {
    /// Whether anonymous visitors may come here.
    pub(super) fn takes_anonymous(&self, config: &Config) -> bool {
        config.takes_anonymous(self.app_id, Some(self.bot_id))
    }
}

/// The newest messages.
#[derive(Default)]
struct Transcript {
    entries: Vec<Entry>,
    last_seq: u64,
    more: bool,
}

/// `/chat/{bot}`, and embedded `/embed/{bot}`.
pub(super) async fn page<const EMBEDDED: bool>(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    Extension(looks): Extension<Arc<Looks>>,
    Path(name): Path<String>,
    Query(asked): Query<PageParams>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let visit = Visit::new(&state, client, &headers, &uri, asked, EMBEDDED);
    if let Err(wait) = paced(&state, client) {
        return visit.failed(ApiError::TooMany(wait)).await;
    }
    visit.page(&looks, &name).await
}

impl<'a> Visit<'a> {
    pub(super) fn new(
        state: &'a AppState,
        client: Client,
        headers: &'a HeaderMap,
        uri: &Uri,
        asked: PageParams,
        embedded: bool,
    ) -> Self {
        let config = state.config();
        let public_url = config.server.public_url.as_ref();
        Self {
            state,
            headers,
            own_origin: own_origin(public_url, headers, uri, client),
            asked,
            embedded,
            config,
        }
    }

    /// The bot by its name in addresses, or by its id.
    pub(super) fn destination(&self, name: &str) -> Option<Destination<'_>> {
        let config = &*self.config;
        let by_id = || {
            config
                .bots
                .get_key_value(name)
                .map(|(id, bot)| (id.as_str(), bot))
        };
        let (bot_id, bot) = config.bot_of_page(name).or_else(by_id)?;
        let asked = self
            .asked
            .app
            .as_deref()
            .and_then(|app| config.apps.get_key_value(app));
        let asked = asked.filter(|(_, app)| app.opens(bot_id));
        let (app_id, app) = match asked {
            Some((id, app)) => (id.as_str(), app),
            None => config.app_of_bot(bot_id)?,
        };
        Some(Destination {
            bot_id,
            bot,
            app_id,
            app,
        })
    }

    async fn page(&self, looks: &Looks, name: &str) -> Response {
        let Some(destination) = self.destination(name) else {
            return self
                .problem(Problem::UnknownBot, StatusCode::NOT_FOUND)
                .await;
        };
        if self.embedded && !self.host_may_embed(&destination) {
            return self
                .problem(Problem::NotAllowed, StatusCode::FORBIDDEN)
                .await;
        }
        if !self.host_identity() && !destination.takes_anonymous(&self.config) {
            return self
                .problem(Problem::SignedInOnly, StatusCode::FORBIDDEN)
                .await;
        }
        let transcript = match self.transcript(&destination).await {
            Ok(transcript) => transcript,
            Err(error) => return self.failed(error).await,
        };
        let page = self.chat_page(looks, &destination, transcript);
        let page = Page::Chat(Box::new(page));
        render(self.state, &self.frame(&destination), StatusCode::OK, page).await
    }

    fn chat_page(
        &self,
        looks: &Looks,
        destination: &Destination<'_>,
        transcript: Transcript,
    ) -> ChatPage {
        let config = &*self.config;
        let (bot, base) = (destination.bot, config.base_path());
        let through = self.through(destination);
        let spoken: Vec<_> = bot.languages.iter().map(|spoken| spoken.0).collect();
        let language = language(&spoken, self.asked.lang.as_deref(), self.headers);
        ChatPage {
            settings: Arc::new(WidgetSettings {
                bot: BotFace {
                    page: bot.page.as_str().to_owned(),
                    id: destination.bot_id.to_owned(),
                    name: bot.name.clone(),
                    tagline: bot.tagline.clone(),
                    avatar: bot.avatar_at(&base),
                    starters: bot.starters.clone(),
                    text_images: bot
                        .text_image_sources
                        .iter()
                        .map(|source| source.as_str().to_owned())
                        .collect(),
                },
                platform: Platform {
                    base: match &config.platform.base_url {
                        Some(url) => url.as_str().to_owned(),
                        None => base.at("api/"),
                    },
                    sign_url: base.at(&format!("api/users/sts{through}")),
                },
                mode: if self.embedded {
                    Mode::Embedded
                } else {
                    Mode::Standalone
                },
                texts: language.texts().naming(&bot.name),
                entries: transcript.entries,
                last_seq: transcript.last_seq,
                more: transcript.more,
                rendered_at_ms: self.state.clock.now().0,
                host_identity: self.host_identity(),
                max_message_chars: u32::try_from(MAX_TEXT_CHARS).unwrap_or(u32::MAX),
                form_action: base.at(&format!("chat/{}{through}", bot.page.as_str())),
            }),
            theme_css: looks.css(bot, self.asked.brand.as_deref()),
            brand: String::from(self.brand(bot)),
            theme: theme(self.asked.theme.as_deref(), bot.theme),
            language,
            fresh: self.asked.fresh.is_some(),
        }
    }

    /// The colour from the host page, or the bot's own.
    fn brand(&self, bot: &Bot) -> Brand {
        let asked = self.asked.brand.as_deref();
        asked
            .and_then(|asked| asked.parse().ok())
            .unwrap_or(bot.brand)
    }

    /// The query for this page's own requests, so that they use the same app.
    pub(super) fn through(&self, destination: &Destination<'_>) -> String {
        let asked = self.asked.app.as_deref() == Some(destination.app_id);
        let query = asked.then(|| {
            let mut query = form_urlencoded::Serializer::for_suffix("?".to_owned(), 1);
            query.append_pair("app", destination.app_id).finish()
        });
        query.unwrap_or_default()
    }

    fn host_identity(&self) -> bool {
        self.embedded && self.asked.identity.as_deref() == Some("host")
    }

    /// The newest messages of the visitor whose cookie came along. They are unknown if the host page will name the
    /// visitor, or if the bot is on another platform.
    async fn transcript(&self, destination: &Destination<'_>) -> Result<Transcript, ApiError> {
        let state = self.state;
        if self.host_identity() || self.config.platform.is_external() {
            return Ok(Transcript::default());
        }
        let conversation = (destination.app_id, destination.bot_id);
        let newest = visitor::newest_of_cookie(state, self.headers, conversation, NEWEST);
        let page = newest.await?;
        let entries = page
            .messages
            .iter()
            .map(|stored| Entry::of_history(&history::message(stored)));
        // They are in the order in which the widget shows them.
        let shown = protocol::transcript::Transcript::new(entries.collect());
        Ok(Transcript {
            entries: shown.into_entries(),
            last_seq: page.last_seq,
            more: page.more,
        })
    }

    /// Whether the page around the frame may embed this bot. What the page says of itself and what the browser says of
    /// it must both be allowed. Browsers also enforce `frame-ancestors`.
    fn host_may_embed(&self, destination: &Destination<'_>) -> bool {
        let referrer = self.headers.get(header::REFERER).map(|referrer| {
            let url = referrer
                .to_str()
                .ok()
                .and_then(|text| url::Url::parse(text).ok());
            url.map_or_else(
                || "null".to_owned(),
                |url| url.origin().ascii_serialization(),
            )
        });
        let mut hosts = self.asked.origin.iter().chain(referrer.iter());
        hosts.all(|host| self.own_origin.as_ref() == Some(host) || self.allows(destination, host))
    }

    fn allows(&self, destination: &Destination<'_>, host: &str) -> bool {
        if self.asked.app.is_some() {
            return destination.app.allows(host);
        }
        let embedders = self.config.embedders(destination.bot_id);
        embedders.iter().any(|pattern| pattern.matches(host))
    }

    fn frame<'b>(&'b self, destination: &Destination<'b>) -> Framing<'b> {
        let mut images = destination.bot.image_sources.clone();
        images.extend(destination.bot.text_image_sources.iter().cloned());
        let avatar = url::Url::parse(&destination.bot.avatar).ok();
        let avatar = avatar.map(|url| url.origin().ascii_serialization());
        images.extend(avatar.and_then(|origin| ImageSource::try_from(origin).ok()));
        Framing {
            anywhere: false,
            own_origin: self.own_origin.clone(),
            embedders: match (self.embedded, self.asked.app.is_some()) {
                (false, _) => Vec::new(),
                (true, true) => destination.app.origins.iter().collect(),
                (true, false) => self.config.embedders(destination.bot_id),
            },
            embedded: self.embedded,
            images,
        }
    }

    /// A page that explains a problem. Every page may frame it, because it holds nothing, and a blank frame would give
    /// the site's owner no hint.
    pub(super) async fn problem(&self, problem: Problem, status: StatusCode) -> Response {
        let page = ProblemPage {
            problem,
            language: language(&[], self.asked.lang.as_deref(), self.headers),
            theme_css: super::palette(Brand::default()),
            embedded: self.embedded,
            home: self.config.server.home_page,
        };
        let frame = Framing {
            anywhere: self.embedded,
            ..Framing::default()
        };
        render(self.state, &frame, status, Page::Problem(page)).await
    }

    /// An error as a page. The error stays with the response for the log.
    pub(super) async fn failed(&self, error: ApiError) -> Response {
        let problem = match error {
            ApiError::DayFull(_) => Problem::DayFull,
            ApiError::TooMany(_) => Problem::TooMany,
            _ => Problem::Server,
        };
        let response = error.into_response();
        let mut page = self.problem(problem, response.status()).await;
        page.extensions_mut().extend(response.extensions().clone());
        if let Some(wait) = response.headers().get(header::RETRY_AFTER) {
            page.headers_mut().insert(header::RETRY_AFTER, wait.clone());
        }
        page
    }
}
