//! One tool server.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout};

use super::{Outcome, Tool};
use crate::bot::fault::of_status;
use crate::bot::{BotError, Class};
use crate::outbound::{Address, Answer, Call, Outbound, Waits};

/// The first version of the protocol without sessions.
const STATELESS: &str = "2026-07-28";

/// The newest version with sessions. A server that speaks an older one says so.
const WITH_SESSION: &str = "2025-11-25";

/// The most bytes of an answer, and of one event in it.
const ANSWER_BYTES: usize = 512 * 1024;

/// The most pages of `tools/list`.
const PAGES: usize = 10;

/// How long a list of tools is used.
const LIST_LIFE: Duration = Duration::from_mins(5);

/// How long a server that gave no list is left alone.
const LIST_PAUSE: Duration = Duration::from_secs(30);

/// The most bytes of a server's error message.
const ERROR_BYTES: usize = 500;

/// A tool server.
pub(in crate::bot) struct McpServer {
    outbound: Outbound,
    address: Address,
    /// The headers, including the key.
    headers: Vec<(HeaderName, HeaderValue)>,
    wait: Duration,
    /// The names that the configuration allows.
    known: Vec<String>,
    next_id: AtomicU64,
    manner: Mutex<Option<Manner>>,
    listed: Mutex<Option<Listed>>,
}

/// The version that the server speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Manner {
    Stateless,
    Session {
        version: String,
        id: Option<HeaderValue>,
    },
}

struct Listed {
    until: Instant,
    tools: Option<Vec<Tool>>,
}

/// Why a server gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::bot) enum McpError {
    /// It could not be called.
    Bot(BotError),
    /// It answered with an error.
    Reported {
        /// Its number.
        code: i64,
        /// Its message, which only the model gets.
        words: String,
    },
    /// It does not know our session any more, or requires one.
    Session(StatusCode),
}

impl McpError {
    /// The error for the operator, without the server's message.
    pub(in crate::bot) fn into_error(self, authority: &str) -> BotError {
        match self {
            Self::Bot(error) => error,
            Self::Reported { code, .. } => BotError::failed(
                Class::Error,
                format!("{authority} answered with error {code}"),
            ),
            Self::Session(status) => of_status(authority, status, None),
        }
    }
}

impl McpServer {
    /// `known` are the tools that may be used.
    pub(in crate::bot) fn new(
        outbound: Outbound,
        address: Address,
        headers: Vec<(HeaderName, HeaderValue)>,
        wait: Duration,
        known: Vec<String>,
    ) -> Self {
        Self {
            outbound,
            address,
            headers,
            wait,
            known,
            next_id: AtomicU64::new(1),
            manner: Mutex::new(None),
            listed: Mutex::new(None),
        }
    }

    #[cfg(test)]
    pub(super) fn set_wait(&mut self, wait: Duration) {
        self.wait = wait;
    }

    /// Host and port.
    pub(in crate::bot) fn authority(&self) -> String {
        self.address.authority()
    }

    /// The tools that the server has and that may be used. The list is at most some minutes old.
    ///
    /// # Errors
    /// If it gave no list. After that the server is left alone for [`LIST_PAUSE`], and has no tools.
    pub(in crate::bot) async fn tools(&self) -> Result<Vec<Tool>, McpError> {
        if let Some(listed) = &*lock(&self.listed)
            && Instant::now() < listed.until
        {
            return Ok(listed.tools.clone().unwrap_or_default());
        }
        let found = self.list().await;
        let (life, tools) = match &found {
            Ok(tools) => (LIST_LIFE, Some(tools.clone())),
            Err(_) => (LIST_PAUSE, None),
        };
        *lock(&self.listed) = Some(Listed {
            until: Instant::now() + life,
            tools,
        });
        found
    }

