//! The script file of the scripted bot: what `demo.script.toml` documents, read and checked.
//!
//! Invariant: a script that was read can always answer. Everything that can be wrong in it is found here, with its
//! line.

use std::ops::Range;
use std::time::Duration;

use protocol::reply::BotMessage;
use serde::Deserialize;
use serde_json::{Value, json};
use toml::Spanned;

use super::examples;
use super::pattern::{Heard, Pattern};

/// The longest pause after a word. With a longer one the bot seems to be gone.
const MAX_PACE_MS: u64 = 2_000;

/// What is wrong, and in which line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) line: usize,
    pub(super) reason: String,
}

/// A script that was read.
#[derive(Debug)]
pub(super) struct Script {
    greeting: Vec<Answer>,
    rules: Vec<(Vec<Pattern>, Answer)>,
    fallback: Option<Answer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    greeting: Vec<Spanned<Answer>>,
    #[serde(default)]
    rule: Vec<Spanned<Answer>>,
    fallback: Option<Spanned<Answer>>,
}

/// What a rule, a greeting or the fallback says. All fields that are present are sent, in their order.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// The patterns; rules only.
    #[serde(default)]
    when: Vec<Spanned<String>>,
    /// Texts with markup. Several texts are several messages. Buttons belong to the last.
    #[serde(default)]
    say: Texts,
    /// The texts come word by word, with this many milliseconds after each word.
    stream: Option<u64>,
    #[serde(default)]
    buttons: Vec<Choice>,
    #[serde(default)]
    quick_replies: Vec<Choice>,
    image: Option<Media>,
    link: Option<Media>,
    /// The inner payload of a template, as a TOML table or as JSON text.
    template: Option<Value>,
    /// The text for clients that do not know the template.
    template_text: Option<String>,
    /// The name of one of the protocol's examples.
    example: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Texts {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl Texts {
    fn list(&self) -> &[String] {
        match self {
            Texts::None => &[],
            Texts::One(text) => std::slice::from_ref(text),
            Texts::Many(texts) => texts,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    title: String,
    /// What the bot gets when it is pressed. Without one it gets the title.
    payload: Option<String>,
    /// The address that it opens instead.
    url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Media {
    url: String,
    name: String,
}

/// One answer, and how it is given.
pub(super) enum Spoken {
    /// The complete answer.
    Whole(BotMessage),
    /// The answer word by word, with this pause after each word.
    Streamed(String, Duration),
}

/// The values for the names in braces.
pub(super) struct Words<'a> {
    pub(super) text: &'a str,
    pub(super) rest: &'a str,
}

impl Script {
    /// Reads and checks a script.
    pub(super) fn parse(text: &str) -> Result<Script, Mistake> {
        let mistake = |span: Range<usize>, reason: String| Mistake {
            line: text
                .get(..span.start)
                .map_or(1, |before| before.matches('\n').count() + 1),
            reason,
        };
        let file: File = toml::from_str(text).map_err(|error| {
            mistake(error.span().unwrap_or_default(), error.message().to_owned())
        })?;
        let checked = |answer: Spanned<Answer>| {
            let span = answer.span();
            answer
                .into_inner()
                .checked()
                .map_err(|reason| mistake(span, reason))
        };
        let mut rules = Vec::with_capacity(file.rule.len());
        for rule in file.rule {
            let span = rule.span();
            let mut answer = rule.into_inner();
            let when = std::mem::take(&mut answer.when);
            if when.is_empty() {
                return Err(mistake(
                    span,
                    "a rule needs a `when` with a pattern".to_owned(),
                ));
            }
            let mut patterns = Vec::with_capacity(when.len());
            for pattern in when {
                let read = Pattern::parse(pattern.get_ref());
                patterns.push(read.map_err(|reason| mistake(pattern.span(), reason))?);
            }
            rules.push((
                patterns,
                answer.checked().map_err(|reason| mistake(span, reason))?,
            ));
        }
        Ok(Script {
            greeting: file
                .greeting
                .into_iter()
                .map(checked)
                .collect::<Result<_, _>>()?,
            rules,
            fallback: file.fallback.map(checked).transpose()?,
        })
    }

    /// What is said when a session starts.
    pub(super) fn greet(&self) -> Vec<Spoken> {
        let words = Words { text: "", rest: "" };
        self.greeting
            .iter()
            .flat_map(|answer| answer.spoken(&words))
            .collect()
    }

    /// The answer of the first rule that matches the message. `None`: no rule matches.
    pub(super) fn reply(&self, text: &str) -> Option<Vec<Spoken>> {
        let heard = Heard::new(text);
        self.rules.iter().find_map(|(patterns, answer)| {
            let rest = patterns.iter().find_map(|pattern| heard.matches(pattern))?;
            Some(answer.spoken(&Words { text, rest: &rest }))
        })
    }

    /// The answer to a message that no rule matches.
    pub(super) fn at_a_loss(&self, text: &str) -> Vec<Spoken> {
        let fallback = self.fallback.iter();
        let said = fallback.map(|answer| answer.spoken(&Words { text, rest: "" }));
        said.flatten().collect()
    }

    /// Whether there is an answer to a message that no rule matches.
    pub(super) fn has_fallback(&self) -> bool {
        self.fallback.is_some()
    }
}

impl Answer {
    /// Refuses what could never be shown.
    fn checked(mut self) -> Result<Answer, String> {
        if !self.when.is_empty() {
            return Err("only a [[rule]] has a `when`".to_owned());
        }
        if let Some(Value::String(json)) = &self.template {
            let parsed = protocol::json::from_text(json)
                .map_err(|error| format!("`template` is no JSON: {error}"))?;
            self.template = Some(parsed);
        }
        if self
            .template
            .as_ref()
            .is_some_and(|template| !template["template_type"].is_string())
        {
            return Err("`template` has no template_type".to_owned());
        }
        if self.template.is_some() != self.template_text.is_some() {
            return Err(
                "`template` and `template_text` (for clients that do not know the \
                        template) go together"
                    .to_owned(),
            );
        }
        if let Some(name) = &self.example
            && !name.contains('{')
            && examples::named(name).is_none()
        {
            return Err(format!("there is no example of a template named {name:?}"));
        }
        let texts = self.say.list();
        if texts.iter().any(|text| text.trim().is_empty()) {
            return Err("`say` is empty".to_owned());
        }
        let choices = self.buttons.len() + self.quick_replies.len();
        if choices > 0 && texts.is_empty() {
            return Err("`buttons` and `quick_replies` need a `say` above them".to_owned());
        }
        if !self.buttons.is_empty() && !self.quick_replies.is_empty() {
            return Err("a message has `buttons` or `quick_replies`, not both".to_owned());
        }
        if let Some(pace) = self.stream {
            if !(1..=MAX_PACE_MS).contains(&pace) {
                return Err(format!("`stream` is 1 to {MAX_PACE_MS} milliseconds"));
            }
            if texts.is_empty() || choices > 0 {
                return Err("only a `say` without buttons can `stream`".to_owned());
            }
        }
        let media = self.image.is_some() || self.link.is_some();
        if texts.is_empty() && !media && self.template.is_none() && self.example.is_none() {
            return Err(
                "nothing to answer: give `say`, `image`, `link`, `template` or `example`"
                    .to_owned(),
            );
        }
        Ok(self)
    }

    /// The texts as they are said, then everything else.
    fn spoken(&self, words: &Words<'_>) -> Vec<Spoken> {
        let texts = self.say.list();
        let streamed = self.stream.map_or(0, |_| texts.len());
        let pace = Duration::from_millis(self.stream.unwrap_or_default());
        let whole = self.messages(words).into_iter().skip(streamed);
        let texts = texts.iter().take(streamed);
        let texts = texts.map(|text| Spoken::Streamed(words.fill(text), pace));
        texts.chain(whole.map(Spoken::Whole)).collect()
    }

    fn messages(&self, words: &Words<'_>) -> Vec<BotMessage> {
        let mut messages: Vec<BotMessage> = Vec::new();
        let texts = self.say.list();
        for (index, text) in texts.iter().enumerate() {
            let text = words.fill(text);
            let last = index + 1 == texts.len();
            messages.push(if last && !self.buttons.is_empty() {
                let buttons: Vec<Value> = self.buttons.iter().map(Choice::button).collect();
                let payload = json!({"template_type": "button", "text": text, "buttons": buttons});
                BotMessage::template(payload, text)
            } else if last && !self.quick_replies.is_empty() {
                let replies: Vec<Value> = self.quick_replies.iter().map(Choice::reply).collect();
                let payload =
                    json!({"template_type": "quick_replies", "text": text, "quick_replies": replies});
                BotMessage::template(payload, text)
            } else {
                BotMessage::text(text)
            });
        }
        for (kind, media) in [("image", &self.image), ("link", &self.link)] {
            if let Some(Media { url, name }) = media {
                messages.push(BotMessage::media(
                    kind,
                    json!({"url": url, "name": name}),
                    name,
                ));
            }
        }
        if let (Some(template), Some(text)) = (&self.template, &self.template_text) {
            messages.push(BotMessage::template(template.clone(), words.fill(text)));
        }
        if let Some(name) = &self.example {
            let name = words.fill(name);
            messages.push(examples::named(&name).unwrap_or_else(|| {
                let names = template_names();
                BotMessage::text(format!("I know no template of that name. I know: {names}."))
            }));
        }
        messages
    }
}

impl Choice {
    fn button(&self) -> Value {
        match &self.url {
            Some(url) => json!({"type": "web_url", "title": self.title, "url": url}),
            None => json!({"type": "postback", "title": self.title, "payload": self.sent()}),
        }
    }

    fn reply(&self) -> Value {
        match &self.url {
            Some(url) => json!({"content_type": "web_url", "title": self.title, "url": url}),
            None => json!({"content_type": "text", "title": self.title, "payload": self.sent()}),
        }
    }

    fn sent(&self) -> &str {
        self.payload.as_ref().unwrap_or(&self.title)
    }
}

impl Words<'_> {
    /// A visitor's words come back shortened: a bot that repeats pages is of no use.
    const ECHO: usize = 120;

    fn fill(&self, text: &str) -> String {
        // The visitor's words come last: braces in them stand for nothing.
        let mut filled = String::with_capacity(text.len());
        let mut left = text;
        while let Some(at) = left.find('{') {
            let (before, from) = left.split_at(at);
            filled.push_str(before);
            let known = [("{text}", self.text), ("{rest}", self.rest)];
            if let Some((name, value)) = known.iter().find(|(name, _)| from.starts_with(name)) {
                filled.push_str(&shortened(value));
                left = &from[name.len()..];
            } else if let Some(after) = from.strip_prefix("{templates}") {
                filled.push_str(&template_names());
                left = after;
            } else {
                filled.push('{');
                left = &from[1..];
            }
        }
        filled.push_str(left);
        filled
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(Words::ECHO) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn template_names() -> String {
    let names: Vec<&str> = examples::names().collect();
    names.join(", ")
}
