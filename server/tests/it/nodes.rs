//! Two nodes with one store and a broker between them: a visitor may be anywhere.

use serde_json::json;

use crate::test_app::{TestApp, User, eventually, text_of};
use crate::test_broker::TestBroker;
use crate::test_socket::Socket;

/// The section of a configuration that names this broker.
pub(crate) fn over(broker: &TestBroker) -> String {
    let (kind, _) = broker.program.split_once('-').expect("a program's name");
    let port = broker.port;
    format!("[bus]\nkind = \"{kind}\"\nurl = \"{kind}://127.0.0.1:{port}\"\n")
}

pub(crate) async fn is_ready(app: &TestApp, expected: &str) {
    eventually(expected, async || {
        app.get("/readyz", &[]).await.body == expected
    })
    .await;
}

/// Two nodes that hear each other.
async fn pair(broker: &TestBroker) -> (TestApp, TestApp) {
    let one = TestApp::start_with(&over(broker));
    let two = one.beside(&over(broker));
    is_ready(&one, "ready\n").await;
    is_ready(&two, "ready\n").await;
    (one, two)
}

/// The same person, at another node with the token of this one.
pub(crate) fn at<'a>(node: &'a TestApp, user: &User<'_>) -> User<'a> {
    node.returning(user.token.clone())
}

/// Reads pieces until the text has grown so far; gives the id.
async fn grown(socket: &mut Socket, text: &str) -> String {
    let mut told = String::new();
    while told != text {
        let frame = socket.next().await;
        assert_eq!(frame["sM"], true, "{frame}");
        told.push_str(text_of(&frame));
        if told == text {
            return frame["messageId"].as_str().unwrap().to_owned();
        }
    }
    unreachable!("the text is not empty")
}

#[tokio::test]
async fn a_visitor_with_two_browsers_on_two_nodes_sees_the_same() {
    let broker = TestBroker::nats(&[]);
    let (one, two) = pair(&broker).await;
    let ann = one.user("ann").await;
    let mut here = ann.welcomed().await;
    let mut there = at(&two, &ann).socket("&isReconnect=true").await;
    // It has its place in the conversation.
    there.nothing_more().await;
    here.say(1, "hello").await;
    assert_eq!(text_of(&here.next().await), "echo hello");
    assert_eq!(there.next().await["type"], "user_message");
    assert_eq!(text_of(&there.next().await), "echo hello");
    there.say(2, "and back").await;
    assert_eq!(here.next().await["type"], "user_message");
    assert_eq!(text_of(&here.next().await), "echo and back");
    assert_eq!(text_of(&there.next().await), "echo and back");
    here.nothing_more().await;
    there.nothing_more().await;
}

#[tokio::test]
async fn an_answer_grows_on_both_nodes_and_is_stopped_from_the_other() {
    let broker = TestBroker::nats(&[]);
    let (one, two) = pair(&broker).await;
    let ann = one.user("ann").await;
    drop(ann.welcomed().await);
    let mut here = ann.socket("&after=1").await;
    let mut there = at(&two, &ann).socket("&after=1").await;
    there.nothing_more().await;
    here.say(1, "stream").await;
    let id = grown(&mut here, "Hello ").await;
    assert_eq!(there.next().await["type"], "user_message");
    assert_eq!(grown(&mut there, "Hello ").await, id);
    one.bot.go.notify_one();
    assert_eq!(text_of(&here.next().await), "wörld");
    assert_eq!(text_of(&there.next().await), "wörld");
    there.send(&json!({"type": "stop", "messageId": id})).await;
    for socket in [&mut here, &mut there] {
        let frame = socket.next().await;
        assert_eq!(text_of(&frame), "Hello wörld");
        assert_eq!(frame["message"][0]["stopped"], true);
        socket.nothing_more().await;
    }
}

#[tokio::test]
async fn revoked_access_closes_the_socket_on_the_other_node() {
    let broker = TestBroker::nats(&[]);
    let (one, two) = pair(&broker).await;
    let ann = one.user("ann").await;
    drop(ann.welcomed().await);
    let mut there = at(&two, &ann).socket("&isReconnect=true").await;
    let again = two.user("ann").await;
    let mut stays = again.socket("&isReconnect=true").await;
    let reply = ann.post("/api/oAuth/token/revoke", &json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(there.closed().await, Some(1008));
    stays.nothing_more().await;
}

#[tokio::test]
async fn without_the_broker_everything_goes_on_a_little_late() {
    let mut broker = TestBroker::nats(&[]);
    let (one, two) = pair(&broker).await;
    let ann = one.user("ann").await;
    let mut here = ann.welcomed().await;
    let mut there = at(&two, &ann).socket("&isReconnect=true").await;
    broker.kill();
    let degraded =
        "ready, but degraded: the bus is away, messages of other nodes come some seconds late\n";
    is_ready(&one, degraded).await;
    is_ready(&two, degraded).await;
    here.say(1, "hello").await;
    assert_eq!(text_of(&here.next().await), "echo hello");
    assert_eq!(there.next().await["type"], "user_message");
    assert_eq!(text_of(&there.next().await), "echo hello");
    // A third node starts all the same.
    let three = one.beside(&over(&broker));
    let mut late = at(&three, &ann).socket("&isReconnect=true&after=1").await;
    assert_eq!(late.next().await["type"], "user_message");
    assert_eq!(text_of(&late.next().await), "echo hello");
    // A logout ends the sockets of other nodes also now.
    let bob = one.user("bob").await;
    drop(bob.welcomed().await);
    let mut his = at(&two, &bob).socket("&isReconnect=true").await;
    let reply = bob.post("/api/oAuth/token/revoke", &json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(his.closed().await, Some(1008));
    broker.start();
    is_ready(&one, "ready\n").await;
    is_ready(&two, "ready\n").await;
    here.say(2, "again").await;
    assert_eq!(text_of(&here.next().await), "echo again");
    assert_eq!(there.next().await["type"], "user_message");
    assert_eq!(text_of(&there.next().await), "echo again");
}
