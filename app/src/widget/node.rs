//! A piece of the page as a tree: an element with its attributes and children, or text.
//!
//! In the path: every part of the window is drawn as nodes, by the same code for both sides. The server writes
//! them as HTML ([`Node::write`]); the browser takes that HTML over as it stands (`live`) and builds nodes
//! (`Node::build`) only for what comes later.
//!
//! Why not `view!`: each element there is a type of its own, with its code for drawing, taking over and changing
//! (docs/adr/0012: 390 kB of code for this window, 73 kB like this). What is drawn here never changes in place, so one type is enough.
//!
//! **Invariant**: text and values are only ever text, on both sides. Nothing is read as HTML.

use crate::icons::Icon;

/// Elements without an end tag.
const VOID: [&str; 3] = ["br", "hr", "img"];

/// An element, or text.
pub(super) struct Node(Box<Inner>);

#[derive(Default)]
struct Inner {
    /// Empty for text.
    tag: &'static str,
    /// The text, or the element's classes.
    words: String,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Node>,
}

/// The class of a scoped style sheet, from `stylers::style_sheet!`: what makes its elements its own.
#[derive(Clone, Copy)]
pub(super) struct Sheet(pub(super) &'static str);

/// For elements that no scoped sheet is about.
pub(super) const PLAIN: Sheet = Sheet("");

impl Sheet {
    /// An element of this sheet with these classes.
    pub(super) fn el(self, tag: &'static str, classes: &str) -> Node {
        let node = Node(Box::new(Inner {
            tag,
            ..Inner::default()
        }));
        node.class(classes).class(self.0)
    }
}

impl Node {
    /// Text.
    pub(super) fn text(text: &str) -> Self {
        Self(Box::new(Inner {
            words: text.to_owned(),
            ..Inner::default()
        }))
    }

    /// With an attribute.
    pub(super) fn set(mut self, name: &'static str, value: &str) -> Self {
        self.0.attributes.push((name, value.to_owned()));
        self
    }

    /// With one more class; none if the name is empty.
    pub(super) fn class(mut self, name: &str) -> Self {
        if !(name.is_empty() || self.0.words.is_empty()) {
            self.0.words.push(' ');
        }
        self.0.words.push_str(name);
        self
    }

    /// With a class that depends on something.
    pub(super) fn class_if(self, on: bool, name: &str) -> Self {
        if on { self.class(name) } else { self }
    }

    /// With a child at its end.
    pub(super) fn add(mut self, child: Self) -> Self {
        self.0.children.push(child);
        self
    }

    /// With a child that there may be.
    pub(super) fn add_some(self, child: Option<Self>) -> Self {
        match child {
            Some(child) => self.add(child),
            None => self,
        }
    }

    /// With children at its end.
    pub(super) fn add_all(mut self, mut children: Vec<Self>) -> Self {
        self.0.children.append(&mut children);
        self
    }

    /// With text at its end.
    pub(super) fn say(self, text: &str) -> Self {
        self.add(Self::text(text))
    }

    /// With text that only a screen reader tells.
    pub(super) fn whisper(self, sheet: Sheet, text: &str) -> Self {
        self.add(sheet.el("span", "quiet").say(text))
    }

    /// Read out as this.
    pub(super) fn label(self, text: &str) -> Self {
        self.set("aria-label", text)
    }

    /// Text whose direction is its own.
    pub(super) fn auto(self) -> Self {
        self.set("dir", "auto")
    }

    /// Does this when it is clicked: one of [`super::act`].
    pub(super) fn does(self, act: &str) -> Self {
        self.set("data-act", act)
    }

    /// Writes it as HTML.
    pub(super) fn write(&self, out: &mut String) {
        let Inner {
            tag,
            words,
            attributes,
            children,
        } = &*self.0;
        if tag.is_empty() {
            escape(words, out);
            return;
        }
        out.push('<');
        out.push_str(tag);
        let class = (!words.is_empty()).then_some(("class", words));
        for (name, value) in class
            .into_iter()
            .chain(attributes.iter().map(|(name, value)| (*name, value)))
        {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            escape(value, out);
            out.push('"');
        }
        out.push('>');
        if VOID.contains(tag) {
            return;
        }
        for child in children {
            child.write(out);
        }
        out.push_str("</");
        out.push_str(tag);
        out.push('>');
    }
}

/// An icon. It says nothing to a screen reader: the words beside it, or the button's name, do.
pub(super) fn icon(icon: Icon) -> Node {
    PLAIN
        .el("svg", "icon")
        .class_if(icon.turns(), "turns")
        .set("viewBox", "0 0 20 20")
        .set("aria-hidden", "true")
        .add(PLAIN.el("path", "").set("d", icon.path()))
}

/// In runs: most text has nothing to escape.
fn escape(text: &str, out: &mut String) {
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escaped = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => continue,
        };
        // Both ends are beside a letter of one byte, so no letter is cut.
        out.push_str(&text[plain..at]);
        out.push_str(escaped);
        plain = at + 1;
    }
    out.push_str(&text[plain..]);
}

#[cfg(target_arch = "wasm32")]
mod build {
    use super::Node;
    use leptos::prelude::document;
    use wasm_bindgen::JsCast;
    use web_sys::Element;

    impl Node {
        /// Builds it for the page. `None` for text.
        pub(in crate::widget) fn build(&self) -> Option<Element> {
            let inner = &*self.0;
            let made = match inner.tag {
                "" => return None,
                "svg" | "path" => {
                    document().create_element_ns(Some("http://www.w3.org/2000/svg"), inner.tag)
                }
                tag => document().create_element(tag),
            };
            // Our own names: there is no other error than memory's end.
            let made = made.ok()?;
            if !inner.words.is_empty() {
                let _ = made.set_attribute("class", &inner.words);
            }
            for (name, value) in &inner.attributes {
                let _ = made.set_attribute(name, value);
            }
            for child in &inner.children {
                let child = match child.build() {
                    Some(element) => element.unchecked_into(),
                    None => document().create_text_node(&child.0.words).unchecked_into(),
                };
                let _ = made.append_child(&child);
            }
            Some(made)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(node: &Node) -> String {
        let mut out = String::new();
        node.write(&mut out);
        out
    }

    #[test]
    fn an_element_has_its_classes_its_attributes_and_its_children_in_order() {
        let node = Sheet("l-1")
            .el("p", "a")
            .class_if(true, "b")
            .class_if(false, "c")
            .auto()
            .say("one")
            .add(PLAIN.el("br", ""))
            .add_some(None)
            .add_all(vec![Node::text("two")]);
        assert_eq!(
            html(&node),
            r#"<p class="a l-1 b" dir="auto">one<br>two</p>"#
        );
        assert_eq!(html(&Sheet("l-1").el("i", "")), r#"<i class="l-1"></i>"#);
    }

    #[test]
    fn text_and_values_never_become_html() {
        let node = PLAIN
            .el("a", "")
            .set("href", "?a=1&b=\"><script>")
            .say("<b> & \"");
        assert_eq!(
            html(&node),
            r#"<a href="?a=1&amp;b=&quot;&gt;&lt;script&gt;">&lt;b&gt; &amp; &quot;</a>"#
        );
    }
}
