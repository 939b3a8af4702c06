//! The messages for the model: who it is, what was said, and the newest message, within a budget.
//!
//! In the path: [`super::OpenAi`] makes a [`Prompt`] of a turn; `ask` sends its messages.
//!
//! Invariants: there is one system message, and it comes first, because not every server accepts another. Roles
//! alternate and the visitor begins, because the templates of many models demand it. The newest message is always
//! there. What does not fit is cut from the front, in whole turns.

use serde_json::{Value, json};

use crate::bot::{PastMessage, Speaker, Turn};

/// The number of tokens is guessed from the bytes.
const BYTES_A_TOKEN: usize = 3;

/// The cost of a message besides its text.
const TOKENS_A_MESSAGE: usize = 4;

/// Explains such messages to the model, if there are any.
const ABOUT_AGENTS: &str = "Messages that begin with “[A member of the team wrote:]” were written by a person who had taken over the conversation. The conversation is back with you now; do not begin your own messages like that.";

/// Stands for the visitor's turn if the bot spoke first.
const OPENED: &str = "(The visitor has opened the chat.)";

/// The messages for a model.
#[derive(Clone)]
pub(super) struct Prompt {
    system: String,
    /// Oldest first. Each turn begins with what the visitor said.
    turns: Vec<Vec<Message>>,
    newest: String,
}

#[derive(Clone)]
struct Message {
    by_visitor: bool,
    text: String,
}

/// About how many tokens these bytes are.
pub(super) fn tokens_of(bytes: usize) -> usize {
    bytes.div_ceil(BYTES_A_TOKEN)
}

impl Prompt {
    /// The prompt for a turn in which the visitor said something. `None` for every other turn.
    pub(super) fn of(system: &str, turn: &Turn) -> Option<Self> {
        let newest = turn.kind.newest(false)?;
        let mut turns: Vec<Vec<Message>> = Vec::new();
        let mut agents = false;
        for said in &turn.recent {
            if said.text.trim().is_empty() {
                continue;
            }
            let message = message(said);
            agents |= said.by == Speaker::Agent;
            match turns.last_mut() {
                Some(last) if !message.by_visitor => last.push(message),
                None if !message.by_visitor => {
                    let text = OPENED.to_owned();
                    let opened = Message {
                        by_visitor: true,
                        text,
                    };
                    turns.push(vec![opened, message]);
                }
                _ => turns.push(vec![message]),
            }
        }
        let mut prompt = Self {
            system: system.trim().to_owned(),
            turns,
            newest,
        };
        if agents {
            prompt.note(ABOUT_AGENTS);
        }
        Some(prompt)
    }

    /// Adds a note about this turn to the system message, where the visitor cannot write.
    pub(super) fn note(&mut self, text: &str) {
        if !self.system.is_empty() {
            self.system.push_str("\n\n");
        }
        self.system.push_str(text);
    }

    /// Leaves out the oldest turns until the rest fits beside `others` tokens (tools). False: nothing is left to leave
    /// out.
    pub(super) fn cut(&mut self, budget: usize, others: usize) -> bool {
        let fixed = others + cost(&self.system) + cost(&self.newest);
        let mut left = budget.saturating_sub(fixed);
        let mut kept = 0;
        for turn in self.turns.iter().rev() {
            let needs: usize = turn.iter().map(|it| cost(&it.text)).sum();
            if needs > left {
                break;
            }
            left -= needs;
            kept += 1;
        }
        let cut = self.turns.len() - kept;
        self.turns.drain(..cut);
        cut > 0
    }

    /// Leaves out half of the turns, for a server that finds the prompt too long. False: nothing is left to leave out.
    pub(super) fn halve(&mut self) -> bool {
        let all: usize = self.turns.iter().flatten().map(|it| cost(&it.text)).sum();
        if self.turns.is_empty() {
            return false;
        }
        let fixed = cost(&self.system) + cost(&self.newest);
        // A turn that is more than half of everything goes, too.
        self.cut(fixed + all / 2, 0)
    }

    /// The messages of a request, in order.
    pub(super) fn messages(&self) -> Vec<Value> {
        let mut joined: Vec<Message> = Vec::new();
        let newest = Message {
            by_visitor: true,
            text: self.newest.clone(),
        };
        for message in self.turns.iter().flatten().chain([&newest]) {
            match joined.last_mut() {
                Some(last) if last.by_visitor == message.by_visitor => {
                    last.text.push_str("\n\n");
                    last.text.push_str(&message.text);
                }
                _ => joined.push(message.clone()),
            }
        }
        let system = Some(&self.system).filter(|it| !it.is_empty());
        let system = system.map(|text| json!({"role": "system", "content": text}));
        let said = joined.into_iter().map(|message| {
            let role = if message.by_visitor {
                "user"
            } else {
                "assistant"
            };
            json!({"role": role, "content": message.text})
        });
        system.into_iter().chain(said).collect()
    }
}

