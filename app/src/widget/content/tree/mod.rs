//! What a message shows, as a view of one type: an element with its attributes and children, or text. A message is drawn from
//! data (markup, buttons, templates), so its shape is known only at run time; in `view!` every element would be a type of its
//! own behind a box, with code for building, hydrating and changing each (docs/adr/0025-components.md). A tree is
//! an ordinary `IntoView`: `build` makes its nodes, `hydrate` finds them in the server's HTML, and
//! `rebuild` compares it with the tree drawn before and changes only what differs, so that a selection or focus in the
//! rest stays. Everything else in the widget is written with `view!`.
//!
//! **Invariant**: text and values are only ever text, on both sides. Nothing is read as HTML.

mod view;

use crate::icons::Icon;

/// Elements without an end tag.
const VOID: [&str; 3] = ["br", "hr", "img"];

/// An element, or text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tree(Box<Inner>);

#[derive(Clone, Debug, Default, PartialEq)]
struct Inner {
    /// Empty for text.
    tag: &'static str,
    /// The text, or the element's classes.
    words: String,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Tree>,
    /// See [`Tree::kept`].
    kept: bool,
}

/// The class of a scoped style sheet, from `stylers::style_sheet!`: what makes its elements its own.
#[derive(Clone, Copy)]
pub(super) struct Sheet(pub(super) &'static str);

/// For elements that no scoped sheet is about.
pub(super) const PLAIN: Sheet = Sheet("");

impl Sheet {
    /// An element of this sheet with these classes.
    pub(super) fn el(self, tag: &'static str, classes: &str) -> Tree {
        let tree = Tree(Box::new(Inner {
            tag,
            ..Inner::default()
        }));
        tree.class(classes).class(self.0)
    }
}

impl Tree {
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

    /// With a child at its end. Text goes on in the text before it, and no text is nothing: as a browser reads HTML.
    pub(super) fn add(mut self, child: Self) -> Self {
        match self.0.children.last_mut() {
            _ if child.is_text() && child.0.words.is_empty() => {}
            Some(last) if last.is_text() && child.is_text() => {
                last.0.words.push_str(&child.0.words);
            }
            _ => self.0.children.push(child),
        }
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
    pub(super) fn add_all(self, children: Vec<Self>) -> Self {
        children.into_iter().fold(self, Self::add)
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

    /// Whose children stay what the server wrote, for as long as it is drawn so: the browser cannot draw them yet. Where no
    /// server wrote it, the children that it has stand there.
    pub(super) fn kept(mut self) -> Self {
        self.0.kept = true;
        self
    }

    /// As HTML.
    #[cfg(test)]
    pub(super) fn to_html(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn is_text(&self) -> bool {
        self.0.tag.is_empty()
    }

    /// Classes and attributes, by name.
    fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let words = self.0.words.as_str();
        let class = (!self.is_text() && !words.is_empty()).then_some(("class", words));
        let attributes = self.0.attributes.iter();
        class
            .into_iter()
            .chain(attributes.map(|(name, value)| (*name, value.as_str())))
    }

    /// Writes it as HTML.
    fn write(&self, out: &mut String) {
        let tag = self.0.tag;
        if self.is_text() {
            escape(&self.0.words, out);
            return;
        }
        out.push('<');
        out.push_str(tag);
        for (name, value) in self.named() {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            escape(value, out);
            out.push('"');
        }
        out.push('>');
        if VOID.contains(&tag) {
            return;
        }
        for child in &self.0.children {
            child.write(out);
        }
        out.push_str("</");
        out.push_str(tag);
        out.push('>');
    }
}

/// An icon. It says nothing to a screen reader: the words beside it, or the button's name, do.
pub(super) fn icon(icon: Icon) -> Tree {
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

#[cfg(test)]
mod tests {
    use super::*;

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
            .add_all(vec![Tree::text("two")]);
        assert_eq!(
            node.to_html(),
            r#"<p class="a l-1 b" dir="auto">one<br>two</p>"#
        );
        assert_eq!(Sheet("l-1").el("i", "").to_html(), r#"<i class="l-1"></i>"#);
    }

    #[test]
    fn text_and_values_never_become_html() {
        let node = PLAIN
            .el("a", "")
            .set("href", "?a=1&b=\"><script>")
            .say("<b> & \"");
        assert_eq!(
            node.to_html(),
            r#"<a href="?a=1&amp;b=&quot;&gt;&lt;script&gt;">&lt;b&gt; &amp; &quot;</a>"#
        );
    }
}
