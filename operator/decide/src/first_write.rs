//! What may be written over what is there: the plan of one apply on a member
//! (architecture section 5, promise I2).
//!
//! Enters: what we want and the live object as a GET returned it. Leaves: one
//! step with its reason. Nothing unexpected is ever touched: an object that is
//! not ours is refused or, when the policy says so, taken over.

use serde_json::Value;

use crate::ownership::{self, Drift};
use crate::render::marks;

/// The field manager of every write on a member.
pub const FIELD_MANAGER: &str = "atoll";

/// What the policy says about an object that is there and not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnForeign {
    /// Leave it and say so.
    #[default]
    Abort,
    /// Take it over.
    Overwrite,
}

/// Who a copy belongs to, read from its marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// No managed label: somebody else's object.
    Nobody,
    /// Managed, for this binding (`namespace/name`, or `name`).
    Binding(String),
}

/// What to do with the live object.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Nothing is there: apply without force, so that an object that appears
    /// in between is not overwritten.
    Create,
    /// Ours and exactly as wanted.
    InSync,
    /// Ours, and something is to be written with force.
    Update {
        /// Fields that were ours and have another manager or are gone. Empty
        /// when the wanted state moved: what is not ours then is mostly what
        /// was never written.
        drift: Vec<Drift>,
    },
    /// Not ours, and the policy says Overwrite.
    TakeOver,
    /// Not ours, and the policy says Abort.
    Refuse {
        /// Who holds it, for the message.
        owner: Owner,
    },
    /// Being deleted on the member: wait until it is gone.
    WaitDeletion,
}

/// Plans the write of `manifest` over `live` (None: a GET answered `NotFound`).
pub fn plan(manifest: &Value, live: Option<&Value>, on_foreign: OnForeign) -> Step {
    let Some(live) = live else { return Step::Create };
    // Whoever it belongs to, an object on its way out takes no write.
    if live.pointer("/metadata/deletionTimestamp").is_some() {
        return Step::WaitDeletion;
    }
    let held_by = owner(live);
    if held_by == Owner::Nobody || held_by != owner(manifest) {
        return match on_foreign {
            OnForeign::Overwrite => Step::TakeOver,
            OnForeign::Abort => Step::Refuse { owner: held_by },
        };
    }
    // A hub that a person approved in another's place puts its own mark on.
    let moved = |mark| annotation(live, mark) != annotation(manifest, mark);
    if moved(marks::MANIFEST_HASH) || moved(marks::HUB_UID) {
        return Step::Update { drift: Vec::new() };
    }
    let drift = ownership::missing(manifest, live, FIELD_MANAGER);
    if drift.is_empty() { Step::InSync } else { Step::Update { drift } }
}

/// Who `object` belongs to.
pub fn owner(object: &Value) -> Owner {
    let label = |key: &str| object["metadata"]["labels"][key].as_str();
    let annotation = |key: &str| annotation(object, key);
    // A label may have been stripped by hand; the hub's mark says as much.
    if label(marks::MANAGED) != Some("true") && annotation(marks::HUB_UID).is_none() {
        return Owner::Nobody;
    }
    let namespaced = annotation(marks::BINDING_NAME)
        .map(|name| format!("{}/{name}", annotation(marks::BINDING_NAMESPACE).unwrap_or_default()));
    let cluster_scoped = annotation(marks::CLUSTER_BINDING_NAME).map(str::to_owned);
    namespaced.or(cluster_scoped).map_or_else(|| Owner::Binding(String::new()), Owner::Binding)
}

fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["metadata"]["annotations"][key].as_str()
}

#[cfg(test)]
mod tests;
