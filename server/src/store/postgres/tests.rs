//! The contract on PostgreSQL, by one node and by two, and what only PostgreSQL must do.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;

use super::by_turns::ByTurns;
use super::connect::Way;
use super::test_server::TestServer;
use super::{PostgresOptions, PostgresStore, alone, migrations};
use crate::clock::Millis;
use crate::limits::LEASE;
use crate::store::contract::{Database, run_contract};
use crate::store::{
    ConversationId, Fingerprint, HistoryFrom, HistoryQuery, NewMessage, NodeRecord, OpenMode,
    OpenSession, Owner, SecretHash, Store, StoreError,
};

static SERVER: LazyLock<TestServer> = LazyLock::new(TestServer::start);

/// The name of a database with the schema and nothing in it.
static EMPTY: LazyLock<String> = LazyLock::new(|| {
    let name = SERVER.database(None);
    migrate(&options(&SERVER, &name)).expect("a schema");
    name
});

fn migrate(options: &PostgresOptions) -> Result<(), StoreError> {
    let way = Way::new(&options.server, None, true)?;
    alone(async move { migrations::run(&way).await })
}

fn options(server: &TestServer, database: &str) -> PostgresOptions {
    let address = server.address(database).parse().expect("an address");
    PostgresOptions::new(address)
}

/// A database of its own.
struct Fresh(String);

impl Fresh {
    fn new() -> Self {
        Self(SERVER.database(Some(&EMPTY)))
    }

    fn options(&self) -> PostgresOptions {
        options(&SERVER, &self.0)
    }

    fn open(&self) -> PostgresStore {
        PostgresStore::open(&self.options()).expect("opens")
    }

    fn sql(&self, statements: &str) -> String {
        SERVER.sql(&self.0, statements)
    }
}

#[async_trait]
impl Database for Fresh {
    async fn open_as(&self, node: &str) -> Arc<dyn Store> {
        let options = PostgresOptions {
            node: node.into(),
            ..self.options()
        };
        Arc::new(PostgresStore::open(&options).expect("opens"))
    }

    async fn pass(&self, time: Duration) {
        let time = time.as_millis();
        self.sql(&format!(
            "UPDATE conversations SET lease_until = lease_until - {time};
             UPDATE nodes SET until = until - {time}"
        ));
    }
}

run_contract!(super::Fresh::new());

/// Two nodes on one database, who are asked by turns.
struct TwoNodes(Fresh);

#[async_trait]
impl Database for TwoNodes {
    async fn open_as(&self, node: &str) -> Arc<dyn Store> {
        let options = PostgresOptions {
            node: node.into(),
            ..self.0.options()
        };
        let open = || PostgresStore::open(&options).expect("opens");
        Arc::new(ByTurns::new([open(), open()]))
    }
}

/// All that race, and what one node begins and another goes on with.
mod two_nodes {
    use super::{Fresh, TwoNodes, run_contract};

