//! Reading `fieldsV1`: `f:NAME` is a field, `k:{...}` a list item by its keys,
//! `v:VALUE` an item of a set, `.` the thing itself; `{}` is a leaf, which is
//! owned with everything in it.

use std::fmt;

use serde_json::{Map, Value};

/// One step of a path through a manifest.
pub(super) enum Step<'a> {
    /// Into a field.
    Field(&'a str),
    /// Into an item of a list.
    Item {
        index: usize,
        item: &'a Value,
        /// The entry of our own fieldset that stands for it.
        key: Option<String>,
    },
}

impl Step<'_> {
    /// What our own fieldset says about the step.
    pub fn find<'f>(&self, fields: &'f Value) -> Option<&'f Value> {
        match self {
            Self::Field(name) => fields.get(format!("f:{name}")),
            Self::Item { key, .. } => fields.get(key.as_deref()?),
        }
    }

    /// What stands there in the object itself.
    pub fn find_in<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match self {
            Self::Field(name) => value.get(*name),
            Self::Item { key, .. } => {
                let key = key.as_deref()?;
                value.as_array()?.iter().find(|item| agreement(key, item) == Some(Agreement::Full))
            }
        }
    }

    /// What another manager's fieldset says about it.
    pub fn find_anew<'f>(&self, fields: &'f Value) -> Option<&'f Value> {
        match self {
            Self::Field(_) => self.find(fields),
            Self::Item { item, .. } => {
                let keys = fields.as_object()?.iter();
                keys.filter(|(key, _)| agreement(key, item).is_some())
                    .max_by_key(|(key, _)| agreement(key, item))
                    .map(|(_, below)| below)
            }
        }
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Item { item, key: Some(key), .. } => match item_keys(key) {
                Some(keys) => write!(f, "[{}]", Keys(&keys)),
                None => write!(f, "[{item}]"),
            },
            Self::Item { item, index, key: None } => match (&item["name"], item) {
                (Value::String(name), _) => write!(f, "[name={name}]"),
                (_, Value::Array(_) | Value::Object(_)) => write!(f, "[{index}]"),
                (_, value) => write!(f, "[{value}]"),
            },
        }
    }
}

struct Keys<'a>(&'a Map<String, Value>);

impl fmt::Display for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            match value {
                Value::String(text) => write!(f, "{comma}{name}={text}")?,
                other => write!(f, "{comma}{name}={other}")?,
            }
        }
        Ok(())
    }
}

/// Whether everything below is owned as one.
pub(super) fn is_leaf(fields: &Value) -> bool {
    fields.as_object().is_none_or(Map::is_empty)
}

/// Which entry of a list's fieldset stands for each item. An entry whose keys
/// the item states all goes first; an item may leave keys to the API server's
/// defaults (a port its protocol) and then takes an entry that no other item
/// has taken.
pub(super) fn match_items(items: &[Value], fields: &Value) -> Vec<Option<String>> {
    let entries: Vec<&String> = fields.as_object().into_iter().flatten().map(|(key, _)| key).collect();
    let mut matched: Vec<Option<String>> = vec![None; items.len()];
    let mut taken: Vec<&String> = Vec::new();
    for wanted in [Agreement::Full, Agreement::Partial] {
        for (item, place) in items.iter().zip(&mut matched).filter(|(_, place)| place.is_none()) {
            let fits = |key: &&&String| agreement(key, item) == Some(wanted) && !taken.contains(*key);
            if let Some(key) = entries.iter().find(fits) {
                taken.push(key);
                *place = Some((*key).clone());
            }
        }
    }
    matched
}

/// How well an item fits the entry of a fieldset.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Agreement {
    /// It states some of the keys, and none otherwise.
    Partial,
    /// It states them all.
    Full,
}

fn agreement(key: &str, item: &Value) -> Option<Agreement> {
    if let Some(value) = key.strip_prefix("v:") {
        let value: Value = serde_json::from_str(value).ok()?;
        return (value == *item).then_some(Agreement::Full);
    }
    let keys = item_keys(key)?;
    let stated = keys.iter().filter(|(name, _)| item.get(name.as_str()).is_some()).count();
    let agrees = keys.iter().all(|(name, value)| item.get(name.as_str()).is_none_or(|stated| stated == value));
    match (agrees, stated) {
        (true, stated) if stated == keys.len() => Some(Agreement::Full),
        (true, stated) if stated > 0 => Some(Agreement::Partial),
        _ => None,
    }
}

fn item_keys(key: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(key.strip_prefix("k:")?).ok()
}
