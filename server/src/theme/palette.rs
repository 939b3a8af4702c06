//! From one brand colour to all colours of a page.

use super::colour::{Brand, Oklch, Rgb, TEXT};
use std::fmt::Write as _;

/// The contrast that the edge of a control or a focus ring needs (WCAG 1.4.11).
const CONTROL: f64 = 3.0;
/// How far a colour moves at each try. The step is so small that the result is the nearest colour that fits.
const STEP: f64 = 0.004;
/// The hue of the neutral colours in the light scheme: warm, and hardly visible.
const WARM: f64 = 75.0;
/// The hue of the neutral colours in the dark scheme, where warm greys look muddy.
const COOL: f64 = 286.0;

/// Both schemes of one brand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Palette {
    /// For `data-theme=light`, and when the visitor's system says so.
    pub light: Scheme,
    /// For `data-theme=dark`, and when the visitor's system says so.
    pub dark: Scheme,
}

/// The colours of one scheme, by role. Each becomes a custom property of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// Behind the window, where it does not fill the screen.
    pub backdrop: Rgb,
    /// The page and the window.
    pub canvas: Rgb,
    /// The background of the bot's bubbles and of fields.
    pub surface: Rgb,
    /// The surface under the pointer.
    pub raised: Rgb,
    /// Thin lines. They separate and carry no meaning, so they need no contrast.
    pub line: Rgb,
    /// The edge of a field or button.
    pub edge: Rgb,
    /// Text.
    pub text: Rgb,
    /// Times, hints, small print: still text.
    pub muted: Rgb,
    /// The visitor's bubbles and the one button that matters.
    pub brand: Rgb,
    /// The brand under the pointer.
    pub brand_hover: Rgb,
    /// The edge around the brand, for a brand that the canvas would swallow.
    pub brand_edge: Rgb,
    /// Text on the brand: black or white.
    pub on_brand: Rgb,
    /// The brand as a text colour: links, chips, the "new" line.
    pub accent: Rgb,
    /// A light tint of the brand as a background.
    pub soft: Rgb,
    /// Errors.
    pub danger: Rgb,
    /// A light tint of danger as a background.
    pub danger_soft: Rgb,
    /// The dot of "online".
    pub good: Rgb,
}

impl Palette {
    /// Both schemes for `brand`.
    pub fn new(brand: Brand) -> Self {
        Self {
            light: Scheme::light(brand.0),
            dark: Scheme::dark(brand.0),
        }
    }

    /// The custom properties of both schemes. `data-theme` on the root decides; without it, or with
    /// `auto`, the visitor's system does. Paper is light.
    pub fn css(&self) -> String {
        let (light, dark) = (self.light.properties(), self.dark.properties());
        format!(
            ":root{{color-scheme:light;{light}}}\
             @media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\
             @media screen{{:root[data-theme=dark]{{color-scheme:dark;{dark}}}}}"
        )
    }
}

impl Scheme {
    fn light(brand: Rgb) -> Self {
        let neutral = |lightness| Oklch::new(lightness, 0.004, WARM);
        let (canvas, surface) = (Rgb::WHITE, neutral(0.968).to_rgb());
        let raised = neutral(0.942).to_rgb();
        let tone = Oklch::from(brand);
        let soft = tone
            .with_lightness(0.962)
            .with_chroma(tone.chroma.min(0.03))
            .to_rgb();
        let danger_soft = Oklch::new(0.965, 0.02, 25.0).to_rgb();
        let darker = |colour, grounds: &[Rgb], ratio| nearest(colour, -STEP, grounds, ratio);
        let grounds = [canvas, surface, raised, soft];
        Self {
            backdrop: surface,
            canvas,
            surface,
            raised,
            line: neutral(0.912).to_rgb(),
            edge: darker(neutral(0.66), &[canvas, surface], CONTROL),
            text: neutral(0.235).to_rgb(),
            muted: darker(neutral(0.53), &grounds, TEXT),
            brand,
            brand_hover: under_pointer(brand),
            brand_edge: darker(tone, &[canvas, surface], CONTROL),
            on_brand: brand.readable_on(),
            accent: darker(tone, &grounds, TEXT),
            soft,
            danger: darker(
                Oklch::new(0.54, 0.2, 27.0),
                &[canvas, surface, raised, danger_soft],
                TEXT,
            ),
            danger_soft,
            good: darker(Oklch::new(0.66, 0.16, 152.0), &[canvas, surface], CONTROL),
        }
    }

