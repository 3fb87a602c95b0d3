//! `Cluster`: one member of the fleet (karmada-api 1.3).
//!
//! Karmada serves this kind from an aggregated API server; here it is a
//! custom resource definition with a status subresource. Other clients write it
//! too, in whole-object updates, so the schema refuses nothing they may send.

pub mod status;
pub mod verdict;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Taint;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::upstream;
pub use status::{ApiEnablement, ApiResource, ClusterStatus, NodeSummary, ResourceSummary};
pub use verdict::{ApiPlane, ApiState, DataPlane, DataState, Grade, Verdict};

/// How to reach a member, where it stands and what it is tainted with.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "cluster.karmada.io",
    version = "v1alpha1",
    kind = "Cluster",
    plural = "clusters",
    category = "karmada-io",
    status = "ClusterStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "One member of the fleet."
)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSpec {
    /// Stable identity: the UID of the member's kube-system namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128_000))]
    pub id: Option<String>,
    /// Who moves manifests: the hub pushes or an agent pulls.
    pub sync_mode: SyncMode,
    /// URL of the member's API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_endpoint: Option<String>,
    /// Secret with `token` and `caBundle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretReference>,
    /// Secret with `token` of a service account that may impersonate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impersonator_secret_ref: Option<SecretReference>,
    /// Do not check the member's certificate.
    #[serde(default, rename = "insecureSkipTLSVerification", skip_serializing_if = "std::ops::Not::not")]
    pub insecure_skip_tls_verification: bool,
    /// Proxy towards the member: http, https or socks5.
    #[serde(default, rename = "proxyURL", skip_serializing_if = "Option::is_none")]
    pub proxy_url: Option<String>,
    /// Headers for the proxy; values separated by commas.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub proxy_header: BTreeMap<String, String>,
    /// Who runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63), regex(pattern = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"))]
    pub provider: Option<String>,
    /// Its region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63), regex(pattern = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"))]
    pub region: Option<String>,
    /// Deprecated: one zone. Not together with `zones`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Its zones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// What keeps workloads away or drives them off. A map by key and effect,
    /// so that each writer patches its own entry alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "upstream::taints")]
    pub taints: Vec<Taint>,
    /// Grades that nodes are counted by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_models: Vec<ResourceModel>,
}

impl ClusterSpec {
    /// The zones, the deprecated single zone included.
    pub fn all_zones(&self) -> Vec<&str> {
        let old = self.zone.as_deref().filter(|zone| !zone.is_empty());
        self.zones.iter().map(String::as_str).chain(old).collect()
    }
}

/// Who moves manifests to a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SyncMode {
    /// The hub writes to the member.
    #[default]
    Push,
    /// An agent on the member reads from the hub.
    Pull,
}

/// A Secret by namespace and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretReference {
    /// Its namespace.
    #[schemars(length(min = 1))]
    pub namespace: String,
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
}

/// One grade of nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceModel {
    /// Number of the grade.
    #[schemars(range(min = 0))]
    pub grade: i64,
    /// What a node of the grade has allocatable.
    pub ranges: Vec<ResourceModelRange>,
}

/// Bounds of one resource, `min` included and `max` not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceModelRange {
    /// Name of the resource, such as `cpu`.
    pub name: String,
    /// Lower bound.
    #[schemars(schema_with = "upstream::quantity")]
    pub min: Quantity,
    /// Upper bound.
    #[schemars(schema_with = "upstream::quantity")]
    pub max: Quantity,
}
