//! Rows and columns: `table`, `custom_table`, `mini_table` and `tableList`.

use super::fields::{first, list, tap, words};
use crate::content::{Action, Button, Template};
use crate::json::Value;
use crate::link::{safe_image, sloppy_link};
use crate::message::add;

/// The most tables of a message.
const MAX_TABLES: usize = 20;

/// The most columns of a table.
const MAX_COLUMNS: usize = 20;

/// The most cells of a message.
const MAX_CELLS: usize = 4000;

/// What a click on a cell or row sends.
const SENDS: [&str; 3] = ["payload", "title", "value"];

/// One table or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// Above the tables, with markup.
    pub caption: Option<String>,
    /// In order; at least one.
    pub tables: Vec<Table>,
}

/// A table. Every row has a cell for every column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Above this table, with markup.
    pub caption: Option<String>,
    /// In order. If all titles are empty, there is no head to draw.
    pub columns: Vec<Column>,
    /// In order.
    pub rows: Vec<Vec<Cell>>,
    /// A narrow widget draws it as a list of rows, each with the titles of the columns.
    pub stacked: bool,
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// With markup; may be empty.
    pub title: String,
    /// The alignment of its cells.
    pub align: Align,
}

/// The alignment of the cells of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// At the beginning of the line.
    #[default]
    Start,
    /// In the middle.
    Center,
    /// At the end of the line, for numbers.
    End,
}

/// A cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// With markup; may be empty.
    pub text: String,
    /// What a click does.
    pub action: Option<Button>,
    /// The address of a picture, which is safe.
    pub image: Option<String>,
}

impl Tables {
    /// Reads a template. `None`: it is another kind of template, or has no rows.
    #[must_use]
    pub fn of(template: &Template) -> Option<Self> {
        let payload = &template.payload;
        let elements = &payload["elements"];
        let mut room = MAX_CELLS;
        let mut tables: Vec<_> = match template.name.as_str() {
            "table" | "custom_table" => {
                let rows = list(elements, MAX_CELLS).map(|element| &element["Values"]);
                vec![Table {
                    stacked: payload["table_design"].as_str() == Some("responsive"),
                    ..Table::of(columns(&payload["columns"]), rows, &mut room)
                }]
            }
            "mini_table" => list(elements, MAX_TABLES)
                .map(|element| {
                    let rows = list(&element["additional"], MAX_CELLS);
                    Table::of(columns(&element["primary"]), rows, &mut room)
                })
                .collect(),
            "tableList" => list(elements, MAX_TABLES)
                .map(|section| Table::of_section(section, &mut room))
                .collect(),
            _ => return None,
        };
        tables.retain(|table| !table.rows.is_empty());
        (!tables.is_empty()).then(|| Self {
            caption: first(payload, &["text", "heading", "title"]),
            tables,
        })
    }
}

impl Table {
    /// A table of these rows. Columns beyond the head get no title; a short row gets empty cells.
    fn of<'a>(
        mut columns: Vec<Column>,
        rows: impl Iterator<Item = &'a Value>,
        room: &mut usize,
    ) -> Self {
        let cells = |row: &'a Value| row.as_array().filter(|cells| !cells.is_empty());
        let rows: Vec<_> = rows.filter_map(cells).collect();
        let widest = rows.iter().map(|cells| cells.len()).max();
        let width = columns.len().max(widest.unwrap_or_default());
        let width = width.clamp(1, MAX_COLUMNS);
        columns.resize_with(width, Column::default);
        let read = |cells: &&[Value]| -> Vec<_> {
            let mut row: Vec<_> = cells.iter().take(width).map(Cell::of).collect();
            row.resize_with(width, Cell::default);
            row
        };
        let rows: Vec<_> = rows.iter().take(*room / width).map(read).collect();
        *room -= width * rows.len();
        Self {
            caption: None,
            columns,
            rows,
            stacked: false,
        }
    }

    /// A section of a `tableList`: a title and a value in each row.
    fn of_section(section: &Value, room: &mut usize) -> Self {
        let mut caption = words(&section["sectionHeader"]).unwrap_or_default();
        let note = words(&section["sectionHeaderDesc"]).unwrap_or_default();
        add(&mut caption, "\n", &note);
        let rows: Vec<_> = list(&section["rowItems"], *room / 2)
            .map(row_of_item)
            .filter(|row| row.iter().any(|cell| *cell != Cell::default()))
            .collect();
        *room -= 2 * rows.len();
        let end = Column {
            align: Align::End,
            ..Column::default()
        };
        Self {
            caption: (!caption.is_empty()).then_some(caption),
            columns: vec![Column::default(), end],
            rows,
            stacked: false,
        }
    }
}

