//! Lists, carousels and tables: cards below or beside each other, rows and columns.

use crate::{
    icons::Icon,
    text::Message,
    widget::{
        content::{
            choices::choices,
            foreign::foreign,
            markup,
            tree::{PLAIN, Sheet, Tree, icon},
        },
        rows::Offer,
        settings::WidgetSettings,
    },
};
use protocol::{
    content::Template,
    template::{
        Collection, Tables,
        collection::{Card, Layout, More},
        table::{Align, Cell, Table},
    },
};

fn sheet() -> Sheet {
    Sheet(stylers::style_sheet!(
        "app/src/widget/content/late/cards.css"
    ))
}

/// The template, or its words where there is nothing in it to draw.
pub(super) fn draw(settings: &WidgetSettings, template: &Template, offer: &Offer) -> Vec<Tree> {
    let pen = Pen { settings, offer };
    if let Some(collection) = Collection::of(template) {
        pen.collection(&collection)
    } else if let Some(tables) = Tables::of(template) {
        pen.tables(&tables)
    } else {
        markup::draw(settings, &template.fallback)
    }
}

#[derive(Clone, Copy)]
struct Pen<'a> {
    settings: &'a WidgetSettings,
    offer: &'a Offer,
}

impl Pen<'_> {
    fn collection(self, collection: &Collection) -> Vec<Tree> {
        let sheet = sheet();
        let texts = &self.settings.texts;
        let mut drawn = self.heading(collection.heading.as_deref());
        let carousel = collection.layout == Layout::Carousel;
        let deck = self.deck(&collection.cards, carousel);
        if carousel && collection.cards.len() > 1 {
            let turn = |act, label, sign| {
                let button = sheet.el("button", "turn").set("type", "button");
                let button = button.set("data-act", act).label(texts.say(label));
                button.add(icon(sign))
            };
            let turns = sheet.el("div", "turns screen");
            let turns = turns.add(turn("back", Message::Previous, Icon::Chevron));
            let turns = turns.add(turn("forth", Message::Next, Icon::Chevron));
            drawn.push(sheet.el("div", "carousel").add(deck).add(turns));
        } else {
            drawn.push(deck);
        }
        match &collection.more {
            Some(More::Button(button)) => {
                let more = sheet.el("div", "more").set("role", "group");
                let button = std::slice::from_ref(button);
                drawn.push(more.add_all(choices(self.settings, button, self.offer, false)));
            }
            Some(More::Tabs { title, tabs }) => {
                let title = title.as_deref().unwrap_or(texts.say(Message::More));
                let details = sheet.el("details", "more");
                let details = details.add(sheet.el("summary", "summary").auto().say(title));
                drawn.push(tabs.iter().fold(details, |details, tab| {
                    details
                        .add(sheet.el("h3", "tab").auto().say(&tab.title))
                        .add(self.deck(&tab.cards, false))
                }));
            }
            None => {}
        }
        drawn
    }

    fn heading(self, heading: Option<&str>) -> Vec<Tree> {
        let heading = heading.map(|heading| {
            let bubble = sheet().el("div", "heading");
            bubble.add_all(markup::draw(self.settings, heading))
        });
        heading.into_iter().collect()
    }

    fn deck(self, cards: &[Card], carousel: bool) -> Tree {
        let sheet = sheet();
        let deck = sheet.el("ul", "deck").set("role", "list");
        let deck = if carousel {
            // What scrolls can be scrolled by the keyboard.
            deck.class("row").set("tabindex", "0")
        } else {
            deck
        };
        let of = cards.len().to_string();
        let drawn = cards.iter().enumerate().map(|(at, card)| {
            let position = [&(at + 1).to_string(), " / ", &of].concat();
            self.card(card, carousel.then_some(position.as_str()))
        });
        deck.add_all(drawn.collect())
    }

    fn card(self, card: &Card, position: Option<&str>) -> Tree {
        let sheet = sheet();
        let line = |class: &str, text: &Option<String>| {
            text.as_deref().map(|text| {
                let line = sheet.el("div", class).auto();
                line.add_all(markup::draw(self.settings, text))
            })
        };
        let picture = card.image.as_deref();
        let picture = picture.map(|url| foreign(sheet, "image", url, "", "288", "144"));
        let words = sheet
            .el("div", "text")
            .add_some(line("title", &card.title))
            .add_some(line("value", &card.value))
            .add_some(line("subtitle", &card.subtitle))
            .add_some(line("description", &card.description));
        let mut buttons: Vec<_> = card.tap.iter().cloned().collect();
        buttons.extend(card.buttons.iter().cloned());
        // A card that does what one of its buttons does says so once.
        buttons.dedup_by(|later, first| later.action == first.action);
        let actions = choices(self.settings, &buttons, self.offer, false);
        let actions = sheet
            .el("div", "actions")
            .set("role", "group")
            .add_all(actions);
        let position =
            position.map(|position| sheet.el("span", "position").set("dir", "ltr").say(position));
        sheet
            .el("li", "item")
            .add_some(picture)
            .add(words)
            .add_some((!buttons.is_empty()).then_some(actions))
            .add_some(position)
    }

    fn tables(self, tables: &Tables) -> Vec<Tree> {
        let mut drawn = self.heading(tables.caption.as_deref());
        drawn.extend(tables.tables.iter().map(|table| self.table(table)));
        drawn
    }

    fn table(self, table: &Table) -> Tree {
        let sheet = sheet();
        let texts = &self.settings.texts;
        let has_head = table.columns.iter().any(|column| !column.title.is_empty());
        let head = table.columns.iter().map(|column| {
            let cell = sheet
                .el("th", "cell head")
                .class(align(column.align))
                .auto();
            cell.set("scope", "col")
                .add_all(markup::draw_line(self.settings, &column.title))
        });
        let head = sheet
            .el("thead", "")
            .add(sheet.el("tr", "").add_all(head.collect()));
        let rows = table.rows.iter().map(|row| {
            let cells = row
                .iter()
                .zip(&table.columns)
                .map(|(cell, column)| self.cell(cell, &column.title).class(align(column.align)));
            PLAIN.el("tr", "").add_all(cells.collect())
        });
        let body = sheet.el("tbody", "").add_all(rows.collect());
        let grid = sheet
            .el("table", "table")
            .class_if(table.stacked, "stacked")
            .add_some(has_head.then_some(head))
            .add(body);
        let caption = table.caption.as_deref();
        let caption = caption.map(|caption| sheet.el("div", "heading").auto().say(caption));
        let region = sheet
            .el("div", "sheet")
            .set("tabindex", "0")
            .set("role", "region")
            .label(texts.say(Message::Table))
            .add(grid);
        sheet.el("div", "").add_some(caption).add(region)
    }

    fn cell(self, cell: &Cell, column: &str) -> Tree {
        let sheet = sheet();
        let drawn = sheet.el("td", "cell").auto();
        // Said before the cell where there is no room for columns.
        let drawn = drawn.set("data-column", column);
        let picture = cell.image.as_deref();
        let drawn = drawn.add_some(picture.map(|url| foreign(sheet, "thumb", url, "", "24", "24")));
        match &cell.action {
            Some(button) => {
                let button = std::slice::from_ref(button);
                drawn.add_all(choices(self.settings, button, self.offer, false))
            }
            None => drawn.add_all(markup::draw_line(self.settings, &cell.text)),
        }
    }
}

