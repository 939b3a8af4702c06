//! The documents: everything around the widget. On the server only; nothing here reaches the wasm.
//!
//! In the path: `http::pages` renders the [`shell`] of a [`Page`], all at once.
//!
//! **Invariants**: one `<style>` and at most four `<script>` (one of them the settings; a fifth while developing), each with
//! the nonce of the response; Leptos adds two short ones after the document, for resources, of which we have none. The first
//! HTML holds all that the first screen needs.

mod chat;
mod demo;
mod home;
mod problem;
mod scripts;

pub use chat::ChatPage;
pub use demo::{DemoPage, DemoSettings};
pub use home::HomePage;
pub use problem::{Problem, ProblemPage};
pub use scripts::Scripts;

use crate::{
    BasePath,
    text::Language,
    widget::{settings::Mode, sheets},
};
use leptos::{config::LeptosOptions, either::EitherOf4, nonce::use_nonce, prelude::*};

/// Tokens, reset and what components share.
const MAIN: &str = include_str!(concat!(env!("OUT_DIR"), "/main.css"));
/// The widget's components.
const WIDGET: &str = include_str!(concat!(env!("OUT_DIR"), "/widget.css"));
/// The other pages' components.
const PAGES: &str = include_str!(concat!(env!("OUT_DIR"), "/pages.css"));

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
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

/// The whole document; its addresses begin at `base`.
pub fn shell(options: LeptosOptions, base: &BasePath, page: Page) -> impl IntoView + use<> {
    let head = head(&page);
    let nonce = use_nonce();
    // What the first page shows of lists and forms is styled before their parts are there.
    let late = match &page {
        Page::Chat(page) => sheets(&page.settings.entries),
        _ => String::new(),
    };
    let style = [&head.colours, MAIN, head.sheet, &late].concat();
    let robots = (!head.public).then(|| view! { <meta name="robots" content="noindex"/> });
    let description = head
        .description
        .map(|text| view! { <meta name="description" content=text/> });
    // Without it a slow phone lays out and paints two halves of the window before the composer listens.
    let whole = matches!(page, Page::Chat(_)).then(|| {
        let mark = ["#", chat::MARK].concat();
        view! { <link rel="expect" href=mark blocking="render"/> }
    });
    let reload = use_context::<DevScript>()
        .map(|DevScript(script)| view! { <script nonce=nonce.clone()>{script}</script> });
    let body = match page {
        Page::Chat(page) => EitherOf4::A(page.view(&options, base, nonce.clone())),
        Page::Demo(page) => EitherOf4::B(page.view(base)),
        Page::Home(page) => EitherOf4::C(page.view(base)),
        Page::Problem(page) => EitherOf4::D(page.view(base)),
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
                <link rel="icon" href=base.at("icon.svg") type="image/svg+xml"/>
                {whole}
                <style nonce=nonce>{style}</style>
            </head>
            <body class=head.room>{body} {reload}</body>
        </html>
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
