//! What was measured: a table for people, JSON for machines.
//!
//! In the path: every mode of `load` fills one in.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Figures {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    value: f64,
    unit: &'static str,
    wanted: &'static str,
}

impl Figures {
    /// One more. `wanted` is the goal in words; empty where there is none.
    pub(crate) fn add(&mut self, name: &str, value: f64, unit: &'static str, wanted: &'static str) {
        let name = name.to_owned();
        self.rows.push(Row {
            name,
            value,
            unit,
            wanted,
        });
    }

    /// A count.
    pub(crate) fn count(&mut self, name: &str, value: u64, wanted: &'static str) {
        self.add(name, exact(value), "", wanted);
    }

    /// Quantiles of times in microseconds, in milliseconds. `wanted` is about the second, p99.
    pub(crate) fn times(&mut self, name: &str, mut micros: Vec<u32>, wanted: &'static str) {
        micros.sort_unstable();
        for (label, thousandths, wanted) in [
            ("p50", 500, ""),
            ("p99", 990, wanted),
            ("p99.9", 999, ""),
            ("longest", 1000, ""),
        ] {
            let value = f64::from(quantile(&micros, thousandths)) / 1000.0;
            self.add(&format!("{name} {label}"), value, "ms", wanted);
        }
    }

    /// The table.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let digits = if row.value.fract() == 0.0 || row.value >= 1000.0 {
                0
            } else {
                2
            };
            let line = format!(
                "{:38} {:>12.digits$} {:6} {}",
                row.name, row.value, row.unit, row.wanted
            );
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text
    }

    /// One key a figure, its unit in the name.
    pub(crate) fn json(&self) -> Value {
        let name = |row: &Row| match row.unit {
            "" | "/s" => row.name.replace(' ', "_"),
            unit => format!("{}_{unit}", row.name.replace(' ', "_")),
        };
        let rows = self.rows.iter().map(|row| (name(row), json!(row.value)));
        Value::Object(rows.collect::<Map<_, _>>())
    }
}

/// Of sorted values; 0 where there are none.
fn quantile(sorted: &[u32], thousandths: usize) -> u32 {
    let at = (sorted.len() * thousandths).div_ceil(1000);
    sorted.get(at.saturating_sub(1)).copied().unwrap_or(0)
}

/// A count as a figure; what does not fit is too large to be read anyway.
pub(crate) fn exact(value: u64) -> f64 {
    u32::try_from(value).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let sorted: Vec<u32> = (1..=1000).collect();
        assert_eq!(quantile(&sorted, 500), 500);
        assert_eq!(quantile(&sorted, 999), 999);
        assert_eq!(quantile(&sorted, 1000), 1000);
        assert_eq!(quantile(&[7], 500), 7);
        assert_eq!(quantile(&[], 990), 0);
    }

    #[test]
    fn a_figure_is_in_the_table_and_in_the_json() {
        let mut figures = Figures::default();
        figures.add("ack p99", 1.5, "ms", "5 or less");
        figures.count("messages", 12, "");
        assert!(figures.table().contains("1.50 ms     5 or less"));
        assert_eq!(figures.json(), json!({"ack_p99_ms": 1.5, "messages": 12.0}));
    }
}
