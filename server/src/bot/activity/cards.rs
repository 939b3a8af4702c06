//! Cards become blocks: text, pictures, links and buttons.
//!
//! In the path: `messages` makes Kore messages of a [`Block`], and `adaptive` reads Adaptive Cards.

use serde_json::Value;

use super::block::{Block, is_address, pair};
use super::{adaptive, list_of, text_of};
use crate::bot::{BotError, Class};

const PREFIX: &str = "application/vnd.microsoft.card.";

/// The block of a card. `None`: this is not a card.
///
/// # Errors
/// [`BotError::Failed`] for a card with too many buttons, or one that is not an object.
pub(super) fn block(content_type: &str, content: &Value) -> Result<Option<Block>, BotError> {
    let Some(kind) = content_type.strip_prefix(PREFIX) else {
        return Ok(None);
    };
    if !content.is_object() {
        return Err(BotError::failed(
            Class::Unreadable,
            "a card's content is no object",
        ));
    }
    let block = match kind {
        "adaptive" => adaptive::block(content)?,
        "hero" | "thumbnail" => pictured(content),
        "signin" => {
            let mut block = Block::default();
            block.say(text_of(content, "text"));
            block.offer_all(content);
            block
        }
        "audio" | "video" | "animation" => media(content),
        "receipt" => receipt(content),
        // `oauth` needs the token service of Azure.
        _ => {
            let mut block = Block::default();
            block.strong(text_of(content, "title"));
            block.say(text_of(content, "text"));
            block.lacks = true;
            block
        }
    };
    block.bounded().map(Some)
}

fn titled(card: &Value) -> Block {
    let mut block = Block::default();
    block.strong(text_of(card, "title"));
    block.say(text_of(card, "subtitle"));
    block.say(text_of(card, "text"));
    block
}

fn pictured(card: &Value) -> Block {
    let mut block = titled(card);
    for image in list_of(card, "images") {
        block.picture(text_of(image, "url"), text_of(image, "alt"));
    }
    block.offer_all(card);
    block
}

fn media(card: &Value) -> Block {
    let mut block = titled(card);
    if let Some(image) = card.get("image") {
        block.picture(text_of(image, "url"), text_of(image, "alt"));
    }
    for medium in list_of(card, "media") {
        match text_of(medium, "url").filter(|url| is_address(url)) {
            Some(url) => {
                let title = text_of(card, "title").unwrap_or(url);
                block.links.push((title.to_owned(), url.to_owned()));
            }
            None => block.lacks = true,
        }
    }
    block.offer_all(card);
    block
}

fn receipt(card: &Value) -> Block {
    let mut block = Block::default();
    block.strong(text_of(card, "title"));
    for fact in list_of(card, "facts") {
        let (key, value) = (text_of(fact, "key"), text_of(fact, "value"));
        block.say(pair(key, value).as_deref());
    }
    for item in list_of(card, "items") {
        let title = pair(text_of(item, "title"), text_of(item, "price"));
        block.say(title.as_deref());
        block.say(text_of(item, "subtitle"));
    }
    for (title, name) in [("VAT", "vat"), ("Tax", "tax"), ("Total", "total")] {
        if let Some(sum) = text_of(card, name) {
            block.say(Some(&format!("{title}: {sum}")));
        }
    }
    block.offer_all(card);
    block
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn block_of(kind: &str, content: &Value) -> Block {
        block(&format!("{PREFIX}{kind}"), content).unwrap().unwrap()
    }

    #[test]
    fn a_hero_card_is_text_pictures_and_buttons() {
        let card = json!({"title": "Parcel 17", "subtitle": "on its way", "text": "Tomorrow at nine.",
            "images": [{"url": "https://a.test/p.png", "alt": "a parcel"}, {"url": "data:image/png;base64,AA=="}],
            "buttons": [{"type": "imBack", "title": "Where?", "value": "where is it"},
                {"type": "openUrl", "title": "Map", "value": "https://a.test/map"}]});
        let block = block_of("hero", &card);
        assert_eq!(
            block.lines,
            ["**Parcel 17**", "on its way", "Tomorrow at nine."]
        );
        assert_eq!(
            block.pictures,
            [("https://a.test/p.png".to_owned(), "a parcel".to_owned())]
        );
        assert_eq!(block.buttons.len(), 2);
        assert!(block.lacks, "a picture inside of the card is not shown");
    }

    #[test]
    fn a_receipt_a_video_and_a_sign_in_are_words_and_links() {
        let receipt = json!({"title": "Order", "facts": [{"key": "No.", "value": "17"}],
            "items": [{"title": "Tea", "price": "3.50"}], "tax": "0.50", "total": "4.00"});
        assert_eq!(
            block_of("receipt", &receipt).lines,
            [
                "**Order**",
                "No.: 17",
                "Tea: 3.50",
                "Tax: 0.50",
                "Total: 4.00"
            ]
        );
        let video =
            json!({"title": "How to", "media": [{"url": "https://a.test/v.mp4"}, {"url": "x"}]});
        let block = block_of("video", &video);
        assert_eq!(
            block.links,
            [("How to".to_owned(), "https://a.test/v.mp4".to_owned())]
        );
        assert!(block.lacks);
        let sign_in = json!({"text": "Please", "buttons": [{"type": "signin", "title": "In", "value": "https://a.test/"}]});
        assert_eq!(block_of("signin", &sign_in).buttons.len(), 1);
        assert!(block_of("oauth", &json!({"text": "Sign in"})).lacks);
    }

    #[test]
    fn wrong_types_cost_what_is_wrong_and_no_more() {
        let card =
            json!({"title": 7, "text": {"a": 1}, "images": "x", "buttons": [7, {"type": []}]});
        let block = block_of("hero", &card);
        assert_eq!(block.lines, Vec::<String>::new());
        assert!(block.lacks);
        assert!(super::block(&format!("{PREFIX}hero"), &json!("x")).is_err());
        assert_eq!(super::block("image/png", &json!(null)), Ok(None));
        let action = json!({"type": "imBack", "title": "a", "value": "a"});
        let many = json!({"buttons": vec![action; 10_000]});
        let error = super::block(&format!("{PREFIX}thumbnail"), &many).unwrap_err();
        assert_eq!(error.class(), Class::TooMuch);
    }
}
