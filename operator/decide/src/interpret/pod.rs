//! A bare Pod.

use serde_json::{Value, json};

use super::aggregation::{Aggregation, Fields};
use super::rules::{Rules, Workload};
use super::{Health, conditions};

pub(super) const RULES: Rules = Rules {
    workload: Some(Workload { count: |_| 1, replicas: None, pod: "/spec" }),
    health,
    aggregate: Some(aggregate),
    runs_once: Some("a bare Pod has no controller that would keep it single"),
    ..Rules::UNKNOWN
};

fn health(live: &Value) -> Health {
    let status = &live["status"];
    let ready = conditions::holds(&status["conditions"], "Ready");
    Health::from_bool(status["phase"] == "Succeeded" || (status["phase"] == "Running" && ready))
}

/// The worst phase first; a copy that says nothing is pending. Of container
/// statuses only what a person looks at: whether they are ready, and their
/// state.
fn aggregate(aggregation: &Aggregation<'_>) -> Fields {
    let some = |phase: &str| aggregation.known().any(|status| status["phase"] == phase);
    let phase = match () {
        () if some("Failed") => "Failed",
        () if !aggregation.all_known() || some("Pending") => "Pending",
        () if some("Running") => "Running",
        () if some("Succeeded") => "Succeeded",
        () => "Pending",
    };
    let mut fields = Fields::new();
    fields.insert("phase".into(), json!(phase));
    for list in ["containerStatuses", "initContainerStatuses"] {
        let reduced: Vec<Value> =
            aggregation.known().filter_map(|status| status[list].as_array()).flatten().map(reduced).collect();
        fields.insert(list.into(), json!(reduced));
    }
    fields
}

fn reduced(container: &Value) -> Value {
    json!({"ready": container["ready"].as_bool().unwrap_or(false), "state": container["state"]})
}
