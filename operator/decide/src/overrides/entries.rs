//! `labelsOverrider` and `annotationsOverrider`: the object's own, never those
//! of a pod template.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::EntriesOverrider;
use super::error::{Error, Problem};

/// Changes `metadata.labels` or `metadata.annotations`, as `field` says.
pub(super) fn apply(object: &mut Value, field: &'static str, overrider: &EntriesOverrider) -> Result<(), Error> {
    let name = if field == "labels" { "labelsOverrider" } else { "annotationsOverrider" };
    let not_map = || Error::new(name, format!("/metadata/{field}"), Problem::NotMap);
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut).ok_or_else(not_map)?;
    if let EntriesOverrider::Add(_) = overrider {
        metadata.entry(field).or_insert_with(|| Value::Object(Map::new()));
    }
    let Some(entries) = metadata.get_mut(field) else { return Ok(()) };
    edit(entries.as_object_mut().ok_or_else(not_map)?, overrider);
    Ok(())
}

fn edit(entries: &mut Map<String, Value>, overrider: &EntriesOverrider) {
    let set = |entries: &mut Map<String, Value>, values: &BTreeMap<String, String>, only_there: bool| {
        for (key, value) in values {
            if !only_there || entries.contains_key(key) {
                entries.insert(key.clone(), value.as_str().into());
            }
        }
    };
    match overrider {
        EntriesOverrider::Add(values) => set(entries, values, false),
        EntriesOverrider::Replace(values) => set(entries, values, true),
        EntriesOverrider::Remove(keys) => {
            for key in keys {
                entries.remove(key);
            }
        }
    }
}
