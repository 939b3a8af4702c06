//! The documents: everything around the widget. On the server only; nothing here reaches the wasm.
//!
//! In the path: `http::pages` provides a [`Page`] as context and renders [`shell`] with `SsrMode::Async`.
//!
//! **Invariants**: one `<style>` and at most four `<script>` (one of them the settings; a fifth while developing), each with the nonce of the response; the first
//! HTML holds all that the first screen needs.

mod chat;
mod demo;
mod home;
mod problem;

pub use chat::ChatPage;
pub use demo::{DemoPage, DemoSettings};
pub use home::HomePage;
pub use problem::{Problem, ProblemPage};

use crate::{text::Language, widget::settings::Mode};
use leptos::{
    config::LeptosOptions,
    nonce::{Nonce, use_nonce},
    prelude::*,
};

/// Tokens, reset and what components share.
const MAIN: &str = include_str!(concat!(env!("OUT_DIR"), "/main.css"));
/// The widget's components.
const WIDGET: &str = include_str!(concat!(env!("OUT_DIR"), "/widget.css"));
/// The other pages' components.
const PAGES: &str = include_str!(concat!(env!("OUT_DIR"), "/pages.css"));
/// Shows the newest message before anything is painted.
const TO_END: &str = "(e=>{e.scrollTop=e.scrollHeight})(document.querySelector('[role=log]'))";

/// Which document is drawn. Provided as context.
#[derive(Clone, Debug)]
pub enum Page {
    /// A bot's chat, on a page of its own or in a frame.
    Chat(Box<ChatPage>),
    /// A believable host page with the launcher.
    Demo(DemoPage),
    /// Where to go and how to embed.
    Home(HomePage),
    /// Something is not here, not allowed or broken.
    Problem(ProblemPage),
}

/// Which colours are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the visitor's system says.
    #[default]
    Auto,
    /// Always dark.
    Dark,
    /// Always light.
    Light,
}

impl Theme {
    /// As `data-theme` says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Dark => "dark",
            Self::Light => "light",
        }
    }

    /// The theme of that name; `auto` for anything else.
    pub fn of_name(name: &str) -> Self {
        match name {
            "dark" => Self::Dark,
            "light" => Self::Light,
            _ => Self::Auto,
        }
    }
}

/// What every page runs while somebody changes the sources; provided as context by a server that is
/// developed, and by no other.
#[derive(Clone, Debug)]
pub struct DevScript(pub String);

/// What the head says about a page.
struct Head {
    language: &'static str,
    rtl: bool,
    theme: Theme,
    title: String,
    description: Option<&'static str>,
    /// Custom properties of the colours.
    colours: String,
    /// The components' style sheet.
    sheet: &'static str,
    /// The class of the body.
    room: &'static str,
    /// Whether search engines may show it.
    public: bool,
}

/// The whole document of the [`Page`] in the context.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let page = use_context::<Page>().unwrap_or_else(|| Page::Problem(ProblemPage::default()));
    let head = head(&page);
    let nonce = use_nonce();
    let style = [&head.colours, MAIN, head.sheet].concat();
    let robots = (!head.public).then(|| view! { <meta name="robots" content="noindex"/> });
    let description = head
        .description
        .map(|text| view! { <meta name="description" content=text/> });
    let chat = matches!(page, Page::Chat(_));
    // A server without a built widget has nothing to load.
    let alive = chat && !options.site_pkg_dir.is_empty();
    let hydration = alive.then(|| hydration(options, nonce.clone()));
    let scripts = chat.then(|| {
        let script = [TO_END, ";", crate::early::SCRIPT].concat();
        view! { <script nonce=nonce.clone()>{script}</script> }
    });
    let reload = use_context::<DevScript>()
        .map(|DevScript(script)| view! { <script nonce=nonce.clone()>{script}</script> });
    let body = match page {
        Page::Chat(page) => page.view().into_any(),
        Page::Demo(page) => page.view().into_any(),
        Page::Home(page) => page.view().into_any(),
        Page::Problem(page) => page.view().into_any(),
    };
    view! {
        <!DOCTYPE html>
        <html lang=head.language dir=if head.rtl { "rtl" } else { "ltr" } data-theme=head.theme.name()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width,initial-scale=1,viewport-fit=cover,interactive-widget=resizes-content"/>
                <title>{head.title}</title>
                {description}
                {robots}
                <link rel="icon" href="/icon.svg" type="image/svg+xml"/>
                <style nonce=nonce>{style}</style>
                {hydration}
            </head>
            <body class=head.room>{body} {scripts} {reload}</body>
        </html>
    }
}

/// Fetches glue and wasm beside the page and wakes the one island, when the screen stands. Leptos' `HydrationScripts` looks for any
/// number of islands at any depth; here that would be half a kilobyte of every first visit.
fn hydration(options: LeptosOptions, nonce: Option<Nonce>) -> impl IntoView {
    let path = [options.site_pkg_dir.as_ref(), options.output_name.as_ref()].join("/");
    let glue = format!("/{path}.js");
    let wasm = format!("/{path}_bg.wasm");
    let script = format!(
        "(self.requestIdleCallback||setTimeout)(()=>import(\"{glue}\").then(async m=>{{await \
         m.default({{module_or_path:\"{wasm}\"}});m.hydrate();\
         let e=document.querySelector(\"leptos-island\");m[e.dataset.component](e)}}),{{timeout:2e3}})"
    );
    view! {
        <link rel="modulepreload" href=glue crossorigin=""/>
        <link rel="preload" href=wasm r#as="fetch" r#type="application/wasm" crossorigin=""/>
        <script type="module" nonce=nonce>{script}</script>
    }
}

fn head(page: &Page) -> Head {
    let english = |title: &str, description, colours: &str| Head {
        language: Language::English.tag(),
        rtl: false,
        theme: Theme::Auto,
        title: title.to_owned(),
        description: Some(description),
        colours: colours.to_owned(),
        sheet: PAGES,
        room: "paper",
        public: true,
    };
    match page {
        Page::Chat(page) => Head {
            language: page.language.tag(),
            rtl: page.settings.texts.rtl,
            theme: page.theme,
            title: page.settings.bot.name.clone(),
            description: None,
            colours: page.theme_css.clone(),
            sheet: WIDGET,
            room: match page.settings.mode {
                Mode::Embedded => "embedded",
                Mode::Standalone => "standalone",
            },
            public: page.settings.mode == Mode::Standalone,
        },
        Page::Demo(page) => Head {
            public: false,
            theme: Theme::Light,
            ..english(demo::TITLE, "A page to try the chat on.", &page.theme_css)
        },
        Page::Home(page) => english(
            "Parlour",
            "A chat for your bot, on your own server.",
            &page.theme_css,
        ),
        Page::Problem(page) => Head {
            language: page.language.tag(),
            rtl: page.language == Language::Arabic,
            public: false,
            ..english(page.title(), "", &page.theme_css)
        },
    }
}
