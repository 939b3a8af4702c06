//! Every recorded and documented body and frame is read by its type and written back unchanged.
//!
//! `golden/recorded.json` says where its frames come from; `golden/documented.json` are the
//! platform's own leaner examples. What the widget reads and writes by name is the same as what
//! serde reads and writes. The numbers below are asserted, so a kind of frame without a
//! reader, or a reader without a frame, fails.

use std::collections::BTreeMap;

use protocol::auth::{Claims, GrantReply, GrantRequest, SignReply, SignRequest, access_token};
use protocol::error::ErrorBody;
use protocol::history::HistoryPage;
use protocol::message::{BotInfo, ClientFrame, FrameError, UserBody};
use protocol::message_ref::MessageRef;
use protocol::read::Read;
use protocol::reply::{BotMessage, ServerFrame};
use protocol::start::{StartReply, StartRequest};
use protocol::theme::ActiveTheme;
use protocol::write::Write;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

const RECORDED: &str = include_str!("golden/recorded.json");
const DOCUMENTED: &str = include_str!("golden/documented.json");

/// Kind and number of shapes in `recorded.json`.
const KINDS: [(&str, usize); 28] = [
    ("client ack", 1),
    ("client close", 2),
    ("client message", 16),
    ("client ping", 2),
    ("grant error", 1),
    ("grant reply", 1),
    ("grant request", 4),
    ("history reply", 3),
    ("server Bot_Active", 1),
    ("server Session_Start", 1),
    ("server ack", 2),
    ("server appInvalidNotification", 1),
    ("server bot_active", 1),
    ("server bot_response", 51),
    ("server events", 3),
    ("server hello", 1),
    ("server pong", 1),
    ("server session_end", 1),
    ("server session_start", 1),
    ("server totally_unknown", 1),
    ("server user_message", 5),
    ("server waiting_for_user_input", 1),
    ("sign reply", 1),
    ("sign request", 1),
    ("sign request form", 1),
    ("start reply", 2),
    ("start request", 4),
    ("theme reply", 1),
];

#[test]
fn reads_and_writes_back_every_recorded_frame() {
    let recorded = value(RECORDED);
    let mut kinds = BTreeMap::new();
    for frame in list(&recorded["frames"]) {
        let kind = word(&frame["kind"]);
        let original = &frame["value"];
        if kind == "sign request form" {
            assert_form(word(original));
        } else {
            assert_eq!(&through_its_type(kind, original), original, "{kind}");
        }
        *kinds.entry(kind).or_insert(0) += 1;
    }
    assert_eq!(kinds, BTreeMap::from(KINDS));
}

#[test]
fn both_clients_are_recorded_in_all_scenarios() {
    let recorded = value(RECORDED);
    let scenarios = list(&recorded["scenarios"]);
    assert_eq!(scenarios.len(), 41);
    for client in ["v2", "v3"] {
        let seen = list(&recorded["frames"])
            .iter()
            .filter_map(|frame| frame["seen"][client].as_array())
            .flatten();
        let numbers: std::collections::BTreeSet<_> = seen.filter_map(Value::as_u64).collect();
        // Five scenarios say nothing that concerns these types.
        assert_eq!(numbers.len(), 36, "{client}");
        assert!(numbers.iter().all(|number| *number < 41));
    }
}

#[test]
fn reads_and_writes_back_every_documented_frame() {
    let documented = value(DOCUMENTED);
    let mut read = 0;
    for (name, kind) in [
        ("jwtgrant_request", "grant request"),
        ("jwtgrant_response", "grant reply"),
        ("rtm_start_request", "start request"),
        ("rtm_start_response", "start reply"),
        ("client_bot_message", "client message"),
        ("server_ack", "server ack"),
        ("server_bot_response", "server bot_response"),
        ("server_user_message", "server user_message"),
    ] {
        let original = &documented[name];
        assert_eq!(&through_its_type(kind, original), original, "{name}");
        read += 1;
    }
    let seconds = protocol::start::TICKET_LIFE_MS / 1000;
    assert_eq!(documented["rtm_start_url_lifetime_seconds"], seconds);
    // The note and the lifetime are the two that are no frames.
    let all = documented.as_object().map_or(0, Map::len);
    assert_eq!(all, read + 2);
}

#[test]
fn a_page_of_the_history_keeps_templates_tags_and_unknown_fields() {
    let template = json!({"type":"template","payload":{"template_type":"button","text":"Pick"}});
    let page = json!({"messages":[
        {"_id":"ms-1","type":"incoming","components":[{"cT":"text","data":{"text":"BAL"}}],
         "createdOn":"2026-11-21T02:15:03.240Z","lang":"en","userMsgId":1_795_227_303_240_u64,
         "tags":{"altText":[{"name":"altText","value":"Check balance"}],"other":[1]}},
        {"_id":"ms-2","type":"outgoing",
         "components":[{"cT":"text","data":{"text":template.to_string(),"rtl":false}}],
         "author":{"firstName":"Ann","lastName":"Lee"},"createdOn":"2026-11-21T02:15:04Z",
         "userMsgId":"1795227303240","seq":2}],
        "icon":"https://a.test/bot.png","moreAvailable":true,"lastSeq":2,"total":9});
    assert_eq!(through_its_type("history reply", &page), page);
}

