//! `/demo`: a small company's site with the launcher on it, as a customer's page would have it.
//!
//! The bar at its top sets what a host can set, by the attributes of the script tag: it is a plain form
//! that loads the page again. Nothing of the site is ours but the one script line.

use crate::BasePath;
use leptos::{nonce::use_nonce, prelude::*};

/// The company on the sign.
pub(super) const TITLE: &str = "Wheelhouse · Bicycles, mended well";

/// The demo page.
#[derive(Clone, Debug, Default)]
pub struct DemoPage {
    /// The custom properties of the page's own palette.
    pub theme_css: String,
    /// What the bar was set to.
    pub settings: DemoSettings,
}

/// What the bar can set; each becomes an attribute of the script tag. Checked by the server before they come here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoSettings {
    /// The bot's name in the address.
    pub bot: String,
    /// `#rrggbb`.
    pub brand: String,
    /// `auto`, `light` or `dark`.
    pub theme: String,
    /// `en`, `de` or `ar`; empty for the visitor's own.
    pub language: String,
    /// `right` or `left`.
    pub side: String,
}

impl Default for DemoSettings {
    fn default() -> Self {
        Self {
            bot: "demo".into(),
            brand: "#0b6e4f".into(),
            theme: "auto".into(),
            language: "auto".to_owned(),
            side: "right".into(),
        }
    }
}

/// What the shop mends, and for how much.
const SERVICES: [(&str, &str, &str); 6] = [
    (
        "Safety check",
        "Brakes, gears, lights, bolts and tyres, while you have a coffee.",
        "€ 25",
    ),
    (
        "Full service",
        "Everything cleaned, greased and set. Wheels trued, cables renewed.",
        "€ 95",
    ),
    (
        "Flat tyre",
        "Tube, rim tape and a look at what caused it. Usually within the hour.",
        "€ 18",
    ),
    (
        "E-bike diagnosis",
        "Battery health, motor readings and firmware, with a printed report.",
        "€ 45",
    ),
    (
        "Wheel building",
        "Laced and tensioned by hand, with two years on every spoke.",
        "from € 80",
    ),
    (
        "Winter storage",
        "Dry and locked from November to March, with a service before spring.",
        "€ 60",
    ),
];

const QUESTIONS: [(&str, &str); 4] = [
    (
        "Do I need an appointment?",
        "For a flat tyre or a safety check, no. For everything else, ask the chat for a day: most weeks there is room within three days.",
    ),
    (
        "Do you work on bikes bought elsewhere?",
        "Gladly. We ask only that the frame is sound; if it is not, we say so before any work begins.",
    ),
    (
        "How long does a full service take?",
        "A day and a half. Bring it in the morning, ride it home the next afternoon. We lend you a city bike meanwhile, free of charge.",
    ),
    (
        "What if something is wrong afterwards?",
        "Then we were wrong. Bring it back within six months and we put it right without a bill.",
    ),
];

