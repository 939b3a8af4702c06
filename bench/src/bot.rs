//! A bot in a process of its own, behind a webhook or in the shape of a language model: it answers with what it heard.
//!
//! In the path: `load` measures the server in front of it, `crash` kills both in turn.
//!
//! **Invariants.** What it was asked stands in its file, where one is named, before it answers: a bot that was killed tells
//! what it had seen. Its answers are those of the script that other measurements use: `Welcome`, and `echo …`.

use std::convert::Infallible;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use clap::Args;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::load::server::{LISTENING, started};
use crate::port::free_port;

/// Chosen on the command line.
#[derive(Args)]
pub(crate) struct Options {
    /// Where it listens.
    #[arg(long)]
    listen: SocketAddr,
    /// Where it writes what it was asked: a line `TURN CONVERSATION TEXT` each.
    #[arg(long, value_name = "FILE")]
    asked: Option<PathBuf>,
    /// Pieces of a streamed answer.
    #[arg(long, default_value_t = 200)]
    pieces: usize,
    /// Milliseconds before an answer, and before each piece of one.
    #[arg(long, default_value_t = 0)]
    pause: u64,
}

struct Habits {
    asked: Option<File>,
    pieces: usize,
    pause: Duration,
}

/// Serves until it is killed. Its first line says where.
pub(crate) fn bot(options: &Options) -> anyhow::Result<()> {
    let append = |path: &PathBuf| OpenOptions::new().create(true).append(true).open(path);
    let asked = options.asked.as_ref().map(append).transpose();
    let habits = Habits {
        asked: asked.context("what was asked cannot be written down")?,
        pieces: options.pieces,
        pause: Duration::from_millis(options.pause),
    };
    let router = Router::new()
        .route("/", post(webhook))
        .route("/v1/chat/completions", post(completions))
        .with_state(Arc::new(habits));
    crate::load::runtime()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(options.listen).await?;
        println!("{LISTENING}{}", listener.local_addr()?);
        axum::serve(listener, router).await?;
        Ok(())
    })
}

async fn webhook(State(habits): State<Arc<Habits>>, Json(event): Json<Value>) -> Response {
    let data = &event["data"];
    let word = |name: &str| data[name].as_str().unwrap_or_default();
    let text = word("text");
    if let Some(mut asked) = habits.asked.as_ref() {
        let line = format!("{} {} {text}\n", word("turn"), word("conversation"));
        // One write: it stands there whole or not at all, whoever else writes.
        if asked.write_all(line.as_bytes()).is_err() {
            return StatusCode::INSUFFICIENT_STORAGE.into_response();
        }
    }
    if !habits.pause.is_zero() {
        sleep(habits.pause).await;
    }
    let said = match event["type"].as_str() {
        Some("message.created") => json!({ "text": format!("echo {text}") }),
        Some("session.started") => json!({ "text": "Welcome" }),
        _ => json!({ "messages": [] }),
    };
    Json(said).into_response()
}

/// The newest message comes back in pieces, filled up with dots.
async fn completions(State(habits): State<Arc<Habits>>, Json(asked): Json<Value>) -> Response {
    let newest = asked["messages"].as_array().and_then(|all| all.last());
    let text = newest.and_then(|message| message["content"].as_str());
    let text = format!("echo {}", text.unwrap_or_default());
    let mut pieces = vec![text];
    pieces.resize(habits.pieces.max(1), " .".to_owned());
    let mut chunks: Vec<String> = pieces.iter().map(|piece| chunk(piece, None)).collect();
    chunks.push(chunk("", Some("stop")));
    chunks.push("data: [DONE]\n\n".to_owned());
    let pause = habits.pause;
    let paced = stream::unfold(chunks.into_iter(), move |mut chunks| async move {
        let chunk = chunks.next()?;
        if !pause.is_zero() {
            sleep(pause).await;
        }
        Some((Ok::<_, Infallible>(chunk), chunks))
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    (kind, Body::from_stream(paced)).into_response()
}

fn chunk(piece: &str, finish: Option<&str>) -> String {
    let choice = json!({"index": 0, "delta": {"content": piece}, "finish_reason": finish});
    let chunk = json!({"object": "chat.completion.chunk", "choices": [choice]});
    format!("data: {chunk}\n\n")
}

/// Its process; the next one listens at the same address.
pub(crate) struct Bot {
    child: Child,
    options: Vec<String>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Bot {
    /// Starts one on a free port.
    pub(crate) async fn start(options: &[&str]) -> anyhow::Result<Self> {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let listen = format!("127.0.0.1:{}", free_port()?);
        let (child, address) = launch(&listen, &options).await?;
        Ok(Self {
            child,
            options,
            address,
        })
    }

    /// `kill -9`, and the next one.
    pub(crate) async fn kill_and_restart(&mut self) -> anyhow::Result<()> {
        let killed = self.child.kill().await;
        killed.context("the bot cannot be killed")?;
        (self.child, _) = launch(&self.address.to_string(), &self.options).await?;
        Ok(())
    }

    /// What the section of a bot says that is behind its webhook.
    pub(crate) fn as_webhook(&self) -> String {
        let url = format!("http://{}/", self.address);
        let key = "whsec_b2YtYS1tZWFzdXJlbWVudC1vbi1sb29wYmFjay1vbmx5";
        format!("key = \"{key}\"\n[bots.st-load.webhook]\nurl = \"{url}\"\n{NO_LIMITS}")
    }

    /// What the section of a bot says that is a language model.
    pub(crate) fn as_model(&self) -> String {
        let url = format!("http://{}/v1", self.address);
        format!(
            "[bots.st-load.openai]\nbase_url = \"{url}\"\nmodel = \"echo\"\ngreeting = \"Welcome\"\n{NO_LIMITS}"
        )
    }
}

/// A crowd may ask as much as it likes.
const NO_LIMITS: &str = "[bots.st-load.limits]
visitor_turns_per_minute = 0
visitor_turns_per_day = 0
address_turns_per_minute = 0
address_turns_per_day = 0
";

async fn launch(listen: &str, options: &[String]) -> anyhow::Result<(Child, SocketAddr)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bot", "--listen", listen]).args(options);
    let bot = started(&mut command).await;
    bot.context("the bot did not start")
}
