//! A tree as a view of Leptos.

use super::Tree;
use leptos::{
    prelude::*,
    tachys::{
        html::attribute::any_attribute::AnyAttribute,
        hydration::Cursor,
        no_attrs,
        view::{Position, PositionState, RenderFlags},
    },
    wasm_bindgen::JsCast,
    web_sys::{Element, Node},
};

const SVG: &str = "http://www.w3.org/2000/svg";

/// A tree on the page.
pub(in crate::widget) struct Drawn {
    node: Node,
    tree: Tree,
    /// `None`: they are what the server wrote.
    children: Option<Vec<Drawn>>,
}

impl Tree {
    /// The element without its children, or the text.
    fn node(&self) -> Node {
        let document = document();
        let made = match self.0.tag {
            "" => return document.create_text_node(&self.0.words).into(),
            "svg" | "path" => document.create_element_ns(Some(SVG), self.0.tag),
            tag => document.create_element(tag),
        };
        match made {
            Ok(element) => {
                for (name, value) in self.named() {
                    set(&element, name, value);
                }
                element.into()
            }
            // Tags are our own names, so none is refused; an empty text would stand in its place.
            Err(_) => document.create_text_node("").into(),
        }
    }

    /// Its children without it.
    fn take_children(&mut self) -> Vec<Self> {
        std::mem::take(&mut self.0.children)
    }

    /// This tree, of which `node` is what the server wrote. Where somebody changed the page, the children are made anew.
    fn found(mut self, node: Node) -> Drawn {
        let trees = self.take_children();
        if self.0.kept {
            return Drawn {
                node,
                tree: self,
                children: None,
            };
        }
        let nodes = children_of(&node);
        let fits = |(tree, node): (&Self, &Node)| {
            node.node_name().eq_ignore_ascii_case(match tree.0.tag {
                "" => "#text",
                tag => tag,
            })
        };
        let children = if trees.len() == nodes.len() && trees.iter().zip(&nodes).all(fits) {
            let found = trees.into_iter().zip(nodes);
            found.map(|(tree, node)| tree.found(node)).collect()
        } else {
            node.set_text_content(None);
            trees
                .into_iter()
                .map(|tree| tree.appended_to(&node))
                .collect()
        };
        Drawn {
            node,
            tree: self,
            children: Some(children),
        }
    }

    /// Builds it at the end of `parent`.
    fn appended_to(self, parent: &Node) -> Drawn {
        let drawn = self.build();
        // An element of ours takes a child of ours.
        let _ = parent.append_child(&drawn.node);
        drawn
    }
}

impl Render for Tree {
    type State = Drawn;

    fn build(mut self) -> Drawn {
        let node = self.node();
        let children = self.take_children();
        let children = children.into_iter().map(|tree| tree.appended_to(&node));
        Drawn {
            children: Some(children.collect()),
            node,
            tree: self,
        }
    }

    fn rebuild(mut self, drawn: &mut Drawn) {
        if self.0.tag != drawn.tree.0.tag {
            let new = self.build();
            if let Some(parent) = drawn.node.parent_node() {
                // The old one is a child of its parent.
                let _ = parent.replace_child(&new.node, &drawn.node);
            }
            *drawn = new;
            return;
        }
        if drawn.children.is_none() {
            // Drawn for the first time: its children are those that the server wrote.
            let node = drawn.node.clone();
            *drawn = self.found(node);
            return;
        }
        let children = self.take_children();
        match drawn.node.dyn_ref::<Element>() {
            Some(element) => change_attributes(element, &drawn.tree, &self),
            None if self.0.words != drawn.tree.0.words => {
                drawn.node.set_text_content(Some(&self.0.words));
            }
            None => {}
        }
        drawn.tree = self;
        let shown = drawn.children.get_or_insert_default();
        for gone in shown.drain(children.len().min(shown.len())..) {
            remove(&gone.node);
        }
        for (position, tree) in children.into_iter().enumerate() {
            match shown.get_mut(position) {
                Some(child) => tree.rebuild(child),
                None => shown.push(tree.appended_to(&drawn.node)),
            }
        }
    }
}

no_attrs!(Tree);

impl RenderHtml for Tree {
    type AsyncOutput = Self;
    type Owned = Self;

    const MIN_LENGTH: usize = 64;

    fn dry_resolve(&mut self) {}

    async fn resolve(self) -> Self {
        self
    }

    fn to_html_with_buf(
        self,
        buf: &mut String,
        position: &mut Position,
        _: RenderFlags,
        _: Vec<AnyAttribute>,
    ) {
        self.write(buf);
        *position = Position::NextChild;
    }

    fn hydrate<const FROM_SERVER: bool>(self, cursor: &Cursor, position: &PositionState) -> Drawn {
        if position.get() == Position::FirstChild {
            cursor.child();
        } else {
            cursor.sibling();
        }
        position.set(Position::NextChild);
        self.found(cursor.current())
    }

    fn into_owned(self) -> Self {
        self
    }
}

impl Mountable for Drawn {
    fn unmount(&mut self) {
        remove(&self.node);
    }

    fn mount(&mut self, parent: &Element, marker: Option<&Node>) {
        // Leptos asks for places that there are.
        let _ = parent.insert_before(&self.node, marker);
    }

    fn insert_before_this(&self, child: &mut dyn Mountable) -> bool {
        let parent = self.node.parent_element();
        parent.is_some_and(|parent| {
            child.mount(&parent, Some(&self.node));
            true
        })
    }

    fn elements(&self) -> Vec<Element> {
        self.node.dyn_ref().cloned().into_iter().collect()
    }
}

fn change_attributes(element: &Element, old: &Tree, new: &Tree) {
    for (name, value) in new.named() {
        if !old.named().any(|other| other == (name, value)) {
            set(element, name, value);
        }
    }
    for (name, _) in old.named() {
        if !new.named().any(|(other, _)| other == name) {
            // Its name was taken before.
            let _ = element.remove_attribute(name);
        }
    }
}

fn set(element: &Element, name: &str, value: &str) {
    // An attribute of a plain name is always taken.
    let _ = element.set_attribute(name, value);
}

fn remove(node: &Node) {
    if let Some(parent) = node.parent_node() {
        // It is a child of its parent.
        let _ = parent.remove_child(node);
    }
}

fn children_of(node: &Node) -> Vec<Node> {
    let nodes = node.child_nodes();
    (0..nodes.length())
        .filter_map(|position| nodes.item(position))
        .collect()
}
