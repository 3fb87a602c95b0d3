//! `PersistentVolume`.

use serde_json::json;

use super::aggregation::{Aggregation, Fields};
use super::rules::Rules;

pub(super) const RULES: Rules = Rules { aggregate: Some(aggregate), ..Rules::UNKNOWN };

/// The first of these that some copy is in; a copy that says nothing is
/// pending.
const PHASES: [&str; 5] = ["Failed", "Pending", "Available", "Bound", "Released"];

fn aggregate(aggregation: &Aggregation<'_>) -> Fields {
    let is_in = |phase: &str| {
        let silent = phase == "Pending" && !aggregation.all_known();
        silent || aggregation.known().any(|status| status["phase"] == phase)
    };
    let mut fields = Fields::new();
    if let Some(phase) = PHASES.into_iter().find(|phase| is_in(phase)) {
        fields.insert("phase".into(), json!(phase));
    }
    fields
}
