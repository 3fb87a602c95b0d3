//! `apps` `DaemonSet`.

use serde_json::Value;

use super::aggregation::{Aggregation, Fields, generation};
use super::rules::Rules;
use super::{Health, number, reflection};

pub(super) const RULES: Rules = Rules { health, reflect, aggregate: Some(aggregate), ..Rules::UNKNOWN };

const COUNTERS: [&str; 7] = [
    "currentNumberScheduled",
    "desiredNumberScheduled",
    "numberAvailable",
    "numberMisscheduled",
    "numberReady",
    "numberUnavailable",
    "updatedNumberScheduled",
];

fn health(live: &Value) -> Health {
    let status = |counter: &str| number(&live["status"][counter]);
    Health::from_bool(
        status("observedGeneration") == generation(live)
            && status("updatedNumberScheduled") >= status("desiredNumberScheduled")
            && status("numberAvailable") >= status("updatedNumberScheduled"),
    )
}

fn reflect(live: &Value) -> Option<Value> {
    reflection::counters(live, &COUNTERS)
}

fn aggregate(aggregation: &Aggregation<'_>) -> Fields {
    aggregation.counters(&COUNTERS)
}
