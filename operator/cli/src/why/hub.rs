//! What the hub's objects tell where the operator cannot be asked: the claim as
//! recorded, the binding with its status, Events.

use anyhow::{Context, Result};
use atoll_crds::names::annotation::{
    CLUSTER_PROPAGATION_POLICY_NAME, PROPAGATION_POLICY_NAME, PROPAGATION_POLICY_NAMESPACE,
};
use atoll_crds::names::binding_name;
use atoll_crds::work::binding::{Binding as BindingKind, BindingStatus};
use atoll_crds::work::binding_status::placed_on;
use atoll_crds::{ClusterResourceBinding, ResourceBinding};
use k8s_openapi::api::core::v1::Event;
use kube::api::{DynamicObject, ListParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::object::Object;
use crate::args::Format;
use crate::connect::Side;
use crate::failure::On;
use crate::output::{data, or_dash, table};

/// So many Events are told.
const EVENTS: usize = 10;

/// The text.
pub async fn tell(hub: &Side, object: &Object, format: Option<Format>) -> Result<String> {
    let template = fetch(hub, object).await?;
    let name = binding_name(&object.api.kind, &object.name);
    let action = format!("reading binding {name}");
    let binding = if let Some(namespace) = &object.namespace {
        let bindings: Api<ResourceBinding> = Api::namespaced(hub.client.clone(), namespace);
        bindings.get_opt(&name).await.on(hub, action)?.map(|binding| seen(&binding))
    } else {
        let bindings: Api<ClusterResourceBinding> = Api::all(hub.client.clone());
        bindings.get_opt(&name).await.on(hub, action)?.map(|binding| seen(&binding))
    };
    let events = events(hub, object).await?;
    let policy = policy(&template);
    if let Some(format) = format {
        let binding = binding.map(|(clusters, status)| json!({"clusters": clusters, "status": status}));
        return data(&json!({"policy": policy, "binding": binding, "events": events}), format);
    }
    let mut parts = vec![match &policy {
        Some(policy) => format!("claimed by {policy}"),
        None => "no policy has claimed it".to_owned(),
    }];
    parts.extend(binding.map(|(clusters, status)| show(&name, &clusters, status.as_ref())));
    if !events.is_empty() {
        let row = |event: &Value| ["time", "reason", "note"].map(|key| text(&event[key])).to_vec();
        parts.push(table(&["TIME", "EVENT", "NOTE"], events.iter().map(row)));
    }
    Ok(parts.join("\n"))
}

async fn fetch(hub: &Side, object: &Object) -> Result<DynamicObject> {
    let api: Api<DynamicObject> = match &object.namespace {
        Some(namespace) => Api::namespaced_with(hub.client.clone(), namespace, &object.api),
        None => Api::all_with(hub.client.clone(), &object.api),
    };
    let what = format!("{} {}", object.api.kind, object.name);
    let template = api.get_opt(&object.name).await.on(hub, format!("reading {what}"))?;
    let place = object.namespace.as_ref().map(|namespace| format!(" in namespace {namespace}"));
    template.with_context(|| format!("the hub has no {what}{}", place.unwrap_or_default()))
}

fn policy(template: &DynamicObject) -> Option<String> {
    let annotation = |key: &str| template.annotations().get(key);
    match (annotation(PROPAGATION_POLICY_NAMESPACE), annotation(PROPAGATION_POLICY_NAME)) {
        (Some(namespace), Some(name)) => Some(format!("PropagationPolicy {namespace}/{name}")),
        _ => annotation(CLUSTER_PROPAGATION_POLICY_NAME).map(|name| format!("ClusterPropagationPolicy {name}")),
    }
}

fn seen<B: BindingKind>(binding: &B) -> (String, Option<BindingStatus>) {
    (placed_on(&binding.binding().clusters), binding.status().cloned())
}

fn show(name: &str, clusters: &str, status: Option<&BindingStatus>) -> String {
    let mut parts = vec![format!("binding {name}: {}", or_dash(Some(clusters.to_owned())))];
    let Some(status) = status else { return parts.remove(0) };
    let conditions = status.conditions.iter();
    parts.extend(conditions.map(|one| format!("{}={} ({}): {}", one.type_, one.status, one.reason, one.message)));
    let rows = status.aggregated_status.iter().map(|item| {
        let health = item.health.map(|health| format!("{health:?}"));
        vec![
            item.cluster_name.clone(),
            item.applied.to_string(),
            or_dash(health),
            or_dash(item.applied_message.clone()),
        ]
    });
    parts.push(table(&["CLUSTER", "APPLIED", "HEALTH", "WHY"], rows));
    parts.join("\n")
}

async fn events(hub: &Side, object: &Object) -> Result<Vec<Value>> {
    let api: Api<Event> = match &object.namespace {
        Some(namespace) => Api::namespaced(hub.client.clone(), namespace),
        None => Api::all(hub.client.clone()),
    };
    let fields = format!("involvedObject.kind={},involvedObject.name={}", object.api.kind, object.name);
    let mut events = api.list(&ListParams::default().fields(&fields)).await.on(hub, "reading events")?.items;
    events.sort_by_key(|event| event.metadata.creation_timestamp.clone().map(|at| at.0));
    let last = events.iter().rev().take(EVENTS).rev();
    let told = last.map(|event| {
        let at = event.metadata.creation_timestamp.as_ref().map(|at| at.0.to_string());
        json!({"time": at, "reason": event.reason, "note": event.message})
    });
    Ok(told.collect())
}

fn text(value: &Value) -> String {
    or_dash(value.as_str().map(str::to_owned))
}