fn align(align: Align) -> &'static str {
    match align {
        Align::Start => "",
        Align::Center => "center",
        Align::End => "end",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::json::Value;

    fn html(name: &str, payload: &str, offer: &Offer) -> String {
        let template = Template {
            name: name.to_owned(),
            payload: Value::parse(payload).unwrap(),
            fallback: "Words".to_owned(),
        };
        let settings = WidgetSettings {
            texts: crate::text::Language::English.texts(),
            ..WidgetSettings::default()
        };
        let trees = draw(&settings, &template, offer);
        trees.iter().map(Tree::to_html).collect()
    }

    const CAROUSEL: &str = r#"{"template_type":"carousel","elements":[
        {"title":"A","buttons":[{"type":"postback","title":"Choose A","payload":"CARD_A"}]},
        {"title":"B","buttons":[{"type":"postback","title":"Choose B","payload":"CARD_B"}]}]}"#;

    #[test]
    fn each_button_of_a_card_has_its_own_payload_and_the_chosen_one_is_marked() {
        let open = html("carousel", CAROUSEL, &Offer::Open);
        assert!(open.contains(r#"value="Choose B" data-payload="CARD_B""#));
        assert!(open.contains("2 / 2"));
        assert!(!open.contains("chosen"));
        let answered = Offer::Answered {
            text: "Choose B".into(),
            payload: Some("CARD_B".into()),
        };
        let used = html("carousel", CAROUSEL, &answered);
        assert_eq!(used.matches("used chosen").count(), 1);
    }

    #[test]
    fn a_table_has_a_head_and_its_cells_know_their_column() {
        let payload = r#"{"template_type":"table","text":"Stock","columns":[["Name","left"],["Qty","right"]],
            "elements":[{"Values":["Pens","3"]}]}"#;
        let drawn = html("table", payload, &Offer::Open);
        assert!(drawn.contains(r#"scope="col""#));
        assert!(drawn.contains(r#"data-column="Qty""#));
        assert!(drawn.contains("end"));
    }

    #[test]
    fn what_cannot_be_read_shows_its_words() {
        assert!(html("table", "{}", &Offer::Open).contains("Words"));
    }
}