/// `[["Name","left"],["Qty","right"]]`, or the titles alone.
fn columns(columns: &Value) -> Vec<Column> {
    let column = |column: &Value| {
        let (title, align) = match column.as_array() {
            Some([title, align, ..]) => (title, align.as_str()),
            Some([title]) => (title, None),
            Some([]) => (&Value::Null, None),
            None => (column, None),
        };
        Column {
            title: words(title).unwrap_or_default(),
            align: match align {
                Some("center") => Align::Center,
                Some("right" | "end") => Align::End,
                _ => Align::Start,
            },
        }
    };
    list(columns, MAX_COLUMNS).map(column).collect()
}

impl Cell {
    /// Words, or `[words,"text"]`, or `[words,"button",{…}]`.
    fn of(cell: &Value) -> Self {
        let Some(parts) = cell.as_array() else {
            return Self::text(words(cell).unwrap_or_default());
        };
        let text = parts.first().and_then(words);
        let action = match parts {
            [_, kind, button, ..] if kind.as_str() == Some("button") => {
                tap(button, text.as_deref(), SENDS)
            }
            _ => None,
        };
        let title = || action.as_ref().map(|button| button.title.clone());
        let text = text.or_else(title).unwrap_or_default();
        Self {
            action,
            ..Self::text(text)
        }
    }

    fn text(text: String) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }
}

/// `{title{type,text{title,subtitle}|url{title,subtitle,link},image},value{type,text|url{title,link}},default_action}`.
fn row_of_item(item: &Value) -> Vec<Cell> {
    let (title, value) = (&item["title"], &item["value"]);
    let kind = title["type"].as_str().unwrap_or("text");
    let said = &title[kind];
    let first = words(&said["title"]).or_else(|| words(said));
    let mut text = first.clone().unwrap_or_default();
    add(
        &mut text,
        "\n",
        &words(&said["subtitle"]).unwrap_or_default(),
    );
    let click = tap(&item["default_action"], first.as_deref(), SENDS);
    let own = opening(said, first.as_deref());
    let head = Cell {
        text,
        action: own.or(click),
        image: title["image"]["image_src"].as_str().and_then(safe_image),
    };
    let kind = value["type"].as_str().unwrap_or("text");
    let said = &value[kind];
    let words = words(&said["title"]).or_else(|| words(said));
    let tail = Cell {
        action: opening(said, words.as_deref()),
        text: words.unwrap_or_default(),
        image: said["image_src"].as_str().and_then(safe_image),
    };
    vec![head, tail]
}

