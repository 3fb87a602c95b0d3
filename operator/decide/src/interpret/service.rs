//! A Service. Only a load balancer's has a status.

use serde_json::Value;

use super::aggregation::{Aggregation, Fields};
use super::rules::Rules;
use super::{Health, load_balancer, reflection};

pub(super) const RULES: Rules = Rules { health, reflect, aggregate: Some(aggregate), ..Rules::UNKNOWN };

fn is_load_balancer(service: &Value) -> bool {
    service["spec"]["type"] == "LoadBalancer"
}

fn health(live: &Value) -> Health {
    if is_load_balancer(live) { load_balancer::health(live) } else { Health::Healthy }
}

fn reflect(live: &Value) -> Option<Value> {
    if is_load_balancer(live) { reflection::fields(live, &["loadBalancer"]) } else { None }
}

fn aggregate(aggregation: &Aggregation<'_>) -> Fields {
    if is_load_balancer(aggregation.template) { load_balancer::union(aggregation) } else { Fields::new() }
}
