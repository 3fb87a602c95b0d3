//! How a workload leaves a cluster that failed it (karmada-api 1.2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens when a workload or its cluster fails.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailoverBehavior {
    /// The workload is unhealthy while its cluster is fine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationFailover>,
    /// The cluster carries a taint that the workload does not tolerate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterFailover>,
}

/// Moving an unhealthy workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationFailover {
    /// When to move.
    pub decision_conditions: DecisionConditions,
    /// How the old copy goes away.
    #[serde(default)]
    pub purge_mode: PurgeMode,
    /// Seconds the replacement gets to become healthy; only with purge mode
    /// Gracefully. The old copy is kept beyond them while nothing replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_period_seconds: Option<i32>,
    /// What the new copy inherits from the old one's status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_preservation: Option<StatePreservation>,
}

/// Moving workloads off a tainted cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterFailover {
    /// How the old copy goes away.
    #[serde(default)]
    pub purge_mode: ClusterPurgeMode,
    /// What the new copy inherits from the old one's status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_preservation: Option<StatePreservation>,
}

/// When an unhealthy workload moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionConditions {
    /// Seconds the workload must stay unhealthy.
    #[serde(default = "DecisionConditions::default_toleration")]
    pub toleration_seconds: i32,
}

impl DecisionConditions {
    const fn default_toleration() -> i32 {
        300
    }
}

impl Default for DecisionConditions {
    fn default() -> Self {
        Self { toleration_seconds: Self::default_toleration() }
    }
}

/// How an old copy goes away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PurgeMode {
    /// At once, before the replacement is asked for.
    Directly,
    /// After the replacement is healthy.
    #[default]
    Gracefully,
    /// Not by the operator: a person removes it.
    Never,
}

/// How an old copy leaves a tainted cluster. `Never` does not exist here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ClusterPurgeMode {
    /// At once, before the replacement is asked for.
    Directly,
    /// After the replacement is healthy.
    #[default]
    Gracefully,
}

impl From<ClusterPurgeMode> for PurgeMode {
    fn from(mode: ClusterPurgeMode) -> Self {
        match mode {
            ClusterPurgeMode::Directly => Self::Directly,
            ClusterPurgeMode::Gracefully => Self::Gracefully,
        }
    }
}

/// Parts of the old copy's status that become labels of the new one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatePreservation {
    /// One label each.
    pub rules: Vec<StatePreservationRule>,
}

/// One value carried over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatePreservationRule {
    /// Key of the label on the new copy.
    pub alias_label_name: String,
    /// `JSONPath` template evaluated on the status the member reported last.
    pub json_path: String,
}