#[test]
fn an_id_is_echoed_with_its_json_type() {
    // v2 resends a failed message with the digits as a string.
    let recorded = value(RECORDED);
    let mut ids = BTreeMap::new();
    for frame in list(&recorded["frames"]) {
        if frame["kind"] != "client message" {
            continue;
        }
        let Ok(ClientFrame::Message(message)) = ClientFrame::parse(&frame["value"].to_string())
        else {
            panic!("no message: {frame}");
        };
        let id = message.reference().expect("every message has an id");
        let ack = protocol::reply::Ack::new(Some(id.clone()), None, None);
        let ack = serde_json::to_value(ack).expect("an ack is JSON");
        assert_eq!(ack["replyto"], frame["value"]["clientMessageId"]);
        let kind = matches!(id, MessageRef::Text(_));
        *ids.entry(kind).or_insert(0) += 1;
    }
    assert_eq!(ids, BTreeMap::from([(false, 15), (true, 1)]));
}

#[test]
fn a_frame_of_an_unknown_type_is_kept_as_it_is() {
    for frame in [
        json!({"type":"totally_unknown","x":1}),
        json!({"type":"sbc_details_response","responseData":{"addresses":["a"]}}),
        json!({"type":"language_switched","langDetails":{"newLanguage":"ar"}}),
    ] {
        let read = ServerFrame::parse(&frame.to_string());
        assert_eq!(read, Some(ServerFrame::Other(frame.into())));
    }
    let frame = json!({"resourceid":"/bot.clientEvent","id":7,"data":{"a":[1.5,null]}});
    assert_eq!(through_its_type("client unknown", &frame), frame);
}

#[test]
fn plugin_frames_are_events_whatever_their_resource_says() {
    let call = r#"{"event":"event","resourceid":"/bot.message","id":3,
        "message":{"body":{"type":"call_agent_webrtc_accepted"},"type":""}}"#;
    for frame in [
        value(call),
        json!({"event":"typing","message":{"body":"","type":""},"resourceid":"/bot.message"}),
        json!({"event":"message_read","messageId":"ms-1","resourceid":"/bot.message","id":4}),
    ] {
        assert_eq!(through_its_type("client event", &frame), frame);
    }
}

#[test]
fn the_documented_claims_are_read_in_their_liberal_forms() {
    // Milliseconds, fractions and "false" are the documentation's own (`docs/kore-protocol.md` 1.1).
    let claims = claims(&json!({
        "kore_iss":"cs-1","kore_sub":"ann","kore_jti":"j","aud":"https://idproxy.kore.com/authorize",
        "iat":1_795_227_303_240_u64,"exp":1_795_227_603_240.5,"isAnonymous":"false",
        "customData":{"plan":"gold"}
    }));
    // What is written is the plain form.
    let expected = json!({
        "iss":"cs-1","sub":"ann","jti":"j","aud":"https://idproxy.kore.com/authorize",
        "iat":1_795_227_303_u64,"exp":1_795_227_603_u64,"isAnonymous":false,
        "customData":{"plan":"gold"}
    });
    assert_eq!(written(&claims), expected);
    assert_eq!(written(&self::claims(&expected)), expected);
}

#[test]
fn error_bodies_have_numbers_or_words_as_codes() {
    for body in [
        json!({"errors":[{"msg":"Invalid SDK credentials","code":4002}]}),
        json!({"errors":[{"msg":"token expired","code":"TOKEN_EXPIRED"},{"msg":"b","code":1}]}),
    ] {
        assert_eq!(written(&heard::<ErrorBody>(&body)), body);
    }
}

#[test]
fn our_own_frames_and_fields_survive_too() {
    for frame in [
        json!({"type":"resync"}),
        json!({"type":"error","replyto":"5","errors":[{"msg":"too long","code":413}]}),
        json!({"type":"ack","ok":true,"message":"delivered","replyto":5,"seq":9,"messageId":"ms-1"}),
        json!({"type":"user_message","from":"self","id":1,"message":{"body":"x"},"seq":2,
            "clientMessageId":"7","messageId":"ms-2"}),
        json!({"type":"bot_response","from":"bot","messageId":"ms-3","sM":true,"endChunk":false,"at":3,
            "message":[{"cInfo":{"body":"lo "}}]}),
        json!({"type":"bot_response","from":"bot","messageId":"ms-3","seq":4,
            "message":[{"cInfo":{"body":"Hello"},"stopped":true,"behind":2}]}),
    ] {
        let kind = format!("server {}", word(&frame["type"]));
        assert_eq!(through_its_type(&kind, &frame), frame);
    }
}

#[test]
fn a_refused_frame_says_what_to_answer_to() {
    let frame = json!({"resourceid":"/bot.message","message":{"body":7},"clientMessageId":"9"});
    let refused = ClientFrame::parse(&frame.to_string());
    assert!(matches!(
        refused,
        Err(FrameError::Field { replyto: Some(MessageRef::Text(id)), .. }) if id == "9"
    ));
}

