//! Reads fields by name: a client takes what it needs out of one JSON value.
//!
//! In the path: a body or a frame becomes a [`Value`] once. Then each type asks for its fields. serde's derive would
//! make a parser for every type, which is a fifth of the whole widget. The server reads by serde, which says what is
//! wrong with a body.
//!
//! # Invariants
//! - A field of a wrong type counts as absent. So a careless platform loses a time or a picture, but never the message.
//!   A type is `None` only if it lacks a field that it needs.
//! - Fields that nobody asked for are `extra`. The browser drops them, because it never writes back what it read.

use std::borrow::Cow;
#[cfg(not(target_arch = "wasm32"))]
use std::cell::RefCell;

use crate::Extra;
use crate::json::Value;

/// A type that is read by field names.
///
/// ```
/// use protocol::{read::Read, start::StartReply};
/// let reply = StartReply::parse(r#"{"url":"wss://a.test/rtm/bot?sid=1","nonce":7}"#).unwrap();
/// assert_eq!(reply.nonce, None);
/// ```
pub trait Read: Sized {
    /// Reads the type from a value.
    fn read(value: &Value) -> Option<Self>;

    /// Reads the type from JSON text.
    #[must_use]
    fn parse(text: &str) -> Option<Self> {
        Self::read(&Value::parse(text)?)
    }
}

/// The fields of an object.
pub struct Fields<'a> {
    object: &'a Extra,
    #[cfg(not(target_arch = "wasm32"))]
    named: RefCell<Vec<&'static str>>,
}

impl<'a> Fields<'a> {
    /// `None`: the value is not an object.
    #[must_use]
    pub fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(|object| Self {
            object,
            #[cfg(not(target_arch = "wasm32"))]
            named: RefCell::default(),
        })
    }

    /// The field of this name, if it is present and readable.
    #[must_use]
    pub fn get<T: Read>(&self, name: &'static str) -> Option<T> {
        #[cfg(not(target_arch = "wasm32"))]
        self.named.borrow_mut().push(name);
        T::read(self.object.get(name)?)
    }

    /// The field of this name, if it is present, not null and readable.
    #[must_use]
    pub fn get_some<T: Read>(&self, name: &'static str) -> Option<T> {
        #[cfg(not(target_arch = "wasm32"))]
        self.named.borrow_mut().push(name);
        let value = self.object.get(name)?;
        (*value != Value::Null).then(|| T::read(value))?
    }

    /// The field of this name, or the default that stands for its absence.
    #[must_use]
    pub fn get_or_default<T: Read + Default>(&self, name: &'static str) -> T {
        self.get(name).unwrap_or_default()
    }

    /// The fields that nobody has asked for yet.
    #[must_use]
    #[cfg(not(target_arch = "wasm32"))]
    pub fn extra(&self) -> Extra {
        let named = self.named.borrow();
        let fields = self.object.iter();
        let mut extra = Extra::new();
        for (name, value) in fields.filter(|(name, _)| !named.contains(name)) {
            extra.insert(name.to_owned(), value.clone());
        }
        extra
    }

    /// No fields.
    #[must_use]
    #[cfg(target_arch = "wasm32")]
    pub fn extra(&self) -> Extra {
        Extra::new()
    }
}

impl Read for bool {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        }
    }
}

impl Read for u64 {
    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_u64(),
            _ => None,
        }
    }
}

impl Read for u32 {
    fn read(value: &Value) -> Option<Self> {
        u64::read(value)?.try_into().ok()
    }
}

impl Read for String {
    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl Read for Cow<'static, str> {
    fn read(value: &Value) -> Option<Self> {
        String::read(value).map(Cow::Owned)
    }
}

impl Read for Value {
    fn read(value: &Value) -> Option<Self> {
        Some(value.clone())
    }
}

impl Read for Extra {
    fn read(value: &Value) -> Option<Self> {
        value.as_object().cloned()
    }
}

/// Items of the list that cannot be read are left out.
impl<T: Read> Read for Vec<T> {
    fn read(value: &Value) -> Option<Self> {
        let values = value.as_array()?;
        Some(values.iter().filter_map(T::read).collect())
    }
}
