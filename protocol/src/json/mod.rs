//! JSON for a client: a small value type with its own reader and writer.
//!
//! In the path: a body or a frame becomes a [`Value`] once; [`crate::read`] takes fields out of it,
//! [`mod@crate::write`] makes one. The server reads and writes by serde, through the same types.
//!
//! This is not `serde_json`'s value: its maps, errors and floats were a tenth of the widget.
//!
//! # Invariants
//! - The reader accepts exactly what `serde_json` accepts (`tests/json.rs`), with two exceptions: a number that is too
//!   great for a float stays text, and half a character becomes U+FFFD. Where `serde_json` reads what comes from
//!   outside, it goes through [`from_text`] and [`from_bytes`], which do the same.
//! - A number is kept as text, so it loses no digit.

mod halves;
mod text;

pub(crate) use halves::whole;
pub use halves::{from_bytes, from_text};

use std::ops::Index;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A JSON value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    String(String),
    /// Text that begins or ends with half a character. Only [`Value::parse_piece`] makes it.
    Torn(Torn),
    /// A list.
    Array(Vec<Value>),
    /// An object.
    Object(Map),
}

/// A JSON number, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Number(String);

/// Text that begins or ends with half a character: a piece of an answer that was cut inside an emoji. The other half
/// stands in the neighbouring piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The text, with U+FFFD for each half.
    pub text: String,
    /// The second half of a character, at the beginning of the text.
    pub first: Option<u16>,
    /// The first half of a character, at the end of the text.
    pub last: Option<u16>,
}

/// The fields of an object, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Map(Vec<(String, Value)>);

impl Value {
    /// The value of this name, if this is an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_object()?.get(name)
    }

    /// The fields, if this is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&Map> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The values, if this is a list.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(values) => Some(values),
            _ => None,
        }
    }

    /// The text, if this is a text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Torn(torn) => Some(&torn.text),
            _ => None,
        }
    }
}

/// Gives the value of this name, or null if there is none.
impl Index<&str> for Value {
    type Output = Self;

    fn index(&self, name: &str) -> &Self {
        self.get(name).unwrap_or(&Self::Null)
    }
}

impl Number {
    /// The number as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number, if it is whole, not negative, and written without a fraction or an exponent.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self(number.to_string())
    }
}

impl Map {
    /// An empty object.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Whether there are no fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value)
    }

    /// Adds a field. It replaces a field of the same name.
    pub fn insert(&mut self, name: String, value: Value) {
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some((_, there)) => *there = value,
            None => self.0.push((name, value)),
        }
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The names in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }
}

/// Two objects are equal whatever the order of their fields.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self
                .iter()
                .all(|(name, value)| other.get(name) == Some(value))
    }
}

impl Eq for Map {}

// The server converts through `serde_json`'s value. The widget calls none of this.

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(flag) => Self::Bool(flag),
            serde_json::Value::Number(number) => Self::Number(number.into()),
            serde_json::Value::String(text) => Self::String(text),
            serde_json::Value::Array(values) => {
                Self::Array(values.into_iter().map(Self::from).collect())
            }
            serde_json::Value::Object(object) => Self::Object(object.into()),
        }
    }
}

impl From<serde_json::Number> for Number {
    fn from(number: serde_json::Number) -> Self {
        Self(number.to_string())
    }
}

impl From<serde_json::Map<String, serde_json::Value>> for Map {
    fn from(object: serde_json::Map<String, serde_json::Value>) -> Self {
        let fields = object.into_iter();
        Self(fields.map(|(name, value)| (name, value.into())).collect())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Torn(torn) => serializer.serialize_str(&torn.text),
            Self::Array(values) => serializer.collect_seq(values),
            Self::Object(object) => object.serialize(serializer),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The text of a number is always a number. `serde_json` refuses only one that is too great.
        let number: Option<serde_json::Number> = serde_json::from_str(&self.0).ok();
        number.serialize(serializer)
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Value::deserialize(deserializer).map(Self::from)
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Map::deserialize(deserializer).map(Self::from)
    }
}
