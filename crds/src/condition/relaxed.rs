//! Conditions as other clients write them: without reason, message or time.
//!
//! Karmada's API server does not check the status of a Cluster, so a condition
//! there may lack what the Kubernetes type wants. One such entry must neither
//! be refused nor end our watch.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relaxed {
    #[serde(rename = "type")]
    type_: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    last_transition_time: Option<Time>,
    #[serde(default)]
    observed_generation: Option<i64>,
}

impl From<Relaxed> for Condition {
    fn from(relaxed: Relaxed) -> Self {
        Self {
            type_: relaxed.type_,
            status: relaxed.status.unwrap_or_else(|| "Unknown".to_owned()),
            reason: relaxed.reason.unwrap_or_default(),
            message: relaxed.message.unwrap_or_default(),
            last_transition_time: relaxed.last_transition_time.unwrap_or(Time(Timestamp::UNIX_EPOCH)),
            observed_generation: relaxed.observed_generation,
        }
    }
}

/// Reads a list of conditions: an absent status counts as Unknown, an absent
/// time as 1970.
///
/// # Errors
/// When the value is no list of objects with a `type`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Condition>, D::Error> {
    let list = Option::<Vec<Relaxed>>::deserialize(deserializer)?;
    Ok(list.unwrap_or_default().into_iter().map(Condition::from).collect())
}

/// Schema of such a list: a map by type that requires nothing but the key.
pub fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["type"],
            "properties": {
                "type": { "type": "string" },
                "status": { "type": "string" },
                "reason": { "type": "string" },
                "message": { "type": "string" },
                "lastTransitionTime": { "type": "string", "format": "date-time", "nullable": true },
                "observedGeneration": { "type": "integer", "format": "int64" },
            },
        },
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
    })
}
