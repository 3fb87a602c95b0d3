//! The binding a template should have, and what has to be written for it.
//!
//! Enters: template, policy, schedule result, the binding as it stands.
//! Leaves: an object to create, or a merge patch of just the fields that
//! differ, or nothing. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use atoll_crds::names::{annotation, binding_name, finalizer, label};
use atoll_crds::work::binding::{
    BindingSpec, BindingSuspension, NodeClaim, ObjectReference, ReplicaRequirements, TargetCluster,
};
use atoll_crds::work::eviction::GracefulEvictionTask;
use atoll_decide::cluster::Resources;
use atoll_decide::interpret::{Demand, quantity};
use atoll_decide::matching::{PolicyRef, Scope};
use atoll_decide::placement::Target;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::{Map, Value, json};

use crate::hub::bindings::{Binding, BindingRef, id_label};
use crate::hub::templates::Template;
use crate::validate::policy::Policy;

/// What the binding should say.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which object it is.
    pub reference: BindingRef,
    /// Labels of ours.
    pub labels: BTreeMap<String, String>,
    /// Annotations of ours.
    pub annotations: BTreeMap<String, String>,
    /// The spec.
    pub spec: BindingSpec,
}

/// The name of a template's binding.
pub fn reference(template: &Template) -> BindingRef {
    BindingRef {
        namespace: template.key.namespace.as_ref().map(|namespace| namespace.as_str().into()),
        name: binding_name(&template.key.gvk.kind, &template.key.name).into(),
    }
}

/// Builds what the binding should say. What others own (`requiredBy`,
/// `rescheduleTriggeredAt`, `suspension.scheduling`) stays as it stands.
pub fn build(
    template: &Template,
    policy: &Policy,
    targets: &[Target],
    tasks: Vec<GracefulEvictionTask>,
    existing: Option<&Binding>,
    scheduled: bool,
) -> Wanted {
    let raw = &policy.spec;
    let old = existing.map(|binding| &binding.spec);
    let demand = template.demand.as_deref();
    let spec = BindingSpec {
        resource: resource(template),
        propagate_deps: raw.propagate_deps,
        replica_requirements: demand.and_then(requirements),
        replicas: demand.map(|demand| demand.replicas),
        components: Vec::new(),
        clusters: clusters(targets),
        placement: raw.placement.clone().map(Arc::new),
        graceful_eviction_tasks: tasks,
        required_by: old.map(|spec| spec.required_by.clone()).unwrap_or_default(),
        scheduler_name: Some(raw.scheduler_name.clone()),
        failover: raw.failover.clone(),
        conflict_resolution: raw.conflict_resolution,
        reschedule_triggered_at: old.and_then(|spec| spec.reschedule_triggered_at.clone()),
        suspension: suspension(policy, old),
        preserve_resources_on_deletion: raw.preserve_resources_on_deletion,
        // Priority classes are not looked up yet; what another tool wrote stays.
        schedule_priority: old.and_then(|spec| spec.schedule_priority.clone()),
        workload_affinity_groups: None,
    };
    Wanted { reference: reference(template), labels: labels(policy), annotations: annotations(policy, scheduled), spec }
}

/// A user's own scheduler places what names it (karmada-api 2.11); it is served
/// where that one says.
pub fn is_scheduled_elsewhere(scheduler: &str) -> bool {
    !matches!(scheduler, "" | "default-scheduler")
}

fn resource(template: &Template) -> ObjectReference {
    ObjectReference {
        api_version: template.key.gvk.api_version(),
        kind: template.key.gvk.kind.to_string(),
        namespace: template.key.namespace.as_ref().map(ToString::to_string),
        name: template.key.name.to_string(),
        uid: Some(template.uid.to_string()),
        resource_version: Some(template.resource_version.to_string()),
    }
}

fn clusters(targets: &[Target]) -> Vec<TargetCluster> {
    let target = |target: &Target| TargetCluster {
        name: target.cluster.to_string(),
        replicas: target.replicas,
        components: Vec::new(),
    };
    targets.iter().map(target).collect()
}

fn requirements(demand: &Demand) -> Option<ReplicaRequirements> {
    let node_claim = demand.node_claim.clone().and_then(|claim| serde_json::from_value::<NodeClaim>(claim).ok());
    if demand.requests.is_empty() && node_claim.is_none() {
        return None;
    }
    Some(ReplicaRequirements { node_claim, resource_request: quantities(&demand.requests), ..Default::default() })
}

fn quantities(resources: &Resources) -> BTreeMap<String, Quantity> {
    resources.iter().map(|(name, amount)| (name.clone(), Quantity(quantity::render(name, *amount)))).collect()
}

fn suspension(policy: &Policy, old: Option<&BindingSpec>) -> Option<BindingSuspension> {
    let scheduling = old.and_then(|spec| spec.suspension.as_ref()).and_then(|suspension| suspension.scheduling);
    let of_policy = policy.spec.suspension.as_ref();
    if of_policy.is_none() && scheduling.is_none() {
        return None;
    }
    Some(BindingSuspension {
        dispatching: of_policy.and_then(|suspension| suspension.dispatching),
        dispatching_on_clusters: of_policy.and_then(|suspension| suspension.dispatching_on_clusters.clone()),
        scheduling,
    })
}

fn labels(policy: &Policy) -> BTreeMap<String, String> {
    let key = match policy.matching.reference.scope {
        Scope::Namespaced(_) => label::PROPAGATION_POLICY_ID,
        Scope::Cluster => label::CLUSTER_PROPAGATION_POLICY_ID,
    };
    BTreeMap::from([(key.to_owned(), policy.matching.id.clone())])
}

