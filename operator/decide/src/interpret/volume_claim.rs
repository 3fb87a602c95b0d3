//! `PersistentVolumeClaim`.

use serde_json::{Value, json};

use super::Health;
use super::aggregation::{Aggregation, Fields};
use super::rules::Rules;

pub(super) const RULES: Rules = Rules { health, aggregate: Some(aggregate), ..Rules::UNKNOWN };

fn health(live: &Value) -> Health {
    Health::from_bool(live["status"]["phase"] == "Bound")
}

/// Lost in one cluster is lost; Bound needs all. A copy that says nothing is
/// pending: it is surely not known to be bound.
fn aggregate(aggregation: &Aggregation<'_>) -> Fields {
    let phases: Vec<&str> = aggregation
        .items
        .iter()
        .map(|item| item.status.and_then(|status| status["phase"].as_str()).unwrap_or("Pending"))
        .collect();
    let phase = if phases.contains(&"Lost") {
        "Lost"
    } else {
        phases.iter().rev().find(|phase| **phase != "Bound").copied().unwrap_or("Bound")
    };
    let mut fields = Fields::new();
    fields.insert("phase".into(), json!(phase));
    fields
}
