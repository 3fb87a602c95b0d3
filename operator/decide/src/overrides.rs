//! What differs per cluster: override policies, checked, and how they change an
//! object on its way.
//!
//! Enters: the policies, an object, a cluster. Leaves: the rules that apply, in
//! their order, and the changed object. Must not: know about replicas or marks.
//! The semantics are those of karmada-api 2.4.

mod entries;
mod error;
mod field;
mod image;
mod image_reference;
mod overriders;
mod patch;
mod policy;
mod words;

pub use error::{Error, Problem};
pub use overriders::{
    Edit, EntriesOverrider, FieldOverrider, Format, ImageOverrider, ImagePart, ListEdit, Overriders, PatchOperation,
    WordsOverrider,
};
pub use policy::{OverridePolicy, Rule, applicable};

use serde_json::Value;

/// Changes `object` as one rule says: image, command, args, labels,
/// annotations, field, plaintext, in this order. After an error the object may
/// have been changed in part; it must not be used.
pub fn apply(object: &mut Value, overriders: &Overriders) -> Result<(), Error> {
    for overrider in &overriders.images {
        image::apply(object, overrider)?;
    }
    for overrider in &overriders.commands {
        words::apply(object, "command", overrider);
    }
    for overrider in &overriders.args {
        words::apply(object, "args", overrider);
    }
    for overrider in &overriders.labels {
        entries::apply(object, "labels", overrider)?;
    }
    for overrider in &overriders.annotations {
        entries::apply(object, "annotations", overrider)?;
    }
    for overrider in &overriders.fields {
        field::apply(object, overrider)?;
    }
    patch::apply(object, &overriders.plaintext)
}

/// The containers of the kinds whose place is known (karmada-api 2.4); init
/// containers are not among them.
fn containers(object: &mut Value) -> impl Iterator<Item = &mut Value> {
    let group =
        object["apiVersion"].as_str().and_then(|version| version.split_once('/')).map_or("", |(group, _)| group);
    let pointer = match (group, object["kind"].as_str().unwrap_or_default()) {
        ("", "Pod") => Some("/spec/containers"),
        ("apps", "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet") | ("batch", "Job") => {
            Some("/spec/template/spec/containers")
        }
        _ => None,
    };
    pointer.and_then(|pointer| object.pointer_mut(pointer)).and_then(Value::as_array_mut).into_iter().flatten()
}

#[cfg(test)]
mod tests;
