//! `apps` `ReplicaSet`, and the `ReplicationController` that came before it.

use serde_json::Value;

use super::aggregation::{Aggregation, Fields, generation};
use super::rules::{Rules, Workload};
use super::{Health, number, reflection, spec_replicas};

pub(super) const RULES: Rules = Rules {
    workload: Some(Workload { count: spec_replicas, replicas: Some("/spec/replicas"), pod: "/spec/template/spec" }),
    health,
    reflect,
    aggregate: Some(aggregate),
    ..Rules::UNKNOWN
};

/// `fullyLabeledReplicas` is more than Karmada collects: kstatus waits for it.
const COUNTERS: [&str; 4] = ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas"];

fn health(live: &Value) -> Health {
    let status = &live["status"];
    Health::from_bool(
        number(&status["observedGeneration"]) == generation(live)
            && number(&status["availableReplicas"]) >= i64::from(spec_replicas(live)),
    )
}

fn reflect(live: &Value) -> Option<Value> {
    reflection::counters(live, &COUNTERS)
}

fn aggregate(aggregation: &Aggregation<'_>) -> Fields {
    aggregation.counters(&COUNTERS)
}