/// Reads a value by the type of its kind and writes it again. Another kind is a failure.
fn through_its_type(kind: &str, original: &Value) -> Value {
    match kind {
        "sign request" => said(&read::<SignRequest>(original)),
        "sign reply" => written(&heard::<SignReply>(original)),
        "grant request" => said(&read::<GrantRequest>(original)),
        "grant reply" => {
            let reply: GrantReply = read(original);
            let original = original.clone().into();
            let token = access_token(&original);
            assert_eq!(token, Some(reply.authorization.access_token.as_str()));
            written(&reply)
        }
        "grant error" => written(&heard::<ErrorBody>(original)),
        "start request" => said(&read::<StartRequest>(original)),
        "start reply" => written(&heard::<StartReply>(original)),
        "history reply" => written(&heard::<HistoryPage>(original)),
        "theme reply" => written(&read::<ActiveTheme>(original)),
        _ => {
            let text = original.to_string();
            match kind.split_once(' ') {
                Some(("client", kind)) => client_frame(kind, &text),
                Some(("server", kind)) => server_frame(kind, &text),
                _ => panic!("nothing reads {kind}"),
            }
        }
    }
}

fn client_frame(kind: &str, text: &str) -> Value {
    match (kind, ClientFrame::parse(text)) {
        ("ack", Ok(ClientFrame::Ack(frame))) => written(&frame),
        ("message", Ok(ClientFrame::Message(frame))) => said(&frame),
        ("ping", Ok(ClientFrame::Ping(frame)))
        | ("close", Ok(ClientFrame::CloseSession(frame)))
        | ("event", Ok(ClientFrame::Event(frame)))
        | ("unknown", Ok(ClientFrame::Unknown(frame))) => written(&frame),
        (kind, other) => panic!("{kind} was read as {other:?}"),
    }
}

fn server_frame(kind: &str, text: &str) -> Value {
    let frame = ServerFrame::parse(text);
    let expected = match kind {
        "ack" => matches!(frame, Some(ServerFrame::Ack(_))),
        "bot_response" => matches!(frame, Some(ServerFrame::BotResponse(_))),
        "error" => matches!(frame, Some(ServerFrame::Error(_))),
        "pong" => matches!(frame, Some(ServerFrame::Pong(_))),
        "resync" => matches!(frame, Some(ServerFrame::Resync(_))),
        "user_message" => matches!(frame, Some(ServerFrame::UserMessage(_))),
        _ => matches!(frame, Some(ServerFrame::Other(_))),
    };
    assert!(expected, "{kind} was read as {frame:?}");
    match &frame {
        Some(ServerFrame::BotResponse(frame)) => {
            let original = value(text);
            assert_eq!(frame.message, read::<Vec<BotMessage>>(&original["message"]));
            assert_eq!(frame.bot_info, read_some::<BotInfo>(&original["botInfo"]));
            assert_eq!(
                frame.message_id,
                read_some::<String>(&original["messageId"])
            );
        }
        Some(ServerFrame::UserMessage(frame)) => {
            let original = value(text);
            assert_eq!(frame.message, read::<UserBody>(&original["message"]));
            assert_eq!(frame.bot_info, read_some::<BotInfo>(&original["botInfo"]));
            assert_eq!(frame.id, read::<MessageRef>(&original["id"]));
        }
        _ => {}
    }
    written(&frame)
}

/// The old clients sign with a form: all its values are text.
fn assert_form(form: &str) {
    let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    let pairs = pairs.map(|(key, value)| (key.to_owned(), json!(value.replace("%40", "@"))));
    let request: SignRequest = read(&Value::Object(pairs.collect()));
    let expected = json!({
        "clientId":"cs-test-client","clientSecret":"test-secret","identity":"user@example.test",
        "aud":"","isAnonymous":false
    });
    assert_eq!(written(&request), expected);
}

fn claims(value: &Value) -> Claims {
    let read = protocol::json::Value::parse(&value.to_string());
    let read = read.as_ref().and_then(protocol::json::Value::as_object);
    let claims = read.map(Claims::read);
    claims
        .and_then(Result::ok)
        .unwrap_or_else(|| panic!("claims: {value}"))
}

fn read<T: DeserializeOwned>(value: &Value) -> T {
    // Through text, as it comes from the network.
    serde_json::from_str(&value.to_string()).unwrap_or_else(|error| panic!("{error}: {value}"))
}

fn read_some<T: DeserializeOwned>(value: &Value) -> Option<T> {
    read(value)
}

/// What a client hears is read by name.
fn heard<T: Read>(value: &Value) -> T {
    T::parse(&value.to_string()).unwrap_or_else(|| panic!("not read: {value}"))
}

/// What a client says is written by name, and by serde where it is not a client.
fn said<T: Serialize + Write>(value: &T) -> Value {
    let said = written(&value.write());
    assert_eq!(said, written(value));
    assert_eq!(said, self::value(&value.to_text()));
    said
}

fn written<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_else(|error| panic!("{error}"))
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("no list: {value}"))
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no word: {value}"))
}