    /// Requests the list, whatever is known already. It is an error if a tool that may be used is missing.
    pub(in crate::bot) async fn check(&self) -> Result<(), BotError> {
        let authority = self.authority();
        let tools = self
            .list()
            .await
            .map_err(|error| error.into_error(&authority))?;
        match self
            .known
            .iter()
            .find(|name| tools.iter().all(|it| it.name != **name))
        {
            Some(missing) => {
                let reason = format!("{authority} has no tool `{missing}`");
                Err(BotError::failed(Class::Setup, reason))
            }
            None => Ok(()),
        }
    }

    /// Calls a tool. `key` is the same if the same call is repeated, for servers that read it.
    ///
    /// # Errors
    /// If there is no result.
    pub(in crate::bot) async fn call(
        &self,
        tool: &str,
        arguments: &Map<String, Value>,
        key: &str,
    ) -> Result<Outcome, McpError> {
        let params = json!({
            "name": tool,
            "arguments": arguments,
            "_meta": {"parlour/idempotence-key": key},
        });
        let result = self.in_time(self.request("tools/call", params)).await?;
        Ok(Outcome::read(&result))
    }

    /// Sets a time limit for a call, including everything that a first call has to do before it.
    async fn in_time<T>(
        &self,
        asked: impl Future<Output = Result<T, McpError>>,
    ) -> Result<T, McpError> {
        timeout(self.wait, asked).await.unwrap_or_else(|_late| {
            let reason = format!(
                "{}: too slow: it took longer than {:?}",
                self.authority(),
                self.wait
            );
            Err(McpError::Bot(BotError::unavailable(Class::TooSlow, reason)))
        })
    }

    async fn list(&self) -> Result<Vec<Tool>, McpError> {
        self.in_time(self.pages()).await
    }