/// The link of a title or a value, if it is one.
fn opening(said: &Value, title: Option<&str>) -> Option<Button> {
    let address = said.get("link").or_else(|| said.get("url"))?.as_str()?;
    let url = sloppy_link(address)?;
    Some(Button {
        title: title.unwrap_or(&url).to_owned(),
        action: Action::Open { url },
        image: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(payload: Value) -> Option<Tables> {
        let name = payload["template_type"].as_str().unwrap_or_default();
        Tables::of(&Template {
            name: name.to_owned(),
            payload: payload.into(),
            fallback: String::new(),
        })
    }

    fn only(payload: Value) -> Table {
        read(payload).expect("tables").tables.remove(0)
    }

    fn texts(table: &Table) -> Vec<Vec<&str>> {
        let rows = table.rows.iter();
        rows.map(|row| row.iter().map(|cell| &*cell.text).collect())
            .collect()
    }

    fn button(title: &str, action: Action) -> Button {
        Button {
            title: title.to_owned(),
            action,
            image: None,
        }
    }

    fn post(title: &str, payload: &str) -> Button {
        let payload = payload.to_owned();
        button(title, Action::Post { payload })
    }

    fn open(title: &str, url: &str) -> Button {
        let url = url.to_owned();
        button(title, Action::Open { url })
    }

    #[test]
    fn a_table_is_regular_or_responsive() {
        let table = |design: &str| {
            read(
                json!({"template_type":"table","table_design":design,"text":"Stock",
                "columns":[["Name","left"],["Qty","right"],["Note","center"]],
                "elements":[{"Values":["Pens",3,true]},{"Values":["Ink","1"]},{"Values":[]},{}]}),
            )
            .expect("a table")
        };
        let regular = table("regular");
        assert_eq!(regular.caption.as_deref(), Some("Stock"));
        let [table_of_it] = &regular.tables[..] else {
            panic!("one table");
        };
        assert_eq!(
            texts(table_of_it),
            [["Pens", "3", "true"], ["Ink", "1", ""]]
        );
        let aligned: Vec<_> = table_of_it.columns.iter().map(|one| one.align).collect();
        assert_eq!(aligned, [Align::Start, Align::End, Align::Center]);
        assert!(!table_of_it.stacked);
        assert!(table("responsive").tables[0].stacked);
    }

    #[test]
    fn a_row_that_is_wider_than_the_head_is_whole() {
        let table = only(json!({"template_type":"table","columns":["Name"],
            "elements":[{"Values":["Pens","3"]}]}));
        assert_eq!(texts(&table), [["Pens", "3"]]);
        let titles: Vec<_> = table.columns.iter().map(|one| &*one.title).collect();
        assert_eq!(titles, ["Name", ""]);
    }

    #[test]
    fn a_custom_table_has_buttons_in_cells() {
        let table = only(
            json!({"template_type":"custom_table","table_design":"regular",
                "columns":[["Id","left"],["Action","left"]],"elements":[
                {"Values":[["1","text"],["Track","button",{"type":"postback","title":"Track it","payload":"TRACK_1"}]]},
                {"Values":[[2,"text"],["Site","button",{"type":"web_url","url":"a.test"}]]},
                {"Values":[["alone","text"]]},
                {"Values":[["x","text"],["Bad","button",{"type":"web_url","url":"javascript:x"}]]},
            ]}),
        );
        let expected = [["1", "Track"], ["2", "Site"], ["alone", ""], ["x", "Bad"]];
        assert_eq!(texts(&table), expected);
        let actions: Vec<_> = table.rows.iter().map(|row| row[1].action.clone()).collect();
        let expected = [
            Some(post("Track it", "TRACK_1")),
            Some(open("Site", "https://a.test")),
            None,
            None,
        ];
        assert_eq!(actions, expected);
    }

    #[test]
    fn mini_tables_are_one_each() {
        let tables = read(
            json!({"template_type":"mini_table","text":"Split","elements":[
            {"primary":[["Item","left"],["Sum","right"]],"additional":[["Pens","3"],["Ink","1"]]},
            {"primary":[["Empty","left"]],"additional":[]},
            {"additional":[["a"]]}]}),
        )
        .expect("tables");
        assert_eq!(tables.tables.len(), 2);
        assert_eq!(texts(&tables.tables[0]), [["Pens", "3"], ["Ink", "1"]]);
        assert_eq!(texts(&tables.tables[1]), [["a"]]);
    }

    #[test]
    fn a_table_list_has_sections_with_rows_to_click() {
        let table = only(
            json!({"template_type":"tableList","elements":[{"sectionHeader":"March",
                "sectionHeaderDesc":"all of it","rowItems":[
                {"title":{"type":"text","text":{"title":"Shop","subtitle":"2 Mar"},
                  "image":{"image_type":"image","image_src":"https://a.test/a.png"}},
                 "value":{"type":"text","text":"$10"},
                 "default_action":{"type":"postback","title":"Shop","payload":"T1"}},
                {"title":{"type":"url","url":{"title":"Rent","subtitle":"1 Mar","link":"a.test/rent"}},
                 "value":{"type":"url","url":{"title":"Bill","link":"https://a.test/bill"}},
                 "default_action":{"type":"postback","title":"no"}},
                {"default_action":{"type":"postback"}},
            ]}]}),
        );
        assert_eq!(table.caption.as_deref(), Some("March\nall of it"));
        assert_eq!(
            texts(&table),
            [["Shop\n2 Mar", "$10"], ["Rent\n1 Mar", "Bill"]]
        );
        let [shop, rent] = &table.rows[..] else {
            panic!("two rows");
        };
        assert_eq!(shop[0].action, Some(post("Shop", "T1")));
        assert_eq!(shop[0].image.as_deref(), Some("https://a.test/a.png"));
        assert_eq!(rent[0].action, Some(open("Rent", "https://a.test/rent")));
        assert_eq!(rent[1].action, Some(open("Bill", "https://a.test/bill")));
        assert_eq!(table.columns[1].align, Align::End);
    }

    #[test]
    fn hostile_tables_are_bounded() {
        for elements in [json!("x"), json!([[], 7, {"Values":7}, {"Values":[]}])] {
            let payload = json!({"template_type":"table","columns":{"a":1},"elements":elements});
            assert_eq!(read(payload), None);
        }
        let wide = only(json!({"template_type":"table","columns":vec!["x"; 1000],
            "elements":[{"Values":vec!["y"; 1000]}]}));
        assert_eq!((wide.columns.len(), wide.rows[0].len()), (20, 20));
        let cells = |table: &Table| table.rows.len() * table.columns.len();
        let long = only(json!({"template_type":"table","columns":vec!["x"; 20],
            "elements":vec![json!({"Values":["y"]}); 5000]}));
        assert!(cells(&long) <= MAX_CELLS, "{}", cells(&long));
        let mut rows = vec![json!({"Values":["y"]}); 5000];
        rows.push(json!({"Values":vec!["y"; 20]}));
        let uneven = only(json!({"template_type":"table","elements":rows}));
        assert!(cells(&uneven) <= MAX_CELLS, "{}", cells(&uneven));
        let section = json!({"rowItems":vec![json!({"value":{"text":"x"}}); 900]});
        let many = read(json!({"template_type":"tableList","elements":vec![section; 100]}));
        let many = many.expect("tables").tables;
        assert!(many.iter().map(cells).sum::<usize>() <= MAX_CELLS);
    }
}
