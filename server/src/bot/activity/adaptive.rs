//! The words, pictures and buttons of an Adaptive Card, in reading order.
//!
//! Inputs and nested cards are not drawn: a press of `Action.Submit` sends the action's own data without them.

use serde_json::Value;

use super::block::{Block, is_address, pair};
use super::buttons::of_adaptive_action;
use super::{list_of, text_of};
use crate::bot::{BotError, Class};

/// The deepest nesting. People nest less, and the stack has room for far more.
const MAX_DEPTH: u8 = 24;
/// The most elements of a card. A card for a chat has fewer.
const MAX_ELEMENTS: usize = 2_000;

/// The block of a card's content.
///
/// # Errors
/// [`BotError::Failed`] for a card with too many elements.
pub(super) fn block(card: &Value) -> Result<Block, BotError> {
    let mut reading = Reading::default();
    reading.elements(list_of(card, "body"), MAX_DEPTH)?;
    reading.actions(list_of(card, "actions"));
    let mut block = reading.block;
    if block.lines.is_empty() && block.pictures.is_empty() {
        let instead = ["title", "fallbackText", "speak"];
        block.say(instead.iter().find_map(|name| text_of(card, name)));
    }
    Ok(block)
}

#[derive(Default)]
struct Reading {
    block: Block,
    elements: usize,
}

impl Reading {
    fn elements(&mut self, elements: &[Value], depth: u8) -> Result<(), BotError> {
        let Some(depth) = depth.checked_sub(1) else {
            self.block.lacks = true;
            return Ok(());
        };
        for element in elements {
            self.elements += 1;
            if self.elements > MAX_ELEMENTS {
                let reason = format!("a card has more than {MAX_ELEMENTS} elements");
                return Err(BotError::failed(Class::TooMuch, reason));
            }
            if element.get("isVisible") != Some(&Value::Bool(false)) {
                self.element(element, depth)?;
            }
        }
        Ok(())
    }

    fn element(&mut self, element: &Value, depth: u8) -> Result<(), BotError> {
        let block = &mut self.block;
        match text_of(element, "type").unwrap_or_default() {
            "TextBlock" => block.say(text_of(element, "text")),
            "RichTextBlock" => {
                let inlines = list_of(element, "inlines").iter();
                let text: String = inlines
                    .filter_map(|inline| inline.as_str().or_else(|| inline.get("text")?.as_str()))
                    .collect();
                block.say(Some(text.trim()).filter(|text| !text.is_empty()));
            }
            "FactSet" => {
                for fact in list_of(element, "facts") {
                    let (title, value) = (text_of(fact, "title"), text_of(fact, "value"));
                    block.say(pair(title, value).as_deref());
                }
            }
            "Image" => block.picture(text_of(element, "url"), text_of(element, "altText")),
            "ImageSet" => return self.elements(list_of(element, "images"), depth),
            "Container" | "Column" | "TableCell" => {
                return self.elements(list_of(element, "items"), depth);
            }
            "ColumnSet" => {
                for column in list_of(element, "columns") {
                    self.elements(list_of(column, "items"), depth)?;
                }
            }
            "Table" => {
                for row in list_of(element, "rows") {
                    self.elements(list_of(row, "cells"), depth)?;
                }
            }
            "ActionSet" => self.actions(list_of(element, "actions")),
            "Media" => {
                for source in list_of(element, "sources") {
                    match text_of(source, "url").filter(|url| is_address(url)) {
                        Some(url) => {
                            let title = text_of(element, "altText").unwrap_or(url);
                            block.links.push((title.to_owned(), url.to_owned()));
                        }
                        None => block.lacks = true,
                    }
                }
            }
            // Inputs, and elements of later versions.
            _ => block.lacks = true,
        }
        Ok(())
    }

    fn actions(&mut self, actions: &[Value]) {
        for action in actions {
            self.block.offer(of_adaptive_action(action));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_pictures_and_buttons_come_in_reading_order() {
        let card = json!({"type": "AdaptiveCard", "version": "1.5", "body": [
            {"type": "TextBlock", "text": "Flight OS 17", "weight": "bolder"},
            {"type": "ColumnSet", "columns": [
                {"type": "Column", "items": [{"type": "TextBlock", "text": "Vienna"}]},
                {"type": "Column", "items": [{"type": "Image", "url": "https://a.test/p.png", "altText": "to"}]},
                {"type": "Column", "items": [{"type": "TextBlock", "text": "Graz"}]}]},
            {"type": "RichTextBlock", "inlines": ["On ", {"type": "TextRun", "text": "time"}]},
            {"type": "FactSet", "facts": [{"title": "Gate", "value": "F 3"}, {"title": "Seat:", "value": "9A"}]},
            {"type": "TextBlock", "text": "hidden", "isVisible": false},
            {"type": "Table", "rows": [{"type": "TableRow", "cells": [
                {"type": "TableCell", "items": [{"type": "TextBlock", "text": "cell"}]}]}]},
            {"type": "ActionSet", "actions": [{"type": "Action.OpenUrl", "title": "Map", "url": "https://a.test/"}]}],
            "actions": [{"type": "Action.Submit", "title": "Check in", "data": {"flight": 17}}]});
        let block = block(&card).unwrap();
        let words = [
            "Flight OS 17",
            "Vienna",
            "Graz",
            "On time",
            "Gate: F 3",
            "Seat: 9A",
            "cell",
        ];
        assert_eq!(block.lines, words);
        assert_eq!(block.pictures.len(), 1);
        let titles: Vec<_> = block.buttons.iter().map(|button| &*button.title).collect();
        assert_eq!(titles, ["Map", "Check in"]);
        assert!(!block.lacks);
    }

    #[test]
    fn what_is_not_drawn_is_noted() {
        for part in [
            json!({"body": [{"type": "Input.Text", "id": "name"}]}),
            json!({"actions": [{"type": "Action.ShowCard", "title": "More", "card": {}}]}),
            json!({"body": [{"type": "New"}]}),
            json!({"body": [7]}),
        ] {
            assert!(block(&part).unwrap().lacks, "{part}");
        }
        let empty = block(&json!({"fallbackText": "Please look at the mail"})).unwrap();
        assert_eq!(empty.lines, ["Please look at the mail"]);
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let mut deep = json!({"type": "TextBlock", "text": "deep"});
        for _ in 0..60 {
            deep = json!({"type": "Container", "items": [deep]});
        }
        let block_of_deep = block(&json!({"body": [deep]})).unwrap();
        assert!(block_of_deep.lacks && block_of_deep.lines.is_empty());
        let many = vec![json!({"type": "TextBlock", "text": "x"}); MAX_ELEMENTS + 1];
        let error = block(&json!({"body": many})).unwrap_err();
        assert_eq!(error.class(), Class::TooMuch);
    }
}