    fn dark(brand: Rgb) -> Self {
        let neutral = |lightness| Oklch::new(lightness, 0.005, COOL);
        let canvas = Rgb(0x17, 0x17, 0x1a);
        let (surface, raised) = (neutral(0.268).to_rgb(), neutral(0.312).to_rgb());
        let lighter = |colour, grounds: &[Rgb], ratio| nearest(colour, STEP, grounds, ratio);
        // A little lighter the darker it was, and calmer: strong colours glare on a dark ground.
        let given = Oklch::from(brand);
        // Black turns white, as ink on paper does: a grey would look switched off.
        let ink = given.lightness < 0.4 && given.chroma < 0.03;
        let lift = (0.62 - given.lightness).max(0.0) * 0.25;
        let lightness = if ink { 0.93 } else { given.lightness + lift };
        let tone = given
            .with_lightness(lightness)
            .with_chroma(given.chroma * 0.9);
        let brand = lighter(tone, &[canvas], CONTROL);
        let tone = Oklch::from(brand);
        let soft = tone
            .with_lightness(0.285)
            .with_chroma(tone.chroma.min(0.04))
            .to_rgb();
        let danger_soft = Oklch::new(0.27, 0.045, 25.0).to_rgb();
        let grounds = [canvas, surface, raised, soft];
        Self {
            backdrop: neutral(0.165).to_rgb(),
            canvas,
            surface,
            raised,
            line: neutral(0.32).to_rgb(),
            edge: lighter(neutral(0.5), &[canvas, surface], CONTROL),
            text: neutral(0.945).to_rgb(),
            muted: lighter(neutral(0.7), &grounds, TEXT),
            brand,
            brand_hover: under_pointer(brand),
            brand_edge: lighter(tone, &[canvas, surface], CONTROL),
            on_brand: brand.readable_on(),
            accent: lighter(tone, &grounds, TEXT),
            soft,
            danger: lighter(
                Oklch::new(0.7, 0.16, 24.0),
                &[canvas, surface, raised, danger_soft],
                TEXT,
            ),
            danger_soft,
            good: lighter(Oklch::new(0.72, 0.16, 152.0), &[canvas, surface], CONTROL),
        }
    }

