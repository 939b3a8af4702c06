//! Cards: `list`, `listView` and `carousel`.

use super::fields::{first, list, tap, words};
use crate::content::{Action, Button, Template};
use crate::json::Value;
use crate::link::safe_image;

/// The most cards of a message, including those in its tabs.
const MAX_CARDS: usize = 200;

/// The most buttons of a card.
const MAX_CARD_BUTTONS: usize = 10;

/// The most tabs behind "see more".
const MAX_TABS: usize = 20;

/// Cards, and their arrangement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Above the cards, with markup.
    pub heading: Option<String>,
    /// The arrangement.
    pub layout: Layout,
    /// In order; at least one.
    pub cards: Vec<Card>,
    /// What is behind the cards.
    pub more: Option<More>,
}

/// The arrangement of cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Side by side; the visitor turns them over.
    Carousel,
    /// One below the other.
    List,
}

/// One card. Its texts have markup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// The title.
    pub title: Option<String>,
    /// A line below the title.
    pub subtitle: Option<String>,
    /// A paragraph.
    pub description: Option<String>,
    /// A price or a time, at the end of the line.
    pub value: Option<String>,
    /// The address of a picture, which is safe.
    pub image: Option<String>,
    /// What a click on the whole card does.
    pub tap: Option<Button>,
    /// In order.
    pub buttons: Vec<Button>,
}

/// What "see more" does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum More {
    /// It asks the bot, or opens a page.
    Button(Button),
    /// It shows more cards, sorted into tabs.
    Tabs {
        /// The label of the button. Without one, the widget uses its own word.
        title: Option<String>,
        /// In order; at least one.
        tabs: Vec<Tab>,
    },
}

/// Some of the cards behind "see more".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tab {
    /// The label of the tab.
    pub title: String,
    /// In order; at least one.
    pub cards: Vec<Card>,
}

impl Collection {
    /// Reads a template. `None`: it is another kind of template, or has no cards.
    #[must_use]
    pub fn of(template: &Template) -> Option<Self> {
        let payload = &template.payload;
        // Each kind of template has its own order of the fields that a click sends.
        let (layout, sends) = match template.name.as_str() {
            "list" => (Layout::List, ["payload", "title", "value"]),
            "listView" => (Layout::List, ["title", "payload", "value"]),
            "carousel" => (Layout::Carousel, ["payload", "value", "title"]),
            _ => return None,
        };
        let mut room = MAX_CARDS;
        let cards = cards(&payload["elements"], sends, &mut room);
        let more = match template.name.as_str() {
            "list" => more_button(&payload["buttons"], sends),
            "listView" => more_tabs(payload, &cards, sends, &mut room),
            _ => None,
        };
        (!cards.is_empty()).then(|| Self {
            heading: first(payload, &["heading", "text", "title"]),
            layout,
            cards,
            more,
        })
    }
}

fn cards(elements: &Value, sends: [&str; 3], room: &mut usize) -> Vec<Card> {
    let cards: Vec<_> = list(elements, *room)
        .map(|element| Card::of(element, sends))
        .filter(|card| *card != Card::default())
        .collect();
    *room -= cards.len();
    cards
}

impl Card {
    fn of(element: &Value, sends: [&str; 3]) -> Self {
        let bottom = &element["bottomSection"];
        let title = words(&element["title"]).or_else(|| words(&element["topSection"]["title"]));
        let description = first(element, &["subtext", "description"])
            .or_else(|| words(&element["middleSection"]["description"]));
        let buttons = list(&element["buttons"], MAX_CARD_BUTTONS);
        Self {
            subtitle: words(&element["subtitle"]).or_else(|| words(&bottom["title"])),
            description,
            value: words(&element["value"]).or_else(|| words(&bottom["description"])),
            image: element["image_url"].as_str().and_then(safe_image),
            tap: tap(&element["default_action"], title.as_deref(), sends),
            buttons: buttons
                .filter_map(|button| Button::sending(button, sends))
                .collect(),
            title,
        }
    }
}

