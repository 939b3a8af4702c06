//! HTTP besides the Kore API: signing, files of the widget, probes.
//!
//! In the path: `router` names these handlers; they use `signing`, `security` and the state.

pub mod assets;
pub mod health;
pub mod pages;
pub mod sign;
mod visitor;
