//! Which other nodes are heard of.
//!
//! In the path: [`super::link`] notes who says that it is there, and asks every few seconds whether somebody is silent.
//!
//! Why: the node that cannot reach the broker knows it and looks at the store, but what it stores is missed by all others,
//! who cannot know. So a node that falls silent without a goodbye is a reason for the others to look as well.
//!
//! Invariants: so many nodes are known. One that is silent for [`FORGOTTEN`] is taken for dead.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// How often a node says that it is there.
pub(super) const BEAT: Duration = Duration::from_secs(2);
/// So many beats may be missed.
const MISSED: u32 = 3;
/// A node that is silent for so long does not come back by itself, and somebody was woken by then.
const FORGOTTEN: Duration = Duration::from_mins(10);
/// More nodes than anybody runs on one bus.
const NODES: usize = 1_000;

/// When each of the others was heard last.
#[derive(Debug, Default)]
pub(super) struct Peers(HashMap<Box<str>, Instant>);

impl Peers {
    pub(super) fn heard(&mut self, node: Box<str>, now: Instant) {
        if self.0.len() < NODES || self.0.contains_key(&node) {
            self.0.insert(node, now);
        }
    }

    pub(super) fn gone(&mut self, node: &str) {
        self.0.remove(node);
    }

    /// We were away ourselves: everybody gets as much time as if just heard.
    pub(super) fn excuse(&mut self, now: Instant) {
        self.0.values_mut().for_each(|heard| *heard = now);
    }

    /// Is somebody silent?
    pub(super) fn is_silent(&mut self, now: Instant, beat: Duration) -> bool {
        self.0.retain(|_, heard| now - *heard < FORGOTTEN);
        self.0.values().any(|heard| now - *heard > beat * MISSED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_missed_unless_it_says_goodbye_or_is_taken_for_dead() {
        let mut peers = Peers::default();
        let begin = Instant::now();
        let after = |beats: u32| begin + BEAT * beats;
        peers.heard("a".into(), begin);
        peers.heard("b".into(), begin);
        assert!(!peers.is_silent(after(3), BEAT));
        peers.heard("a".into(), after(3));
        assert!(peers.is_silent(after(4), BEAT));
        peers.gone("b");
        assert!(!peers.is_silent(after(4), BEAT));
        assert!(peers.is_silent(after(8), BEAT));
        peers.excuse(after(8));
        assert!(!peers.is_silent(after(8), BEAT));
        assert!(peers.is_silent(after(8) + FORGOTTEN / 2, BEAT));
        assert!(!peers.is_silent(after(8) + FORGOTTEN, BEAT));
    }

    #[test]
    fn so_many_nodes_are_known() {
        let mut peers = Peers::default();
        for node in 0..2 * NODES {
            peers.heard(node.to_string().into(), Instant::now());
        }
        assert_eq!(peers.0.len(), NODES);
    }
}
