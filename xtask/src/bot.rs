//! A bot behind a webhook, in a process of its own: it writes down whatever it was asked, and answers with what it heard.
//!
//! In the path: `crash` starts it beside the server and kills both in turn.
//!
//! **Invariants.** What it was asked stands in its file before it answers, so that a bot that was killed tells what it had
//! seen. Its answers are those of the script that other stories use: `Welcome`, and `echo …`.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use clap::Args;
use serde_json::{Value, json};

/// Chosen on the command line.
#[derive(Args)]
pub(crate) struct Options {
    /// Where it listens.
    #[arg(long)]
    listen: SocketAddr,
    /// Where it writes what it was asked: a line `TURN CONVERSATION TEXT` each.
    #[arg(long, value_name = "FILE")]
    asked: PathBuf,
}

/// Serves until it is killed. Its first line says where.
pub(crate) fn bot(options: &Options) -> anyhow::Result<()> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&options.asked);
    let asked = Arc::new(file.context("what was asked cannot be written down")?);
    let router = Router::new().route("/", post(answer)).with_state(asked);
    crate::load::runtime()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(options.listen).await?;
        println!("listening on {}", listener.local_addr()?);
        axum::serve(listener, router).await?;
        Ok(())
    })
}

async fn answer(
    State(asked): State<Arc<File>>,
    Json(event): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let data = &event["data"];
    let word = |name: &str| data[name].as_str().unwrap_or_default();
    let text = word("text");
    let line = format!("{} {} {text}\n", word("turn"), word("conversation"));
    // One write: it stands there whole or not at all, whoever else writes.
    if asked.as_ref().write_all(line.as_bytes()).is_err() {
        return (StatusCode::INSUFFICIENT_STORAGE, Json(Value::Null));
    }
    let said = match event["type"].as_str() {
        Some("message.created") => format!("echo {text}"),
        Some("session.started") => "Welcome".to_owned(),
        _ => return (StatusCode::OK, Json(json!({ "messages": [] }))),
    };
    (StatusCode::OK, Json(json!({ "text": said })))
}
