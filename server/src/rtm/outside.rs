//! What is said outside a turn: late answers, reminders, and the words of people.
//!
//! In the path: `http::way_in` has found out who calls, and gives a [`Saying`] to [`Rtm::say`]. Connectors whose bots
//! answer by calling us do the same. The store keeps it with a sequence like every other message, and then it is
//! published to the sockets of the conversation.
//!
//! Invariants: one id is stored once, and a repetition gets the same messages. Only the owner of a conversation speaks
//! in it, or somebody who takes it over with the same call. The store checks that in the transaction that stores.
//! Closing gives the conversation back to the bot, so that nobody waits for a person who has gone.

use std::sync::Arc;

use protocol::reply::BotMessage;
use sha2::{Digest as _, Sha256};

use super::Rtm;
use crate::bot::MAX_ANSWER_BYTES;
use crate::bus::{Event, Typing};
use crate::ids::format_uuid;
use crate::records::{ConversationId, Effects, Owner, StoredMessage};
use crate::store::{AnswersAppended, Conversation, NewAnswer, NewAnswers, StoreError};

/// How many times the owner may change during one call before the call fails.
const TRIES: usize = 4;

/// Something that is said or done outside a turn.
#[derive(Clone, Debug, Default)]
pub struct Saying {
    /// The id by which a repetition is recognised, within the conversation. Each bot has ids of its own.
    pub id: String,
    /// The messages, in order.
    pub messages: Vec<BotMessage>,
    /// The person who speaks, by name; none for the bot.
    pub agent: Option<String>,
    /// Who answers from now on.
    pub hand_over: Option<Owner>,
    /// Whether the speaker types now. `None`: unchanged.
    pub typing: Option<bool>,
    /// Whether the session ends.
    pub close: bool,
}

/// Why nothing was said.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotSaid {
    /// Somebody else has the conversation.
    #[error("somebody else has the conversation")]
    NotOwner(Owner),
    /// A message is too large or no JSON.
    #[error("a message cannot be stored")]
    Message,
    /// The disk is short of room.
    #[error("there is no room for messages")]
    NoRoom,
    /// Nothing that the sender could change.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether something may be said while this owner has the conversation.
enum Permission {
    /// Always.
    Always,
    /// Only while this owner has the conversation.
    While(Owner),
    /// Not now. It would be allowed to this owner.
    Not(Owner),
}

impl Saying {
    /// Whether nothing of it is kept, because it only shows that somebody types.
    fn is_fleeting(&self) -> bool {
        self.messages.is_empty() && self.hand_over.is_none() && !self.close
    }

    fn permission(&self, owner: &Owner) -> Permission {
        match (&self.agent, owner) {
            _ if self.hand_over.is_some() => Permission::Always,
            (None, Owner::Bot) | (Some(_), Owner::Queue | Owner::Agent(_)) => {
                Permission::While(owner.clone())
            }
            (None, _) => Permission::Not(Owner::Bot),
            (Some(_), Owner::Bot) => Permission::Not(Owner::Queue),
        }
    }

    /// Who has the conversation afterwards. `None`: the same as now.
    fn next_owner(&self) -> Option<Owner> {
        if self.hand_over.is_some() {
            return self.hand_over.clone();
        }
        if self.close {
            return Some(Owner::Bot);
        }
        // A person who speaks in place of the bot has the conversation.
        let speaks = self.agent.clone().filter(|_| !self.messages.is_empty());
        speaks.map(Owner::Agent)
    }

    fn answers(&self, bot: &str, conversation: &Conversation) -> Result<Vec<NewAnswer>, NotSaid> {
        let one = |(index, message): (usize, &BotMessage)| {
            let body = serde_json::to_string(message).map_err(|_| NotSaid::Message)?;
            if body.len() > MAX_ANSWER_BYTES {
                return Err(NotSaid::Message);
            }
            Ok(NewAnswer {
                message_id: message_id(bot, &conversation.name, &self.id, index),
                body,
            })
        };
        self.messages.iter().enumerate().map(one).collect()
    }
}

