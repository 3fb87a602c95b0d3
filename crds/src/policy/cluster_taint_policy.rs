//! `ClusterTaintPolicy`: taints that come and go with conditions of a Cluster
//! (karmada-api 1.6).

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::selector::ClusterAffinity;

/// Which clusters, which taints, and when.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "policy.karmada.io",
    version = "v1alpha1",
    kind = "ClusterTaintPolicy",
    plural = "clustertaintpolicies",
    derive = "Default",
    derive = "PartialEq",
    doc = "Taints clusters while conditions of theirs hold."
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterTaintPolicySpec {
    /// The clusters. Unset means every cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_clusters: Option<ClusterAffinity>,
    /// The taints are added when all of these hold; none means never.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add_on_conditions: Vec<MatchCondition>,
    /// The taints are taken off when all of these hold; none means never.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove_on_conditions: Vec<MatchCondition>,
    /// The taints, at least one; no two of one key and effect.
    #[schemars(length(min = 1))]
    pub taints: Vec<PolicyTaint>,
}

// Strings, not enums: neither schema nor webhook of Karmada narrows them, so
// such objects may be there already.
/// One condition of a Cluster and what it is compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MatchCondition {
    /// Type of the condition.
    pub condition_type: String,
    /// `In` or `NotIn`.
    pub operator: String,
    /// Statuses compared with: `True`, `False` or `Unknown`.
    pub status_values: Vec<String>,
}

/// One taint of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyTaint {
    /// Its key.
    pub key: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}
