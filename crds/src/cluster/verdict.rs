//! The health verdict on a cluster, as stored (architecture section 6).
//!
//! Transitions and their times are stored, counters are not: a count that
//! outlived its process would speak of probes nobody remembers.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The verdict: one state per plane and their sum.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The sum.
    pub grade: Grade,
    /// Since when the grade holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<MicroTime>,
    /// The API server as the hub sees it.
    pub api: ApiPlane,
    /// What the cluster serves to its users.
    pub data: DataPlane,
    /// Two independent observers agree.
    pub confirmed: bool,
    /// How long the cluster must answer after its next return before it is
    /// trusted; grows when it flaps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_down_seconds: Option<i64>,
    /// When a plane was last lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_loss: Option<MicroTime>,
    /// The API has answered since the cluster joined.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub api_seen: bool,
    /// Data-plane targets that have answered since the cluster joined. What
    /// never answered is unknown, and never dark.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answered: Vec<String>,
    /// The evidence, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The sum of a verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Grade {
    /// Not judged yet.
    #[default]
    Unknown,
    /// Both planes answer.
    Healthy,
    /// Serves, with something wrong that is no suspicion.
    Degraded,
    /// Silence on a plane, shorter than the verdict needs.
    Suspect,
    /// The API is silent; the data plane serves or is not seen.
    IsolatedApi,
    /// The data plane is silent; the API answers.
    IsolatedData,
    /// Both are silent.
    IsolatedFull,
    /// Back after an isolation, not yet trusted again.
    Recovering,
}

/// The API plane and since when it is in its state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiPlane {
    /// Its state.
    pub state: ApiState,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<MicroTime>,
}

/// States of the API plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApiState {
    /// Has never answered since the cluster joined, or was not asked yet.
    #[default]
    Unknown,
    /// Answers.
    Reachable,
    /// Silent for a moment.
    Suspect,
    /// Silent.
    Unreachable,
}

/// The data plane and since when it is in its state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataPlane {
    /// Its state.
    pub state: DataState,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<MicroTime>,
}

/// States of the data plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DataState {
    /// No target has ever answered, or none was asked yet.
    #[default]
    Unknown,
    /// A target answers.
    Serving,
    /// Silent for a moment.
    Suspect,
    /// Every sampled node and every named target is silent.
    Dark,
}