fn cost(text: &str) -> usize {
    if text.is_empty() {
        return 0;
    }
    tokens_of(text.len()) + TOKENS_A_MESSAGE
}

fn message(said: &PastMessage) -> Message {
    Message {
        by_visitor: said.by == Speaker::Visitor,
        text: said.to_model(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::TurnKind;
    use crate::bot::tests::turn;
    use crate::clock::Millis;

    fn said(by: Speaker, text: &str) -> PastMessage {
        PastMessage {
            by,
            text: text.to_owned(),
            at: Millis(0),
        }
    }

    fn prompt(recent: Vec<PastMessage>, newest: &str) -> Prompt {
        let turn = Turn {
            recent,
            ..turn(TurnKind::text(newest))
        };
        Prompt::of("Be kind.", &turn).expect("a message")
    }

    fn lines(prompt: &Prompt) -> Vec<String> {
        let line = |message: &Value| {
            let role = message["role"].as_str().unwrap();
            format!("{role}: {}", message["content"].as_str().unwrap())
        };
        prompt.messages().iter().map(line).collect()
    }

    use Speaker::{Agent, Bot, Visitor};

    #[test]
    fn roles_alternate_and_the_visitor_begins() {
        let recent = vec![
            said(Bot, "Hello!"),
            said(Bot, "How can I help?"),
            said(Visitor, "one"),
            said(Visitor, "two"),
            said(Bot, " "),
            said(Bot, "three"),
            said(Visitor, "four"),
        ];
        assert_eq!(
            lines(&prompt(recent, "five")),
            [
                "system: Be kind.",
                "user: (The visitor has opened the chat.)",
                "assistant: Hello!\n\nHow can I help?",
                "user: one\n\ntwo",
                "assistant: three",
                "user: four\n\nfive",
            ]
        );
        let alone = Prompt::of("", &turn(TurnKind::text("Hi"))).unwrap();
        assert_eq!(lines(&alone), ["user: Hi"]);
    }

    #[test]
    fn a_persons_words_are_marked_and_the_return_is_told() {
        let recent = vec![said(Visitor, "help"), said(Agent, "I am Ann.")];
        let shown = lines(&prompt(recent, "and now?"));
        assert!(
            shown[0].starts_with("system: Be kind.\n\nMessages that begin"),
            "{shown:?}"
        );
        assert_eq!(
            shown[2],
            "assistant: [A member of the team wrote:] I am Ann."
        );
    }

    #[test]
    fn whole_turns_are_cut_from_the_front_and_the_newest_message_stays() {
        let long = "x".repeat(300);
        let recent = |count: usize| {
            let turn = |at| [said(Visitor, &format!("{at} {long}")), said(Bot, &long)];
            (0..count).flat_map(turn).collect::<Vec<_>>()
        };
        // About 210 tokens for each turn.
        let mut three = prompt(recent(3), "newest");
        assert!(three.cut(500, 0));
        let kept = lines(&three);
        assert_eq!(kept.len(), 6);
        assert!(kept[1].starts_with("user: 1 "), "{kept:?}");
        assert!(!three.cut(500, 0), "it fits already");
        let mut beside = prompt(recent(3), "newest");
        assert!(beside.cut(500, 250));
        assert_eq!(lines(&beside).len(), 4);
        let mut nothing = prompt(recent(3), &long);
        assert!(nothing.cut(1, 0));
        assert_eq!(
            lines(&nothing),
            ["system: Be kind.".to_owned(), format!("user: {long}")]
        );
    }

    #[test]
    fn half_is_less_until_nothing_is_left() {
        let recent = (0..8).flat_map(|at| [said(Visitor, &format!("q{at}")), said(Bot, "a")]);
        let mut prompt = prompt(recent.collect(), "newest");
        assert!(prompt.halve());
        assert_eq!(lines(&prompt)[1], "user: q4");
        assert!(prompt.halve() && prompt.halve() && prompt.halve());
        assert_eq!(lines(&prompt), ["system: Be kind.", "user: newest"]);
        assert!(!prompt.halve());
    }

    #[test]
    fn a_button_is_what_it_said_and_files_have_names() {
        let file = |name: &str, kind: &str| crate::bot::File {
            name: name.to_owned(),
            kind: kind.to_owned(),
            reference: "1".to_owned(),
        };
        let pressed = TurnKind::Message {
            body: "order_status".to_owned(),
            rendered: Some("Where is my order?".to_owned()),
            files: vec![file("bill.pdf", "attachment"), file("", "image")],
            custom_data: None,
        };
        let prompt = Prompt::of("", &turn(pressed)).unwrap();
        assert_eq!(
            lines(&prompt),
            ["user: Where is my order?\n[File: bill.pdf]\n[File: image]"]
        );
        assert!(Prompt::of("", &turn(TurnKind::Connect)).is_none());
        assert!(Prompt::of("", &turn(TurnKind::Close)).is_none());
    }
}