impl DemoPage {
    pub(super) fn view(self, base: &BasePath) -> impl IntoView + use<> {
        let scope = stylers::style_sheet!("app/src/pages/demo.css");
        let DemoSettings {
            bot,
            brand,
            theme,
            language,
            side,
        } = self.settings;
        let services = SERVICES.map(|(name, words, price)| {
            view! { class = scope,
                <li class="service">
                    <h3 class="name">{name}</h3>
                    <p class="words">{words}</p>
                    <p class="price">{price}</p>
                </li>
            }
        });
        let questions = QUESTIONS.map(|(question, answer)| {
            view! { class = scope,
                <h3 class="question">{question}</h3>
                <p class="words">{answer}</p>
            }
        });
        let themes = options(
            &theme,
            [("auto", "System"), ("light", "Light"), ("dark", "Dark")],
        );
        let languages = options(
            &language,
            [
                ("auto", "Yours"),
                ("en", "English"),
                ("de", "Deutsch"),
                ("ar", "العربية"),
            ],
        );
        let sides = options(&side, [("right", "Right"), ("left", "Left")]);
        view! { class = scope,
            <form class="bar" method="get" aria-label="Try the chat">
                <span class="note">"This is a demo page. Try the chat as:"</span>
                <label class="set">"Colour" <input class="colour" type="color" name="brand" value=brand.clone()/></label>
                <label class="set">"Theme" <select class="pick" name="theme">{themes}</select></label>
                <label class="set">"Language" <select class="pick" name="lang">{languages}</select></label>
                <label class="set">"Side" <select class="pick" name="side">{sides}</select></label>
                <button class="apply">"Apply"</button>
            </form>
            <header class="top">
                <p class="brand">"Wheelhouse"</p>
                <nav class="nav" aria-label="Site">
                    <a class="link" href="#services">"Services"</a>
                    <a class="link" href="#about">"About us"</a>
                    <a class="link" href="#questions">"Questions"</a>
                    <a class="link" href="#visit">"Visit"</a>
                </nav>
            </header>
            <main>
                <section class="hero">
                    {bicycle()}
                    <h1 class="slogan">"Bicycles, mended well."</h1>
                    <p class="lead">"A workshop of four people near the river. We repair what you ride every day, tell you what it costs before we start, and have it ready when we said."</p>
                    <p class="hours">"Open until 18:30 · Quay Street 14"</p>
                </section>
                <section class="part" id="services">
                    <h2 class="head">"What we do"</h2>
                    <ul class="services">{services.to_vec()}</ul>
                </section>
                <section class="part" id="about">
                    <h2 class="head">"About us"</h2>
                    <p class="words">"Mara and Jonas opened the workshop in 2009 with two stands and a borrowed truing jig. Today there are six stands, a shelf of parts that other shops have given up on, and a coffee machine that has needed more repairs than most bikes."</p>
                    <p class="words">"We think a bicycle should last thirty years. So we mend before we replace, we keep what we take off until you have seen it, and we write on the bill what will need attention next and when. If a repair is not worth its price, you hear that from us first."</p>
                    <p class="words">"Every apprentice who learned here still rides. Three of them have opened workshops of their own; one of them is our best competitor."</p>
                </section>
                <section class="part" id="questions">
                    <h2 class="head">"Questions people ask"</h2>
                    {questions.to_vec()}
                </section>
                <section class="part" id="visit">
                    <h2 class="head">"Visit"</h2>
                    <p class="words">"Quay Street 14, behind the old customs house. Monday to Friday 8:30 to 18:30, Saturday 9:00 to 14:00. Tram 4 stops at the bridge; there is a stand with a pump outside that works day and night."</p>
                    <p class="words">"Not sure what is wrong with it? Ask the chat in the corner. It knows our prices and our calendar, and hands over to one of us when it does not know."</p>
                </section>
            </main>
            <footer class="foot">"Wheelhouse is an invented company. The chat is real."</footer>
            <script
                nonce=use_nonce()
                async=true
                src=base.at("parlour.js")
                data-bot=bot
                data-brand=brand
                data-theme=theme
                data-lang=language
                data-side=side
            ></script>
        }
    }
}

/// What the shop mends, drawn in one path.
fn bicycle() -> impl IntoView {
    let scope = stylers::style_sheet!("app/src/pages/demo.css");
    view! { class = scope,
        <svg class="bicycle" viewBox="0 0 240 150" aria-hidden="true">
            <path d="M98 100a44 44 0 1 1-88 0 44 44 0 0 1 88 0Zm132 0a44 44 0 1 1-88 0 44 44 0 0 1 88 0ZM54 100l36-58h66M54 100h56l46-58m30 58L152 22h22M110 100 82 26m-14 0h30m12 74m-9 0a9 9 0 1 0 18 0 9 9 0 1 0-18 0"></path>
        </svg>
    }
}

fn options<const N: usize>(chosen: &str, all: [(&'static str, &'static str); N]) -> Vec<AnyView> {
    let option = |(value, label): (&'static str, &'static str)| {
        view! { <option value=value selected=value == chosen>{label}</option> }.into_any()
    };
    all.into_iter().map(option).collect()
}
