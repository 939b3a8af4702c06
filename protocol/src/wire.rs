//! A type of the wire, declared once: `wire!` makes both ways of reading and writing it.
//!
//! The server reads and writes by serde, which says what is wrong with a body. The browser reads by [`crate::read`] and
//! writes by [`mod@crate::write`], because serde's derives would make a parser for every type, a fifth of the whole
//! widget. Each side reads what the other writes (`tests/wire.rs`).

use crate::read::{Fields, Read};
use crate::write::{Object, Write};

/// Declares a type of the wire, with serde's `Serialize` and `Deserialize`, [`Read`] and [`Write`].
///
/// There are three kinds of types.
///
/// A **struct**. Its fields are declared as for serde, with one of these attributes or none:
/// `#[serde(rename = "…")]`, `#[serde(default)]`, `#[serde(rename = "…", default)]`, `#[serde(flatten)]` for the fields
/// that have no name here, and `#[serde(rename = "…", default, deserialize_with = "…")]`, which the browser ignores. An
/// `Option` is not written when it is `None`. The attribute stands below the field's description.
///
/// ```
/// use protocol::{Extra, read::Read, wire, write::Write};
///
/// wire! {
///     /// A page.
///     #[derive(Debug, PartialEq)]
///     pub struct Page {
///         /// Needed: without it there is no page.
///         #[serde(rename = "_id")]
///         pub id: String,
///         /// May be absent.
///         pub title: Option<String>,
///         /// False where it is absent.
///         #[serde(rename = "moreAvailable", default)]
///         pub more_available: bool,
///         /// Everything else.
///         #[serde(flatten)]
///         pub extra: Extra,
///     }
/// }
/// let page = Page::parse(r#"{"_id":"1","lang":"en"}"#).unwrap();
/// assert_eq!(page.extra.keys().collect::<Vec<_>>(), ["lang"]);
/// assert_eq!(page.to_text(), r#"{"_id":"1","moreAvailable":false,"lang":"en"}"#);
/// assert_eq!(serde_json::from_str::<Page>(&page.to_text()).unwrap(), page);
/// ```
///
/// An **enum of words**: a variant is written as its name, or as the word that it is given.
///
/// ```
/// # use protocol::{wire, write::Write};
/// wire! {
///     /// Who spoke.
///     #[derive(Clone, Copy)]
///     pub enum Direction {
///         /// From the visitor.
///         Incoming = "incoming",
///         /// From nobody.
///         Nobody,
///     }
/// }
/// assert_eq!(Direction::Incoming.to_text(), r#""incoming""#);
/// assert_eq!(Direction::Nobody.to_text(), r#""Nobody""#);
/// ```
///
/// A **tagged enum**: an object with the variant's name as `kind`, beside the variant's fields. A variant may hold
/// another type of the wire instead; it then gives it a name, as a function does with a parameter.
///
/// ```
/// # use protocol::{wire, write::Write};
/// # wire! { pub struct Button { pub title: String } }
/// wire! {
///     /// What is shown.
///     pub enum Shown {
///         /// Something to press.
///         Button(button: Button),
///         /// Words.
///         Text {
///             /// With markup.
///             text: String,
///         },
///     }
/// }
/// let text = Shown::Text { text: "Hi".into() };
/// assert_eq!(text.to_text(), r#"{"kind":"Text","text":"Hi"}"#);
/// ```
#[macro_export]
macro_rules! wire {
    // A struct.
    (
        $(#[$meta:meta])*
        $vis:vis struct $Name:ident {
            $(
                $(#[doc = $doc:tt])*
                $(#[serde $how:tt])?
                $field_vis:vis $field:ident: $ty:ty
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(::serde::Serialize, ::serde::Deserialize)]
        $vis struct $Name {
            $(
                $(#[doc = $doc])*
                $(#[serde $how])?
                #[serde(skip_serializing_if = "protocol::wire::Member::is_absent")]
                $field_vis $field: $ty,
            )*
        }

        impl $crate::read::Read for $Name {
            fn read(value: &$crate::json::Value) -> Option<Self> {
                let fields = $crate::read::Fields::of(value)?;
                Some(Self { $($field: $crate::wire!(@take fields $field $($how)?),)* })
            }
        }

        impl $crate::write::Write for $Name {
            fn write(&self) -> $crate::json::Value {
                let mut object = $crate::write::Object::new();
                $($crate::wire!(@put object (&self.$field) $field $($how)?);)*
                object.done()
            }
        }
    };

    // An enum of words.
    (
        $(#[$meta:meta])*
        $vis:vis enum $Name:ident {
            $( $(#[$variant_meta:meta])* $Variant:ident $(= $word:literal)? ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(::serde::Serialize, ::serde::Deserialize)]
        $vis enum $Name {
            $( $(#[$variant_meta])* $(#[serde(rename = $word)])? $Variant, )*
        }

        impl $crate::read::Read for $Name {
            fn read(value: &$crate::json::Value) -> Option<Self> {
                let word = value.as_str()?;
                $(
                    if word == $crate::wire!(@word $Variant $($word)?) {
                        return Some(Self::$Variant);
                    }
                )*
                None
            }
        }

        impl $crate::write::Write for $Name {
            fn write(&self) -> $crate::json::Value {
                match self { $( Self::$Variant => $crate::wire!(@word $Variant $($word)?), )* }.into()
            }
        }
    };

    // A tagged enum.
    (
        $(#[$meta:meta])*
        $vis:vis enum $Name:ident {
            $(
                $(#[$variant_meta:meta])*
                $Variant:ident
                $({ $( $(#[$field_meta:meta])* $field:ident: $ty:ty ),* $(,)? })?
                $(( $inner:ident: $Inner:ty ))?
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(::serde::Serialize, ::serde::Deserialize)]
        #[serde(tag = "kind")]
        $vis enum $Name {
            $(
                $(#[$variant_meta])*
                $Variant
                $({
                    $(
                        $(#[$field_meta])*
                        #[serde(skip_serializing_if = "protocol::wire::Member::is_absent")]
                        $field: $ty,
                    )*
                })?
                $(($Inner))?,
            )*
        }

        impl $crate::read::Read for $Name {
            fn read(value: &$crate::json::Value) -> Option<Self> {
                let fields = $crate::read::Fields::of(value)?;
                let kind = value["kind"].as_str()?;
                $(
                    if kind == stringify!($Variant) {
                        return Some(Self::$Variant
                            $({ $($field: $crate::wire!(@take fields $field),)* })?
                            $((<$Inner as $crate::read::Read>::read(value)?))?);
                    }
                )*
                None
            }
        }

        impl $crate::write::Write for $Name {
            fn write(&self) -> $crate::json::Value {
                let mut object = $crate::write::Object::new();
                match self {
                    $(
                        Self::$Variant $({ $($field),* })? $(($inner))? => {
                            object.put("kind", &stringify!($Variant).to_owned());
                            $( $($crate::wire!(@put object $field $field);)* )?
                            $( object.put_all(&$crate::write::Write::write($inner)); )?
                        }
                    )*
                }
                object.done()
            }
        }
    };

    // How a field is read; the last parentheses are those of its serde attribute.
    (@take $fields:ident $field:ident) => {
        $crate::wire::Member::take(&$fields, stringify!($field))?
    };
    (@take $fields:ident $field:ident (flatten)) => { $fields.extra() };
    (@take $fields:ident $field:ident (default)) => {
        $fields.get_or_default(stringify!($field))
    };
    (@take $fields:ident $field:ident (rename = $name:literal, default)) => {
        $fields.get_or_default($name)
    };
    (@take $fields:ident $field:ident (rename = $name:literal $($rest:tt)*)) => {
        $crate::wire::Member::take(&$fields, $name)?
    };

    // How a field is written.
    (@put $object:ident $value:tt $field:ident (flatten)) => { $object.put_extra($value) };
    (@put $object:ident $value:tt $field:ident (rename = $name:literal $($rest:tt)*)) => {
        $crate::wire::Member::put($value, &mut $object, $name)
    };
    (@put $object:ident $value:tt $field:ident $((default))?) => {
        $crate::wire::Member::put($value, &mut $object, stringify!($field))
    };

    // The word of a variant.
    (@word $Variant:ident) => { stringify!($Variant) };
    (@word $Variant:ident $word:literal) => { $word };
}

/// What can stand in a field: a value, which is needed, or an `Option` of one, which may be absent.
pub trait Member: Sized {
    /// Takes itself out of an object.
    fn take(fields: &Fields<'_>, name: &'static str) -> Option<Self>;

    /// Puts itself into an object.
    fn put(&self, object: &mut Object, name: &str);

    /// Whether there is nothing to write.
    fn is_absent(&self) -> bool {
        false
    }
}

impl<T: Read + Write> Member for T {
    fn take(fields: &Fields<'_>, name: &'static str) -> Option<Self> {
        fields.get(name)
    }

    fn put(&self, object: &mut Object, name: &str) {
        object.put(name, self);
    }
}

impl<T: Read + Write> Member for Option<T> {
    fn take(fields: &Fields<'_>, name: &'static str) -> Option<Self> {
        Some(fields.get_some(name))
    }

    fn put(&self, object: &mut Object, name: &str) {
        object.put_some(name, self.as_ref());
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}
