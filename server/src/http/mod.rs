//! HTTP besides the Kore API: signing, the widget's files, probes, metrics, and the memory of answers.
//!
//! In the path: `router` names these handlers. They use `signing`, `security` and the state.

pub mod assets;
pub mod bot_framework;
pub mod botkit;
pub mod health;
pub mod in_flight;
pub mod metrics;
pub mod pages;
pub mod requests;
pub mod sign;
mod visitor;
pub mod way_in;
pub mod webhook_channel;
