//! The conversation for an agent: its messages with ids and roles.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::bot::{Speaker, Turn};

/// An earlier message.
pub(in crate::bot) struct Line {
    /// The id, which is the same every time this message is sent.
    pub(in crate::bot) id: String,
    /// Whether the visitor wrote it.
    pub(in crate::bot) by_visitor: bool,
    /// The text as it was read.
    pub(in crate::bot) text: String,
}

impl Line {
    /// `user` or `assistant`.
    pub(in crate::bot) fn role(&self) -> &'static str {
        if self.by_visitor { "user" } else { "assistant" }
    }
}

/// The messages before this turn, oldest first, without empty ones.
pub(in crate::bot) fn before(turn: &Turn) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for said in &turn.recent {
        if said.text.trim().is_empty() {
            continue;
        }
        let by_visitor = said.by == Speaker::Visitor;
        let text = said.to_model();
        let mut hash = Sha256::new();
        hash.update([u8::from(by_visitor)]);
        hash.update(said.at.0.to_be_bytes());
        hash.update(&text);
        let id = format!("m-{}", URL_SAFE_NO_PAD.encode(&hash.finalize()[..12]));
        let same = lines.iter().filter(|line| line.id.starts_with(&id)).count();
        let id = if same == 0 {
            id
        } else {
            format!("{id}.{same}")
        };
        lines.push(Line {
            id,
            by_visitor,
            text,
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::tests::turn;
    use crate::bot::{PastMessage, TurnKind};
    use crate::clock::Millis;

    fn said(by: Speaker, at: u64, text: &str) -> PastMessage {
        PastMessage {
            by,
            text: text.to_owned(),
            at: Millis(at),
        }
    }

    #[test]
    fn messages_keep_their_ids_from_turn_to_turn() {
        let mut turn = turn(TurnKind::text("hi"));
        turn.recent = vec![
            said(Speaker::Visitor, 1, "yes"),
            said(Speaker::Bot, 2, "Hello"),
            said(Speaker::Bot, 2, "Hello"),
            said(Speaker::Bot, 2, " "),
            said(Speaker::Agent, 3, "I am Ada"),
            said(Speaker::Visitor, 4, "yes"),
        ];
        let all = before(&turn);
        let ids: std::collections::HashSet<_> = all.iter().map(|line| line.id.clone()).collect();
        assert_eq!((all.len(), ids.len()), (5, 5));
        assert_eq!(all[3].text, "[A member of the team wrote:] I am Ada");
        assert_eq!((all[3].role(), all[4].role()), ("assistant", "user"));
        turn.recent.remove(0);
        let later = before(&turn);
        assert_eq!(later[0].id, all[1].id);
        assert_eq!(later[3].id, all[4].id);
    }
}
