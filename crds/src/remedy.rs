//! `Remedy`: what is asked of a cluster while a condition of it holds
//! (karmada-api 1.13). The only kind of group `remedy.karmada.io/v1alpha1`.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which clusters, when, and what is asked of them.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "remedy.karmada.io",
    version = "v1alpha1",
    kind = "Remedy",
    plural = "remedies",
    category = "karmada-io",
    derive = "Default",
    derive = "PartialEq",
    doc = "Asks for something on clusters while a condition of theirs holds."
)]
#[serde(rename_all = "camelCase")]
pub struct RemedySpec {
    /// The clusters. Unset means every cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_affinity: Option<RemedyClusters>,
    /// When; any match suffices, and no match at all means always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decision_matches: Vec<DecisionMatch>,
    /// What is asked. `TrafficControl` is the only action with a meaning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
}

/// Clusters by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemedyClusters {
    /// When not empty, only these clusters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_names: Vec<String>,
}

/// One reason to act.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionMatch {
    /// A condition of the Cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_condition_match: Option<ClusterConditionMatch>,
}

/// A condition of a Cluster and the status it is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterConditionMatch {
    /// Type of the condition.
    pub condition_type: String,
    /// How both are compared.
    pub operator: ConditionOperator,
    /// Status compared with: `True`, `False` or `Unknown`.
    pub condition_status: String,
}

/// How a condition's status is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConditionOperator {
    /// It is the same.
    Equal,
    /// It is another.
    NotEqual,
}
