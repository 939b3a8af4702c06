//! The chunks of one message.
//!
//! In the path: [`super::AiSdk`] gives each event's data to [`Message::hear`].
//!
//! Invariants: a chunk of an unknown type is ignored. Something that is not a chunk is an error. No error repeats what
//! was said.

use protocol::link::sloppy_link;
use protocol::reply::BotMessage;
use protocol::visible::is_blank;
use serde_json::Value;

use super::tool::Tool;
use crate::bot::agents::{Blocks, Words};
use crate::bot::reply::image;
use crate::bot::{Answers, BotError, Class};

/// The most tool calls of one message that are remembered.
const MAX_TOOLS: usize = 16;

/// The most links below an answer. More would be a list of search results.
const MAX_SOURCES: usize = 10;

/// The most letters of a link's title.
const MAX_TITLE_CHARS: usize = 100;

/// The most bytes of a link, and of the message's id.
const MAX_LINK_BYTES: usize = 2_000;

/// The result of a message so far.
pub(super) struct Message<'a> {
    words: Words<'a>,
    blocks: Blocks,
    sources: Vec<Source>,
    /// Something came besides the begin.
    has_content: bool,
    finished: bool,
    done: bool,
    /// The id. Empty: the agent gave none.
    pub(super) id: String,
    /// Its tool calls.
    pub(super) tools: Vec<Tool>,
}

struct Source {
    url: String,
    title: String,
}

impl<'a> Message<'a> {
    /// Nothing has come yet.
    pub(super) fn new(words: Words<'a>) -> Self {
        Self {
            words,
            blocks: Blocks::default(),
            sources: Vec::new(),
            has_content: false,
            finished: false,
            done: false,
            id: String::new(),
            tools: Vec::new(),
        }
    }

    /// Whether anything came besides the begin or an error.
    pub(super) fn has_content(&self) -> bool {
        self.has_content
    }