    fn roles(&self) -> [(&'static str, Rgb); 17] {
        [
            ("backdrop", self.backdrop),
            ("canvas", self.canvas),
            ("surface", self.surface),
            ("raised", self.raised),
            ("line", self.line),
            ("edge", self.edge),
            ("text", self.text),
            ("muted", self.muted),
            ("brand", self.brand),
            ("brand-hover", self.brand_hover),
            ("brand-edge", self.brand_edge),
            ("on-brand", self.on_brand),
            ("accent", self.accent),
            ("soft", self.soft),
            ("danger", self.danger),
            ("danger-soft", self.danger_soft),
            ("good", self.good),
        ]
    }

    fn properties(&self) -> String {
        let mut css = String::with_capacity(320);
        for (name, colour) in self.roles() {
            // Writing to a String cannot fail.
            let _ = write!(css, "--{name}:{colour};");
        }
        css
    }
}

/// The brand under the pointer: a step away from its text, so that the text only gains.
fn under_pointer(brand: Rgb) -> Rgb {
    let tone = Oklch::from(brand);
    let step = if brand.readable_on() == Rgb::WHITE {
        -0.045
    } else {
        0.045
    };
    let moved = tone.with_lightness(tone.lightness + step).to_rgb();
    if brand.readable_on().contrast(moved) >= TEXT {
        moved
    } else {
        brand
    }
}

/// The colour nearest to `colour` that has `ratio` on all `grounds`, moving its lightness by `step`.
fn nearest(colour: Oklch, step: f64, grounds: &[Rgb], ratio: f64) -> Rgb {
    let mut tone = colour;
    loop {
        let rgb = tone.to_rgb();
        let at_the_end =
            (step < 0.0 && tone.lightness <= 0.0) || (step > 0.0 && tone.lightness >= 1.0);
        if at_the_end || rgb.worst_contrast(grounds) >= ratio {
            return rgb;
        }
        tone = tone.with_lightness(tone.lightness + step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every fifteenth value of each channel (5 832 colours), and those people really choose.
    fn many_brands() -> impl Iterator<Item = Rgb> {
        let steps = || (0..=255_u8).step_by(15);
        let grid = steps()
            .flat_map(move |r| steps().flat_map(move |g| steps().map(move |b| Rgb(r, g, b))));
        grid.chain(
            [
                "#ffe600", "#0b0b0c", "#fff", "#000", "#0b6e4f", "#777", "#3b82f6",
            ]
            .map(|text| {
                let Brand(rgb) = text.parse().unwrap();
                rgb
            }),
        )
    }

    fn judge(brand: Rgb, scheme: &Scheme) {
        let Scheme {
            canvas,
            surface,
            raised,
            soft,
            danger_soft,
            ..
        } = *scheme;
        let reaches = |name: &str, colour: Rgb, grounds: &[Rgb], ratio: f64| {
            let worst = colour.worst_contrast(grounds);
            assert!(
                worst >= ratio,
                "brand {brand}: {name} {colour} has {worst:.2} on {grounds:?}"
            );
        };
        let grounds = [canvas, surface, raised, soft];
        reaches(
            "text",
            scheme.text,
            &[canvas, surface, raised, soft, danger_soft],
            7.0,
        );
        reaches("muted", scheme.muted, &grounds, TEXT);
        reaches("accent", scheme.accent, &grounds, TEXT);
        reaches(
            "on-brand",
            scheme.on_brand,
            &[scheme.brand, scheme.brand_hover],
            TEXT,
        );
        reaches(
            "danger",
            scheme.danger,
            &[canvas, surface, raised, danger_soft],
            TEXT,
        );
        reaches("brand-edge", scheme.brand_edge, &[canvas, surface], CONTROL);
        reaches("edge", scheme.edge, &[canvas, surface], CONTROL);
        reaches("good", scheme.good, &[canvas, surface], CONTROL);
    }

    #[test]
    fn any_brand_gives_two_readable_schemes() {
        for brand in many_brands() {
            let palette = Palette::new(Brand(brand));
            judge(brand, &palette.light);
            judge(brand, &palette.dark);
        }
    }

    #[test]
    fn in_the_light_the_brand_stays_what_its_owner_chose() {
        for brand in many_brands() {
            assert_eq!(Palette::new(Brand(brand)).light.brand, brand);
        }
    }

    #[test]
    fn in_the_dark_the_brand_can_be_told_from_the_canvas() {
        for brand in many_brands() {
            let dark = Palette::new(Brand(brand)).dark;
            assert!(
                dark.brand.contrast(dark.canvas) >= CONTROL,
                "{brand} becomes {}",
                dark.brand
            );
        }
    }

    #[test]
    fn the_style_sheet_has_every_role_once_a_scheme_and_nothing_that_could_end_the_style_element() {
        let palette = Palette::new(Brand::default());
        let css = palette.css();
        for (name, _) in palette.light.roles() {
            assert_eq!(css.matches(&format!("--{name}:#")).count(), 3, "{name}");
        }
        assert!(!css.contains('<'));
        assert_eq!(css.matches('{').count(), css.matches('}').count());
    }
}
