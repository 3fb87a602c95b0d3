//! What the hub's API server and its controllers have put into a template, and
//! no member must see.

mod kinds;

use serde_json::{Map, Value};

use super::{canonical, marks};
use crate::ids::Gvk;

/// A template without what is the hub's own.
#[derive(Clone, Debug, PartialEq)]
pub struct PrunedTemplate {
    gvk: Gvk,
    object: Value,
    hash: u64,
}

impl PrunedTemplate {
    /// Its kind.
    pub fn gvk(&self) -> &Gvk {
        &self.gvk
    }

    /// The object.
    pub fn object(&self) -> &Value {
        &self.object
    }

    /// Hash of everything that is propagated: status and bookkeeping of the
    /// API server do not move it.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The user leaves the replicas to the members.
    pub fn retains_replicas(&self) -> bool {
        self.object["metadata"]["labels"][marks::RETAIN_REPLICAS] == "true"
    }
}

/// Fields of the metadata that belong to the hub's copy (karmada-api 2.3).
const METADATA: [&str; 10] = [
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
    "ownerReferences",
    "finalizers",
];

/// Drops the hub's bookkeeping, the status, nulls, and what the kind's entry of
/// the list in karmada-api 2.3 says. Pruning a pruned template changes nothing.
///
/// `kubectl.kubernetes.io/last-applied-configuration` travels, as it does with
/// Karmada: when a copy is released to its member
/// (`preserveResourcesOnDeletion`), the next `kubectl apply` there still knows
/// which fields were stated. Allocated node ports travel, because users rely on
/// one port on every member.
pub fn prune(gvk: &Gvk, mut object: Value) -> PrunedTemplate {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            for field in METADATA {
                metadata.remove(field);
            }
        }
    }
    drop_nulls(&mut object);
    kinds::prune(gvk, &mut object);
    let hash = canonical::hash(&object);
    PrunedTemplate { gvk: gvk.clone(), object, hash }
}

/// A null says "take this field out" to server-side apply; a template means
/// nothing by it. Items of lists stay: dropping one would shift the others.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// The map at a JSON pointer.
fn map<'o>(object: &'o mut Value, pointer: &str) -> Option<&'o mut Map<String, Value>> {
    object.pointer_mut(pointer).and_then(Value::as_object_mut)
}

/// Removes keys from the map at `pointer`, and the map itself when nothing is
/// left: an empty map would be applied, and be ours.
fn remove_keys(object: &mut Value, pointer: &str, keys: &[&str]) {
    let Some(entries) = map(object, pointer) else { return };
    for key in keys {
        entries.remove(*key);
    }
    if entries.is_empty()
        && let Some((parent, name)) = pointer.rsplit_once('/')
        && let Some(parent) = map(object, parent)
    {
        parent.remove(name);
    }
}

#[cfg(test)]
mod tests;