    /// Whether the message has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.finished || self.done
    }

    /// Whether the stream itself said that nothing more comes.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Reads one event. True: the message has ended.
    ///
    /// # Errors
    /// If the agent failed, or what it says cannot be read or is too much.
    pub(super) fn hear(&mut self, data: &str, answers: &mut Answers) -> Result<bool, BotError> {
        if data.trim() == "[DONE]" {
            self.done = true;
            return Ok(true);
        }
        let chunk: Value = protocol::json::from_text(data).unwrap_or_default();
        let Some(kind) = chunk["type"].as_str() else {
            return Err(unreadable("a piece of its stream is no chunk"));
        };
        self.has_content |= !matches!(kind, "start" | "start-step" | "message-metadata" | "error");
        let id = || chunk["id"].as_str().unwrap_or_default();
        match kind {
            "start" => {
                let id = chunk["messageId"].as_str().unwrap_or_default();
                if id.len() <= MAX_LINK_BYTES {
                    id.clone_into(&mut self.id);
                }
            }
            "text-start" => self.blocks.begin(id(), answers)?,
            "text-delta" => {
                let delta = chunk["delta"].as_str();
                let delta = delta.ok_or_else(|| unreadable("a delta is not a text"))?;
                self.blocks.append(id(), delta, data, answers)?;
            }
            "text-end" => self.blocks.finish(id(), answers)?,
            "tool-input-start" | "tool-input-available" => self.call(kind, &chunk, answers),
            "tool-approval-request" => self.ask(&chunk)?,
            "tool-output-available" => self.change(&chunk, Tool::find),
            "tool-input-error" | "tool-output-error" | "tool-output-denied" => {
                self.change(&chunk, |_, _| false);
            }
            "source-url" => self.source(&chunk),
            "file" => self.file(&chunk, answers)?,
            "error" => return Err(failed("the agent says that it failed")),
            "abort" => return Err(failed("the agent broke off its answer")),
            "finish" => {
                count(&chunk["messageMetadata"], answers);
                match chunk["finishReason"].as_str() {
                    Some("error") => return Err(failed("the answer ended with an error")),
                    Some("content-filter") => {
                        return Err(failed("a filter does not let its answer through"));
                    }
                    _ => self.finished = true,
                }
                return Ok(true);
            }
            // reasoning-*: thoughts are not answers. tool-input-delta, start-step, finish-step, message-metadata,
            // source-document, data-*: they are for other surfaces than a chat.
            _ => {}
        }
        Ok(false)
    }

    /// Ends what has not ended, and shows the sources of the answer.
    ///
    /// # Errors
    /// If it is more than a turn may say.
    pub(super) fn end(&mut self, answers: &mut Answers) -> Result<(), BotError> {
        self.blocks.end(answers)?;
        if self.sources.is_empty() {
            return Ok(());
        }
        let mut list = self.words.sources().to_owned();
        for Source { url, title } in &self.sources {
            list.extend(["\n- [", title, "](", url, ")"]);
        }
        answers.push(&BotMessage::text(list))
    }

    fn call(&mut self, kind: &str, chunk: &Value, answers: &Answers) {
        let name = chunk["toolName"].as_str().unwrap_or_default();
        let title = chunk["title"].as_str().filter(|title| !is_blank(title));
        answers.doing(&self.words.looking_up(name, title));
        if kind == "tool-input-available"
            && self.tools.len() < MAX_TOOLS
            && let Some(tool) = Tool::of(chunk)
        {
            self.tools.retain(|known| known.id != tool.id);
            self.tools.push(tool);
        }
    }

    fn ask(&mut self, chunk: &Value) -> Result<(), BotError> {
        let call = chunk["toolCallId"].as_str();
        let known = self.tools.iter_mut().find(|tool| Some(&*tool.id) == call);
        // The visitor must not be asked about an unknown call.
        let tool = known.ok_or_else(|| {
            let reason = "it wants to be allowed a tool call that it has not told, or that is too large to remember";
            BotError::failed(Class::TooMuch, reason)
        })?;
        if tool.ask(chunk) {
            Ok(())
        } else {
            Err(unreadable(
                "the id of a request to be allowed is missing or too long",
            ))
        }
    }

    /// Changes a call. If `change` gives false, the call is dropped.
    fn change(&mut self, chunk: &Value, change: impl FnOnce(&mut Tool, &Value) -> bool) {
        let call = chunk["toolCallId"].as_str();
        if let Some(index) = self.tools.iter().position(|tool| Some(&*tool.id) == call)
            && !change(&mut self.tools[index], chunk)
        {
            self.tools.remove(index);
        }
    }

    fn source(&mut self, chunk: &Value) {
        let url = chunk["url"].as_str().and_then(sloppy_link);
        let Some(url) = url.filter(|url| url.len() <= MAX_LINK_BYTES) else {
            return;
        };
        // In markup a parenthesis ends an address.
        let url = url.replace('(', "%28").replace(')', "%29");
        let is_known = self.sources.iter().any(|source| source.url == url);
        if is_known || self.sources.len() == MAX_SOURCES {
            return;
        }
        let title = chunk["title"].as_str().filter(|title| !is_blank(title));
        let title = plain(title.unwrap_or(&url));
        self.sources.push(Source { url, title });
    }

    /// A picture becomes a picture, and every other file a link.
    fn file(&mut self, chunk: &Value, answers: &mut Answers) -> Result<(), BotError> {
        let url = chunk["url"].as_str().unwrap_or_default();
        let kind = chunk["mediaType"].as_str().unwrap_or_default();
        let url =
            sloppy_link(url).filter(|url| url.len() <= MAX_LINK_BYTES && url.starts_with("http"));
        let Some(url) = url else {
            // Most models put their pictures into the address itself, which would be stored with the transcript.
            return answers.push(&BotMessage::text(self.words.no_file()));
        };
        if kind.starts_with("image/") {
            return answers.push(&image(&url, "", "file")?);
        }
        answers.push(&BotMessage::text(url))
    }
}

/// The title without markup.
fn plain(title: &str) -> String {
    let letters = title.chars().take(MAX_TITLE_CHARS);
    let no_markup = |letter: char| match letter {
        '[' | ']' | '(' | ')' | '<' | '>' | '*' | '_' | '`' | '\\' | '|' => ' ',
        letter if letter.is_control() => ' ',
        letter => letter,
    };
    letters.map(no_markup).collect()
}

/// Counts tokens, if the agent puts them where the examples of the SDK do.
fn count(metadata: &Value, answers: &mut Answers) {
    let usage = ["usage", "totalUsage"]
        .iter()
        .map(|name| &metadata[*name]["totalTokens"]);
    let total = usage
        .chain([&metadata["totalTokens"]])
        .find_map(Value::as_u64);
    answers.count_tokens(total.unwrap_or_default());
}

fn unreadable(what: &str) -> BotError {
    BotError::failed(
        Class::Unreadable,
        format!("its answer cannot be used: {what}"),
    )
}

fn failed(what: &str) -> BotError {
    BotError::failed(Class::Error, what)
}
