//! What nodes that share a broker must do, on a real NATS and on a real Redis.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use secrecy::SecretString;
use tokio::time::timeout;

use super::broker::{Broker, BrokerSettings, Credentials, connect};
use super::contract::{self, wake, wake_of};
use super::inbox::StoredMessages;
use super::looks::Reason;
use super::shared_limits::tests::{TestLimits, what_a_node_lets_through_is_told_to_the_others};
use super::test_broker::TestBroker;
use super::{
    Around, Bus, Event, Pace, Received, RelayedBus, SharedLimits, Streaming, Subscription, Typing,
    Wake,
};
use crate::clock::Millis;
use crate::ids::{Ids as _, RandomIds};
use crate::records::{ConversationId, Owner, StoredMessage};
use crate::shutdown::Shutdown;

/// Longer than any wait here that ends well.
const SOON: Duration = Duration::from_secs(30);
/// Fast, so that no test waits long; slow enough for a busy machine, on which a broker or a node may be silent for a moment.
const PACE: Pace = Pace {
    look_every: Duration::from_secs(1),
    beat: Duration::from_secs(1),
};

/// What all nodes of a test have stored.
#[derive(Default)]
struct TestStore {
    messages: Mutex<HashMap<ConversationId, Vec<StoredMessage>>>,
    reads: Mutex<Vec<u64>>,
}

impl TestStore {
    fn put(&self, wake: &Wake) {
        let Event::Stored(message) = &wake.event else {
            panic!("only messages are stored");
        };
        let mut all = self.messages.lock().unwrap();
        let messages = all.entry(wake.conversation).or_default();
        messages.push(StoredMessage::clone(message));
    }
}

#[async_trait]
impl StoredMessages for TestStore {
    async fn after(&self, conversation: ConversationId, seq: u64) -> Option<Vec<StoredMessage>> {
        self.reads.lock().unwrap().push(seq);
        let all = self.messages.lock().unwrap();
        let messages = all.get(&conversation).cloned().unwrap_or_default();
        Some(messages.into_iter().filter(|it| it.seq > seq).collect())
    }
}

/// A broker, a store, and as many nodes as a test wants.
pub(super) struct Cluster {
    pub(super) broker: TestBroker,
    settings: BrokerSettings,
    store: Arc<TestStore>,
}

pub(super) struct Node {
    bus: RelayedBus,
    pub(super) limits: Arc<TestLimits>,
    shutdown: Shutdown,
    store: Arc<TestStore>,
}

impl Cluster {
    fn start(broker: Broker) -> Self {
        let running = match broker {
            Broker::Nats => TestBroker::nats(&[]),
            Broker::Redis => TestBroker::redis(&[]),
        };
        let settings = BrokerSettings {
            broker,
            host: "127.0.0.1".to_owned(),
            port: running.port,
            tls: false,
            ca_file: None,
            credentials: Credentials::None,
            prefix: "parlour.test".to_owned(),
        };
        Self {
            broker: running,
            settings,
            store: Arc::default(),
        }
    }

    /// A node that may not have its connection yet.
    fn node_at_once(&self) -> Node {
        let shutdown = Shutdown::new();
        let store = Arc::clone(&self.store);
        let stored = Arc::clone(&store) as Arc<dyn StoredMessages>;
        let limits = Arc::<TestLimits>::default();
        let around = Around {
            node: RandomIds.uuid(),
            stored,
            limits: Arc::clone(&limits) as Arc<dyn SharedLimits>,
        };
        let bus = RelayedBus::start(self.settings.clone(), PACE, around, &shutdown);
        Node {
            bus,
            limits,
            shutdown,
            store,
        }
    }

    pub(super) async fn node(&self) -> Node {
        let node = self.node_at_once();
        node.is_connected().await;
        node
    }
}

impl Node {
    pub(super) async fn is_connected(&self) {
        eventually("a connection", || !self.bus.is_degraded()).await;
    }

    pub(super) async fn is_away(&self) {
        eventually("no connection", || self.bus.is_degraded()).await;
    }

