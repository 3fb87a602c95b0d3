//! The differences that are meant, each with its reason.

use std::collections::BTreeMap;
use std::io;

use serde::Deserialize;
use serde_json::Value;

use super::difference::{Change, Difference};

/// The list as committed.
///
/// # Errors
/// When the file cannot be read or is no such list.
pub fn read() -> io::Result<Vec<Listed>> {
    let path = super::folder().join("differences.yaml");
    let read = serde_saphyr::from_str(&std::fs::read_to_string(&path)?);
    read.map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
}

/// One entry of the list: differences of some kinds that have one reason.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Table of `DIFFERENCES.md` that it belongs to.
    pub table: String,
    /// The kinds. A name stands for the kind of any group.
    pub kinds: Vec<String>,
    /// The rows: as in the tables, without the version for fields. `**` at the
    /// end stands for whatever follows.
    pub rows: Vec<String>,
    /// What differs in each of them.
    pub change: ListedChange,
    /// Why.
    pub why: String,
}

/// What differs.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum ListedChange {
    /// The rows are ours alone.
    Added,
    /// The rows are Karmada's alone.
    Missing,
    /// Facts by name, with what ours says; null where ours says nothing.
    Facts(BTreeMap<String, Value>),
}

impl Listed {
    /// Whether the entry speaks of `difference`.
    pub fn covers(&self, difference: &Difference) -> bool {
        self.kinds.iter().any(|kind| is_kind(kind, &difference.kind))
            && self.rows.iter().any(|row| is_row(row, &difference.row))
            && self.change.covers(&difference.change)
    }

    /// Each kind and row of the entry that speaks of none of `differences`.
    fn idle<'a>(&'a self, differences: &'a [Difference]) -> impl Iterator<Item = String> + 'a {
        let pairs = self.kinds.iter().flat_map(|kind| self.rows.iter().map(move |row| (kind, row)));
        let idle = pairs.filter(|(kind, row)| {
            let spoken_of = |difference: &&Difference| is_kind(kind, &difference.kind) && is_row(row, &difference.row);
            let met: Vec<&Difference> = differences.iter().filter(spoken_of).collect();
            !self.change.is_met(&met)
        });
        idle.map(|(kind, row)| format!("{kind}, row {row:?} ({})", self.why))
    }
}

impl ListedChange {
    fn covers(&self, change: &Change) -> bool {
        match (self, change) {
            (Self::Added, Change::Added) | (Self::Missing, Change::Missing) => true,
            (Self::Facts(facts), Change::Fact { name, ours, .. }) => {
                facts.get(name).is_some_and(|listed| listed == ours.as_ref().unwrap_or(&Value::Null))
            }
            _ => false,
        }
    }

    /// Whether everything it names is among the differences.
    fn is_met(&self, differences: &[&Difference]) -> bool {
        match self {
            Self::Added | Self::Missing => differences.iter().any(|difference| self.covers(&difference.change)),
            Self::Facts(facts) => facts.iter().all(|(wanted, value)| {
                let single = Self::Facts(BTreeMap::from([(wanted.clone(), value.clone())]));
                differences.iter().any(|difference| single.covers(&difference.change))
            }),
        }
    }
}

fn is_kind(listed: &str, kind: &str) -> bool {
    listed == kind || kind.split_once('.').is_some_and(|(name, _)| name == listed)
}

/// Whether a listed row stands for `row`. Fields are the same in all versions.
fn is_row(listed: &str, row: &str) -> bool {
    let field = row.split_once(' ').map_or("", |(_, field)| field);
    let of_a_version = listed.starts_with('.') || listed.starts_with("column ");
    let row = if of_a_version { field } else { row };
    listed.strip_suffix("**").map_or(listed == row, |start| row.starts_with(start))
}

/// What a comparison comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Differences that no entry covers.
    pub unlisted: Vec<String>,
    /// Entries that cover nothing.
    pub idle: Vec<String>,
}

/// Holds the differences against the list.
pub fn judge(differences: &[Difference], list: &[Listed]) -> Judgement {
    let unlisted = differences.iter().filter(|difference| !list.iter().any(|listed| listed.covers(difference)));
    Judgement {
        unlisted: unlisted.map(ToString::to_string).collect(),
        idle: list.iter().flat_map(|listed| listed.idle(differences)).collect(),
    }
}
