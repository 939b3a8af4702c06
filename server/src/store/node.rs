//! The servers that use a store: which of them live, and whether their secrets are the same.

/// What a server says of itself to the others. The store compares the first field, and reads nothing of the second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeRecord {
    /// The fingerprint of the secret that signs visitors. Nodes that live at the same time have the same one.
    pub visitors: String,
    /// The names of the apps' keys, as JSON.
    pub keys: String,
}

/// The outcome of [`join`](super::Store::join).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// No other node lives. What the last one said, if there was one: this node, too, when it started before.
    Alone(Option<NodeRecord>),
    /// These others live.
    Beside(Vec<NodeRecord>),
    /// A node that lives has another [`NodeRecord::visitors`]. This one is not noted.
    Refused,
}
