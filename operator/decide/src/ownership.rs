//! Drift without keeping manifests: which fields of a live object are ours, by
//! its `metadata.managedFields`.
//!
//! Enters: a live object, the manifest that was applied. Leaves: the fields of
//! the manifest that are not ours any more, and who holds them now. Must not:
//! compare values. A value of ours cannot change without its field leaving us:
//! whoever writes it becomes its owner.

mod fieldset;

use std::fmt::Write;

use serde_json::Value;

use crate::render::canonical;
use fieldset::Step;

/// A field of the manifest that is not ours on the live object.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// Where, as the API server writes paths: `.spec.ports[port=80].name`.
    pub path: String,
    /// What we want there.
    pub wanted: Value,
    /// The field manager that holds it now; None when nobody does.
    pub manager: Option<String>,
}

/// The `fieldsV1` of what `manager` has applied. None: it has applied nothing,
/// or all of it has left it. What it wrote by other means (Update, or a
/// subresource such as status) does not count.
pub fn own_fields<'a>(live: &'a Value, manager: &str) -> Option<&'a Value> {
    entries(live).find(|entry| is_own(entry, manager)).map(|entry| &entry["fieldsV1"])
}

/// One number for a set of fields; equal sets have equal numbers in every
/// process, whatever the order of their keys.
pub fn fingerprint(fields: &Value) -> u64 {
    canonical::hash(fields)
}

/// The fields of `manifest` that `manager` does not hold on `live`, outermost
/// first: a lost map is one entry, not one for each of its leaves.
///
/// Identity (`apiVersion`, `kind`, name, namespace) is never owned and not
/// looked at; nor are nulls and empty lists and maps, which the API server may
/// drop. A field that the member's API server does not know is dropped as well
/// and shows here each time.
pub fn missing(manifest: &Value, live: &Value, manager: &str) -> Vec<Drift> {
    let mut walk = Walk { live, manager, path: Vec::new(), found: Vec::new() };
    match own_fields(live, manager) {
        Some(own) => walk.object(manifest, own),
        None => walk.report(manifest),
    }
    walk.found
}

struct Walk<'a> {
    live: &'a Value,
    manager: &'a str,
    path: Vec<Step<'a>>,
    found: Vec<Drift>,
}

impl<'a> Walk<'a> {
    fn object(&mut self, manifest: &'a Value, own: &Value) {
        for (name, wanted) in manifest.as_object().into_iter().flatten() {
            if !self.is_identity(name) && !may_be_dropped(wanted) {
                self.step(Step::Field(name), wanted, own);
            }
        }
    }

    fn list(&mut self, items: &'a [Value], own: &Value) {
        let matched = fieldset::match_items(items, own);
        for (index, (item, key)) in items.iter().zip(matched).enumerate() {
            self.step(Step::Item { index, item, key }, item, own);
        }
    }

    /// Goes on with one part of a map or list, when it is ours.
    fn step(&mut self, step: Step<'a>, wanted: &'a Value, own: &Value) {
        let below = step.find(own);
        self.path.push(step);
        match below {
            // Not one drift with the object's name in it.
            None if matches!(self.path.as_slice(), [Step::Field("metadata")]) => self.object(wanted, &Value::Null),
            None => self.report(wanted),
            Some(own) if fieldset::is_leaf(own) => self.whole(wanted),
            Some(own) => match wanted {
                Value::Object(_) => self.object(wanted, own),
                Value::Array(items) => self.list(items, own),
                _ => {}
            },
        }
        self.path.pop();
    }

    /// Ours as a whole, with everything in it; or the bare shell of a map whose
    /// entries have all left us, which is written the same way. What is gone, or
    /// held by another manager by itself, tells them apart.
    fn whole(&mut self, wanted: &'a Value) {
        for (name, field) in wanted.as_object().into_iter().flatten() {
            if may_be_dropped(field) {
                continue;
            }
            self.path.push(Step::Field(name));
            let held_apart = self.others().any(|fields| reaches(fields, &self.path));
            if held_apart || value_at(self.live, &self.path).is_none() {
                self.report(field);
            } else {
                self.whole(field);
            }
            self.path.pop();
        }
    }

    fn report(&mut self, wanted: &Value) {
        let mut path = String::new();
        for step in &self.path {
            // Writing into a text does not fail.
            let _ = write!(path, "{step}");
        }
        self.found.push(Drift { path, wanted: wanted.clone(), manager: self.holder() });
    }

    /// Who else holds the field at the current path.
    fn holder(&self) -> Option<String> {
        let others = entries(self.live).filter(|entry| !is_own(entry, self.manager));
        let mut holders = others.filter(|entry| !self.path.is_empty() && holds(&entry["fieldsV1"], &self.path));
        holders.next().and_then(|entry| entry["manager"].as_str()).map(str::to_owned)
    }

    fn others(&self) -> impl Iterator<Item = &'a Value> {
        entries(self.live).filter(|entry| !is_own(entry, self.manager)).map(|entry| &entry["fieldsV1"])
    }

    fn is_identity(&self, name: &str) -> bool {
        match self.path.as_slice() {
            [] => matches!(name, "apiVersion" | "kind"),
            [Step::Field("metadata")] => matches!(name, "name" | "namespace"),
            _ => false,
        }
    }
}

/// Whether a fieldset has an entry for the very field at `path`.
fn reaches(fields: &Value, path: &[Step<'_>]) -> bool {
    path.iter().try_fold(fields, |fields, step| step.find_anew(fields)).is_some()
}

/// What stands at `path` of the object itself.
fn value_at<'v>(object: &'v Value, path: &[Step<'_>]) -> Option<&'v Value> {
    path.iter().try_fold(object, |value, step| step.find_in(value))
}

/// Whether a fieldset reaches to the end of `path`, or to a leaf before it.
fn holds(fields: &Value, path: &[Step<'_>]) -> bool {
    let mut fields = fields;
    for step in path {
        match step.find_anew(fields) {
            Some(below) if fieldset::is_leaf(below) => return true,
            Some(below) => fields = below,
            None => return false,
        }
    }
    true
}

fn entries(live: &Value) -> impl Iterator<Item = &Value> {
    live["metadata"]["managedFields"].as_array().into_iter().flatten()
}

fn is_own(entry: &Value, manager: &str) -> bool {
    let subresource = entry["subresource"].as_str().unwrap_or_default();
    entry["manager"] == manager && entry["operation"] == "Apply" && subresource.is_empty()
}

fn may_be_dropped(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