    async fn listen(&self, conversation: i64) -> Subscription {
        let conversation = ConversationId(conversation);
        self.bus.subscribe(conversation).await.unwrap()
    }

    /// Stores a message, then tells.
    async fn store(&self, wake: Wake) {
        self.store.put(&wake);
        self.bus.publish(wake).await.unwrap();
    }

    async fn tell(&self, conversation: i64, event: Event) {
        let conversation = ConversationId(conversation);
        let wake = Wake {
            conversation,
            event,
        };
        self.bus.publish(wake).await.unwrap();
    }

    pub(super) async fn stop(self) {
        assert_eq!(self.shutdown.drain(SOON).await.left, 0);
    }
}

/// Waits for a condition.
pub(super) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = timeout(SOON, waiting).await;
    assert!(waited.is_ok(), "{what} did not come");
}

/// The next event that is no look.
async fn next(subscription: &mut Subscription) -> Event {
    loop {
        let received = timeout(SOON, subscription.recv()).await.expect("an event");
        match received {
            Received::Wake(wake) if wake.event == Event::Look => {}
            Received::Wake(wake) => return wake.event,
            Received::Lagged => panic!("nobody is that slow"),
        }
    }
}

async fn looks(subscription: &mut Subscription) {
    let look = async {
        loop {
            if let Received::Wake(wake) = subscription.recv().await
                && wake.event == Event::Look
            {
                return;
            }
        }
    };
    assert!(timeout(SOON, look).await.is_ok(), "nobody looks");
}

fn grown(from: usize, text: &str) -> Event {
    Event::Streaming(Arc::new(Streaming {
        message_id: "ms-9".to_owned(),
        attempt: 1,
        began: Millis(5),
        behind: Some(8),
        from,
        text: text.to_owned(),
        session_id: "ss-1".to_owned(),
    }))
}

fn is_grown(received: &Received, text: &str) -> bool {
    let Received::Wake(wake) = received else {
        return false;
    };
    matches!(&wake.event, Event::Streaming(streaming) if streaming.text == text)
}

/// Everything, on one kind of broker.
async fn passes(broker: Broker) {
    let cluster = Cluster::start(broker);
    contract::passes(&cluster.node().await.bus).await;
    what_happens_on_one_node_is_heard_on_the_others_in_order(&cluster).await;
    a_stored_message_is_read_once_for_all_listeners_of_a_node(&cluster).await;
    a_growing_answer_is_put_together_again(&cluster).await;
    nobody_hears_of_what_nobody_listens_to(&cluster).await;
    what_a_node_lets_through_is_told_to_the_others(&cluster).await;
    who_subscribes_is_known_to_the_broker_then(&cluster).await;
    a_node_that_falls_silent_lets_the_others_look(&cluster).await;
    a_broker_that_dies_and_comes_back_costs_nothing_but_time(cluster).await;
}

async fn what_happens_on_one_node_is_heard_on_the_others_in_order(cluster: &Cluster) {
    let (one, two, three) = (
        cluster.node().await,
        cluster.node().await,
        cluster.node().await,
    );
    let mut heard = [
        two.listen(100).await,
        three.listen(100).await,
        one.listen(100).await,
    ];
    let typing = Event::Typing(Typing {
        agent: Some("Ann".into()),
        types: true,
        doing: None,
    });
    let told = [
        Event::Owner(Owner::Agent("Ann".to_owned())),
        wake(100, 1).event,
        typing,
        wake(100, 2).event,
        Event::Stop("ms-7".into()),
        Event::Access,
        wake(100, 3).event,
        Event::SessionEnded("ss-1".into()),
        Event::Owner(Owner::Bot),
    ];
    for event in &told {
        match event {
            Event::Stored(message) => one.store(wake(100, message.seq)).await,
            event => one.tell(100, event.clone()).await,
        }
    }
    for subscription in &mut heard {
        for event in &told {
            assert_eq!(next(subscription).await, *event);
        }
    }
    drop(heard);
    for node in [one, two, three] {
        node.stop().await;
    }
}

