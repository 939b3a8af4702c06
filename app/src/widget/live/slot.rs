//! A place on the page for something that comes and goes: at most one element.

use super::keys;
use crate::widget::node::Node;
use leptos::prelude::document;
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

    /// Puts this in place of what stands there. The keyboard that was on that goes on in the composer.
    pub(super) fn put(&self, node: Option<Node>) {
        let new = node.and_then(|node| node.build());
        let old = self.shown.replace(new.clone());
        let focused = document().active_element();
        let left = old
            .as_ref()
            .is_some_and(|old| old.contains(focused.as_deref()) && focused.is_some());
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
        if left {
            keys::to_composer();
        }
    }
}
