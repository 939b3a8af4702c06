//! The body of a webhook: `{"type": …, "timestamp": …, "data": {…}}` (`docs/bots.md`).

use protocol::timestamp::to_iso;
use serde::Serialize;
use serde_json::Value;

use crate::bot::{File, PastMessage, Speaker, Turn, TurnKind, Visitor};
use crate::clock::Millis;
use crate::records::Owner;

/// One event.
#[derive(Serialize)]
pub(super) struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    /// When the event is sent, in ISO 8601.
    timestamp: String,
    data: Data<'a>,
}

/// Empty fields are left out.
#[derive(Serialize)]
struct Data<'a> {
    /// The turn's id, which stays the same when the turn is repeated.
    turn: &'a str,
    bot: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'a>>,
    /// `bot`, `queue` or `agent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'static str>,
    /// The person's name, if a person is the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rendered: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<Attached<'a>>,
    #[serde(rename = "customData", skip_serializing_if = "Option::is_none")]
    custom: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    history: Vec<Before<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_url: Option<String>,
}

#[derive(Serialize)]
struct User<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    identity: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a Value>,
}

#[derive(Serialize)]
struct Attached<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    /// A `fileId`, or an address.
    reference: &'a str,
}

#[derive(Serialize)]
struct Before<'a> {
    by: &'static str,
    text: &'a str,
    at: String,
}

impl<'a> Event<'a> {
    /// The event of a turn.
    pub(super) fn of(turn: &'a Turn, now: Millis, reply_url: Option<String>) -> Self {
        let Visitor {
            id,
            identity,
            profile,
        } = &turn.visitor;
        let mut event = Self::new("session.started", &turn.idempotence_key, &turn.bot, now);
        event.data = Data {
            app: filled(&turn.app),
            conversation: filled(&turn.conversation),
            session: filled(&turn.session_id),
            user: Some(User {
                id,
                identity,
                profile: profile.as_ref(),
            }),
            language: turn.language.as_deref(),
            history: turn.recent.iter().map(before).collect(),
            reply_url,
            ..event.data
        };
        let (owner, agent) = match &turn.owner {
            Owner::Bot => ("bot", None),
            Owner::Queue => ("queue", None),
            Owner::Agent(name) => ("agent", Some(name.as_str())),
        };
        (event.data.owner, event.data.agent) = (Some(owner), agent);
        match &turn.kind {
            TurnKind::Connect => {}
            TurnKind::Close => event.kind = "session.closed",
            TurnKind::Message {
                body,
                rendered,
                files,
                custom_data,
            } => {
                event.kind = "message.created";
                event.data.text = Some(body);
                event.data.rendered = rendered.as_deref();
                event.data.files = files.iter().map(attached).collect();
                event.data.custom = custom_data.as_ref();
            }
        }
        event
    }

    /// An event that only checks whether somebody answers.
    pub(super) fn ping(bot: &'a str, id: &'a str, now: Millis) -> Self {
        Self::new("ping", id, bot, now)
    }

    /// The value of `webhook-id`.
    pub(super) fn id(&self) -> &str {
        self.data.turn
    }

    fn new(kind: &'static str, turn: &'a str, bot: &'a str, now: Millis) -> Self {
        let data = Data {
            turn,
            bot,
            app: None,
            conversation: None,
            session: None,
            user: None,
            owner: None,
            agent: None,
            text: None,
            rendered: None,
            files: Vec::new(),
            custom: None,
            language: None,
            history: Vec::new(),
            reply_url: None,
        };
        Self {
            kind,
            timestamp: to_iso(now.0),
            data,
        }
    }
}

fn filled(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn attached(file: &File) -> Attached<'_> {
    Attached {
        name: &file.name,
        kind: &file.kind,
        reference: &file.reference,
    }
}

fn before(said: &PastMessage) -> Before<'_> {
    Before {
        by: match said.by {
            Speaker::Visitor => "visitor",
            Speaker::Bot => "bot",
            Speaker::Agent => "agent",
        },
        text: &said.text,
        at: to_iso(said.at.0),
    }
}
