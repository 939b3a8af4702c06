//! Limits on the turns of a bot: who asks for more gets a sentence in the bot's place, also after a restart.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::test_app::{TestApp, text_of};

const THREE_A_DAY: &str =
    "[bots.st-test.limits]\nvisitor_turns_per_minute = 0\nvisitor_turns_per_day = 3\n";
const FULL: &str = "That was all that this chat can answer today. Please come back tomorrow.";

#[tokio::test]
async fn a_turn_too_many_is_stored_and_answered_by_a_sentence_and_not_by_the_bot() {
    let app = TestApp::start_with(THREE_A_DAY);
    let ann = app.user("ann").await;
    // The welcome is a turn, too.
    let mut socket = ann.welcomed().await;
    for (id, text) in [(1, "one"), (2, "two")] {
        socket.say(id, text).await;
        assert_eq!(text_of(&socket.next().await), format!("echo {text}"));
    }
    socket.say(3, "three").await;
    assert_eq!(text_of(&socket.next().await), FULL);
    assert_eq!(app.bot.asked.load(Ordering::SeqCst), 3);
    // Another visitor's day is another's.
    let mut other = app.user("bob").await.welcomed().await;
    other.say(1, "hi").await;
    assert_eq!(text_of(&other.next().await), "echo hi");
    // A restart forgets nothing, a new day begins with nothing.
    drop((socket, other));
    app.stop().await;
    let app = app.again_with(THREE_A_DAY);
    let ann = app.user("ann").await;
    let mut socket = ann.socket("&isReconnect=true").await;
    socket.say(4, "four").await;
    assert_eq!(text_of(&socket.next().await), FULL);
    assert_eq!(app.bot.asked.load(Ordering::SeqCst), 0);
    app.clock.advance(Duration::from_hours(24));
    let ann = app.user("ann").await;
    let mut socket = ann.socket("&after=9").await;
    assert_eq!(text_of(&socket.next().await), "Welcome");
    socket.say(5, "five").await;
    assert_eq!(text_of(&socket.next().await), "echo five");
    let said = ann.history().await;
    assert_eq!(said.iter().filter(|(_, _, text)| text == FULL).count(), 2);
}

#[tokio::test]
async fn an_address_shares_its_turns_and_a_minute_later_there_are_more() {
    let app = TestApp::start_with("[bots.st-test.limits]\naddress_turns_per_minute = 3\n");
    let mut ann = app.user("ann").await.welcomed().await;
    let mut bob = app.user("bob").await.welcomed().await;
    ann.say(1, "one").await;
    assert_eq!(text_of(&ann.next().await), "echo one");
    bob.say(1, "one").await;
    let wait = "That was a lot at once. Please wait a minute, then ask again.";
    assert_eq!(text_of(&bob.next().await), wait);
    app.clock.advance(Duration::from_mins(1));
    bob.say(2, "two").await;
    assert_eq!(text_of(&bob.next().await), "echo two");
}