    run_contract! { @each super::TwoNodes(super::Fresh::new());
        access {
            a_user_seen_by_many_at_once_is_made_once
            a_ticket_is_taken_exactly_once_by_racing_tasks
            racing_replays_pass_exactly_once
            ended_access_is_listed_for_other_nodes_with_its_newest_end
            who_signed_out_has_no_access_in_any_app_and_gets_none_for_what_was_issued_before
        }
        sessions {
            an_active_session_is_continued_or_replaced_by_mode
            racing_connections_share_one_conversation_and_one_welcome
        }
        messages {
            messages_get_sequences_in_order_without_gaps
            a_message_sent_again_is_stored_once
            the_same_message_at_once_on_many_sockets_is_stored_once
            a_failing_message_harms_no_other_of_its_batch
        }
        retention { one_step_is_bounded_and_others_write_between_two }
        owners {
            a_turn_whose_conversation_was_taken_over_changes_nothing
            an_owner_that_races_with_an_answer_comes_before_or_after_it
            the_same_answer_at_once_is_stored_once
            an_owner_is_changed_by_whom_it_is_meant_for
        }
        users {
            a_forgotten_user_is_gone_with_everything_and_others_stay
            an_erasure_is_told_to_others_and_forgotten_after_a_day
            a_user_without_messages_goes_when_it_is_old
        }
        counters { racing_spendings_share_one_limit }
        jobs {
            racing_completions_answer_once
            what_comes_next_is_told_without_asking
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_sockets_of_a_user_on_a_node_that_lives_are_known_to_the_others() {
    let database = Fresh::new();
    let left = database.open_as("left").await;
    let right = database.open_as("right").await;
    for node in [&left, &right] {
        node.join(NodeRecord::default(), NOW).await.expect("joins");
    }
    let seats = |sockets| vec![("u-1".to_owned(), sockets), ("u-2".to_owned(), 1)];
    left.put_seats(seats(3)).await.expect("notes");
    right.put_seats(seats(2)).await.expect("notes");
    assert_eq!(right.seats_elsewhere("u-1").await, Ok(3));
    assert_eq!(left.seats_elsewhere("u-1").await, Ok(2));
    assert_eq!(left.seats_elsewhere("u-2").await, Ok(0));
    left.put_seats(seats(5)).await.expect("notes");
    assert_eq!(right.seats_elsewhere("u-1").await, Ok(5));
    left.put_seats(seats(1)).await.expect("notes");
    assert_eq!(right.seats_elsewhere("u-1").await, Ok(0));
    // A node that ends, and one that dies.
    left.put_seats(seats(4)).await.expect("notes");
    left.close().await.expect("closes");
    assert_eq!(right.seats_elsewhere("u-1").await, Ok(0));
    let third = database.open_as("third").await;
    assert_eq!(third.seats_elsewhere("u-1").await, Ok(2));
    database.pass(2 * LEASE).await;
    assert_eq!(third.seats_elsewhere("u-1").await, Ok(0));
    database.pass(Duration::from_mins(1)).await;
    third.sweep(NOW).await.expect("sweeps");
    assert_eq!(database.sql("SELECT count(*) FROM seats"), "0");
}

const NOW: Millis = Millis(1_800_000_000_000);

async fn conversation(store: &dyn Store, identity: &str) -> ConversationId {
    let id = format!("u-{identity}");
    let user = store.user("cs-demo", identity, &id, NOW);
    let open = OpenSession {
        user: user.await.expect("a user").id,
        bot: "st-demo".to_owned(),
        app: "cs-demo".to_owned(),
        mode: OpenMode::Default,
        new_session_id: "ss-1".to_owned(),
        new_conversation_name: format!("cv-{identity}"),
        idle: Duration::from_mins(1),
        now: NOW,
        context: String::new(),
        at_once: None,
    };
    let opened = store.open_session(open).await;
    opened.expect("a session").conversation
}

fn message(conversation: ConversationId, id: usize) -> NewMessage {
    NewMessage {
        conversation,
        message_id: format!("ms-{id}"),
        client_message_id: Some(id.to_string()),
        words: Fingerprint::of(id.to_string()),
        body: "{}".to_owned(),
        session_id: "ss-1".to_owned(),
        context: String::new(),
        at_once: None,
        now: NOW,
    }
}

/// The client's ids of what is stored, oldest first.
async fn stored(store: &dyn Store, conversation: ConversationId) -> Vec<usize> {
    let query = HistoryQuery {
        conversation,
        from: HistoryFrom::After(0),
        limit: 1_000,
    };
    let page = store.history(query).await.expect("reads");
    let ids = page.messages.iter();
    ids.filter_map(|it| it.client_message_id.as_deref()?.parse().ok())
        .collect()
}

#[tokio::test]
async fn nodes_that_start_together_make_one_schema() {
    let options = options(&SERVER, &SERVER.database(None));
    let starting = (0..3).map(|_| {
        let options = options.clone();
        tokio::task::spawn_blocking(move || migrate(&options))
    });
    for started in join_all(starting).await {
        assert_eq!(started.expect("ends"), Ok(()));
    }
    PostgresStore::beside(&options).expect("it is there");
}

#[tokio::test]
async fn a_database_that_is_not_for_us_is_refused_and_left_alone() {
    let newer = Fresh::new();
    newer.sql("INSERT INTO refinery_schema_history VALUES (99, 'later', '', '')");
    let known = migrations::known();
    let refused = PostgresStore::open(&newer.options()).err();
    let too_new = StoreError::TooNew { found: 99, known };
    assert_eq!(refused, Some(too_new));
    let theirs = SERVER.database(None);
    SERVER.sql(&theirs, "CREATE TABLE recipes (name text)");
    let refused = PostgresStore::open(&options(&SERVER, &theirs)).err();
    assert!(matches!(refused, Some(StoreError::Corrupt { .. })));
    let tables = SERVER.sql(
        &theirs,
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'",
    );
    assert_eq!(tables, "1");
    let empty = options(&SERVER, &SERVER.database(None));
    PostgresStore::beside(&empty).err().expect("makes nothing");
}

#[tokio::test]
async fn commits_wait_for_the_disk_unless_told_otherwise() {
    for (durable, expected) in [(true, "on"), (false, "off")] {
        let database = Fresh::new();
        database.sql(&format!(
            "ALTER DATABASE {} SET synchronous_commit = off",
            database.0
        ));
        let options = PostgresOptions {
            durable,
            ..database.options()
        };
        let store = PostgresStore::open(&options).expect("opens");
        let client = store.pool.lend().await.expect("a connection");
        let found = client.query_one("SHOW synchronous_commit", &[]).await;
        let found: String = found.expect("is set").get(0);
        assert_eq!(found, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_together_is_committed_together() {
    let database = Fresh::new();
    let store = database.open();
    let here = conversation(&store, "ann").await;
    let commits = || {
        let count = "SELECT count(DISTINCT xmin::text) FROM messages";
        database.sql(count).parse::<usize>().expect("a number")
    };
    let appended = join_all((0..200).map(|id| store.append_message(message(here, id)))).await;
    assert!(appended.iter().all(Result::is_ok));
    assert!(commits() < 20, "{}", commits());
    assert_eq!(stored(&store, here).await.len(), 200);
}

#[tokio::test]
async fn a_text_may_have_characters_that_postgresql_has_not() {
    let store = Fresh::new().open();
    let here = conversation(&store, "ann").await;
    let name = Owner::Agent("Ann\0Agent".to_owned());
    let before = store.set_owner(here, None, name.clone(), NOW).await;
    assert_eq!(before, Ok(Some(Owner::Bot)));
    let given = store.set_owner(here, Some(name), Owner::Queue, NOW).await;
    assert!(given.expect("is known").is_some());
    assert_eq!(store.conversation_named("\0").await, Ok(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_write_to_the_same_conversations_never_wait_for_each_other_in_a_circle() {
    let database = Fresh::new();
    let nodes = [database.open(), database.open()];
    let names: Vec<String> = (0..20).map(|number| format!("v{number}")).collect();
    let mut conversations = Vec::new();
    for name in &names {
        conversations.push(conversation(&nodes[0], name).await);
    }
    // Each node in another order.
    let sends = (0..2_000).map(|id| {
        let place = if id % 2 == 0 {
            id / 2 % 20
        } else {
            19 - id / 2 % 20
        };
        nodes[id % 2].append_message(message(conversations[place], id))
    });
    for sent in join_all(sends).await {
        assert!(!sent.expect("appends").duplicate);
    }
    for here in conversations {
        assert_eq!(stored(&nodes[1], here).await.len(), 100);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_connection_costs_nothing_that_was_acknowledged() {
    let database = Fresh::new();
    let store = database.open();
    let here = conversation(&store, "ann").await;
    let mut acknowledged = Vec::new();
    for round in 0..10 {
        let ids = round * 50..(round + 1) * 50;
        let sends = join_all(
            ids.clone()
                .map(|id| store.append_message(message(here, id))),
        );
        let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let killed = tokio::task::block_in_place(|| database.sql(kill));
        drop(killed);
        for (id, sent) in ids.zip(sends.await) {
            match sent {
                Ok(_) => acknowledged.push(id),
                Err(error) => assert!(error.is_temporary(), "{error}"),
            }
        }
    }
    // Who was not acknowledged sends again.
    for id in (0..500).filter(|id| !acknowledged.contains(id)) {
        store
            .append_message(message(here, id))
            .await
            .expect("appends");
    }
    let mut all = stored(&store, here).await;
    all.sort_unstable();
    assert_eq!(all, (0..500).collect::<Vec<_>>());
    assert_eq!(store.health().await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_of_postgresql_nothing_acknowledged_is_missing_and_it_goes_on_by_itself() {
    let server = TestServer::start();
    let database = server.database(None);
    let store = PostgresStore::open(&options(&server, &database)).expect("opens");
    let here = conversation(&store, "ann").await;
    let first = join_all((0..100).map(|id| store.append_message(message(here, id)))).await;
    assert!(first.iter().all(Result::is_ok));
    tokio::task::block_in_place(|| server.kill());
    let refused = store.append_message(message(here, 100)).await.err();
    let refused = refused.expect("nobody is there");
    assert!(refused.is_temporary(), "{refused}");
    assert!(store.health().await.is_err());
    tokio::task::block_in_place(|| server.start_again());
    assert_eq!(store.health().await, Ok(()));
    let again = store.append_message(message(here, 100)).await;
    again.expect("goes on");
    assert_eq!(stored(&store, here).await.len(), 101);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_that_hangs_is_given_up_in_time_and_used_when_it_goes_on() {
    let server = TestServer::start();
    let database = server.database(None);
    let store = PostgresStore::open(&options(&server, &database)).expect("opens");
    let here = conversation(&store, "ann").await;
    let reading = || store.token(SecretHash::of("a"), NOW);
    assert_eq!(reading().await, Ok(None));
    server.freeze();
    let begun = std::time::Instant::now();
    let writing = store.append_message(message(here, 1));
    let (read, written) = futures_util::join!(reading(), writing);
    let waited = begun.elapsed();
    server.thaw();
    for error in [read.map(drop).unwrap_err(), written.map(drop).unwrap_err()] {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    }
    assert!(waited < Duration::from_secs(15), "{waited:?}");
    let again = async { while store.append_message(message(here, 1)).await.is_err() {} };
    let again = tokio::time::timeout(Duration::from_mins(1), again);
    again.await.expect("it goes on");
    assert_eq!(stored(&store, here).await, [1]);
}

#[tokio::test]
async fn an_error_names_no_contents() {
    let database = Fresh::new();
    let store = database.open();
    let here = conversation(&store, "ann").await;
    database.sql("ALTER TABLE messages ADD CHECK (message_id <> 'ms-7')");
    let sends = (0..20).map(|id| store.append_message(message(here, id)));
    for (id, sent) in join_all(sends).await.into_iter().enumerate() {
        let Err(error) = sent else {
            assert_ne!(id, 7);
            continue;
        };
        assert_eq!(id, 7, "the others of its batch stand");
        let words = error.to_string();
        assert!(matches!(error, StoreError::Refused { .. }) && words.contains("23514"));
        assert!(
            !words.contains("ms-7") && !words.contains("INSERT"),
            "{words}"
        );
    }
    assert_eq!(stored(&store, here).await.len(), 19);
}

#[path = "transfer_tests.rs"]
mod transfer;
