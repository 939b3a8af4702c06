//! Each field with a name in our types is read by that name. `golden.rs` cannot see this: what is
//! not named is kept in `extra` and written back all the same. So here is all that may be there.

use std::collections::BTreeSet;

use protocol::Extra;
use protocol::auth::{GrantReply, GrantRequest};
use protocol::history::HistoryPage;
use protocol::message::{BotInfo, ClientFrame, UserBody};
use protocol::read::Read;
use protocol::reply::{BotMessage, ServerFrame};
use protocol::start::StartRequest;
use serde::de::DeserializeOwned;
use serde_json::Value;

const RECORDED: &str = include_str!("golden/recorded.json");
const DOCUMENTED: &str = include_str!("golden/documented.json");

const UNNAMED: [&str; 23] = [
    "answer fromAgent",
    "answer sessionId",
    "bot customData",
    "bot metaTags",
    "bot tenanturl",
    "close botInfo",
    "close client",
    "close meta",
    "delivery clientMessageId",
    "delivery id",
    "grant token",
    "history botId",
    "history component _id",
    "history component cS",
    "history message botId",
    "history message channels",
    "history message lang",
    "history message status",
    "history total",
    "ping botInfo",
    "ping client",
    "ping meta",
    "start token",
];

#[test]
fn nothing_with_a_name_lands_among_the_unnamed() {
    let mut unnamed = Unnamed::default();
    let recorded: Value = read(RECORDED);
    for frame in recorded["frames"].as_array().into_iter().flatten() {
        let kind = frame["kind"].as_str().unwrap_or_default();
        unnamed.note_frame(kind, &frame["value"].to_string());
    }
    let documented: Value = read(DOCUMENTED);
    for (name, kind) in [
        ("jwtgrant_request", "grant request"),
        ("jwtgrant_response", "grant reply"),
        ("rtm_start_request", "start request"),
        ("client_bot_message", "client message"),
        ("server_bot_response", "server bot_response"),
        ("server_user_message", "server user_message"),
    ] {
        unnamed.note_frame(kind, &documented[name].to_string());
    }
    let expected = UNNAMED.map(str::to_owned);
    assert_eq!(unnamed.0, BTreeSet::from(expected));
}

#[derive(Default)]
struct Unnamed(BTreeSet<String>);

impl Unnamed {
    fn note(&mut self, owner: &str, extra: &Extra) {
        self.0
            .extend(extra.keys().map(|key| format!("{owner} {key}")));
    }

    fn note_bot(&mut self, bot: Option<&BotInfo>) {
        if let Some(bot) = bot {
            self.note("bot", &bot.extra);
        }
    }

    fn note_body(&mut self, body: &UserBody) {
        self.note("body", &body.extra);
    }

    fn note_answer(&mut self, message: &BotMessage) {
        self.note("answer message", &message.extra);
        if let Some(component) = &message.component {
            self.note("component", &component.extra);
        }
        if let Some(info) = &message.c_info {
            self.note("cInfo", &info.extra);
        }
    }

    fn note_frame(&mut self, kind: &str, text: &str) {
        match kind.split_once(' ') {
            Some(("client", _)) => self.note_client(text),
            Some(("server", _)) => self.note_server(text),
            Some(("grant", "request")) => {
                let request: GrantRequest = read(text);
                self.note("grant", &request.extra);
                self.note_bot(request.bot_info.as_ref());
            }
            Some(("grant", "reply")) => self.note("granted", &read::<GrantReply>(text).extra),
            Some(("start", "request")) => {
                let request: StartRequest = read(text);
                self.note("start", &request.extra);
                self.note_bot(Some(&request.bot_info));
            }
            Some(("history", _)) => {
                let Some(page) = HistoryPage::parse(text) else {
                    panic!("not read: {text}")
                };
                self.note("history", &page.extra);
                for message in &page.messages {
                    self.note("history message", &message.extra);
                    for component in &message.components {
                        self.note("history component", &component.extra);
                        self.note("history text", &component.data.extra);
                    }
                }
            }
            // These have no place for unnamed fields, or consist of them (the theme).
            _ => {}
        }
    }

    fn note_client(&mut self, text: &str) {
        match ClientFrame::parse(text) {
            Ok(ClientFrame::Message(frame)) => {
                self.note("message", &frame.extra);
                self.note_body(&frame.message);
                self.note_bot(frame.bot_info.as_ref());
            }
            Ok(ClientFrame::Ack(frame)) => self.note("delivery", &frame.extra),
            Ok(ClientFrame::Ping(frame)) => self.note("ping", &frame.extra),
            Ok(ClientFrame::CloseSession(frame)) => self.note("close", &frame.extra),
            other => panic!("unexpected: {other:?}"),
        }
    }

    fn note_server(&mut self, text: &str) {
        match ServerFrame::parse(text) {
            Some(ServerFrame::BotResponse(frame)) => {
                self.note("answer", &frame.extra);
                self.note_bot(frame.bot_info.as_ref());
                frame
                    .message
                    .iter()
                    .for_each(|entry| self.note_answer(entry));
            }
            Some(ServerFrame::UserMessage(frame)) => {
                self.note("echo", &frame.extra);
                self.note_body(&frame.message);
                self.note_bot(frame.bot_info.as_ref());
            }
            Some(_) => {}
            None => panic!("not read: {text}"),
        }
    }
}

fn read<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