async fn a_stored_message_is_read_once_for_all_listeners_of_a_node(cluster: &Cluster) {
    let (one, two) = (cluster.node().await, cluster.node().await);
    let mut heard = [two.listen(101).await, two.listen(101).await];
    cluster.store.reads.lock().unwrap().clear();
    for seq in 1..=3 {
        one.store(wake_of(101, seq, 900)).await;
        for subscription in &mut heard {
            assert_eq!(next(subscription).await, wake_of(101, seq, 900).event);
        }
    }
    assert_eq!(*cluster.store.reads.lock().unwrap(), [0, 1, 2]);
    // What was lost on the way is read with the next one.
    for seq in 4..=6 {
        cluster.store.put(&wake(101, seq));
    }
    one.store(wake(101, 7)).await;
    for subscription in &mut heard {
        for seq in 4..=7 {
            assert_eq!(next(subscription).await, wake(101, seq).event);
        }
    }
    // A message that cannot be found is looked for by the sockets.
    one.bus.publish(wake(101, 90)).await.unwrap();
    looks(&mut heard[0]).await;
    let sent = one.bus.counters().sent_bytes.load(Ordering::Relaxed);
    assert!(sent < 7 * 120, "{sent} bytes for seven messages");
}

async fn a_growing_answer_is_put_together_again(cluster: &Cluster) {
    let (one, two) = (cluster.node().await, cluster.node().await);
    let mut heard = two.listen(102).await;
    let (mut text, mut late) = (String::new(), None);
    let mut seen = Vec::new();
    for word in 0..300 {
        let from = text.len();
        text.push_str("wörd ");
        if word == 120 {
            // It comes in the middle, on a node that has missed the beginning.
            let three = cluster.node().await;
            let subscription = three.listen(102).await;
            late = Some((three, subscription));
        }
        one.tell(102, grown(from, &text)).await;
        assert_eq!(next(&mut heard).await, grown(from, &text));
        let taken = late.as_mut().and_then(|(_, it)| it.recv().now_or_never());
        seen.extend(taken);
    }
    let (three, mut subscription) = late.unwrap();
    while seen.last().is_none_or(|it| !is_grown(it, &text)) {
        let received = timeout(SOON, subscription.recv()).await;
        seen.push(received.expect("the end of the text"));
    }
    let first = (700..1_100).any(|end| {
        seen.iter()
            .any(|it| is_grown(it, text.get(..end).unwrap_or("-")))
    });
    assert!(first, "it caught up before long");
    let sent = one.bus.counters().sent_bytes.load(Ordering::Relaxed);
    assert!(
        sent < 80_000,
        "{sent} bytes for an answer of {}",
        text.len()
    );
    drop((three, subscription));
}

async fn nobody_hears_of_what_nobody_listens_to(cluster: &Cluster) {
    let (one, two) = (cluster.node().await, cluster.node().await);
    let mut heard = two.listen(103).await;
    drop(two.listen(104).await);
    let before = two.bus.counters().received.load(Ordering::Relaxed);
    // The first to listen after the last has left is heard again.
    let again = two.listen(104).await;
    drop(again);
    let mut again = two.listen(104).await;
    one.tell(104, Event::Access).await;
    assert_eq!(next(&mut again).await, Event::Access);
    drop(again);
    for _ in 0..200 {
        one.tell(105, Event::Access).await;
    }
    one.tell(103, Event::Access).await;
    assert_eq!(next(&mut heard).await, Event::Access);
    let received = two.bus.counters().received.load(Ordering::Relaxed) - before;
    // Two, and what nodes say of themselves.
    assert!(received < 150, "{received}");
}

async fn who_subscribes_is_known_to_the_broker_then(cluster: &Cluster) {
    let (one, two) = (cluster.node().await, cluster.node().await);
    for conversation in 1_000..1_200 {
        let mut heard = two.listen(conversation).await;
        one.tell(conversation, Event::Access).await;
        assert_eq!(next(&mut heard).await, Event::Access);
    }
}

