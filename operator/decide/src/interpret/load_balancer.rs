//! Addresses of load balancers, which Service and Ingress report alike.

use serde_json::{Value, json};

use super::Health;
use super::aggregation::{Aggregation, Fields};

/// Whether some address is there.
pub(super) fn health(live: &Value) -> Health {
    Health::from_bool(ingress(&live["status"]).any(|entry| entry["ip"].is_string() || entry["hostname"].is_string()))
}

/// The addresses of all clusters, each once, in the order of their text.
pub(super) fn union(aggregation: &Aggregation<'_>) -> Fields {
    let mut entries: Vec<&Value> = aggregation.known().flat_map(ingress).collect();
    entries.sort_by_key(|entry| (entry["ip"].as_str(), entry["hostname"].as_str(), entry.to_string()));
    entries.dedup();
    let mut fields = Fields::new();
    fields.insert("loadBalancer".into(), json!({"ingress": entries}));
    fields
}

fn ingress(status: &Value) -> impl Iterator<Item = &Value> {
    status["loadBalancer"]["ingress"].as_array().into_iter().flatten()
}
