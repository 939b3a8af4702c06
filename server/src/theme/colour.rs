//! Colour arithmetic: sRGB as browsers write it, OKLCH as eyes see it, and the contrast of WCAG.
//!
//! The `OKLab` matrices are Björn Ottosson's. A colour outside sRGB is brought back by lowering its chroma. So its hue
//! and lightness stay, which carry meaning and contrast.

use std::{fmt, str::FromStr};

/// The contrast that text needs with its background (WCAG 1.4.3).
pub(super) const TEXT: f64 = 4.5;

/// A colour on the screen. Written `#0b6e4f`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rgb(pub u8, pub u8, pub u8);

/// The colour a bot's owner chose: `#0b6e4f` or `#074`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Brand(pub Rgb);

/// The text is not a colour that we read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a colour: write it as #rrggbb, for example #0b6e4f")]
pub struct BrandError(String);

impl Default for Brand {
    /// A deep green that suits a bank's page and a bakery's.
    fn default() -> Self {
        Self(Rgb(0x0b, 0x6e, 0x4f))
    }
}

impl FromStr for Brand {
    type Err = BrandError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || BrandError(text.chars().take(40).collect());
        let digits = text.trim().strip_prefix('#').ok_or_else(refuse)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refuse());
        }
        let wide = match digits.len() {
            3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
            6 => digits.to_owned(),
            _ => return Err(refuse()),
        };
        let number = u32::from_str_radix(&wide, 16).map_err(|_| refuse())?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self(Rgb(red, green, blue)))
    }
}

impl TryFrom<String> for Brand {
    type Error = BrandError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Brand> for String {
    fn from(brand: Brand) -> Self {
        brand.0.to_string()
    }
}

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

impl Rgb {
    pub(super) const BLACK: Self = Self(0, 0, 0);
    pub(super) const WHITE: Self = Self(255, 255, 255);

    fn linear(self) -> [f64; 3] {
        [self.0, self.1, self.2].map(|channel| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.040_45 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        })
    }

    /// WCAG's relative luminance, 0 to 1.
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.linear();
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// WCAG's contrast ratio, 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// White if it can be read on this background, or else black. One of the two always can: the worst contrast is
    /// 4.58.
    #[must_use]
    pub fn readable_on(self) -> Self {
        if Self::WHITE.contrast(self) >= TEXT {
            Self::WHITE
        } else {
            Self::BLACK
        }
    }

    /// The lowest contrast on any of `grounds`.
    pub(super) fn worst_contrast(self, grounds: &[Self]) -> f64 {
        grounds
            .iter()
            .map(|ground| self.contrast(*ground))
            .fold(21.0, f64::min)
    }
}

/// Lightness 0 to 1, chroma 0 to about 0.37, hue in radians.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Oklch {
    pub(super) lightness: f64,
    pub(super) chroma: f64,
    pub(super) hue: f64,
}

impl From<Rgb> for Oklch {
    fn from(rgb: Rgb) -> Self {
        let [red, green, blue] = rgb.linear();
        let long =
            (0.412_221_470_8 * red + 0.536_332_536_3 * green + 0.051_445_992_9 * blue).cbrt();
        let middle =
            (0.211_903_498_2 * red + 0.680_699_545_1 * green + 0.107_396_956_6 * blue).cbrt();
        let short =
            (0.088_302_461_9 * red + 0.281_718_837_6 * green + 0.629_978_700_5 * blue).cbrt();
        let lightness = 0.210_454_255_3 * long + 0.793_617_785 * middle - 0.004_072_046_8 * short;
        let a = 1.977_998_495_1 * long - 2.428_592_205 * middle + 0.450_593_709_9 * short;
        let b = 0.025_904_037_1 * long + 0.782_771_766_2 * middle - 0.808_675_766 * short;
        Self {
            lightness,
            chroma: a.hypot(b),
            hue: b.atan2(a),
        }
    }
}

impl Oklch {
    pub(super) fn new(lightness: f64, chroma: f64, degrees: f64) -> Self {
        Self {
            lightness,
            chroma,
            hue: degrees.to_radians(),
        }
    }

    pub(super) fn with_lightness(self, lightness: f64) -> Self {
        Self {
            lightness: lightness.clamp(0.0, 1.0),
            ..self
        }
    }

    pub(super) fn with_chroma(self, chroma: f64) -> Self {
        Self { chroma, ..self }
    }

    fn linear(self) -> [f64; 3] {
        let (sin, cos) = self.hue.sin_cos();
        let (a, b) = (self.chroma * cos, self.chroma * sin);
        let long = (self.lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
        let middle = (self.lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
        let short = (self.lightness - 0.089_484_177_5 * a - 1.291_485_548 * b).powi(3);
        [
            4.076_741_662_1 * long - 3.307_711_591_3 * middle + 0.230_969_929_2 * short,
            -1.268_438_004_6 * long + 2.609_757_401_1 * middle - 0.341_319_396_5 * short,
            -0.004_196_086_3 * long - 0.703_418_614_7 * middle + 1.707_614_701 * short,
        ]
    }

    /// The nearest colour of this hue and lightness that a screen can show.
    pub(super) fn to_rgb(self) -> Rgb {
        let fits = |colour: &Self| {
            colour
                .linear()
                .iter()
                .all(|value| (-0.000_5..=1.000_5).contains(value))
        };
        let mut colour = self;
        let (mut low, mut high) = (0.0, self.chroma);
        if !fits(&colour) {
            // Sixteen halvings are finer than eight bits can show.
            for _ in 0..16 {
                colour.chroma = f64::midpoint(low, high);
                if fits(&colour) {
                    low = colour.chroma;
                } else {
                    high = colour.chroma;
                }
            }
            colour.chroma = low;
        }
        let [red, green, blue] = colour.linear().map(to_channel);
        Rgb(red, green, blue)
    }
}

/// Linear light to the byte on the screen.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=255 the line before"
)]
fn to_channel(linear: f64) -> u8 {
    let linear = linear.clamp(0.0, 1.0);
    let value = if linear <= 0.003_130_8 {
        linear * 12.92
    } else {
        1.055 * linear.powf(1.0 / 2.4) - 0.055
    };
    (value * 255.0).round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brand_is_read_in_its_two_spellings_and_written_in_one() {
        assert_eq!("#0B6E4F".parse(), Ok(Brand(Rgb(11, 110, 79))));
        assert_eq!(" #fe0 ".parse(), Ok(Brand(Rgb(255, 238, 0))));
        assert_eq!(String::from(Brand::default()), "#0b6e4f");
    }

    #[test]
    fn what_is_no_colour_is_refused_with_a_remedy() {
        for text in [
            "",
            "#",
            "red",
            "0b6e4f",
            "#0b6e4",
            "#0b6e4fff",
            "#ggg",
            "#é€",
            "#+12345",
        ] {
            let error = text.parse::<Brand>().unwrap_err().to_string();
            assert!(error.contains("#rrggbb"), "{text}: {error}");
        }
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        assert!((Rgb::BLACK.contrast(Rgb::WHITE) - 21.0).abs() < 1e-9);
        assert!((Rgb(0x76, 0x76, 0x76).contrast(Rgb::WHITE) - 4.54).abs() < 0.01);
    }

    #[test]
    fn every_colour_survives_the_way_to_oklch_and_back() {
        for red in (0..=255).step_by(15) {
            for green in (0..=255).step_by(15) {
                for blue in (0..=255).step_by(15) {
                    let colour = Rgb(red, green, blue);
                    assert_eq!(Oklch::from(colour).to_rgb(), colour);
                }
            }
        }
    }
}
