//! A place on the page for something that comes and goes: at most one element.

use crate::widget::node::Node;
use std::cell::RefCell;
use web_sys::Element;

/// The place: at the end of `parent`, or before `next` in it.
pub(super) struct Slot {
    parent: Element,
    next: Option<Element>,
    shown: RefCell<Option<Element>>,
}

impl Slot {
    /// The place with what stands there now.
    pub(super) fn new(parent: &Element, next: Option<&Element>, shown: Option<Element>) -> Self {
        Self {
            parent: parent.clone(),
            next: next.cloned(),
            shown: RefCell::new(shown),
        }
    }

    /// Puts this in place of what stands there.
    pub(super) fn put(&self, node: Option<Node>) {
        let new = node.and_then(|node| node.build());
        let old = self.shown.replace(new.clone());
        // Fails only where the page was changed by somebody else; then there is nothing to put it to.
        match (old, new) {
            (Some(old), Some(new)) => drop(old.replace_with_with_node_1(&new)),
            (Some(old), None) => old.remove(),
            (None, Some(new)) => {
                let next = self.next.as_deref();
                drop(self.parent.insert_before(&new, next));
            }
            (None, None) => {}
        }
    }
}
