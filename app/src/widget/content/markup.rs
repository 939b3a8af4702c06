//! Makes elements of what `protocol::markup` reads. There is never an HTML string: what is not markup is text.

use super::{
    foreign,
    tree::{PLAIN, Sheet, Tree},
};
use crate::{text::Message, widget::settings::WidgetSettings};
use protocol::content::Template;
use protocol::link::{comes_from, safe_link};
use protocol::markup::{Block, Span, parse};

/// The text of a message.
pub(super) fn draw(settings: &WidgetSettings, text: &str) -> Vec<Tree> {
    let pen = Pen::new(settings);
    parse(text).iter().map(|found| pen.block(found)).collect()
}

/// The words of a template that is not drawn, or not drawn yet.
pub(super) fn draw_fallback(settings: &WidgetSettings, template: &Template, bubble: Sheet) -> Tree {
    let words = draw(settings, &template.fallback);
    bubble.el("div", "bubble").add_all(words)
}

/// A text of one line: its first paragraph without the paragraph element, or else unchanged.
pub(super) fn draw_line(settings: &WidgetSettings, text: &str) -> Vec<Tree> {
    let pen = Pen::new(settings);
    match parse(text).as_slice() {
        [] => Vec::new(),
        [Block::Paragraph(spans)] => pen.spans(spans),
        blocks => blocks.iter().map(|found| pen.block(found)).collect(),
    }
}

#[derive(Clone, Copy)]
struct Pen<'a> {
    settings: &'a WidgetSettings,
    sheet: Sheet,
    /// Inside of a link.
    linked: bool,
}

impl<'a> Pen<'a> {
    fn new(settings: &'a WidgetSettings) -> Self {
        Self {
            settings,
            sheet: Sheet(stylers::style_sheet!("app/src/widget/content/markup.css")),
            linked: false,
        }
    }

    /// An element whose text has a direction of its own.
    fn words(self, tag: &'static str, class: &str, spans: &[Span]) -> Tree {
        let node = self.sheet.el(tag, class).auto();
        node.add_all(self.spans(spans))
    }

    fn block(self, block: &Block) -> Tree {
        match block {
            Block::Paragraph(spans) => self.words("p", "block", spans),
            // All headings have the same level, because a bubble is not a document.
            Block::Heading { spans, .. } => self.words("h2", "block title", spans),
            Block::List {
                ordered,
                items,
                start,
            } => {
                let list = if *ordered {
                    let list = self.sheet.el("ol", "block list").auto();
                    list.set("start", &start.to_string())
                } else {
                    self.sheet.el("ul", "block list bare").auto()
                };
                // The items have the direction of their list, because the markers stand at its edge.
                let items = items.iter().map(|item| {
                    let item = self.spans(item);
                    self.sheet.el("li", "point").add_all(item)
                });
                list.add_all(items.collect())
            }
            Block::Quote(spans) => self.words("blockquote", "block quote", spans),
            Block::Rule => self.sheet.el("hr", "block"),
            Block::Code { language, text } => self.listing(language.as_deref(), text),
            Block::Table { head, rows } => {
                let cells = head.iter().map(|cell| {
                    let cell = self.words("th", "cell head", cell);
                    cell.set("scope", "col")
                });
                let cells = self.sheet.el("tr", "").add_all(cells.collect());
                let rows = rows.iter().map(|row| {
                    let cells = row.iter().map(|cell| self.words("td", "cell", cell));
                    PLAIN.el("tr", "").add_all(cells.collect())
                });
                let rows = self.sheet.el("tbody", "").add_all(rows.collect());
                let table = self.sheet.el("table", "table");
                let table = table.add(self.sheet.el("thead", "").add(cells)).add(rows);
                self.sheet
                    .el("div", "block sheet")
                    .set("tabindex", "0")
                    .set("role", "region")
                    .label(self.settings.texts.say(Message::Table))
                    .add(table)
            }
        }
    }

    /// Code with its language and a button that copies it.
    fn listing(self, language: Option<&str>, text: &str) -> Tree {
        let Self {
            settings, sheet, ..
        } = self;
        let texts = &settings.texts;
        let language = language.unwrap_or(texts.say(Message::Code));
        let copy = sheet
            .el("button", "copy screen")
            .set("type", "button")
            .set("data-act", "copy")
            .say(texts.say(Message::Copy));
        let bar = sheet.el("div", "bar");
        let bar = bar.add(sheet.el("span", "").say(language)).add(copy);
        let text = sheet.el("code", "").say(text);
        let text = sheet.el("pre", "text").set("tabindex", "0").add(text);
        let listing = sheet.el("div", "block listing").set("dir", "ltr");
        listing.add(bar).add(text)
    }

    fn spans(self, spans: &[Span]) -> Vec<Tree> {
        spans.iter().map(|found| self.span(found)).collect()
    }

    fn span(self, span: &Span) -> Tree {
        match span {
            Span::Text(text) => Tree::text(text),
            Span::Break => PLAIN.el("br", ""),
            Span::Strong(inside) => PLAIN.el("strong", "").add_all(self.spans(inside)),
            Span::Emphasis(inside) => PLAIN.el("em", "").add_all(self.spans(inside)),
            Span::Code(text) => self.sheet.el("code", "code").say(text),
            Span::Link { url, spans } => {
                let inside = Pen {
                    linked: true,
                    ..self
                };
                self.link(url, inside.spans(spans))
            }
            Span::Image { url, alt } => self.picture(url, alt),
        }
    }

    fn link(self, url: &str, inside: Vec<Tree>) -> Tree {
        foreign::leaving(PLAIN, "", url)
            .add_all(inside)
            .whisper(PLAIN, self.settings.texts.say(Message::NewTab))
    }

    /// A picture is fetched without a click, and its address may carry what somebody made the bot reveal. So pictures
    /// come only from sources that the operator allows.
    fn picture(self, url: &str, alt: &str) -> Tree {
        if comes_from(url, &self.settings.bot.text_images) {
            return foreign::picture(self.settings, self.sheet, "shot", url, alt);
        }
        let name = Tree::text(if alt.is_empty() {
            self.settings.texts.say(Message::Picture)
        } else {
            alt
        });
        // A link inside a link cannot be drawn.
        match safe_link(url).filter(|_| !self.linked) {
            Some(url) => self.link(&url, vec![name]),
            None => name,
        }
    }
}
