//! Where two tables differ.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::table::{Facts, Table};

/// One difference between Karmada's definition of a kind and ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Kind and group, such as `Work.work.karmada.io`.
    pub kind: String,
    /// The row.
    pub row: String,
    /// What differs in it.
    pub change: Change,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The row is ours alone.
    Added,
    /// The row is Karmada's alone.
    Missing,
    /// One fact of a row that both have.
    Fact {
        /// Its name, such as `maxItems`.
        name: String,
        /// What Karmada says; none when it says nothing.
        karmada: Option<Value>,
        /// What we say.
        ours: Option<Value>,
    },
}

/// Every difference between both sets of tables, by kind and row.
pub fn compare(karmada: &[Table], ours: &[Table]) -> Vec<Difference> {
    let kinds: BTreeSet<String> = karmada.iter().chain(ours).map(Table::kind).collect();
    let find = |tables: &'_ [Table], kind: &str| tables.iter().find(|table| table.kind() == kind).cloned();
    kinds.iter().flat_map(|kind| compare_kind(kind, find(karmada, kind).as_ref(), find(ours, kind).as_ref())).collect()
}

fn compare_kind(kind: &str, karmada: Option<&Table>, ours: Option<&Table>) -> Vec<Difference> {
    let differs = |row: &str, change: Change| Difference { kind: kind.to_owned(), row: row.to_owned(), change };
    let (Some(karmada), Some(ours)) = (karmada, ours) else {
        let change = if karmada.is_none() { Change::Added } else { Change::Missing };
        return vec![differs("names", change)];
    };
    let rows: BTreeSet<&String> = karmada.rows.keys().chain(ours.rows.keys()).collect();
    let changes = rows.into_iter().flat_map(|row| {
        let changes = match (karmada.rows.get(row), ours.rows.get(row)) {
            (None, _) => vec![Change::Added],
            (_, None) => vec![Change::Missing],
            (Some(karmada), Some(ours)) => compare_row(karmada, ours),
        };
        changes.into_iter().map(|change| differs(row, change)).collect::<Vec<_>>()
    });
    changes.collect()
}

fn compare_row(karmada: &Facts, ours: &Facts) -> Vec<Change> {
    let names: BTreeSet<&String> = karmada.keys().chain(ours.keys()).collect();
    let differing = names.into_iter().filter(|name| karmada.get(*name) != ours.get(*name));
    let fact = |name: &String| Change::Fact {
        name: name.clone(),
        karmada: karmada.get(name).cloned(),
        ours: ours.get(name).cloned(),
    };
    differing.map(fact).collect()
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, row {:?}: ", self.kind, self.row)?;
        let say = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
        match &self.change {
            Change::Added => write!(formatter, "only ours has it"),
            Change::Missing => write!(formatter, "only Karmada has it"),
            Change::Fact { name, karmada, ours } => {
                write!(formatter, "{name}: Karmada says {}, ours {}", say(karmada), say(ours))
            }
        }
    }
}
