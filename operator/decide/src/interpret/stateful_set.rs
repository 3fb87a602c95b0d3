//! `apps` `StatefulSet`.

use serde_json::Value;

use super::aggregation::{Aggregation, Fields};
use super::rules::{Rules, Workload};
use super::{deployment, reflection, spec_replicas};

pub(super) const RULES: Rules = Rules {
    workload: Some(Workload { count: spec_replicas, replicas: Some("/spec/replicas"), pod: "/spec/template/spec" }),
    health: deployment::health,
    reflect,
    aggregate: Some(aggregate),
    runs_once: Some("the pods of a StatefulSet have names and storage of their own"),
};

const COUNTERS: [&str; 5] = ["replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"];

/// `observedGeneration` included, without which the template's would never
/// move (D2). The revisions are hashes of each member's own and stay there.
fn reflect(live: &Value) -> Option<Value> {
    reflection::counters(live, &COUNTERS)
}

fn aggregate(aggregation: &Aggregation<'_>) -> Fields {
    aggregation.counters(&COUNTERS)
}
