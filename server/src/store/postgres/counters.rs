//! What has been used up.

use std::collections::BTreeSet;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::convert::{Columns as _, integer};
use super::writer::{Lock, Operation};
use crate::store::{SecretHash, Spending, StoreError};

/// Adds to counters, all or none.
pub(super) struct Spend {
    keys: Vec<i64>,
    counters: Vec<SecretHash>,
    until: Vec<i64>,
    add: Vec<i64>,
    most: Vec<i64>,
}

impl Spend {
    pub(super) fn new(spendings: &[Spending]) -> Self {
        let numbers =
            |of: fn(&Spending) -> u64| spendings.iter().map(|it| integer(of(it))).collect();
        let keys: BTreeSet<i64> = spendings.iter().map(|it| key(it.counter)).collect();
        Self {
            keys: keys.into_iter().collect(),
            counters: spendings.iter().map(|it| it.counter).collect(),
            until: numbers(|it| it.until.0),
            add: numbers(|it| it.add),
            most: numbers(|it| it.most),
        }
    }
}

/// A number for the counter's lock; two counters with the same one only wait for each other.
fn key(SecretHash(hash): SecretHash) -> i64 {
    hash.first_chunk().copied().map_or(0, i64::from_be_bytes)
}

impl Operation for Spend {
    type Output = Option<usize>;

    /// Who only asks wants to know whether one more would do.
    const SQL: &'static str = "
        WITH asked AS (
            SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[])
                WITH ORDINALITY asked (hash, until, more, most, place)
        ), beyond AS (
            SELECT place FROM asked LEFT JOIN counters c USING (hash)
            WHERE coalesce(c.count, 0)::numeric + greatest(more, 1) > most ORDER BY place LIMIT 1
        ), counted AS (
            INSERT INTO counters AS c (hash, until, count)
            SELECT hash, max(until), sum(more)::bigint FROM asked
            WHERE more > 0 AND NOT EXISTS (SELECT 1 FROM beyond) GROUP BY hash
            ON CONFLICT (hash) DO UPDATE SET count = c.count + excluded.count
        )
        SELECT place FROM beyond";

    fn lock(&self) -> Lock<'_> {
        Lock::Counters(&self.keys)
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![&self.counters, &self.until, &self.add, &self.most]
    }

    fn read(&self, rows: &[Row]) -> Result<Option<usize>, StoreError> {
        let place = rows.first().map(|row| row.get_or::<i64>(0)).transpose()?;
        Ok(place.and_then(|place| usize::try_from(place - 1).ok()))
    }
}
