//! The tools of a bot: what the model is offered, and how its calls are run.
//!
//! In the path: [`super::OpenAi`] offers them with each request and runs the calls of each answer before it asks again.
//!
//! Invariants: a tool that changes something runs only if the visitor has pressed yes for this call. If a tool fails,
//! the model gets to know it, and not the visitor. The operator finds it in the log, without arguments and results.

use std::collections::BTreeMap;

use protocol::reply::BotMessage;
use serde_json::{Map, Value, json};

use super::completion::ToolCall;
use super::pending::{Pending, shown};
use super::settings::{bearer, setting};
use super::words::Words;
use crate::bot::mcp::{McpError, McpServer, Outcome, Tool};
use crate::bot::reply::{Button, with_buttons};
use crate::bot::{Answers, BotError, Turn};
use crate::config::connectors::headers;
use crate::config::secret;
use crate::config::{self, McpServer as Configured};
use crate::outbound::{Address, Outbound};

/// The longest name of a tool that models accept.
const MAX_NAME_BYTES: usize = 64;

/// All tool servers of a bot.
pub(super) struct Tools(Vec<Served>);

/// One tool server.
struct Served {
    name: String,
    server: McpServer,
    writes: Vec<String>,
    titles: BTreeMap<String, String>,
}

/// One tool, as this turn offers it.
pub(super) struct Offered<'a> {
    /// The name for the model.
    name: String,
    /// The title for the visitor.
    title: String,
    writes: bool,
    tool: Tool,
    served: &'a Served,
}

impl Tools {
    /// Reads the keys. Nothing is called.
    pub(super) fn open(config: &config::OpenAi, outbound: &Outbound) -> Result<Self, BotError> {
        let open = |(name, server): (&String, &Configured)| Served::open(name, server, outbound);
        let servers: Result<_, BotError> = config.mcp.iter().map(open).collect();
        servers.map(Self)
    }

    /// The tools for the model. A server that gives no list is left out of this turn.
    pub(super) async fn offered(&self) -> Vec<Offered<'_>> {
        let mut offered: Vec<Offered<'_>> = Vec::new();
        for served in &self.0 {
            let tools = match served.server.tools().await {
                Ok(tools) => tools,
                Err(error) => {
                    let error = error.into_error(&served.server.authority());
                    tracing::warn!(server = served.name, error = %error, "a server of tools gave no list");
                    continue;
                }
            };
            for tool in tools {
                let taken = |name: &str| offered.iter().any(|it| it.name == name);
                let mut name = name_for_models(&tool.name);
                if taken(&name) {
                    name = name_for_models(&format!("{}_{}", served.name, tool.name));
                }
                if taken(&name) {
                    continue;
                }
                let title = served.titles.get(&tool.name).unwrap_or(&tool.title).clone();
                let writes = served.writes.contains(&tool.name);
                offered.push(Offered {
                    name,
                    title,
                    writes,
                    tool,
                    served,
                });
            }
        }
        offered
    }

    /// Checks that each server answers and has the tools that the configuration names.
    pub(super) async fn check(&self) -> Result<(), BotError> {
        for served in &self.0 {
            served.server.check().await?;
        }
        Ok(())
    }
}

impl Served {
    fn open(name: &str, config: &Configured, outbound: &Outbound) -> Result<Self, BotError> {
        let wrong = |key: &str, what: String| setting(&format!("mcp.{name}.{key}"), what);
        let address = Address::configured(config.url.url().clone())
            .map_err(|error| wrong("url", error.to_string()))?;
        let mut all = headers(&config.headers).map_err(|what| wrong("headers", what))?;
        let key = secret("key", config.key.as_ref(), config.key_file.as_ref())
            .map_err(|what| wrong("key_file", what))?;
        if let Some(key) = key {
            let value = bearer(&key, &format!("mcp.{name}.key"))?;
            all.push((http::header::AUTHORIZATION, value));
        }
        let known = config.allow.iter().chain(&config.writes).cloned().collect();
        Ok(Self {
            name: name.to_owned(),
            server: McpServer::new(outbound.clone(), address, all, config.call.0, known),
            writes: config.writes.clone(),
            titles: config.titles.clone(),
        })
    }
}

