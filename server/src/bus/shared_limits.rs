//! What nodes tell each other of their limits.
//!
//! In the path: every second [`super::session`] tells the other nodes what was let through here, if there is something, and
//! hands on what they told. A node that comes, or comes back, asks how things stand.
//!
//! Invariants: keys go as tags, so the broker learns no address and no identity. What could not be told is forgotten,
//! not told late. A process without a broker does none of this.

use crate::records::Usage;

/// Counts what this node lets through, and what others did.
pub trait SharedLimits: Send + Sync + 'static {
    /// What was let through here since the last call, as much as fits into one message.
    fn take_used(&self) -> Usage;

    /// Nobody could be told of what was let through here until now.
    fn forget_used(&self);

    /// How much is used up now, here and elsewhere.
    fn standing(&self) -> Usage;

    /// Another node let this through.
    fn charge(&self, used: &Usage);

    /// Another node knows that this much is used up.
    fn raise(&self, standing: &Usage);
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Mutex;

    use super::super::relayed_tests::{Cluster, Node, eventually};
    use super::*;

    /// Limits that are what a test says, and the names of those that other nodes told of.
    #[derive(Default)]
    pub(in crate::bus) struct TestLimits {
        used: Mutex<Usage>,
        charged: Mutex<Vec<Usage>>,
        raised: Mutex<Vec<Usage>>,
    }

    impl SharedLimits for TestLimits {
        fn take_used(&self) -> Usage {
            std::mem::take(&mut *self.used.lock().unwrap())
        }

        fn forget_used(&self) {
            self.used.lock().unwrap().clear();
        }

        fn standing(&self) -> Usage {
            let charged = self.charged.lock().unwrap();
            charged.last().cloned().unwrap_or_default()
        }

        fn charge(&self, used: &Usage) {
            self.charged.lock().unwrap().push(used.clone());
        }

        fn raise(&self, standing: &Usage) {
            self.raised.lock().unwrap().push(standing.clone());
        }
    }

    pub(in crate::bus) async fn what_a_node_lets_through_is_told_to_the_others(cluster: &Cluster) {
        let (one, two) = (cluster.node().await, cluster.node().await);
        let used = |many| Usage::from([("pages".into(), vec![(7, many)])]);
        let charged = |node: &Node| node.limits.charged.lock().unwrap().clone();
        *one.limits.used.lock().unwrap() = used(3);
        eventually("a charge", || charged(&two) == [used(3)]).await;
        assert!(charged(&one).is_empty(), "nobody hears itself");
        // Who comes later asks, and learns what is known by then.
        let three = cluster.node().await;
        let raised = || three.limits.raised.lock().unwrap().clone();
        eventually("an answer", || raised().contains(&used(3))).await;
        assert!(charged(&three).is_empty());
        // A node that ends tells the rest.
        *one.limits.used.lock().unwrap() = used(4);
        one.stop().await;
        for node in [two, three] {
            eventually("the rest", || charged(&node).contains(&used(4))).await;
            node.stop().await;
        }
    }
}
