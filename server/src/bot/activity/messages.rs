//! Turns one activity of the type `message` into messages for the visitor.
//!
//! In the path: `hearing` and the late callbacks call this.
//!
//! Invariant: text, pictures, links and buttons keep the order of the activity. Suggested actions are quick replies
//! below its text.

use protocol::reply::BotMessage;
use serde_json::json;

use super::block::{Block, is_address};
use super::buttons::of_card_action;
use super::cards;
use super::{Activity, Attachment, MAX_ATTACHMENTS};
use crate::bot::reply::{MAX_BUTTONS, image, quick_replies, with_buttons};
use crate::bot::{BotError, Class};

/// The text below a message that is not shown completely.
pub(super) const NOT_SHOWN: &str = "_Part of this message cannot be shown here._";

/// The messages of an activity. There are none if it says nothing.
///
/// # Errors
/// [`BotError::Failed`] if a card in it has the wrong form, or there are too many buttons or attachments.
pub fn messages(activity: &Activity) -> Result<Vec<BotMessage>, BotError> {
    let too_much = |most: usize, what: &str| {
        let reason = format!("an activity has more than {most} {what}");
        Err(BotError::failed(Class::TooMuch, reason))
    };
    if activity.attachments().len() > MAX_ATTACHMENTS {
        return too_much(MAX_ATTACHMENTS, "attachments");
    }
    if activity.actions().len() > MAX_BUTTONS {
        return too_much(MAX_BUTTONS, "suggested actions");
    }
    let mut messages = Vec::new();
    let mut lacks = false;
    for attachment in activity.attachments() {
        let block = of_attachment(attachment)?;
        lacks |= block.lacks;
        push_block(block, &mut messages)?;
    }
    let mut chips = Vec::new();
    for action in activity.actions() {
        match of_card_action(action) {
            Some(choice) => chips.push(choice),
            None => lacks = true,
        }
    }
    let text = activity.text.as_deref().unwrap_or_default().trim();
    if !chips.is_empty() {
        // Quick replies belong below the newest message, so their text goes there, too.
        messages.push(quick_replies(text, &chips, "suggestedActions")?);
    } else if !text.is_empty() {
        messages.insert(0, BotMessage::text(text));
    }
    if lacks {
        messages.push(BotMessage::text(NOT_SHOWN));
    }
    Ok(messages)
}

fn of_attachment(attachment: &Attachment) -> Result<Block, BotError> {
    let content_type = attachment.content_type.as_deref().unwrap_or_default();
    let content_type = content_type.to_ascii_lowercase();
    if let Some(block) = cards::block(&content_type, &attachment.content)? {
        return Ok(block);
    }
    let mut block = Block::default();
    let name = attachment.name.as_deref().map(str::trim);
    let name = name.filter(|name| !name.is_empty());
    match attachment.content_url.as_deref() {
        Some(url) if content_type.starts_with("image/") => block.picture(Some(url), name),
        Some(url) if is_address(url) => {
            let title = name.unwrap_or(url).to_owned();
            block.links.push((title, url.to_owned()));
        }
        _ if content_type.starts_with("text/") => block.say(attachment.content.as_str()),
        _ => {
            block.say(name);
            block.lacks = true;
        }
    }
    Ok(block)
}

