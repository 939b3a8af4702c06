//! The session against a model of the server, in any order of events: nothing is lost, nothing is
//! doubled, the order is the server's, and the machine never stands still.
#![expect(
    clippy::unwrap_used,
    reason = "a test says where it fails by panicking"
)]

mod company;
mod kept;
mod model;

use model::World;
use proptest::prelude::*;
use protocol::error::Failure;

/// Something that a world full of bad luck does.
#[derive(Clone, Debug)]
enum Step {
    /// The visitor says something.
    Say,
    /// The bot says something by itself.
    BotSays,
    /// The visitor says something on another device.
    OtherSays,
    /// The client's next frame reaches the server.
    ToServer,
    /// The server's next frame reaches the client.
    ToClient,
    /// The server's next frame comes twice.
    ToClientTwice,
    /// The next pending step of connecting succeeds.
    Works,
    /// …or does not.
    Fails(Failure),
    /// The socket closes; what is under way on it is lost.
    Drop,
    /// The socket dies silently: frames vanish, nobody is told.
    Vanish,
    /// Some armed timer fires, in any order.
    Timer(usize),
    /// The clock jumps.
    Clock(u64),
    /// The page wakes up.
    Wake,
    /// The server is too busy for the next message.
    Busy,
    /// The server has pruned: a reconnect cannot replay.
    Prune,
    /// The token ends on the server, before its time or after.
    TokenEnds,
    /// The page is reloaded: only the outbox and the server's page survive.
    Reload,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Say),
        3 => Just(Step::BotSays),
        2 => Just(Step::OtherSays),
        10 => Just(Step::ToServer),
        10 => Just(Step::ToClient),
        1 => Just(Step::ToClientTwice),
        10 => Just(Step::Works),
        1 => Just(Step::Fails(Failure::Retry)),
        1 => Just(Step::Fails(Failure::Reauthorize)),
        2 => Just(Step::Drop),
        1 => Just(Step::Vanish),
        4 => any::<usize>().prop_map(Step::Timer),
        1 => any::<u64>().prop_map(Step::Clock),
        1 => Just(Step::Wake),
        1 => Just(Step::Busy),
        1 => Just(Step::Prune),
        1 => Just(Step::TokenEnds),
        1 => Just(Step::Reload),
    ]
}

fn run(world: &mut World, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Say => world.say(),
            Step::BotSays => world.server_says(None),
            Step::OtherSays => world.other_device_says(),
            Step::ToServer => world.deliver_up(),
            Step::ToClient => world.deliver_down(1),
            Step::ToClientTwice => world.deliver_down(2),
            Step::Works => world.step_works(),
            Step::Fails(failure) => world.step_fails(*failure),
            Step::Drop => world.drop_socket(),
            Step::Vanish => world.vanish(),
            Step::Timer(which) => world.fire(*which),
            Step::Clock(now) => world.now_ms = *now,
            Step::Wake => world.wake(),
            Step::Busy => world.busy = true,
            Step::Prune => world.prune(),
            Step::TokenEnds => world.end_token(),
            Step::Reload => world.reload(),
        }
        world.check_always();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_message_once_in_order_whatever_happens(steps in prop::collection::vec(step(), 0..120)) {
        let mut world = World::counting();
        run(&mut world, &steps);
        world.heal();
        world.check_settled();
    }

    /// Against a platform that does not count (Kore's own): the history fills the gaps.
    #[test]
    fn nothing_is_lost_or_doubled_without_sequences(steps in prop::collection::vec(step(), 0..80)) {
        let mut world = World::plain();
        run(&mut world, &steps);
        world.heal();
        world.check_complete();
    }
}

#[test]
fn resends_unacknowledged_messages_after_reconnect() {
    let mut world = World::counting();
    world.heal();
    world.say();
    world.say();
    world.drop_socket();
    assert_eq!(world.log_len(), 1, "only the welcome was stored");
    world.heal();
    world.check_settled();
    assert_eq!(world.log_len(), 5, "two messages and two answers more");
}

#[test]
fn a_refusal_stops_and_a_person_goes_on() {
    let mut world = World::counting();
    world.say();
    for _ in 0..20 {
        world.step_fails(Failure::Refused);
        world.fire(0);
    }
    assert!(world.is_refused());
    assert!(world.requests < 5, "no tight loop after a refusal");
    world.reconnect();
    world.heal();
    world.check_settled();
}

#[test]
fn an_ended_token_is_renewed_at_once_and_not_for_ever() {
    let mut world = World::counting();
    world.heal();
    world.say();
    world.deliver_up();
    world.drop_socket();
    world.fire(0);
    world.step_fails(Failure::Reauthorize);
    assert_eq!(world.pending(), "grant");
    for _ in 0..50 {
        world.step_fails(Failure::Reauthorize);
        world.fire(0);
    }
    assert!(world.is_refused());
    world.reconnect();
    world.heal();
    world.check_settled();
}

#[test]
fn a_token_is_renewed_before_its_end_and_nothing_else_stops() {
    let mut world = World::counting();
    world.heal();
    world.say();
    world.fire_token();
    assert_eq!(world.pending(), "grant");
    world.step_fails(Failure::Retry);
    assert!(world.will_renew(), "a failed renewal is tried again");
    world.fire_token();
    world.step_works();
    assert!(world.will_renew(), "the new token ends, too");
    assert_eq!(world.pending(), "nothing", "the socket stays");
    world.end_token();
    world.drop_socket();
    world.heal();
    world.check_settled();
    assert_eq!(world.log_len(), 3, "a welcome, a message and its answer");
}
