//! Reading by name: what a client hears, taken out of one JSON value.
//!
//! In the path: a body or a frame becomes a [`Value`] once; then each type asks for its fields.
//! serde's derive would make a parser of its own for every type: a fifth of the whole widget.
//! What the server hears is read by serde, which says what is wrong with it.
//!
//! # Invariants
//! - A field of a wrong type counts as absent, so that a careless platform costs a time or a
//!   picture and never the message. `None` is only for what a type is nothing without.
//! - What is not asked for by name is `extra`. The browser leaves it out: it never writes back
//!   what it read.

use std::borrow::Cow;
#[cfg(not(target_arch = "wasm32"))]
use std::cell::RefCell;

use crate::Extra;
use crate::json::Value;

/// Something that is read by name.
///
/// ```
/// use protocol::{read::Read, start::StartReply};
/// let reply = StartReply::parse(r#"{"url":"wss://a.test/rtm/bot?sid=1","nonce":7}"#).unwrap();
/// assert_eq!(reply.nonce, None);
/// ```
pub trait Read: Sized {
    /// Takes itself out of a value.
    fn read(value: &Value) -> Option<Self>;

    /// Takes itself out of JSON text.
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
    /// `None`: the value is no object.
    #[must_use]
    pub fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(|object| Self {
            object,
            #[cfg(not(target_arch = "wasm32"))]
            named: RefCell::default(),
        })
    }

    /// The field of this name, if it is there and can be read.
    #[must_use]
    pub fn get<T: Read>(&self, name: &'static str) -> Option<T> {
        #[cfg(not(target_arch = "wasm32"))]
        self.named.borrow_mut().push(name);
        T::read(self.object.get(name)?)
    }

    /// The field of this name, if it is there, is not null and can be read.
    #[must_use]
    pub fn get_some<T: Read>(&self, name: &'static str) -> Option<T> {
        #[cfg(not(target_arch = "wasm32"))]
        self.named.borrow_mut().push(name);
        let value = self.object.get(name)?;
        (*value != Value::Null).then(|| T::read(value))?
    }

    /// The field of this name, or what stands for its absence.
    #[must_use]
    pub fn get_or_default<T: Read + Default>(&self, name: &'static str) -> T {
        self.get(name).unwrap_or_default()
    }

    /// What was not asked for by name until now.
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

    /// Nothing.
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

/// A list; what cannot be read in it is left out.
impl<T: Read> Read for Vec<T> {
    fn read(value: &Value) -> Option<Self> {
        let values = value.as_array()?;
        Some(values.iter().filter_map(T::read).collect())
    }
}
