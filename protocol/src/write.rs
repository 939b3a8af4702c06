//! Writing by name: what a client says, put into one JSON value.
//!
//! The other half of [`crate::read`], for the same reason. What the server says is written by
//! serde; both write the same (`tests/golden.rs`).

use std::borrow::Cow;

use crate::Extra;
use crate::json::Value;

/// Something that is written by name.
pub trait Write {
    /// As a JSON value.
    fn write(&self) -> Value;

    /// As JSON text.
    #[must_use]
    fn to_text(&self) -> String {
        self.write().to_text()
    }
}

/// An object in the making.
pub struct Object(Extra);

impl Object {
    /// Begins with nothing.
    #[must_use]
    pub fn new() -> Self {
        Self(Extra::new())
    }

    /// Adds a field.
    pub fn put(&mut self, name: &str, value: &impl Write) {
        self.0.insert(name.to_owned(), value.write());
    }

    /// Adds a field, if it is there.
    pub fn put_some(&mut self, name: &str, value: Option<&impl Write>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// Adds the fields that have no name in our types. One with a name keeps its own value.
    pub fn put_extra(&mut self, extra: &Extra) {
        for (name, value) in extra.iter() {
            if self.0.get(name).is_none() {
                self.0.insert(name.to_owned(), value.clone());
            }
        }
    }

    /// Adds the fields of another object.
    pub fn put_all(&mut self, other: &Value) {
        if let Value::Object(fields) = other {
            self.put_extra(fields);
        }
    }

    /// The finished object.
    #[must_use]
    pub fn done(self) -> Value {
        Value::Object(self.0)
    }
}

impl Default for Object {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for bool {
    fn write(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Write for u64 {
    fn write(&self) -> Value {
        Value::Number((*self).into())
    }
}

impl Write for u32 {
    fn write(&self) -> Value {
        u64::from(*self).write()
    }
}

impl Write for Cow<'static, str> {
    fn write(&self) -> Value {
        Value::String(self.clone().into_owned())
    }
}

impl Write for Extra {
    fn write(&self) -> Value {
        Value::Object(self.clone())
    }
}

impl Write for String {
    fn write(&self) -> Value {
        Value::String(self.clone())
    }
}

impl Write for Value {
    fn write(&self) -> Value {
        self.clone()
    }
}

impl<T: Write> Write for Vec<T> {
    fn write(&self) -> Value {
        Value::Array(self.iter().map(T::write).collect())
    }
}