fn push_block(block: Block, messages: &mut Vec<BotMessage>) -> Result<(), BotError> {
    for (url, alt) in block.pictures {
        messages.push(image(&url, &alt, "a picture")?);
    }
    let text = block.lines.join("\n\n");
    if !block.buttons.is_empty() {
        messages.push(with_buttons(&text, &block.buttons, "a card's buttons")?);
    } else if !text.is_empty() {
        messages.push(BotMessage::text(text));
    }
    for (title, url) in block.links {
        let payload = json!({"url": url, "name": title});
        messages.push(BotMessage::media(
            "link",
            payload,
            format!("{title}: {url}"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn of(activity: &Value) -> Vec<Value> {
        let activity = super::super::read(activity.to_string().as_bytes()).unwrap();
        let messages = messages(&activity).unwrap();
        let as_json = |message| serde_json::to_value(message).unwrap();
        messages.into_iter().map(as_json).collect()
    }

    fn inner(message: &Value) -> &Value {
        &message["component"]["payload"]["payload"]
    }

    #[test]
    fn text_is_text_and_nothing_is_nothing() {
        let said = of(&json!({"type": "message", "text": " Hello *you* "}));
        assert_eq!(said.len(), 1);
        assert_eq!(said[0]["cInfo"]["body"], "Hello *you*");
        for empty in [
            json!({"type": "message"}),
            json!({"type": "message", "text": " "}),
        ] {
            assert_eq!(of(&empty), Vec::<Value>::new());
        }
    }

    #[test]
    fn suggested_actions_are_chips_below_the_text() {
        let said = of(
            &json!({"type": "message", "text": "Tea?", "suggestedActions": {"to": [], "actions": [
            {"type": "imBack", "title": "Yes", "value": "yes"},
            {"type": "postBack", "title": "No", "value": {"no": 1}},
            {"type": "openUrl", "title": "Read", "value": "https://a.test/"}]},
            "attachments": [{"contentType": "image/png", "contentUrl": "https://a.test/t.png", "name": "tea.png"}]}),
        );
        assert_eq!(said.len(), 2);
        assert_eq!(inner(&said[0])["url"], "https://a.test/t.png");
        let expected = json!({"template_type": "quick_replies", "text": "Tea?", "quick_replies": [
            {"content_type": "text", "title": "Yes", "payload": "yes"},
            {"content_type": "text", "title": "No", "payload": "{\"no\":1}"},
            {"content_type": "web_url", "title": "Read", "url": "https://a.test/"}]});
        assert_eq!(inner(&said[1]), &expected);
        assert_eq!(said[1]["cInfo"]["body"], "Tea?");
    }

    #[test]
    fn cards_and_files_come_below_the_text_and_what_is_not_shown_is_said() {
        let said = of(&json!({"type": "message", "text": "Look", "attachments": [
            {"contentType": "application/vnd.microsoft.card.hero", "content": {"title": "One",
                "buttons": [{"type": "imBack", "title": "Go", "value": "go"}]}},
            {"contentType": "application/pdf", "contentUrl": "https://a.test/f.pdf", "name": "f.pdf"},
            {"contentType": "text/plain", "content": "plain words"},
            {"contentType": "application/x-new", "content": {"a": 1}, "name": "new thing"}]}));
        assert_eq!(said[0]["cInfo"]["body"], "Look");
        assert_eq!(inner(&said[1])["template_type"], "button");
        assert_eq!(inner(&said[1])["text"], "**One**");
        assert_eq!(inner(&said[2])["url"], "https://a.test/f.pdf");
        assert_eq!(said[3]["cInfo"]["body"], "plain words");
        assert_eq!(said[4]["cInfo"]["body"], "new thing");
        assert_eq!(said[5]["cInfo"]["body"], NOT_SHOWN);
        assert_eq!(said.len(), 6);
    }

    #[test]
    fn what_has_too_much_in_it_is_refused() {
        let action = json!({"type": "imBack", "title": "a", "value": "a"});
        let buttons =
            json!({"type": "message", "suggestedActions": {"actions": vec![action; 10_000]}});
        let attachments = json!({"type": "message", "attachments": vec![json!({}); 21]});
        for much in [buttons, attachments] {
            let activity = super::super::read(much.to_string().as_bytes()).unwrap();
            assert_eq!(messages(&activity).unwrap_err().class(), Class::TooMuch);
        }
    }

    #[test]
    fn an_address_that_is_none_of_the_web_is_not_shown() {
        let said = of(&json!({"type": "message", "attachments": [
            {"contentType": "text/html", "contentUrl": "javascript:alert(1)"},
            {"contentType": "image/png", "contentUrl": "data:image/png;base64,AA=="}]}));
        assert_eq!(said.len(), 1);
        assert_eq!(said[0]["cInfo"]["body"], NOT_SHOWN);
    }
}
