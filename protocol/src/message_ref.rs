//! A client's own id of a message: a number or a string. The server echoes it with the same JSON type.
//!
//! The web clients send milliseconds as a number. A v2 client that sends a failed message again writes the same digits
//! as a string (`docs/kore-protocol.md` 4.3).

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::json::{Number, Value};
use crate::read::Read;
use crate::write::Write;

/// The longest string id, in bytes. Ids are stored and echoed, so they are bounded.
pub const MAX_ID_BYTES: usize = 256;

/// A `clientMessageId`, `id` or `replyto`.
///
/// ```
/// use protocol::message_ref::MessageRef;
/// let number: MessageRef = serde_json::from_str("1795227303240").unwrap();
/// let text: MessageRef = serde_json::from_str("\"1795227303240\"").unwrap();
/// assert_ne!(number, text);
/// assert_eq!(text.json_text(), "\"1795227303240\"");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MessageRef {
    /// A JSON number, kept as it was written if JSON numbers allow it.
    Number(Number),
    /// A JSON string of at most [`MAX_ID_BYTES`].
    Text(String),
}

impl MessageRef {
    /// The id as JSON text. It is the store's idempotence key, and `5` is not `"5"`.
    #[must_use]
    pub fn json_text(&self) -> String {
        match self {
            Self::Number(number) => number.as_str().to_owned(),
            Self::Text(text) => text.write().to_text(),
        }
    }

    /// Reads the text that [`Self::json_text`] made.
    #[must_use]
    pub fn from_json_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The id as milliseconds since the epoch, if it is a number or a string of digits.
    #[must_use]
    pub fn as_millis(&self) -> Option<u64> {
        match self {
            Self::Number(number) => number.as_u64(),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

impl From<u64> for MessageRef {
    fn from(id: u64) -> Self {
        Self::Number(id.into())
    }
}

impl Read for MessageRef {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Some(Self::Number(number.clone())),
            value => {
                let text = value.as_str()?;
                (text.len() <= MAX_ID_BYTES).then(|| Self::Text(text.to_owned()))
            }
        }
    }
}

impl Write for MessageRef {
    fn write(&self) -> Value {
        match self {
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => text.write(),
        }
    }
}

impl Serialize for MessageRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for MessageRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;

        impl Visitor<'_> for NumberOrText {
            type Value = MessageRef;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a message id: a number or a short string")
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<MessageRef, E> {
                Ok(MessageRef::Number(id.into()))
            }

            fn visit_i64<E: de::Error>(self, id: i64) -> Result<MessageRef, E> {
                Ok(MessageRef::Number(serde_json::Number::from(id).into()))
            }

            fn visit_f64<E: de::Error>(self, id: f64) -> Result<MessageRef, E> {
                serde_json::Number::from_f64(id)
                    .map(|id| MessageRef::Number(id.into()))
                    .ok_or_else(|| E::custom("the message id is not a finite number"))
            }

            fn visit_str<E: de::Error>(self, id: &str) -> Result<MessageRef, E> {
                if id.len() > MAX_ID_BYTES {
                    return Err(E::custom("the message id is too long"));
                }
                Ok(MessageRef::Text(id.to_owned()))
            }
        }

        deserializer.deserialize_any(NumberOrText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_json_type_and_text_of_an_id() {
        for text in [
            "0",
            "-7",
            "1.5",
            "1795227303240",
            "\"\"",
            "\"a\\\"b\"",
            "\"1795227303240\"",
        ] {
            let id = MessageRef::from_json_text(text).expect(text);
            assert_eq!(id.json_text(), text);
        }
    }

    #[test]
    fn refuses_what_cannot_be_an_id() {
        let long = format!("\"{}\"", "x".repeat(MAX_ID_BYTES + 1));
        for text in ["null", "{}", "[]", "true", long.as_str()] {
            assert_eq!(MessageRef::from_json_text(text), None, "{text}");
        }
    }
}