/// The first button of a list. If it is not a postback, the official client opens a sheet with all elements. Here all
/// elements are on the screen, so only a button that leads elsewhere is kept.
fn more_button(buttons: &Value, sends: [&str; 3]) -> Option<More> {
    let button = list(buttons, 1).next()?;
    let kind = button["type"].as_str().unwrap_or_default();
    let button = Button::sending(button, sends)?;
    match button.action {
        Action::Open { .. } => Some(More::Button(button)),
        Action::Post { .. } if kind == "postback" => Some(More::Button(button)),
        Action::None {} | Action::Post { .. } => None,
    }
}

/// The tabs of a list view. `None`: they hold nothing but what is on the screen already.
fn more_tabs(payload: &Value, shown: &[Card], sends: [&str; 3], room: &mut usize) -> Option<More> {
    if payload["seeMore"] == Value::Bool(false) {
        return None;
    }
    let mut tabs = Vec::new();
    for (title, elements) in payload["moreData"].as_object()?.iter().take(MAX_TABS) {
        let cards = cards(elements, sends, room);
        if !cards.is_empty() {
            let title = words(&title.into()).unwrap_or_default();
            tabs.push(Tab { title, cards });
        }
    }
    let says_nothing_new = tabs.len() == 1 && tabs[0].cards.iter().all(|card| shown.contains(card));
    if tabs.is_empty() || says_nothing_new {
        return None;
    }
    let button = list(&payload["buttons"], 1).next();
    Some(More::Tabs {
        title: button.and_then(|button| words(&button["title"])),
        tabs,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(payload: Value) -> Option<Collection> {
        let name = payload["template_type"].as_str().unwrap_or_default();
        Collection::of(&Template {
            name: name.to_owned(),
            payload: payload.into(),
            fallback: String::new(),
        })
    }

    fn post(title: &str, payload: &str) -> Button {
        Button {
            title: title.to_owned(),
            action: Action::Post {
                payload: payload.to_owned(),
            },
            image: None,
        }
    }

    fn open(title: &str, url: &str) -> Button {
        Button {
            title: title.to_owned(),
            action: Action::Open {
                url: url.to_owned(),
            },
            image: None,
        }
    }

    #[test]
    fn a_list_has_all_its_elements_and_sends_payload_title_or_value() {
        let element = |button: Value| {
            json!({"title":"Savings","subtitle":"…1234",
            "image_url":"https://a.test/a.png","buttons":[button]})
        };
        let list = read(
            json!({"template_type":"list","heading":"Accounts","elements":[
            element(json!({"type":"postback","title":"Open","payload":"ACC_1","value":"x"})),
            element(json!({"type":"postback","title":"Open","value":"x"})),
            element(json!({"type":"postback","value":7})),
            {"title":"Site","default_action":{"type":"web_url","url":"a.test/x"}},
        ],"buttons":[{"type":"web_url","title":"See more"}]}),
        )
        .expect("a list");
        assert_eq!(list.heading, Some("Accounts".to_owned()));
        assert_eq!((list.layout, list.more), (Layout::List, None));
        let first = Card {
            title: Some("Savings".to_owned()),
            subtitle: Some("…1234".to_owned()),
            image: Some("https://a.test/a.png".to_owned()),
            buttons: vec![post("Open", "ACC_1")],
            ..Card::default()
        };
        assert_eq!(list.cards[0], first);
        assert_eq!(list.cards[1].buttons, [post("Open", "Open")]);
        assert_eq!(list.cards[2].buttons, [post("7", "7")]);
        assert_eq!(list.cards[3].tap, Some(open("Site", "https://a.test/x")));
    }

    #[test]
    fn see_more_of_a_list_asks_the_bot_or_leads_elsewhere() {
        let more = |button: Value| {
            read(json!({"template_type":"list","elements":[{"title":"x"}],"buttons":[button]}))
                .expect("a list")
                .more
        };
        let asks = json!({"type":"postback","title":"More","payload":"MORE"});
        assert_eq!(more(asks), Some(More::Button(post("More", "MORE"))));
        let leads = json!({"type":"web_url","title":"All","url":"https://a.test/all"});
        let page = open("All", "https://a.test/all");
        assert_eq!(more(leads), Some(More::Button(page)));
        assert_eq!(more(json!({"type":"text","title":"More"})), None);
        let hostile = json!({"type":"web_url","title":"More","url":"javascript:x"});
        assert_eq!(more(hostile), None);
    }

    #[test]
    fn a_list_view_sends_the_title_first_and_has_tabs() {
        let shop = json!({"title":"Shop","subtitle":"2 Nov","value":"$10",
            "default_action":{"type":"postback","title":"Shop","payload":"T1"}});
        let rent = json!({"title":"Rent","value":900});
        let view = |more: Value| {
            read(
                json!({"template_type":"listView","heading":"Transactions","seeMore":true,
                "moreCount":1,"elements":[shop],"moreData":more,"buttons":[{"title":"See more"}]}),
            )
            .expect("a list view")
        };
        let card = Card {
            title: Some("Shop".to_owned()),
            subtitle: Some("2 Nov".to_owned()),
            value: Some("$10".to_owned()),
            tap: Some(post("Shop", "Shop")),
            ..Card::default()
        };
        let same = view(json!({"All":[shop]}));
        assert_eq!((&same.cards, same.more), (&vec![card], None));
        let Some(More::Tabs { title, tabs }) = view(json!({"March":[shop,rent],"x":[],"y":7})).more
        else {
            panic!("tabs");
        };
        assert_eq!(title, Some("See more".to_owned()));
        assert_eq!((tabs.len(), tabs[0].title.as_str()), (1, "March"));
        assert_eq!(tabs[0].cards[1].value, Some("900".to_owned()));
    }

    #[test]
    fn a_carousel_is_regular_or_stacked() {
        let regular = read(
            json!({"template_type":"carousel","elements":[{"title":"Card A",
            "subtitle":"sub","subtext":"words","image_url":"https://a.test/a.png",
            "default_action":{"type":"web_url","url":"https://a.test/a"},
            "buttons":[{"type":"postback","title":"Choose A","value":"CARD_A"}]}]}),
        )
        .expect("a carousel");
        assert_eq!(regular.layout, Layout::Carousel);
        let [card] = &regular.cards[..] else {
            panic!("one card");
        };
        assert_eq!(card.description, Some("words".to_owned()));
        assert_eq!(card.tap, Some(open("Card A", "https://a.test/a")));
        assert_eq!(card.buttons, [post("Choose A", "CARD_A")]);
        let stacked = read(
            json!({"template_type":"carousel","carousel_type":"stacked","elements":[{
            "topSection":{"title":"Top"},"middleSection":{"description":"Middle"},
            "bottomSection":{"title":"Left","description":"Right"},
            "buttons":[{"type":"postback","title":"More","payload":"M"}]}]}),
        )
        .expect("a carousel");
        let card = Card {
            title: Some("Top".to_owned()),
            description: Some("Middle".to_owned()),
            subtitle: Some("Left".to_owned()),
            value: Some("Right".to_owned()),
            buttons: vec![post("More", "M")],
            ..Card::default()
        };
        assert_eq!(stacked.cards, [card]);
    }

    #[test]
    fn hostile_lists_are_bounded_and_safe() {
        for elements in [
            json!("x"),
            json!(7),
            json!({"a":1}),
            json!([7, null, "x", []]),
        ] {
            assert_eq!(
                read(json!({"template_type":"list","elements":elements})),
                None
            );
        }
        let hostile = json!({"title":["x"],"subtitle":{},"image_url":"javascript:x","value":"v",
            "default_action":{"type":"web_url","url":"javascript:x"},
            "buttons":vec![json!({"title":"b"}); 1000]});
        let many = json!({"template_type":"list","elements":vec![hostile; 1000]});
        let many = read(many).expect("a list");
        assert_eq!(many.cards.len(), MAX_CARDS);
        let card = &many.cards[0];
        assert_eq!((&card.tap, &card.image, &card.title), (&None, &None, &None));
        assert_eq!(card.buttons.len(), MAX_CARD_BUTTONS);
        let long = json!({"template_type":"list","elements":[{"title":"é".repeat(5000)}]});
        let title = read(long).expect("a list").cards.remove(0).title;
        assert_eq!(title.unwrap_or_default().chars().count(), 4001);
    }
}
