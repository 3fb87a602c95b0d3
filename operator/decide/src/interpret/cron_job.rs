//! `batch` `CronJob`.

use serde_json::{Value, json};

use super::aggregation::{Aggregation, Fields};
use super::rules::Rules;

pub(super) const RULES: Rules = Rules { aggregate: Some(aggregate), ..Rules::UNKNOWN };

fn aggregate(aggregation: &Aggregation<'_>) -> Fields {
    let active: Vec<&Value> = aggregation.known().filter_map(|status| status["active"].as_array()).flatten().collect();
    let mut fields = Fields::new();
    fields.insert("active".into(), json!(active));
    for field in ["lastScheduleTime", "lastSuccessfulTime"] {
        // Times of the API compare as text: always UTC, always whole seconds.
        if let Some(latest) = aggregation.known().filter_map(|status| status[field].as_str()).max() {
            fields.insert(field.into(), json!(latest));
        }
    }
    fields
}
