//! The whole server, over real connections: one binary, a module a topic.
//!
//! [`test_app`] is the harness: `TestApp::start()`, then `app.user("ann")`, then `ann.socket("")`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the helpers of tests fail like tests"
)]

mod agent_streams;
mod answers;
mod base_path;
mod bot_framework;
mod botkit;
mod budget;
mod chat;
mod cited;
mod database;
mod direct_line;
mod example_bots;
mod faults;
mod frames;
mod grant;
mod halves;
mod history;
mod hooked;
mod ids;
mod input;
mod kore_webhook;
mod logout;
mod manuals;
mod metrics;
mod nodes;
mod on_postgresql;
mod openai;
mod pages;
mod presets;
mod program;
mod proxied;
mod quiet;
mod reload;
mod resume;
mod retention;
mod signed_in;
mod slow;
mod start;
mod strangers;
mod streams;
mod test_agent;
mod test_app;
mod test_bot;
mod test_bot_app;
#[expect(dead_code, reason = "the bus' own tests use the rest")]
#[path = "../../src/bus/test_broker.rs"]
mod test_broker;
mod test_hook;
mod test_peer;
#[path = "../../src/test_port.rs"]
mod test_port;
#[expect(dead_code, reason = "the tests of the store use more of it")]
#[path = "../../src/store/postgres/test_server.rs"]
mod test_postgresql;
mod test_socket;
mod ticket;
mod together;
mod turns;
mod users;
mod way_in;
mod way_in_manual;
mod webhook;
mod webhook_channel;