/// The id of a message. The same call always gives the same id.
fn message_id(bot: &str, conversation: &str, id: &str, index: usize) -> String {
    let mut hash = Sha256::new();
    for part in [bot, conversation, id] {
        // Each part comes with its length, so that different parts never give the same bytes.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update((index as u64).to_be_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    format!("ms-{}", format_uuid(bytes))
}

impl Rtm {
    /// The conversation with this public name, if it belongs to the bot.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn conversation_of(
        &self,
        bot: &str,
        name: &str,
    ) -> Result<Option<Conversation>, StoreError> {
        let found = self.store.conversation_named(name).await?;
        Ok(found.filter(|found| found.bot == bot))
    }

    /// Stores the messages, makes the changes, and publishes both. Gives the messages as they are stored, by this call
    /// or by an earlier one with the same id.
    ///
    /// # Errors
    /// [`NotSaid`]: nothing was stored or changed.
    pub async fn say(
        &self,
        conversation: &Conversation,
        saying: Saying,
    ) -> Result<Vec<StoredMessage>, NotSaid> {
        if saying.is_fleeting() {
            if let Permission::Not(_) = saying.permission(&conversation.owner) {
                return Err(NotSaid::NotOwner(conversation.owner.clone()));
            }
            self.publish_typing(conversation.id, &saying).await;
            return Ok(Vec::new());
        }
        if self.room.is_short() {
            return Err(NotSaid::NoRoom);
        }
        let answers = saying.answers(&conversation.bot, conversation)?;
        let effects = Effects {
            owner: saying.next_owner(),
            closes: saying.close,
            ..Effects::default()
        };
        let mut owner = conversation.owner.clone();
        for _ in 0..TRIES {
            let permission = saying.permission(&owner);
            let refused = matches!(permission, Permission::Not(_));
            let appended = self.store.append_answers(NewAnswers {
                conversation: conversation.id,
                answers: answers.clone(),
                agent: saying.agent.clone(),
                only_if: match permission {
                    Permission::Always => None,
                    Permission::While(owner) | Permission::Not(owner) => Some(owner),
                },
                effects: effects.clone(),
                now: self.clock.now(),
            });
            match appended.await? {
                AnswersAppended::Stored {
                    messages,
                    duplicate: true,
                    ..
                } => return Ok(messages),
                AnswersAppended::Stored { messages, .. } => {
                    self.publish_said(conversation, &saying, messages.clone(), &effects)
                        .await;
                    return Ok(messages);
                }
                AnswersAppended::NotOwner(now) if refused || now == owner => {
                    return Err(NotSaid::NotOwner(now));
                }
                AnswersAppended::NotOwner(now) => owner = now,
            }
        }
        Err(NotSaid::NotOwner(owner))
    }

    async fn publish_said(
        &self,
        conversation: &Conversation,
        saying: &Saying,
        messages: Vec<StoredMessage>,
        effects: &Effects,
    ) {
        let session_id = match messages.first() {
            Some(message) => Some(message.session_id.clone()),
            None => conversation.session_id.clone(),
        };
        let session_id = session_id.unwrap_or_default();
        // Clients learn that a person comes before the first message, and that the person goes after the last one.
        let comes = matches!(effects.owner, Some(Owner::Agent(_)));
        if comes {
            self.publish_effects(conversation.id, &session_id, effects)
                .await;
        }
        for message in messages {
            self.publish(message).await;
        }
        if !comes {
            self.publish_effects(conversation.id, &session_id, effects)
                .await;
        }
        self.publish_typing(conversation.id, saying).await;
    }

    /// Publishes who answers from now on, and that this session has ended.
    pub(super) async fn publish_effects(
        &self,
        conversation: ConversationId,
        session_id: &str,
        effects: &Effects,
    ) {
        if let Some(owner) = &effects.owner {
            self.publish_event(conversation, Event::Owner(owner.clone()))
                .await;
        }
        if effects.closes {
            self.publish_event(conversation, Event::SessionEnded(session_id.into()))
                .await;
        }
    }

    async fn publish_typing(&self, conversation: ConversationId, saying: &Saying) {
        let Some(types) = saying.typing else { return };
        let typing = Typing {
            agent: saying.agent.as_deref().map(Arc::from),
            types,
            doing: None,
        };
        self.publish_event(conversation, Event::Typing(typing))
            .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying() -> Saying {
        Saying {
            messages: vec![BotMessage::text("Hello")],
            ..Saying::default()
        }
    }

    fn ann() -> Owner {
        Owner::Agent("Ann".to_owned())
    }

    fn of_ann() -> Saying {
        Saying {
            agent: Some("Ann".to_owned()),
            ..saying()
        }
    }

    #[test]
    fn an_id_belongs_to_a_place_of_a_saying_of_a_conversation_of_a_bot() {
        let first = message_id("st-a", "cv-1", "r1", 0);
        assert_eq!(first, message_id("st-a", "cv-1", "r1", 0));
        assert!(first.starts_with("ms-") && first.len() == 39, "{first}");
        for other in [
            message_id("st-b", "cv-1", "r1", 0),
            message_id("st-a", "cv-2", "r1", 0),
            message_id("st-a", "cv-1", "r2", 0),
            message_id("st-a", "cv-1", "r1", 1),
            message_id("st-acv-", "1", "r1", 0),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn the_bot_speaks_while_it_has_the_conversation_and_a_person_while_people_have_it() {
        let handed = |to: Owner, saying: Saying| Saying {
            hand_over: Some(to),
            ..saying
        };
        for (saying, owner, expected) in [
            (saying(), Owner::Bot, "while Bot"),
            (saying(), Owner::Queue, "not, Bot would"),
            (saying(), ann(), "not, Bot would"),
            (of_ann(), Owner::Bot, "not, Queue would"),
            (of_ann(), Owner::Queue, "while Queue"),
            (of_ann(), ann(), r#"while Agent("Ann")"#),
            (handed(Owner::Bot, saying()), ann(), "always"),
            (handed(ann(), of_ann()), Owner::Bot, "always"),
        ] {
            let permission = match saying.permission(&owner) {
                Permission::Always => "always".to_owned(),
                Permission::While(owner) => format!("while {owner:?}"),
                Permission::Not(owner) => format!("not, {owner:?} would"),
            };
            assert_eq!(permission, expected, "{saying:?} {owner:?}");
        }
    }

    #[test]
    fn whoever_speaks_for_the_bot_has_the_conversation_until_it_is_given_back_or_closed() {
        assert_eq!(saying().next_owner(), None);
        assert_eq!(of_ann().next_owner(), Some(ann()));
        let closes = Saying {
            close: true,
            ..of_ann()
        };
        assert_eq!(closes.next_owner(), Some(Owner::Bot));
        let gives = Saying {
            hand_over: Some(Owner::Queue),
            ..closes
        };
        assert_eq!(gives.next_owner(), Some(Owner::Queue));
        let types = Saying {
            messages: Vec::new(),
            typing: Some(true),
            ..of_ann()
        };
        assert_eq!(types.next_owner(), None);
        assert!(types.is_fleeting());
    }
}
