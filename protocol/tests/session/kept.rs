//! What an earlier page kept, what is too old, what is too much, and ids.

use protocol::message::UserBody;
use protocol::session::{
    Effect, Event, GIVE_UP_AFTER_MS, MAX_WAITING, Moment, Outgoing, Session, Settings,
};
use protocol::transcript::Delivery;

use crate::model::World;

fn at(now_ms: u64) -> Moment {
    Moment { now_ms, entropy: 1 }
}

fn kept(id: u64, text: &str) -> Outgoing {
    Outgoing::new(id, UserBody::text(text))
}

#[test]
fn what_was_said_a_day_ago_goes_out_before_what_is_said_now() {
    let mut session = Session::new(Settings::default());
    let day = 24 * 60 * 60 * 1000;
    session.handle(
        at(day),
        Event::Said {
            id: day,
            body: UserBody::text("now"),
        },
    );
    let effects = session.handle(at(day), Event::Kept(vec![kept(1, "one"), kept(2, "two")]));
    assert_eq!(effects, [Effect::Show], "kept already");
    let ids: Vec<u64> = session.outbox().iter().map(|message| message.id).collect();
    assert_eq!(ids, [1, 2, day]);
    let rows = session.transcript().entries().iter();
    let keys: Vec<&str> = rows.map(|row| row.key.as_str()).collect();
    assert_eq!(keys, ["own-1", "own-2", &format!("own-{day}")]);
}

#[test]
fn what_nobody_expects_any_more_waits_for_a_person() {
    let mut session = Session::new(Settings::default());
    let now = GIVE_UP_AFTER_MS + 2;
    let effects = session.handle(at(now), Event::Kept(vec![kept(1, "old"), kept(2, "late")]));
    assert_eq!(effects, [Effect::Keep(1), Effect::Show]);
    let rows = session.transcript().entries().iter();
    let states: Vec<Delivery> = rows.map(|row| row.delivery).collect();
    assert_eq!(states, [Delivery::Failed, Delivery::Sending]);
    session.handle(at(now), Event::Retry(1));
    assert!(session.outbox().iter().all(|message| !message.failed));
}

#[test]
fn a_kept_message_that_the_page_shows_as_stored_is_forgotten() {
    let mut world = World::counting();
    world.heal();
    world.say();
    let id = world.unsent()[0];
    world.heal();
    assert_eq!(world.keep_again(id), [Effect::Forget(id), Effect::Show]);
    world.check_settled();
}

#[test]
fn the_outbox_is_full_by_count_and_by_bytes() {
    let mut session = Session::new(Settings::default());
    let long = "x".repeat(40_000);
    for id in 1.. {
        if !session.has_room() {
            break;
        }
        session.handle(
            at(1),
            Event::Said {
                id,
                body: UserBody::text(long.clone()),
            },
        );
    }
    assert_eq!(session.outbox().len(), 14, "half a megabyte");
    let mut session = Session::new(Settings::default());
    for id in 1..200 {
        session.handle(
            at(1),
            Event::Said {
                id,
                body: UserBody::text("x"),
            },
        );
    }
    assert_eq!(session.outbox().len(), MAX_WAITING);
}

#[test]
fn two_tabs_take_different_ids_in_the_same_millisecond() {
    let tab = |slot| {
        Session::new(Settings {
            slot: Some(slot),
            ..Settings::default()
        })
    };
    let (one, other) = (tab(u64::MAX), tab(5));
    assert_ne!(one.next_id(1_000_000), other.next_id(1_000_000));
    assert!((1_000_000..1_000_128).contains(&one.next_id(1_000_000)));
    assert!((1_000_000..1_000_128).contains(&other.next_id(1_000_000)));
    assert_eq!(
        Session::new(Settings::default()).next_id(1_000_000),
        1_000_000
    );
}

/// A server that refuses for their pace takes what comes a moment later: the order would be lost.
#[test]
fn a_long_outbox_goes_out_one_by_one_and_in_order() {
    let mut world = World::counting();
    world.heal();
    world.drop_socket();
    for _ in 0..60 {
        world.say();
    }
    world.busy_at = Some(30);
    world.heal();
    world.check_settled();
    let said: Vec<String> = (0..60).map(|n| format!("said {n}")).collect();
    assert_eq!(world.stored_by_visitor(), said);
}
