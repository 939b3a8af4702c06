//! Each kind of damage is found; a history without any is right.

use protocol::history::HistoryPage;
use protocol::read::Read as _;
use serde_json::{Value, json};

use super::*;

/// Visitor 7 said two things, acknowledged at 2 and 4.
fn diary() -> Diary {
    let mut diary = Diary {
        user: 7,
        ..Diary::default()
    };
    for seq in [2, 4] {
        let (number, _) = diary.say(0);
        diary.acked(Some(number), Some(seq), false);
    }
    diary
}

/// A history from `(type, text)`, numbered from 1.
fn history(rows: &[(&str, &str)]) -> Vec<HistoryMessage> {
    let row = |(seq, (kind, text)): (u64, &(&str, &str))| -> Value {
        json!({"_id": format!("ms-{seq}"), "type": kind, "seq": seq,
               "components": [{"cT": "text", "data": {"text": text}}]})
    };
    let rows: Vec<Value> = (1..).zip(rows).map(row).collect();
    HistoryPage::parse(&json!({ "messages": rows }).to_string())
        .unwrap()
        .messages
}

const RIGHT: [(&str, &str); 5] = [
    ("outgoing", "Welcome"),
    ("incoming", "u7 n1"),
    ("outgoing", "echo u7 n1"),
    ("incoming", "u7 n2 ..."),
    ("outgoing", "echo u7 n2 ..."),
];

fn rows(count: u64) -> Vec<Option<u64>> {
    (1..=count).map(Some).collect()
}

fn account(rows_stored: &[(&str, &str)]) -> Account {
    let history = history(rows_stored);
    let mut account = Account::default();
    account.check(&diary(), &rows(history.len() as u64), &history);
    account
}

#[test]
fn a_whole_history_is_right() {
    let account = account(&RIGHT);
    assert!(account.is_right(), "{account:?}");
    let counts = (account.acked, account.stored, account.answers);
    assert_eq!(counts, (2, 2, 2));
}

#[test]
fn what_is_missing_is_found() {
    let account = account(&RIGHT[..3]);
    assert_eq!(account.count(Wrong::AckedMissing), 1);
    assert_eq!(account.count(Wrong::Unanswered), 1);
    assert!(account.lines().iter().any(|line| line.trim() == "u7 n2"));
}

#[test]
fn what_is_there_twice_is_found() {
    let mut doubled = RIGHT.to_vec();
    doubled.extend([("incoming", "u7 n2 ..."), ("outgoing", "echo u7 n2 ...")]);
    let account = account(&doubled);
    assert_eq!(account.count(Wrong::Doubled), 1);
    assert_eq!(account.count(Wrong::AnswerDoubled), 1);
}

#[test]
fn another_order_is_found_unless_the_server_had_refused() {
    let mut turned = RIGHT;
    turned.swap(1, 3);
    turned.swap(2, 4);
    let found = account(&turned);
    assert_eq!(found.count(Wrong::OutOfOrder), 2, "{found:?}");
    assert_eq!(found.count(Wrong::FalseAck), 2);

    let mut diary = Diary {
        user: 7,
        ..Diary::default()
    };
    let (first, _) = diary.say(0);
    let (second, _) = diary.say(0);
    diary.refused(Some(first));
    diary.acked(Some(second), Some(2), false);
    diary.acked(Some(first), Some(4), false);
    let mut account = Account::default();
    account.check(&diary, &rows(5), &history(&turned));
    assert!(account.is_right(), "{account:?}");
}

#[test]
fn a_gap_in_the_sequences_is_found() {
    let mut stored = history(&RIGHT);
    stored.remove(0);
    let mut account = Account::default();
    account.check(&diary(), &rows(5)[1..], &stored);
    assert_eq!(account.count(Wrong::OutOfOrder), 1);
}

#[test]
fn anothers_words_are_found() {
    let mut mixed = RIGHT;
    mixed[4] = ("outgoing", "echo u8 n2");
    let account = account(&mixed);
    assert_eq!(account.count(Wrong::Foreign), 1);
    assert_eq!(account.count(Wrong::Unanswered), 1);
}

#[test]
fn what_was_never_acknowledged_or_falsely_is_found() {
    let mut diary = diary();
    diary.say(0);
    diary.acked(Some(9), Some(9), false);
    let mut account = Account::default();
    account.check(&diary, &rows(5), &history(&RIGHT));
    assert_eq!(account.count(Wrong::Unacknowledged), 1);
    assert_eq!(account.count(Wrong::FalseAck), 1);
}

#[test]
fn a_screen_that_differs_is_found() {
    for shown in [
        &[1, 2, 3, 4][..],
        &[1, 2, 2, 3, 4, 5],
        &[2, 3, 4, 5],
        &[1, 3, 2, 4, 5],
    ] {
        let shown: Vec<Option<u64>> = shown.iter().copied().map(Some).collect();
        let mut account = Account::default();
        account.check(&diary(), &shown, &history(&RIGHT));
        assert_eq!(account.count(Wrong::Screen), 1, "{shown:?}");
    }
}