async fn a_node_that_falls_silent_lets_the_others_look(cluster: &Cluster) {
    let (one, two) = (cluster.node().await, cluster.node().await);
    let mut heard = two.listen(106).await;
    // It says goodbye, so nobody misses it.
    let polite = cluster.node().await;
    polite.stop().await;
    let (runtime, silent) = std::thread::scope(|threads| {
        // A runtime that stands still is a node that hangs.
        let started = threads.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            let node = runtime.block_on(cluster.node());
            (runtime, node)
        });
        started.join().unwrap()
    });
    let silence = || two.bus.looks().has(Reason::Silent);
    eventually("silence", silence).await;
    looks(&mut heard).await;
    assert!(!two.bus.is_degraded(), "the bus itself is there");
    // It is a node of its own thread: there it goes on, and ends.
    let ended = tokio::task::spawn_blocking(move || runtime.block_on(silent.stop()));
    ended.await.unwrap();
    eventually("no silence", || !silence()).await;
    drop(one);
}

async fn a_broker_that_dies_and_comes_back_costs_nothing_but_time(mut cluster: Cluster) {
    let (one, two) = (cluster.node().await, cluster.node().await);
    let mut all = Vec::new();
    for conversation in 200..400 {
        all.push(two.listen(conversation).await);
    }
    for frozen in [false, true] {
        if frozen {
            cluster.broker.freeze();
        } else {
            cluster.broker.kill();
        }
        one.is_away().await;
        two.is_away().await;
        for subscription in &mut all {
            looks(subscription).await;
        }
        // Publishing does not wait, and what is here is told here.
        let mut here = one.listen(200).await;
        let dropped = || one.bus.counters().dropped.load(Ordering::Relaxed);
        let before = dropped();
        one.tell(200, Event::Access).await;
        assert_eq!(next(&mut here).await, Event::Access);
        assert_eq!(dropped(), before + 1);
        // A node that starts meanwhile works, and hears as soon as there is something to hear.
        let late = cluster.node_at_once();
        let mut waits = late.listen(201).await;
        looks(&mut waits).await;
        if frozen {
            cluster.broker.thaw();
        } else {
            cluster.broker.start();
        }
        for node in [&one, &two, &late] {
            node.is_connected().await;
        }
        let count = || two.bus.looks().count();
        let begun = count();
        // It is told to look by itself and by two others, and goes around a few times at most.
        one.tell(201, Event::Stop("ms-1".into())).await;
        assert_eq!(next(&mut waits).await, Event::Stop("ms-1".into()));
        assert_eq!(next(&mut all[1]).await, Event::Stop("ms-1".into()));
        let most = 5 * 200;
        let mut rest = count();
        loop {
            tokio::time::sleep(2 * PACE.look_every).await;
            let before = std::mem::replace(&mut rest, count());
            if rest == before || rest - begun > most {
                break;
            }
        }
        assert!(rest - begun <= most, "{} looks of 200", rest - begun);
        drop(waits);
        // A node that ends without a connection cannot say goodbye, and the others would look for it.
        late.is_connected().await;
        late.stop().await;
    }
    drop(all);
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_over_nats_keeps_its_promises() {
    Box::pin(passes(Broker::Nats)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_over_redis_keeps_its_promises() {
    Box::pin(passes(Broker::Redis)).await;
}

#[tokio::test]
async fn a_broker_with_a_password_lets_in_who_knows_it() {
    let secret = |text: &str| SecretString::from(text.to_owned());
    let user =
        |name: &str, password: &str| Credentials::Password(Some(name.to_owned()), secret(password));
    let nats = TestBroker::nats(&["--user", "ann", "--pass", "hush"]);
    let token = TestBroker::nats(&["--auth", "hush"]);
    let redis = TestBroker::redis(&["--requirepass", "hush"]);
    for (broker, port, credentials, enters) in [
        (Broker::Nats, nats.port, user("ann", "hush"), true),
        (Broker::Nats, nats.port, user("ann", "wrong"), false),
        (Broker::Nats, nats.port, Credentials::None, false),
        (
            Broker::Nats,
            token.port,
            Credentials::Token(secret("hush")),
            true,
        ),
        (
            Broker::Nats,
            token.port,
            Credentials::Token(secret("wrong")),
            false,
        ),
        (Broker::Redis, redis.port, user("default", "hush"), true),
        (
            Broker::Redis,
            redis.port,
            Credentials::Password(None, secret("hush")),
            true,
        ),
        (
            Broker::Redis,
            redis.port,
            Credentials::Password(None, secret("wrong")),
            false,
        ),
        (Broker::Redis, redis.port, Credentials::None, false),
    ] {
        let settings = BrokerSettings {
            broker,
            host: "localhost".to_owned(),
            port,
            tls: false,
            ca_file: None,
            credentials,
            prefix: "p".to_owned(),
        };
        let connected = connect(&settings).await.map(drop);
        let told = connected.as_ref().err().map(ToString::to_string);
        assert_eq!(connected.is_ok(), enters, "{settings:?}: {told:?}");
        let told = told.unwrap_or_default();
        assert!(enters || told.starts_with("the broker refuses"), "{told}");
        assert!(!format!("{settings:?}{told}").contains("hush"));
    }
}

#[tokio::test]
async fn a_broker_is_believed_by_its_certificate_and_its_name() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/testdata");
    let (ca, other) = ("ca.cert.pem", "other-ca.cert.pem");
    let plain = [TestBroker::nats(&[]), TestBroker::redis(&[])];
    let encrypted = [TestBroker::encrypted_nats(), TestBroker::encrypted_redis()];
    for (index, broker) in [Broker::Nats, Broker::Redis].into_iter().enumerate() {
        for (running, host, tls, ca, enters) in [
            (&encrypted, "localhost", true, ca, true),
            (&encrypted, "localhost", true, other, false),
            // It listens there, too, and the certificate is for another name.
            (&encrypted, "0.0.0.0", true, ca, false),
            // NATS tells its clients to encrypt, so a node does it unasked; Redis is not understood.
            (&encrypted, "localhost", false, ca, broker == Broker::Nats),
            (&plain, "localhost", true, ca, false),
        ] {
            let settings = BrokerSettings {
                broker,
                host: host.to_owned(),
                port: running[index].port,
                tls,
                ca_file: Some(testdata.join(ca)),
                credentials: Credentials::None,
                prefix: "p".to_owned(),
            };
            let connected = connect(&settings).await.map(drop);
            assert_eq!(connected.is_ok(), enters, "{settings:?}: {connected:?}");
        }
    }
    // All the way.
    for (broker, running) in [Broker::Nats, Broker::Redis].into_iter().zip(encrypted) {
        let settings = BrokerSettings {
            broker,
            host: "localhost".to_owned(),
            port: running.port,
            tls: true,
            ca_file: Some(testdata.join(ca)),
            credentials: Credentials::None,
            prefix: "p".to_owned(),
        };
        let cluster = Cluster {
            broker: running,
            settings,
            store: Arc::default(),
        };
        let (one, two) = (cluster.node().await, cluster.node().await);
        let mut listener = two.listen(7).await;
        one.store(wake(7, 1)).await;
        let heard = timeout(SOON, listener.recv()).await;
        assert_eq!(heard, Ok(Received::Wake(wake(7, 1))));
        one.stop().await;
        two.stop().await;
    }
}

#[tokio::test]
async fn one_kind_of_broker_is_not_taken_for_the_other() {
    let cluster = Cluster::start(Broker::Nats);
    let settings = BrokerSettings {
        broker: Broker::Redis,
        ..cluster.settings.clone()
    };
    let told = connect(&settings).await.map(drop).unwrap_err().to_string();
    assert!(told.contains("correct bus.kind"), "{told}");
}
