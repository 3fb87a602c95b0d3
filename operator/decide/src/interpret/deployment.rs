//! `apps` Deployment.

use serde_json::Value;

use super::aggregation::{Aggregation, Fields, generation};
use super::conditions::{self, Condition};
use super::rules::{Rules, Workload};
use super::{Health, number, reflection, spec_replicas};

pub(super) const RULES: Rules = Rules {
    workload: Some(Workload { count: spec_replicas, replicas: Some("/spec/replicas"), pod: "/spec/template/spec" }),
    health,
    reflect,
    aggregate: Some(aggregate),
    ..Rules::UNKNOWN
};

const COUNTERS: [&str; 5] =
    ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas"];

/// Rolled out completely: the controller has seen the spec, all replicas are
/// new, and all new ones are available.
pub(super) fn health(live: &Value) -> Health {
    let status = |counter: &str| number(&live["status"][counter]);
    Health::from_bool(
        status("observedGeneration") == generation(live)
            && status("updatedReplicas") >= i64::from(spec_replicas(live))
            && status("availableReplicas") >= status("updatedReplicas"),
    )
}

fn reflect(live: &Value) -> Option<Value> {
    reflection::counters(live, &COUNTERS)
}

/// Sums, and the two conditions without which a tool that waits for the
/// Deployment (kstatus, as Flux and Argo use it) would wait for ever.
fn aggregate(aggregation: &Aggregation<'_>) -> Fields {
    let mut fields = aggregation.counters(&COUNTERS);
    let wanted = vec![available(aggregation), progressing(aggregation)];
    let there = &aggregation.old()["conditions"];
    fields.insert("conditions".into(), conditions::merge(there, wanted, Some("lastUpdateTime"), aggregation.now));
    fields
}

fn available(aggregation: &Aggregation<'_>) -> Condition {
    let wanted = i64::from(spec_replicas(aggregation.template));
    let available = aggregation.sum("availableReplicas");
    let holds = available >= wanted;
    Condition {
        kind: "Available",
        holds,
        reason: if holds { "MinimumReplicasAvailable" } else { "MinimumReplicasUnavailable" },
        message: format!("{available} replicas are available over all clusters, {wanted} are wanted"),
    }
}

fn progressing(aggregation: &Aggregation<'_>) -> Condition {
    let sum = |counter: &str| aggregation.sum(counter);
    let updated = sum("updatedReplicas");
    let complete = aggregation.is_observed()
        && updated >= i64::from(spec_replicas(aggregation.template))
        && sum("replicas") == updated
        && sum("availableReplicas") >= updated;
    let clusters = aggregation.items.len();
    let (reason, message) = if complete {
        ("NewReplicaSetAvailable", format!("rolled out in all of {clusters} clusters"))
    } else {
        ("ReplicaSetUpdated", format!("rolling out in {clusters} clusters"))
    };
    Condition { kind: "Progressing", holds: true, reason, message }
}
