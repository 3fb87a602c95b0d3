//! `MultiClusterIngress`: an Ingress for an implementation that spans clusters
//! (karmada-api 1.16).

use k8s_openapi::api::networking::v1::{IngressLoadBalancerStatus, IngressSpec};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::upstream::networking as upstream;

/// The ingress. Its spec is that of a Kubernetes Ingress, unchanged.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "networking.karmada.io",
    version = "v1alpha1",
    kind = "MultiClusterIngress",
    plural = "multiclusteringresses",
    shortname = "mci",
    category = "karmada-io",
    namespaced,
    no_spec,
    status = "MultiClusterIngressStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "An Ingress whose backends run on several clusters."
)]
pub struct MultiClusterIngressBody {
    /// Hosts, paths and backends, as in an Ingress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "upstream::ingress_spec")]
    pub spec: Option<IngressSpec>,
}

/// Addresses, and where the backends are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MultiClusterIngressStatus {
    /// Addresses towards the outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "upstream::ingress_load_balancer")]
    pub load_balancer: Option<IngressLoadBalancerStatus>,
    /// Clusters that get no traffic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traffic_block_clusters: Vec<String>,
    /// Where each backend service runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_locations: Vec<ServiceLocation>,
}

/// Where one backend service runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceLocation {
    /// The service.
    pub name: String,
    /// Its clusters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<String>,
}
