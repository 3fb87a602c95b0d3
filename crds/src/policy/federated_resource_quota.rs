//! `FederatedResourceQuota`: how much of each resource a namespace may use over
//! all clusters (karmada-api 1.9).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::upstream;

/// How much in all, and how much of it on single clusters.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "policy.karmada.io",
    version = "v1alpha1",
    kind = "FederatedResourceQuota",
    plural = "federatedresourcequotas",
    category = "karmada-io",
    namespaced,
    status = "FederatedResourceQuotaStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "How much of each resource its namespace may use over all clusters."
)]
#[serde(rename_all = "camelCase")]
pub struct FederatedResourceQuotaSpec {
    /// The most over all clusters, by resource.
    #[schemars(schema_with = "upstream::quantities")]
    pub overall: BTreeMap<String, Quantity>,
    /// Shares of single clusters, which become a `ResourceQuota` there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub static_assignments: Vec<StaticClusterAssignment>,
}

/// The share of one cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StaticClusterAssignment {
    /// The cluster.
    pub cluster_name: String,
    /// The most there, by resource; each stands in `overall` too.
    #[schemars(schema_with = "upstream::quantities")]
    pub hard: BTreeMap<String, Quantity>,
}

/// What is used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FederatedResourceQuotaStatus {
    /// The most over all clusters that is in force.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "upstream::quantities")]
    pub overall: BTreeMap<String, Quantity>,
    /// Used over all clusters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "upstream::quantities")]
    pub overall_used: BTreeMap<String, Quantity>,
    /// Used on each cluster that has a share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aggregated_status: Vec<ClusterQuotaStatus>,
}

/// Share and use of one cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterQuotaStatus {
    /// The cluster.
    pub cluster_name: String,
    /// The most there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "upstream::quantities")]
    pub hard: BTreeMap<String, Quantity>,
    /// Used there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "upstream::quantities")]
    pub used: BTreeMap<String, Quantity>,
}
