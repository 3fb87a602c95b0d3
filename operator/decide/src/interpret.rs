//! What is known about kinds: how many replicas an object asks for, whether a
//! copy is healthy, what of its status matters, and what the copies' statuses
//! add up to.
//!
//! Enters: objects as JSON. Leaves: facts and statuses. Must not: know about
//! policies or placements. The rules are the native defaults of karmada-api
//! 2.15.2; `rules` says which kind has which.

mod aggregation;
mod autoscaler;
mod completions;
mod conditions;
mod cron_job;
mod daemon_set;
mod demand;
mod deployment;
mod disruption_budget;
mod fencing;
mod ingress;
mod job;
mod load_balancer;
mod persistent_volume;
mod pod;
pub mod quantity;
mod reflection;
mod replica_set;
mod rules;
mod service;
mod stateful_set;
mod volume_claim;

pub use aggregation::StatusItem;
pub use completions::divide_completions;
pub use demand::{Demand, pod_requests};
pub use fencing::must_not_run_twice;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids::Gvk;
use aggregation::Aggregation;

/// Whether a copy does its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Health {
    /// It does, or its kind has no rule that says otherwise.
    Healthy,
    /// It does not, or not yet.
    Unhealthy,
    /// It has not been seen.
    Unknown,
}

impl Health {
    fn from_bool(healthy: bool) -> Self {
        if healthy { Self::Healthy } else { Self::Unhealthy }
    }
}

/// What a template asks for; None when it has no replicas.
///
/// `scale` is the JSON pointer of the replicas of a kind with a scale
/// subresource (such as `/spec/replicas`). It serves the kinds that have no rule
/// of their own; their pods are looked for at `/spec/template/spec`.
pub fn demand(gvk: &Gvk, template: &Value, scale: Option<&str>) -> Option<Demand> {
    if let Some(workload) = &rules::of(gvk).workload {
        let pod = template.pointer(workload.pod).unwrap_or(&Value::Null);
        return Some(Demand::of_pods((workload.count)(template), pod));
    }
    let replicas = clamp(template.pointer(scale?)?.as_i64()?);
    Some(Demand::of_pods(replicas, &template["spec"]["template"]["spec"]))
}

/// Sets the replicas of one cluster's copy: `spec.parallelism` of a Job,
/// `spec.replicas` or the field at `scale` of others. A field that is not
/// there is not made up (karmada-api 2.15.2).
pub fn revise(gvk: &Gvk, object: &mut Value, replicas: i32, scale: Option<&str>) {
    if let Some(field) = replicas_pointer(gvk, scale).and_then(|pointer| object.pointer_mut(pointer)) {
        *field = json!(replicas);
    }
}

/// Sets what one cluster's copy of a Job has to complete, where the template
/// says how much that is (see [`divide_completions`]).
pub fn revise_completions(gvk: &Gvk, object: &mut Value, completions: i32) {
    if gvk.is("batch", "Job")
        && let Some(field) = object.pointer_mut("/spec/completions")
    {
        *field = json!(completions);
    }
}

/// Takes the replicas out, for a copy that something in the member scales.
pub fn drop_replicas(gvk: &Gvk, object: &mut Value, scale: Option<&str>) {
    let Some((parent, field)) = replicas_pointer(gvk, scale).and_then(|pointer| pointer.rsplit_once('/')) else {
        return;
    };
    if let Some(fields) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
        fields.remove(field);
    }
}

/// Whether the live object does its job. Kinds without a rule do as soon as
/// they are there; what was not seen (null) is unknown.
pub fn health(gvk: &Gvk, live: &Value) -> Health {
    if live.is_null() { Health::Unknown } else { (rules::of(gvk).health)(live) }
}

/// The part of a live object's status that is kept for its binding; None when
/// it has none. Unknown kinds: the whole status, or a note in its place when
/// it is larger than 16 KiB.
pub fn reflect(gvk: &Gvk, live: &Value) -> Option<Value> {
    (rules::of(gvk).reflect)(live)
}

/// Whether templates of this kind get a status at all.
pub fn aggregates(gvk: &Gvk) -> bool {
    rules::of(gvk).aggregate.is_some()
}

/// The new `.status` of a template, from what its targets say (one item for
/// each target, those that say nothing included). None: nothing to write,
/// because the kind has no rule, no target has said anything yet, or the
/// status says so already.
///
/// `now` is RFC 3339 text; it goes into conditions that change, and into
/// nothing else. Fields and conditions that no rule states stay as they are.
pub fn aggregate(gvk: &Gvk, template: &Value, items: &[StatusItem<'_>], now: &str) -> Option<Value> {
    let rule = rules::of(gvk).aggregate?;
    if items.iter().all(|item| item.status.is_none()) {
        return None;
    }
    let aggregation = Aggregation { template, items, now };
    let mut status = aggregation.old().as_object().cloned().unwrap_or_default();
    status.extend(rule(&aggregation));
    let status = Value::Object(status);
    (!aggregation::same(aggregation.old(), &status)).then_some(status)
}

fn replicas_pointer<'a>(gvk: &Gvk, scale: Option<&'a str>) -> Option<&'a str> {
    match &rules::of(gvk).workload {
        Some(workload) => workload.replicas,
        None => scale,
    }
}

/// `spec.replicas`; the API server fills it in, so an absent one is no wish
/// (karmada-api 2.15.2).
fn spec_replicas(object: &Value) -> i32 {
    clamp(number(&object["spec"]["replicas"]))
}

/// A counter of a status; absent means zero.
fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn clamp(count: i64) -> i32 {
    i32::try_from(count.max(0)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests;
