//! Something is not here, not allowed or broken: one sentence, one way out, in the same room.

use std::sync::Arc;

use super::Scripts;
use crate::{
    BasePath,
    icons::{Icon, icon},
    text::Language,
};
use leptos::{nonce::use_nonce, prelude::*};

/// What is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Problem {
    /// 429: the visitor has sent as much as a day holds.
    DayFull,
    /// 403: the host page is outside the app's origins.
    NotAllowed,
    /// 403: only for people whom the website around it vouches for.
    SignedInOnly,
    /// 500: our own fault.
    #[default]
    Server,
    /// 429: too many requests from the visitor's address.
    TooMany,
    /// 404: no such bot.
    UnknownBot,
    /// 404: no such page.
    UnknownPage,
}

/// A friendly page for it. The status is the server's to set.
#[derive(Clone, Debug, Default)]
pub struct ProblemPage {
    /// What is wrong.
    pub problem: Problem,
    /// The visitor's language.
    pub language: Language,
    /// The custom properties of the palette.
    pub theme_css: String,
    /// In a frame a way out would lead the frame astray: none is shown.
    pub embedded: bool,
    /// Is there a start page to lead to?
    pub home: bool,
}

impl ProblemPage {
    pub(super) fn title(&self) -> &'static str {
        self.language.problem(self.problem)[0]
    }

    pub(super) fn view(self, base: &BasePath) -> impl IntoView + use<> {
        let scope = stylers::style_sheet!("app/src/pages/problem.css");
        let [title, sentence, way_out] = self.language.problem(self.problem);
        // "Try again" is the same address once more.
        let again = matches!(
            self.problem,
            Problem::DayFull | Problem::Server | Problem::TooMany
        );
        let href = if again { String::new() } else { base.at("") };
        let way_out = (again || (self.home && !self.embedded))
            .then(|| view! { class = scope, <a class="button main out" href=href>{way_out}</a> });
        // The loader shows this page. A server that is out of order says nothing: the loader tries again by itself.
        let script = use_context::<Arc<Scripts>>()
            .filter(|_| self.embedded && self.problem != Problem::Server)
            .map(
                |scripts| view! { <script nonce=use_nonce()>{scripts.hand_over.clone()}</script> },
            );
        view! { class = scope,
            <main class="problem">
                <span class="sign">{icon(Icon::Alert)}</span>
                <h1 class="title">{title}</h1>
                <p class="words">{sentence}</p>
                {way_out}
            </main>
            {script}
        }
    }
}