/// The placement is noted only with a result made from it: a schedule that
/// failed, or was suspended, is due again.
fn annotations(policy: &Policy, scheduled: bool) -> BTreeMap<String, String> {
    let mut annotations = claim_annotations(&policy.matching.reference);
    if !scheduled {
        return annotations;
    }
    annotations.insert(annotation::APPLIED_PLACEMENT.to_owned(), policy.placement_text.to_string());
    annotations
}

/// The annotations that name a policy, on templates and bindings alike.
pub fn claim_annotations(policy: &PolicyRef) -> BTreeMap<String, String> {
    match &policy.scope {
        Scope::Namespaced(namespace) => BTreeMap::from([
            (annotation::PROPAGATION_POLICY_NAMESPACE.to_owned(), namespace.to_string()),
            (annotation::PROPAGATION_POLICY_NAME.to_owned(), policy.name.to_string()),
        ]),
        Scope::Cluster => {
            BTreeMap::from([(annotation::CLUSTER_PROPAGATION_POLICY_NAME.to_owned(), policy.name.to_string())])
        }
    }
}

/// The whole object, to be created. `id` becomes its permanent id.
pub fn created(wanted: &Wanted, id: &str) -> Value {
    object(&wanted.reference, Some(id), &wanted.labels, &wanted.annotations, &wanted.spec)
}

/// The binding once more, as it was: owned by its template, whether that is
/// there or not.
pub fn again(former: &Binding) -> Value {
    object(&former.reference, former.id.as_deref(), &former.labels, &former.annotations, &former.spec)
}

fn object(
    reference: &BindingRef,
    id: Option<&str>,
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
    spec: &BindingSpec,
) -> Value {
    let owner = &spec.resource;
    let mut labels = labels.clone();
    labels.extend(id.map(|id| (id_label(reference.namespace.is_some()).to_owned(), id.to_owned())));
    let mut object = json!({
        "apiVersion": "work.karmada.io/v1alpha2",
        "kind": if reference.namespace.is_some() { "ResourceBinding" } else { "ClusterResourceBinding" },
        "metadata": {
            "name": &*reference.name,
            "labels": labels,
            "annotations": annotations,
            "finalizers": [finalizer_of(reference)],
            "ownerReferences": [{
                "apiVersion": owner.api_version,
                "kind": owner.kind,
                "name": owner.name,
                "uid": owner.uid,
                "controller": true,
                "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
    });
    if let Some(namespace) = &reference.namespace {
        object["metadata"]["namespace"] = Value::from(&**namespace);
    }
    object
}

/// The finalizer of a binding: member objects are deleted only while we hold it.
pub fn finalizer_of(reference: &BindingRef) -> &'static str {
    if reference.namespace.is_some() { finalizer::BINDING } else { finalizer::CLUSTER_BINDING }
}

/// A merge patch with exactly what differs, or None. It carries the resource
/// version the difference was found at.
pub fn difference(wanted: &Wanted, existing: &Binding) -> Option<Value> {
    let mut patch = Map::new();
    let mut metadata = Map::new();
    insert_missing(&mut metadata, "labels", &wanted.labels, &existing.labels);
    insert_missing(&mut metadata, "annotations", &wanted.annotations, &existing.annotations);
    let finalizer = finalizer_of(&wanted.reference);
    if !existing.finalizers.iter().any(|held| held == finalizer) {
        let mut finalizers = existing.finalizers.to_vec();
        finalizers.push(finalizer.to_owned());
        metadata.insert("finalizers".into(), finalizers.into());
    }
    let spec = spec_difference(&wanted.spec, &existing.spec);
    if spec.is_empty() && metadata.is_empty() {
        return None;
    }
    metadata.insert("resourceVersion".into(), (*existing.resource_version).into());
    patch.insert("metadata".into(), Value::Object(metadata));
    if !spec.is_empty() {
        patch.insert("spec".into(), Value::Object(spec));
    }
    Some(Value::Object(patch))
}

fn insert_missing(
    metadata: &mut Map<String, Value>,
    field: &str,
    wanted: &BTreeMap<String, String>,
    existing: &BTreeMap<String, String>,
) {
    let missing: Map<String, Value> = wanted
        .iter()
        .filter(|(key, value)| existing.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), value.as_str().into()))
        .collect();
    if !missing.is_empty() {
        metadata.insert(field.to_owned(), missing.into());
    }
}

/// Top-level fields of the spec that differ. The template's resource version
/// alone is no reason to write: it moves with every status of the template.
fn spec_difference(wanted: &BindingSpec, existing: &BindingSpec) -> Map<String, Value> {
    let as_map = |spec: &BindingSpec| match serde_json::to_value(spec) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    };
    let mut old = existing.clone();
    old.resource.resource_version.clone_from(&wanted.resource.resource_version);
    if *wanted == old {
        return Map::new();
    }
    let (wanted, old) = (as_map(wanted), as_map(existing));
    let mut patch = Map::new();
    for (key, value) in &wanted {
        if old.get(key) != Some(value) {
            // A merge patch merges objects: what is gone inside must be told.
            let replaced = if value.is_object() { replacing(old.get(key), value) } else { value.clone() };
            patch.insert(key.clone(), replaced);
        }
    }
    for key in old.keys().filter(|key| !wanted.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    patch
}

/// A merge patch that turns `old` into `new`, both objects.
fn replacing(old: Option<&Value>, new: &Value) -> Value {
    let (Some(Value::Object(old)), Value::Object(new)) = (old, new) else { return new.clone() };
    let mut patch = Map::new();
    for (key, value) in new {
        if old.get(key) != Some(value) {
            patch.insert(key.clone(), replacing(old.get(key), value));
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Value::Object(patch)
}