    async fn pages(&self) -> Result<Vec<Tool>, McpError> {
        let mut tools = Vec::new();
        let mut cursor = None;
        for _ in 0..PAGES {
            let params = match &cursor {
                Some(cursor) => json!({"cursor": cursor}),
                None => json!({}),
            };
            let result = self.request("tools/list", params).await?;
            let page = result["tools"].as_array().map_or(&[][..], Vec::as_slice);
            let may = |tool: &Tool| self.known.contains(&tool.name);
            tools.extend(page.iter().filter_map(Tool::read).filter(may));
            cursor = result["nextCursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        Ok(tools)
    }

    /// One request and its result, in the version that the server speaks. If the session is gone, a new one is begun,
    /// once.
    async fn request(&self, method: &str, params: Value) -> Result<Value, McpError> {
        let manner = self.manner().await?;
        match self.post(&manner, method, params.clone()).await {
            Err(McpError::Session(_)) => {
                *lock(&self.manner) = None;
                let manner = self.manner().await?;
                self.post(&manner, method, params).await
            }
            answered => answered,
        }
    }

    /// The version that the server speaks. The first request finds it out.
    async fn manner(&self) -> Result<Manner, McpError> {
        let known = lock(&self.manner).clone();
        if let Some(manner) = known {
            return Ok(manner);
        }
        let manner = match self
            .post(&Manner::Stateless, "server/discover", json!({}))
            .await
        {
            Ok(_) => Manner::Stateless,
            // Older servers know neither the method nor the version, or require a session.
            Err(McpError::Reported { .. } | McpError::Session(_)) => self.initialize().await?,
            Err(error) => return Err(error),
        };
        *lock(&self.manner) = Some(manner.clone());
        Ok(manner)
    }

    async fn initialize(&self) -> Result<Manner, McpError> {
        let params = json!({
            "protocolVersion": WITH_SESSION,
            "capabilities": {},
            "clientInfo": client(),
        });
        let opening = Manner::Session {
            version: String::new(),
            id: None,
        };
        let answer = self
            .send(&opening, "initialize", Some(self.id()), params)
            .await?;
        let id = answer.headers().get("mcp-session-id").cloned();
        let result = result_of(answer).await?;
        let version = result["protocolVersion"].as_str().unwrap_or(WITH_SESSION);
        let manner = Manner::Session {
            version: version.to_owned(),
            id,
        };
        self.send(&manner, "notifications/initialized", None, json!({}))
            .await?;
        Ok(manner)
    }

    async fn post(&self, manner: &Manner, method: &str, params: Value) -> Result<Value, McpError> {
        let answer = self.send(manner, method, Some(self.id()), params).await?;
        result_of(answer).await
    }

    fn id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Sends a request, or, without an id, a notification. The answer has a success status.
    async fn send(
        &self,
        manner: &Manner,
        method: &str,
        id: Option<u64>,
        mut params: Value,
    ) -> Result<Answer, McpError> {
        let waits = Waits {
            first_byte: self.wait,
            idle: self.wait,
            total: self.wait,
        };
        let mut call = Call::post(self.address.clone())
            .header("accept", "application/json, text/event-stream")
            .waits(waits)
            .max_bytes(ANSWER_BYTES);
        match manner {
            Manner::Stateless => {
                call = call
                    .header("mcp-protocol-version", STATELESS)
                    .header("mcp-method", method);
                if let Some(name) = params["name"].as_str() {
                    call = call.header("mcp-name", name);
                }
                let meta = &mut params["_meta"];
                meta["io.modelcontextprotocol/protocolVersion"] = STATELESS.into();
                meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
                meta["io.modelcontextprotocol/clientInfo"] = client();
            }
            Manner::Session { version, id } => {
                if !version.is_empty() {
                    call = call.header("mcp-protocol-version", version);
                }
                if let Some(id) = id {
                    let name = HeaderName::from_static("mcp-session-id");
                    call = call.headers([(name, id.clone())]);
                }
            }
        }
        let mut message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        if let Some(id) = id {
            message["id"] = id.into();
        }
        let call = call.headers(self.headers.clone()).json(&message);
        let answer = self.outbound.send(call).await.map_err(bot_error)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        // The answers of a server that does not understand our version.
        let misunderstood = matches!(status.as_u16(), 400 | 404 | 405 | 406 | 415 | 422);
        Err(if misunderstood {
            McpError::Session(status)
        } else {
            McpError::Bot(of_status(answer.authority(), status, answer.retry_after()))
        })
    }
}

/// The result, whole or in a stream. What comes before it in a stream are notifications.
async fn result_of(mut answer: Answer) -> Result<Value, McpError> {
    let authority = answer.authority().to_owned();
    if answer.content_type() != "text/event-stream" {
        let bytes = answer.bytes().await.map_err(bot_error)?;
        let unreadable = || McpError::Bot(answer.unreadable("a message of JSON-RPC").into());
        return result_in(&String::from_utf8_lossy(&bytes)).unwrap_or_else(|| Err(unreadable()));
    }
    let mut events = answer.events(ANSWER_BYTES);
    while let Some(event) = events.next().await.map_err(bot_error)? {
        if let Some(result) = result_in(&event.data) {
            return result;
        }
    }
    let reason = format!("{authority}: its answer broke off before the result");
    Err(McpError::Bot(BotError::unavailable(
        Class::Unreadable,
        reason,
    )))
}

/// `None`: this is not the answer.
fn result_in(text: &str) -> Option<Result<Value, McpError>> {
    let mut message: Value = serde_json::from_str(text).ok()?;
    if let Some(error) = message.get("error").filter(|it| it.is_object()) {
        let said = error["message"].as_str().unwrap_or_default();
        return Some(Err(McpError::Reported {
            code: error["code"].as_i64().unwrap_or_default(),
            words: said[..said.floor_char_boundary(ERROR_BYTES)].to_owned(),
        }));
    }
    let result = message.get_mut("result")?.take();
    result.is_object().then_some(Ok(result))
}

fn client() -> Value {
    json!({"name": "parlour", "version": env!("CARGO_PKG_VERSION")})
}

fn bot_error(error: crate::outbound::OutboundError) -> McpError {
    McpError::Bot(error.into())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing in the critical sections can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
