//! The colours of a bot's pages, from the one brand colour its owner chose.
//!
//! In the path: the configuration reads a [`Brand`] for each bot, `http::pages` asks for its
//! [`Palette`] once and puts [`Palette::css`] into the page's `<style>`. The browser computes nothing.
//!
//! **Invariants**, for every one of the 16.7 million brand colours, light and dark, after rounding to eight bits: text
//! reaches 4.5:1 on every background, and the edge of a control reaches 3:1. The tests walk through thousands of
//! colours with the formula of WCAG 2.2.

mod colour;
mod palette;

pub use colour::{Brand, BrandError, Rgb};
pub use palette::{Palette, Scheme};