/// The definitions for a request.
pub(super) fn definitions(offered: &[Offered<'_>]) -> Vec<Value> {
    offered
        .iter()
        .map(|it| it.tool.offered_as(&it.name))
        .collect()
}

/// Runs the calls of one answer, in order. Gives the messages for the model. `None`: the visitor is asked first, which
/// ends the turn.
pub(super) async fn run_all(
    offered: &[Offered<'_>],
    calls: &[ToolCall],
    turn: &Turn,
    answers: &mut Answers,
) -> Result<Option<Vec<Value>>, BotError> {
    let words = Words::of(turn.language.as_deref());
    let mut results = Vec::new();
    for call in calls {
        let outcome = match prepared(offered, call) {
            Err(outcome) => outcome,
            Ok((offered, arguments)) if offered.writes => {
                match ask_first(offered, &arguments, turn, words, answers)? {
                    None => return Ok(None),
                    Some(outcome) => outcome,
                }
            }
            Ok((offered, arguments)) => {
                answers.doing(&words.looking_up(&offered.title));
                run(offered, &arguments, turn).await
            }
        };
        results.push(result(&call.id, &outcome));
    }
    Ok(Some(results))
}

/// Runs the call that the visitor has agreed to, and writes into the transcript that it was run. Gives the messages for
/// the model.
pub(super) async fn run_agreed(
    offered: &[Offered<'_>],
    pending: &Pending,
    turn: &Turn,
    answers: &mut Answers,
) -> Result<Vec<Value>, BotError> {
    let words = Words::of(turn.language.as_deref());
    let call = ToolCall {
        id: call_id(0, 0),
        name: pending.tool.clone(),
        arguments: Value::Object(pending.arguments.clone()).to_string(),
        index: None,
    };
    let outcome = match offered.iter().find(|it| it.name == pending.tool) {
        None => Outcome::failure("This tool is not there any more."),
        Some(offered) => {
            answers.doing(&words.looking_up(&offered.title));
            let outcome = run(offered, &pending.arguments, turn).await;
            let call = shown(&offered.title, &pending.arguments).unwrap_or_default();
            let line = if outcome.failed {
                words.not_done(&call)
            } else {
                words.done(&call)
            };
            // It is written, not pushed, so that it stays whatever happens next, and nobody runs the call again.
            answers.write(&line)?;
            answers.end()?;
            outcome
        }
    };
    let result = result(&call.id, &outcome);
    Ok(vec![asked("", &[call]), result])
}

/// The message of the model that makes these calls.
pub(super) fn asked(text: &str, calls: &[ToolCall]) -> Value {
    let call = |call: &ToolCall| json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}});
    let calls: Vec<Value> = calls.iter().map(call).collect();
    json!({"role": "assistant", "content": text, "tool_calls": calls})
}

/// An id for a call whose server gave none, in a form that every server accepts: nine letters and digits.
pub(super) fn call_id(round: usize, number: usize) -> String {
    format!("call{round:02}{number:03}")
}

fn result(id: &str, outcome: &Outcome) -> Value {
    let text = if outcome.failed {
        format!("Error: {}", outcome.text)
    } else {
        outcome.text.clone()
    };
    json!({"role": "tool", "tool_call_id": id, "content": text})
}

/// The tool and the arguments of a call, or what is wrong with the call.
fn prepared<'a, 'b>(
    offered: &'a [Offered<'b>],
    call: &ToolCall,
) -> Result<(&'a Offered<'b>, Map<String, Value>), Outcome> {
    let Some(found) = offered.iter().find(|it| it.name == call.name) else {
        return Err(Outcome::failure("There is no tool of this name."));
    };
    if call.arguments.trim().is_empty() {
        return Ok((found, Map::new()));
    }
    match serde_json::from_str(&call.arguments) {
        Ok(Value::Object(arguments)) => Ok((found, arguments)),
        _ => Err(Outcome::failure("The arguments are no JSON object.")),
    }
}

/// Asks the visitor, and keeps the call until the answer. `Some`: it cannot be asked, and this says why.
fn ask_first(
    offered: &Offered<'_>,
    arguments: &Map<String, Value>,
    turn: &Turn,
    words: Words,
    answers: &mut Answers,
) -> Result<Option<Outcome>, BotError> {
    let pending = Pending::new(&offered.name, arguments, &turn.idempotence_key);
    let Some(call) = shown(&offered.title, arguments) else {
        let why = "The arguments are too long to be shown to the visitor, who has to agree. Use fewer words.";
        return Ok(Some(Outcome::failure(why)));
    };
    let (yes, no) = words.yes_and_no();
    let (agreed, refused) = pending.payloads();
    let buttons = [Button::sends(yes, agreed), Button::sends(no, refused)];
    let question: BotMessage = with_buttons(&words.may_i(&call), &buttons, "the question")?;
    answers.push(&question)?;
    answers.keep(pending.written())?;
    Ok(None)
}

async fn run(offered: &Offered<'_>, arguments: &Map<String, Value>, turn: &Turn) -> Outcome {
    let server = &offered.served.server;
    let called = server
        .call(&offered.tool.name, arguments, &turn.idempotence_key)
        .await;
    let outcome = match called {
        Ok(outcome) => outcome,
        Err(error) => {
            let message = match &error {
                McpError::Reported { words, .. } => format!("The tool refused: {words}"),
                _ if offered.writes => {
                    "The tool did not answer. Whether it did its work is not known.".to_owned()
                }
                _ => "The tool did not answer. Try to do without it.".to_owned(),
            };
            let error = error.into_error(&server.authority());
            tracing::warn!(
                bot = turn.bot,
                turn = turn.idempotence_key,
                tool = offered.tool.name,
                server = offered.served.name,
                class = error.class().word(),
                status = error.status(),
                error = %error,
                "a tool gave no result"
            );
            return Outcome::failure(message);
        }
    };
    if offered.writes {
        tracing::info!(
            bot = turn.bot,
            turn = turn.idempotence_key,
            tool = offered.tool.name,
            server = offered.served.name,
            failed = outcome.failed,
            "a tool was run that the visitor had agreed to"
        );
    }
    outcome
}

/// Letters, digits, `_` and `-`, as long as models accept.
fn name_for_models(name: &str) -> String {
    let letter = |letter: char| {
        let fits = letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
        if fits { letter } else { '_' }
    };
    name.chars().take(MAX_NAME_BYTES).map(letter).collect()
}
