//! What there is to copy: the tables of both schemas, and how a table is told from another.

use sha2::{Digest as _, Sha256};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number of eight bytes.
    Big,
    /// A number of two bytes.
    Small,
    /// Yes or no; a number in SQLite.
    Flag,
    Text,
    Bytes,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    None,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A table, with its columns as both schemas have them.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, Kind)],
    /// Does it number its rows, with a counter that is copied, too?
    pub(crate) numbered: Option<&'static str>,
}

/// `user` in SQLite is `user_id` in PostgreSQL, where the former is a word of the language.
pub(crate) fn in_postgres(column: &str) -> &str {
    if column == "user" { "user_id" } else { column }
}

pub(crate) const TABLES: [Table; 10] = [
    Table {
        name: "users",
        columns: &[
            ("id", Kind::Text),
            ("app", Kind::Text),
            ("identity", Kind::Text),
            ("created", Kind::Big),
            ("profile", Kind::Text),
        ],
        numbered: None,
    },
    Table {
        name: "conversations",
        columns: &[
            ("id", Kind::Big),
            ("name", Kind::Text),
            ("user", Kind::Text),
            ("bot", Kind::Text),
            ("app", Kind::Text),
            ("last_seq", Kind::Big),
            ("session_id", Kind::Text),
            ("session_open", Kind::Flag),
            ("last_activity", Kind::Big),
            ("created", Kind::Big),
            ("owner", Kind::Small),
            ("owner_name", Kind::Text),
            ("bot_state", Kind::Text),
        ],
        numbered: Some("id"),
    },
    Table {
        name: "messages",
        columns: &[
            ("conversation", Kind::Big),
            ("seq", Kind::Big),
            ("message_id", Kind::Text),
            ("author", Kind::Small),
            ("client_message_id", Kind::Text),
            ("body", Kind::Text),
            ("created", Kind::Big),
            ("session_id", Kind::Text),
            ("agent", Kind::Text),
            ("words", Kind::Bytes),
        ],
        numbered: None,
    },
    Table {
        name: "jobs",
        columns: &[
            ("id", Kind::Big),
            ("conversation", Kind::Big),
            ("kind", Kind::Small),
            ("trigger_seq", Kind::Big),
            ("session_id", Kind::Text),
            ("context", Kind::Text),
            ("attempts", Kind::Big),
            ("due", Kind::Big),
            ("created", Kind::Big),
        ],
        numbered: Some("id"),
    },
    Table {
        name: "tokens",
        columns: &[
            ("hash", Kind::Bytes),
            ("user", Kind::Text),
            ("app", Kind::Text),
            ("expires", Kind::Big),
            ("key", Kind::Text),
            ("anonymous", Kind::Flag),
        ],
        numbered: None,
    },
    Table {
        name: "tickets",
        columns: &[
            ("hash", Kind::Bytes),
            ("user", Kind::Text),
            ("app", Kind::Text),
            ("bot", Kind::Text),
            ("expires", Kind::Big),
            ("context", Kind::Text),
        ],
        numbered: None,
    },
    Table {
        name: "assertions",
        columns: &[("hash", Kind::Bytes), ("expires", Kind::Big)],
        numbered: None,
    },
    Table {
        name: "signed_out",
        columns: &[
            ("hash", Kind::Bytes),
            ("moment", Kind::Big),
            ("expires", Kind::Big),
        ],
        numbered: None,
    },
    Table {
        name: "counters",
        columns: &[
            ("hash", Kind::Bytes),
            ("until", Kind::Big),
            ("count", Kind::Big),
        ],
        numbered: None,
    },
    Table {
        name: "erasures",
        columns: &[
            ("number", Kind::Big),
            ("user", Kind::Text),
            ("at", Kind::Big),
        ],
        numbered: Some("number"),
    },
];

impl Table {
    /// The columns of a statement, each as this schema calls it.
    pub(crate) fn list(&self, called: fn(&str) -> &str) -> String {
        let names = self
            .columns
            .iter()
            .map(|(name, _)| format!("\"{}\"", called(name)));
        names.collect::<Vec<_>>().join(", ")
    }
}

/// How many rows were seen, and a hash of them that does not depend on their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) rows: u64,
    sum: [u64; 4],
}

impl Census {
    pub(crate) fn count(&mut self, row: &[Cell]) {
        let mut hash = Sha256::new();
        for cell in row {
            let (tag, bytes): (u8, &[u8]) = match cell {
                Cell::None => (0, &[]),
                Cell::Number(number) => (1, &number.to_be_bytes()),
                Cell::Text(text) => (2, text.as_bytes()),
                Cell::Bytes(bytes) => (3, bytes),
            };
            hash.update([tag]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        let hash: [u8; 32] = hash.finalize().into();
        self.rows += 1;
        for (sum, part) in self.sum.iter_mut().zip(hash.as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_be_bytes(*part));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn census(rows: &[[Cell; 2]]) -> Census {
        let mut census = Census::default();
        for row in rows {
            census.count(row);
        }
        census
    }

    #[test]
    fn a_hash_tells_tables_apart_and_not_their_order() {
        let text = |it: &str| Cell::Text(it.to_owned());
        let (a, b) = ([text("a"), Cell::None], [text("b"), Cell::Number(1)]);
        let both = census(&[a.clone(), b.clone()]);
        assert_eq!(both, census(&[b.clone(), a.clone()]));
        for other in [
            census(std::slice::from_ref(&a)),
            census(&[a.clone(), a.clone()]),
            census(&[a.clone(), [text("b"), Cell::Number(2)]]),
            census(&[a, [text("b1"), Cell::None]]),
        ] {
            assert_ne!(both, other);
        }
    }
}
