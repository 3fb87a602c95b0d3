//! `policy` `PodDisruptionBudget`.

use serde_json::{Value, json};

use super::aggregation::{Aggregation, Fields};
use super::rules::Rules;
use super::{Health, number, reflection};

pub(super) const RULES: Rules = Rules { health, reflect, aggregate: Some(aggregate), ..Rules::UNKNOWN };

const COUNTERS: [&str; 4] = ["currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"];

fn health(live: &Value) -> Health {
    let status = &live["status"];
    Health::from_bool(number(&status["currentHealthy"]) >= number(&status["desiredHealthy"]))
}

fn reflect(live: &Value) -> Option<Value> {
    reflection::counters(live, &[["disruptedPods"].as_slice(), &COUNTERS].concat())
}

/// Sums; pods of two clusters may share a name, so the cluster stands before
/// it.
fn aggregate(aggregation: &Aggregation<'_>) -> Fields {
    let mut fields = aggregation.counters(&COUNTERS);
    let mut disrupted = Fields::new();
    for item in aggregation.items {
        let pods = item.status.and_then(|status| status["disruptedPods"].as_object());
        for (pod, since) in pods.into_iter().flatten() {
            disrupted.insert(format!("{}/{pod}", item.cluster), since.clone());
        }
    }
    fields.insert("disruptedPods".into(), json!(disrupted));
    fields
}
