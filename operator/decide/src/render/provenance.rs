//! Where a copy comes from, and how it says so.

use serde_json::{Map, Value};

use super::marks;
use crate::ids::Namespace;

/// The marks that all copies of one binding carry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Provenance {
    /// The binding; None for what goes to members without one, such as a
    /// namespace.
    pub binding: Option<BindingMark>,
    /// Uid of the template.
    pub template_uid: String,
    /// Generation of the template.
    pub template_generation: i64,
    /// Uid of the hub.
    pub hub_uid: String,
}

/// The binding a copy belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BindingMark {
    /// Of a `ResourceBinding`; None for a `ClusterResourceBinding`.
    pub namespace: Option<Namespace>,
    /// Its name.
    pub name: String,
    /// Its permanent id.
    pub id: String,
}

impl BindingMark {
    fn id_key(&self) -> &'static str {
        if self.namespace.is_some() { marks::BINDING_ID } else { marks::CLUSTER_BINDING_ID }
    }

    fn put_name(&self, annotations: &mut Map<String, Value>) {
        match &self.namespace {
            Some(namespace) => {
                put(annotations, marks::BINDING_NAMESPACE, namespace.as_str());
                put(annotations, marks::BINDING_NAME, &self.name);
            }
            None => put(annotations, marks::CLUSTER_BINDING_NAME, &self.name),
        }
    }
}

impl Provenance {
    /// Puts the marks on; what the user wrote under our keys is overwritten.
    /// The error names the field that is no map.
    pub(super) fn put_on(&self, object: &mut Value) -> Result<(), &'static str> {
        let Self { binding, template_uid, template_generation, hub_uid } = self;
        let labels = map(object, "labels")?;
        put(labels, marks::MANAGED, "true");
        if let Some(binding) = binding {
            put(labels, binding.id_key(), &binding.id);
        }
        let annotations = map(object, "annotations")?;
        annotations.remove(marks::MANIFEST_HASH);
        if let Some(binding) = binding {
            binding.put_name(annotations);
        }
        put(annotations, marks::TEMPLATE_UID, template_uid);
        put(annotations, marks::TEMPLATE_GENERATION, &template_generation.to_string());
        put(annotations, marks::HUB_UID, hub_uid);
        Ok(())
    }
}

/// Writes the hash of the object as it is now into the object.
pub(super) fn put_hash(object: &mut Value, hash: u64) -> Result<(), &'static str> {
    put(map(object, "annotations")?, marks::MANIFEST_HASH, &marks::write_hash(hash));
    Ok(())
}

fn map<'o>(object: &'o mut Value, field: &'static str) -> Result<&'o mut Map<String, Value>, &'static str> {
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut).ok_or("/metadata")?;
    let entries = metadata.entry(field).or_insert_with(|| Value::Object(Map::new()));
    entries.as_object_mut().ok_or(if field == "labels" { "/metadata/labels" } else { "/metadata/annotations" })
}

fn put(entries: &mut Map<String, Value>, key: &str, value: &str) {
    entries.insert(key.to_owned(), value.into());
}
