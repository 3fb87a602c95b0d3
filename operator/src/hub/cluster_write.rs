//! Writes on Cluster objects: only what differs, on the version it was read
//! from, so that nobody else's change is undone (promise I9).

use atoll_crds::Cluster;
use atoll_crds::cluster::ClusterStatus;
use atoll_decide::first_write::FIELD_MANAGER;
use atoll_decide::ids::ClusterName;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::telemetry::metrics::labels::HubWriteLabel;

/// A conflict is answered with a fresh read and another try, so often.
const TRIES: usize = 5;

/// What a write did.
#[derive(Clone, Debug)]
pub enum Written {
    /// The object as it is now.
    Now(Box<Cluster>),
    /// It said so already.
    Nothing,
    /// There is no such Cluster any more.
    Gone,
}

/// Changes status fields: `change` edits a copy, and what differs is written.
pub async fn status(app: &App, cluster: &Cluster, change: impl Fn(&mut ClusterStatus)) -> Result<Written, kube::Error> {
    let difference = |cluster: &Cluster| {
        let before = cluster.status.clone().unwrap_or_default();
        let mut after = before.clone();
        change(&mut after);
        (after != before).then(|| json!({"status": differing(&before, &after)}))
    };
    write(app, cluster, difference, true).await
}

/// Changes labels, taints and annotations: `change` edits a copy of the
/// object, and what differs is written.
pub async fn marks(app: &App, cluster: &Cluster, change: impl Fn(&mut Cluster)) -> Result<Written, kube::Error> {
    let difference = |cluster: &Cluster| {
        let mut after = cluster.clone();
        change(&mut after);
        let mut patch = Map::new();
        if after.spec.taints != cluster.spec.taints {
            patch.insert("spec".into(), json!({"taints": after.spec.taints}));
        }
        let metadata = json!({
            "labels": differing(cluster.labels(), after.labels()),
            "annotations": differing(cluster.annotations(), after.annotations()),
            "finalizers": after.finalizers(),
        });
        let same_finalizers = after.finalizers() == cluster.finalizers();
        if metadata["labels"] != json!({}) || metadata["annotations"] != json!({}) || !same_finalizers {
            patch.insert("metadata".into(), metadata);
        }
        (!patch.is_empty()).then_some(Value::Object(patch))
    };
    write(app, cluster, difference, false).await
}

async fn write(
    app: &App,
    cluster: &Cluster,
    difference: impl Fn(&Cluster) -> Option<Value>,
    status: bool,
) -> Result<Written, kube::Error> {
    let api: Api<Cluster> = Api::all(app.hub.clone());
    let name = cluster.name_any();
    let mut current = cluster.clone();
    for attempt in 1.. {
        let Some(mut patch) = difference(&current) else { return Ok(Written::Nothing) };
        patch["metadata"]["resourceVersion"] = current.resource_version().unwrap_or_default().into();
        let parameters = PatchParams::apply(FIELD_MANAGER);
        let patch = Patch::Merge(patch);
        let answer = if status {
            api.patch_status(&name, &parameters, &patch).await
        } else {
            api.patch(&name, &parameters, &patch).await
        };
        match app.metrics.hub.count(HubWriteLabel::Cluster, answer) {
            Ok(written) => return Ok(Written::Now(Box::new(written))),
            Err(kube::Error::Api(error)) if error.code == 404 => return Ok(Written::Gone),
            Err(kube::Error::Api(error)) if error.code == 409 && attempt < TRIES => match api.get_opt(&name).await? {
                Some(fresh) if fresh.uid() == cluster.uid() => current = fresh,
                Some(_) | None => return Ok(Written::Gone),
            },
            Err(error) => return Err(error),
        }
    }
    Ok(Written::Nothing)
}

/// A merge patch of the top-level fields in which two values differ.
fn differing(before: &impl serde::Serialize, after: &impl serde::Serialize) -> Value {
    let as_map = |value: Value| match value {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    let (before, after) = match (serde_json::to_value(before), serde_json::to_value(after)) {
        (Ok(before), Ok(after)) => (as_map(before), as_map(after)),
        _ => return json!({}),
    };
    let mut patch = Map::new();
    for (key, value) in &after {
        match (before.get(key), value) {
            (Some(old), _) if old == value => {}
            (Some(Value::Object(_)), Value::Object(_)) => {
                patch.insert(key.clone(), differing(&before[key], value));
            }
            _ => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Value::Object(patch)
}

/// The name as a decision value.
pub fn name_of(cluster: &Cluster) -> ClusterName {
    cluster.name_any().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_differing_fields_are_patched_and_removed_ones_are_named() {
        let before = json!({"a": 1, "b": {"c": 1, "d": 2}, "gone": true});
        let after = json!({"a": 1, "b": {"c": 1, "d": 3}, "new": []});
        assert_eq!(differing(&before, &after), json!({"b": {"d": 3}, "new": [], "gone": null}));
    }
}
