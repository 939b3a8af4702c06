//! `/`: tells a newcomer where to go and how to embed.

use crate::BasePath;
use crate::icons::{Icon, icon};
use leptos::prelude::*;

/// The start page.
#[derive(Clone, Debug, Default)]
pub struct HomePage {
    /// The custom properties of the palette.
    pub theme_css: String,
    /// The bots that may be shown to anybody: the name in the address, and what they are called.
    pub bots: Vec<(String, String)>,
    /// Where this server is reached, without a slash at the end: for the line to copy.
    pub public_url: String,
    /// Is there a demo page to lead to?
    pub demo: bool,
}

impl HomePage {
    pub(super) fn view(self, base: &BasePath) -> impl IntoView + use<> {
        let scope = stylers::style_sheet!("app/src/pages/home.css");
        let bot = self.bots.first().map_or("demo", |(page, _)| page);
        let line = format!(
            "<script async src=\"{}/parlour.js\" data-bot=\"{bot}\"></script>",
            self.public_url
        );
        let chats = self.bots.iter().map(|(page, name)| {
            let address = base.at(&format!("chat/{page}"));
            let (href, name) = (address.clone(), name.clone());
            view! { class = scope,
                <li class="door">
                    <a class="way" href=href>
                        <span class="where">
                            <strong>"Chat with " {name}</strong>
                            <span class="address">{address}</span>
                        </span>
                        {icon(Icon::Chevron)}
                    </a>
                </li>
            }
        });
        let chats = chats.collect_view();
        let demo = self.demo.then(|| {
            view! { class = scope,
                <li class="door">
                    <a class="way" href=base.at("demo")>
                        <span class="where">
                            <strong>"See it on a website"</strong>
                            <span class="address">{base.at("demo")}</span>
                        </span>
                        {icon(Icon::Chevron)}
                    </a>
                </li>
            }
        });
        view! { class = scope,
            <main class="home">
                <header>
                    <img class="mark" src=base.at("icon.svg") alt="" width="48" height="48"/>
                    <h1 class="title">"Parlour is running"</h1>
                    <p class="lead">"A chat for your bots, on your own server. Here is where to go."</p>
                </header>
                <ul class="doors">
                    {chats}
                    {demo}
                </ul>
                <section>
                    <h2 class="head">"Put it on your own page"</h2>
                    <p class="words">"One line before the end of the body. The launcher appears in the corner; nothing else is loaded until somebody opens it."</p>
                    <pre class="line" tabindex="0"><code>{line}</code></pre>
                    <p class="hint">"Click the line to select all of it. The page’s address must be among the app’s origins in the configuration; the demo app allows every page on this computer."</p>
                </section>
                <section>
                    <h2 class="head">"Make it yours"</h2>
                    <p class="words">"Name, colours, starters and the bot’s words are in the configuration. See what is in force, and what each key means:"</p>
                    <pre class="line" tabindex="0"><code>"parlour config show"</code></pre>
                </section>
            </main>
        }
    }
}
